"""Quantities as options of a command: "100 nM", "-70 mV", "K=5 mM" become floats in house units.

A unit that does not fit is bad input, said in the sentence of `microdomain.quantities`, which loads when
the first value is read.
"""

from __future__ import annotations

from typing import Any

import click


def _parse(text: str, dimension: str) -> float:
    """House units from "2 mM", or from a plain number."""
    from microdomain.quantities import parse

    try:
        number: Any = float(text)
    except ValueError:
        number = text
    return parse(number, dimension)


class Quantity(click.ParamType):
    """A number with a unit, given to the command in house units.

    Parameters
    ----------
    dimension : str      a key of `microdomain.quantities.DIMENSIONS`, such as "voltage"
    """

    def __init__(self, dimension: str) -> None:
        self.dimension = dimension
        self.name = dimension

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """House units from text; a number that is there already passes."""
        if isinstance(value, float):
            return value
        try:
            return _parse(value, self.dimension)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class IonValue(click.ParamType):
    """ION=QUANTITY, as in ``K=5mM`` or ``"Na=12 mM"``.

    Parameters
    ----------
    dimension : str      of the quantity, as in `Quantity`
    """

    name = "ion=quantity"

    def __init__(self, dimension: str) -> None:
        self.dimension = dimension

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The ion's name, and its number in house units."""
        if isinstance(value, tuple):
            return value
        ion, equals, number = value.partition("=")
        if not (equals and ion.strip() and number.strip()):
            self.fail(f'{value!r}: expected ION=NUMBER, such as "K=5 mM".', param, ctx)
        try:
            return ion.strip(), _parse(number.strip(), self.dimension)
        except ValueError as error:
            self.fail(str(error), param, ctx)


CONCENTRATION, VOLTAGE, TIME = Quantity("concentration"), Quantity("voltage"), Quantity("time")
