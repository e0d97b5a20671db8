"""Quantities as people write them: one decimal number, then a unit.

``"220 um^2/s"``, ``"1e8 /M/s"``, ``"0.1 /(uM ms)"``, ``"37 degC"`` become floats in house units.
The text is matched by our own regular expressions: `float` reads the number, and only single unit
symbols, one by one, reach pint (which would evaluate arithmetic: ``9**9**9**9`` never returns).
A plain number is taken to be in house units already.
"""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from microdomain.units import ZERO_CELSIUS

# Powers of (length, time, current, substance, mass, temperature).
Powers = tuple[int, int, int, int, int, int]
_BASES = ("[length]", "[time]", "[current]", "[substance]", "[mass]", "[temperature]")
_NONE: Powers = (0, 0, 0, 0, 0, 0)

#: Dimension -> its house unit and an example for the sentence.
DIMENSIONS = {
    "length": ("um", "40 nm"),
    "time": ("ms", "10 us"),
    "concentration": ("uM", "100 nM"),
    "rate": ("/ms", "0.4 /ms"),
    "on-rate": ("/uM/ms", "1e8 /M/s"),
    "third-order-rate": ("/uM^2/ms", "1e9 /M^2/s"),
    "concentration-rate": ("uM/ms", "0.1 uM/ms"),
    "diffusion": ("um^2/ms", "220 um^2/s"),
    "current": ("pA", "100 fA"),
    "voltage": ("mV", "-70 mV"),
    "temperature": ("K", "37 degC"),
    "permeability": ("um^3/ms", "2.6e-13 cm^3/s"),
    "conductance": ("pS", "2.4 pS"),
    "charge": ("pA ms", "3 fC"),
    "area": ("um^2", "1 um^2"),
    "flux": ("uM um/ms", "4e-4 uM um/ms"),
    "velocity": ("um/ms", "0.2 um/ms"),
    "density": ("/um^2", "180 /um^2"),
    "dimensionless": ("", "1.2"),
}

_LONGEST = 80
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) ?(.*)\Z")
_FACTOR = re.compile(r" ?(?:([/*]) ?)?(\()? ?([A-Za-z]+)(?:(?:\^|\*\*)(-?[1-9])(?!\d))?")
_SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "°": "deg", "·": "*", "²": "^2", "³": "^3"})
_CELSIUS = (("degC", 1), ("celsius", 1))

# The symbols of the house, prefix by prefix, so that a usual scenario does not wait half a second
# for pint to load.  Everything else (hours, litres, angstrom) is pint's.
_PREFIXES = {"": 0, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "k": 3}
_SYMBOLS: dict[str, tuple[int, Powers]] = {
    "m": (0, (1, 0, 0, 0, 0, 0)),
    "s": (0, (0, 1, 0, 0, 0, 0)),
    "M": (3, (-3, 0, 0, 1, 0, 0)),
    "A": (0, (0, 0, 1, 0, 0, 0)),
    "V": (0, (2, -3, -1, 0, 1, 0)),
    "S": (0, (-2, 3, 2, 0, -1, 0)),
    "C": (0, (0, 1, 1, 0, 0, 0)),
    "K": (0, (0, 0, 0, 0, 0, 1)),
}


def parse(text: Any, dimension: str) -> float:
    """A number in house units.

    Parameters
    ----------
    text : str or number          "20 nm", "1e8 /M/s", "37 degC"; a plain number is in house units
    dimension : str               one of `DIMENSIONS`: "length", "on-rate", ...

    Returns
    -------
    float, um ms uM pA mV K and their products

    Raises
    ------
    ValueError                    for another dimension, an unknown unit, arithmetic, formulas, NaN, infinity

    >>> parse("40 nm", "length"), parse("1e8 /M/s", "on-rate"), parse("37 degC", "temperature")
    (0.04, 0.1, 310.15)
    >>> parse("220 um^2/s", "diffusion"), parse("2.6e-13 cm^3/s", "permeability")
    (0.22, 0.00026)
    """
    _, example = DIMENSIONS[dimension]
    if isinstance(text, int | float) and not isinstance(text, bool):
        if not math.isfinite(text):
            raise ValueError(f"{text} is not a finite number; expected {_a(dimension)}, such as '{example}'.")
        return float(text)
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not {_a(dimension)}; write it as a text, such as '{example}'.")
    return _parsed(text, dimension)


