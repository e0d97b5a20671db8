"""What every formula does with its arguments: find the array library, refuse nonsense by name.

Functions of `microdomain.electro` take Python numbers, NumPy arrays or CuPy arrays and broadcast
them.  A single bad number is an error that names the argument.  A map (``invalid="nan"``) keeps its
good points: bad ones become NaN, and one `ElectroWarning` says how many.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from microdomain.electro.warn import ElectroWarning


def array_namespace(*values: Any) -> Any:
    """The array library of the arguments: CuPy if any of them lives there, NumPy otherwise.

    CuPy is never imported here: whoever made a CuPy array has imported it already.
    """
    for value in values:
        if type(value).__module__.partition(".")[0] == "cupy":
            return sys.modules["cupy"]
    return np


def as_floats(value: Any, xp: Any = np) -> Any:
    """A float for a Python number, else a floating array of `xp`."""
    if isinstance(value, int | float):
        return float(value)
    array = xp.asarray(value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def plain(value: Any) -> Any:
    """A Python float for a NumPy scalar or 0-d array, anything else unchanged."""
    return float(value) if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def _refuse(value: Any, good: Any, name: str, expected: str, mend: str, map_mend: str = "") -> None:
    """Raise the sentence that names `name` and the first value that is not `good`."""
    if isinstance(value, float):
        given = f"{name} = {value:g}"
    else:
        bad = value[~good]
        given = f"{name}: {bad.size} of {value.size} values are off, the first is {float(bad[0]):g}"
    error = ValueError(f"{given}: expected {expected}. {mend}")
    if map_mend:  # of use in Python only; the command line prints the sentence without notes
        error.add_note(map_mend)
    raise error


def checked(
    value: Any,
    name: str,
    *,
    low: float,
    strict: bool,
    expected: str,
    mend: str,
    map_mend: str = "",
    xp: Any = np,
) -> Any:
    """`value` as floats, every one finite and above `low` (or at it, unless `strict`).

    Raises
    ------
    ValueError   naming the argument, what was given, what was expected and what to do
    """
    value = as_floats(value, xp)
    good = xp.isfinite(value) & (value > low if strict else value >= low)
    if not (good if isinstance(value, float) else bool(good.all())):
        _refuse(value, xp.asarray(good), name, expected, mend, map_mend)
    return value


def concentration(value: Any, name: str, xp: Any = np, *, zero: bool = False) -> Any:
    """A concentration: finite and positive, or not negative where `zero` is allowed."""
    if zero:
        return checked(
            value,
            name,
            low=0.0,
            strict=False,
            expected="a finite concentration, zero or positive",
            mend="Negative or NaN concentrations come from a failed run or a wrong unit.",
            xp=xp,
        )
    return checked(
        value,
        name,
        low=0.0,
        strict=True,
        expected="a finite, positive concentration",
        mend="A potential needs the ion on both sides.",
        map_mend='In a map, invalid="nan" keeps the good points.',
        xp=xp,
    )


def absolute_temperature(value: Any, xp: Any = np) -> Any:
    """A temperature in kelvin, finite and positive."""
    return checked(
        value,
        "temperature",
        low=0.0,
        strict=True,
        expected="kelvin above zero",
        mend="37 degrees Celsius are 310.15 K: use microdomain.units.celsius.",
        xp=xp,
    )


def valence(z: Any, name: str = "z", xp: Any = np) -> Any:
    """A charge number, finite and not zero."""
    z = as_floats(z, xp)
    good = xp.isfinite(z) & (z != 0)
    if not (good if isinstance(z, float) else bool(good.all())):
        _refuse(
            z,
            xp.asarray(good),
            name,
            "a charge number other than zero",
            "A neutral particle has no such potential.",
        )
    return z


def finite(value: Any, name: str, xp: Any = np) -> Any:
    """Any finite number (a voltage, a current)."""
    value = as_floats(value, xp)
    good = xp.isfinite(value)
    if not (good if isinstance(value, float) else bool(good.all())):
        _refuse(
            value, xp.asarray(good), name, "a finite number", "Look for a failed run or a division by zero."
        )
    return value


def invalid_mode(invalid: str) -> bool:
    """True for a map that keeps NaN, False for an error at the first bad value."""
    if invalid not in ("raise", "nan"):
        raise ValueError(f'invalid = {invalid!r}: expected "raise" (an error) or "nan" (a map with holes).')
    return invalid == "nan"


def warn_holes(good: Any, what: str) -> None:
    """One `ElectroWarning` with the count of points where `good` is false; silence if there is none."""
    bad = int((~good).sum())
    if bad:
        warnings.warn(
            f"{bad} of {good.size} points have no {what} (a concentration is zero, negative or NaN); "
            "they are NaN in the map.",
            ElectroWarning,
            stacklevel=3,
        )
