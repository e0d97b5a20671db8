"""Reading columns of numbers from a CSV file, with the unit in the heading."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from microdomain import units
from microdomain.model import checks

LENGTHS = {"um": units.um, "nm": units.nm, "mm": units.mm}
TIMES = {"ms": units.ms, "us": units.us, "s": units.s}
VOLTAGES = {"mV": units.mV, "V": units.V}
CURRENTS = {"pA": units.pA, "fA": units.fA, "nA": units.nA}

# "x", "x_nm", "x (nm)", "x [nm]"
_HEADING = re.compile(r"\s*([A-Za-z]+)\s*[_\s(\[]?\s*([A-Za-z]*)\s*[)\]]?\s*\Z")


def read_columns(
    path: Any, words: tuple[tuple[str, ...], ...], known: tuple[dict[str, float], ...], optional: int = 0
) -> list[tuple[float, ...]]:
    """The rows of a file of numbers.

    Parameters
    ----------
    path : path                   a file of comma-separated numbers; lines that begin with # are left out
    words : per column            the headings that name it, e.g. (("x",), ("y",))
    known : per column            unit symbols and their factors to the house unit
    optional : int                how many of the last columns may be absent

    Returns
    -------
    list of tuples                a row each, in house units

    Raises
    ------
    FileNotFoundError, ValueError saying which file, which line, and what was expected there
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {str(path)!r}.") from None
    lines = [
        (k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")
    ]
    rows = [(k, next(csv.reader([line], skipinitialspace=True))) for k, line in lines]
    expected = ", ".join(w[0] for w in words)
    factors = [1.0] * len(words)
    if rows and not _is_number(rows[0][1][0]):
        k, heading = rows.pop(0)
        for cell, names, symbols, place in zip(heading, words, known, range(len(words)), strict=False):
            match = _HEADING.match(cell)
            word, unit = match.groups() if match else (cell, "")
            if word.lower() not in names:
                raise ValueError(
                    f"{path}, line {k}: heading {cell!r} is not understood; expected {expected}."
                )
            if unit and unit not in symbols:
                raise ValueError(
                    f"{path}, line {k}: unit {unit!r} of {cell!r} is not one of {', '.join(symbols)}."
                )
            factors[place] = symbols[unit] if unit else 1.0
    values = []
    width = len(rows[0][1]) if rows else 0
    for k, row in rows:
        if not len(words) - optional <= len(row) <= len(words) or len(row) != width:
            raise ValueError(
                f"{path}, line {k}: {len(row)} columns, expected {expected}, the same in every line."
            )
        try:
            numbers = [float(cell) for cell in row]
        except ValueError:
            raise ValueError(
                f"{path}, line {k}: {', '.join(row)!r} holds something that is not a number."
            ) from None
        values.append(
            tuple(checks.number(v * f, f"{path}, line {k}") for v, f in zip(numbers, factors, strict=False))
        )
    if not values:
        raise ValueError(f"{path} holds no numbers; expected columns {expected}.")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