@lru_cache(maxsize=4096)
def _parsed(text: str, dimension: str) -> float:
    """The number of a text; a sweep reads the same ones thousands of times."""
    house, example = DIMENSIONS[dimension]
    tidy = " ".join(text.translate(_SPELLINGS).split()) if len(text) <= _LONGEST else text[:_LONGEST]
    match = _QUANTITY.match(tidy) if len(text) <= _LONGEST else None
    factors = _factors(match[2]) if match else None
    if match is None or factors is None:
        raise ValueError(_not_a_quantity(text, tidy, dimension, example))
    value = float(match[1])
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number; expected {_a(dimension)}, such as '{example}'.")
    if not factors and dimension != "dimensionless":
        raise ValueError(
            f"{text!r} has no unit; write '{match[1]} {house}', or {match[1]} without quotes ({house})."
        )
    if len(factors) == 1 and factors[0] in _CELSIUS:
        if dimension == "temperature":
            return value + ZERO_CELSIUS
        raise ValueError(f"{text!r} is a temperature; expected {_a(dimension)}, such as '{example}'.")
    try:
        scale, powers = _product(tuple(factors))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    house_scale, house_powers = _product(tuple(_factors(house) or ()))
    if powers != house_powers:
        raise ValueError(
            f"{text!r} is {_dimension_of(powers)}; expected {_a(dimension)}, such as '{example}'."
        )
    if value == 0:
        return 0.0
    # One rounding only, so that "40 nm" is the same float as 0.04.  `float` has bounded the exponent.
    return float(Fraction(match[1]) * scale / house_scale)


def _factors(unit: str) -> list[tuple[str, int]] | None:
    """Symbols and exponents of "um^2/s", "/M/s", "/(uM ms)"; None where it is not a unit."""
    factors: list[tuple[str, int]] = []
    at, inside = 0, False
    while at < len(unit):
        match = _FACTOR.match(unit, at)
        if not match:
            return None
        sign, opens, symbol, exponent = match.groups()
        if (opens and (inside or sign != "/")) or (inside and sign == "/" and not opens):
            return None
        if not factors and sign == "*":
            return None
        if not opens and not sign and factors and unit[at] != " ":
            return None
        inside = inside or bool(opens)
        power = int(exponent or 1)
        factors.append((symbol, -power if sign == "/" or inside else power))
        at = match.end()
        closing = re.compile(r" ?\)").match(unit, at)
        if closing:
            if not inside:
                return None
            at, inside = closing.end(), False
    return None if inside else factors


@cache
def _product(factors: tuple[tuple[str, int], ...]) -> tuple[Fraction, Powers]:
    scale, powers = Fraction(1), _NONE
    for symbol, exponent in factors:
        one, its = _symbol(symbol)
        scale *= one**exponent
        a, b, c, d, e, f = (p + exponent * q for p, q in zip(powers, its, strict=True))
        powers = (a, b, c, d, e, f)
    return scale, powers


@cache
def _symbol(symbol: str) -> tuple[Fraction, Powers]:
    """Factor to the SI and powers of one unit symbol."""
    prefix, last = symbol[:-1], symbol[-1]
    if last in _SYMBOLS and prefix in _PREFIXES:
        ten, powers = _SYMBOLS[last]
        return Fraction(10) ** (ten + _PREFIXES[prefix]), powers
    from pint.errors import PintError

    try:
        unit = _registry().Unit(symbol)  # a single word of letters: nothing to evaluate
    except (PintError, AttributeError, ValueError, TypeError):
        known = [p + s for s in _SYMBOLS for p in _PREFIXES] + ["degC"]
        close = get_close_matches(symbol, known, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no unit {symbol!r}.{hint}") from None
    base = _registry().Quantity(1.0, unit).to_base_units()
    if _registry().Quantity(0.0, unit).to_base_units().magnitude != 0:
        raise ValueError(f"{symbol!r} does not begin at zero; write K, or degC alone.")
    dimensions = dict(base.dimensionality)
    a, b, c, d, e, f = (int(dimensions.pop(name, 0)) for name in _BASES)
    if dimensions:
        raise ValueError(f"{symbol!r} is a unit of something else altogether.")
    return Fraction(f"{base.magnitude:.15g}"), (a, b, c, d, e, f)


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()


def _dimension_of(powers: Powers) -> str:
    for dimension, (house, _) in DIMENSIONS.items():
        if _product(tuple(_factors(house) or ()))[1] == powers:
            return _a(dimension)
    names = (f"{name}^{p}" for name, p in zip(_BASES, powers, strict=True) if p)
    return "of dimension " + " ".join(names)


def _a(dimension: str) -> str:
    if dimension == "dimensionless":
        return "a number without unit"
    if dimension == "diffusion":
        return "a diffusion coefficient"
    return ("an " if dimension[0] in "aeiou" else "a ") + dimension


def _not_a_quantity(text: str, tidy: str, dimension: str, example: str) -> str:
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    if re.match(r"[+-]?(nan|inf)", tidy, re.IGNORECASE):
        return f"{shown!r} is not a finite number; expected {_a(dimension)}, such as '{example}'."
    return (
        f"{shown!r} is not {_a(dimension)}: expected one decimal number and then a unit, "
        f"such as '{example}'. Arithmetic and formulas are not evaluated."
    )
