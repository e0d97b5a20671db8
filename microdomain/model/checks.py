"""What every part of a model asks of its numbers and names; the sentences it answers with."""

from __future__ import annotations

import math
import re
from operator import index
from typing import Any

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+.\-]*\Z")


def number(
    value: Any, what: str, unit: str = "", *, least: float | None = None, above: float | None = None
) -> float:
    """A finite float, at least `least` and more than `above` where they are given.

    Parameters
    ----------
    value : number                what the user gave
    what : str                    who is asked, e.g. "Ion 'Ca': D"
    unit : str                    the house unit, for the sentence
    least, above : float          closed and open lower limits

    Raises
    ------
    TypeError                     for a string or anything else that is no number
    ValueError                    for NaN, infinity, or a number below its limit

    >>> number(2, "Ion 'Ca': D", "um^2/ms", above=0)
    2.0
    """
    unit = f" {unit}" if unit else ""
    if isinstance(value, str):
        raise TypeError(
            f"{what} = {value!r} is a text, not a number. In Python give a number{unit and f' in{unit}'}; "
            "texts with units belong in a scenario file."
        )
    try:
        given = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{what} = {value!r} is not a number{unit and f' (in{unit})'}.") from None
    if isinstance(value, bool) or not math.isfinite(given):
        raise ValueError(f"{what} = {value} is not a finite number{unit and f' (in{unit})'}.")
    if least is not None and given < least:
        raise ValueError(f"{what} = {given:g}{unit} must not be below {least:g}{unit}.")
    if above is not None and given <= above:
        raise ValueError(f"{what} = {given:g}{unit} must be more than {above:g}{unit}.")
    return given + 0.0  # -0.0 would equal 0.0 and yet have another hash


def count(value: Any, what: str, least: int = 1) -> int:
    """A whole number, at least `least`.

    >>> count(4, "Train: count")
    4
    """
    try:
        given = index(value)
    except TypeError:
        raise TypeError(f"{what} = {value!r} is not a whole number.") from None
    if isinstance(value, bool) or given < least:
        raise ValueError(f"{what} = {value} must be a whole number of at least {least}.")
    return given


def name(value: Any, what: str) -> str:
    """A name that can stand in a file, a table heading and a store.

    >>> name("Ca", "Ion")
    'Ca'
    """
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError(
            f"{what} name {value!r} must begin with a letter and hold "
            "only letters, digits, '_', '+', '-' and '.'."
        )
    return value


def nearest(word: str, known: Any) -> str:
    """ ", did you mean 'total'?" or nothing, for the end of a sentence.

    >>> nearest("totl", ["total", "k_on"])
    " Did you mean 'total'?"
    """
    from difflib import get_close_matches

    close = get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
