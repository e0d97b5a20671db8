"""The axes of a sweep: which keys of a scenario take which values together.

An ``[[axis]]`` of a sweep file is one of ::

    [[axis]]                                  # one key, listed values
    key = "model.buffers.BAPTA.total"
    values = ["10 uM", "100 uM", "1 mM"]

    [[axis]]                                  # several keys that move together
    name = "drive"
    zip = { "model.channels.cav.current" = ["0.1 pA", "0.2 pA"], "run.until" = ["2 ms", "1 ms"] }

    [[axis]]                                  # cases, each with changes of its own
    name = "case"
    list = [{ name = "plain" }, { name = "fine", "run.rtol" = 1e-3 }]

    [[axis]]                                  # points drawn from a box
    name = "draw"
    draw = "sobol"                            # or "random", "latin-hypercube"
    count = 64
    seed = 1
    keys = { "model.buffers.BAPTA.total" = { low = "10 uM", high = "1 mM", scale = "log" } }

Several axes make a grid: every place of one with every place of the others, the last one fastest.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import product
from typing import Any

from microdomain.model.checks import nearest
from microdomain.scenario import ScenarioError

DRAWS = ("random", "latin-hypercube", "sobol")
KINDS = {"values": ("key",), "zip": (), "list": (), "draw": ("count", "seed", "keys")}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)")


@dataclass(frozen=True)
class Axis:
    """One dimension of a sweep.

    Attributes
    ----------
    name : str
    places : tuple of dict        changes (key path -> value) at each place
    labels : tuple                number or text that names each place
    unit : str                    of the labels, where they are quantities of one unit
    """

    name: str
    places: tuple[dict[str, Any], ...]
    labels: tuple[Any, ...]
    unit: str = ""


def read_axes(given: Any) -> list[Axis]:
    """The axes of a sweep file.

    Parameters
    ----------
    given : list of dict          its ``[[axis]]`` tables

    Returns
    -------
    list of Axis

    Raises
    ------
    ScenarioError                 naming the axis and what is wrong with it
    """
    if not isinstance(given, list) or not given:
        raise ScenarioError("a sweep needs at least one [[axis]] with a key and values.")
    axes: list[Axis] = []
    for number, table in enumerate(given, 1):
        try:
            axis = _axis(table)
            if any(axis.name == other.name for other in axes):
                raise ScenarioError(f"the name {axis.name!r} is taken; give name = ... of its own.")
        except ScenarioError as error:
            raise ScenarioError(f"axis {number}: {error}") from None
        axes.append(axis)
    seen: dict[str, str] = {}
    for axis in axes:
        for key in {key for place in axis.places for key in place}:
            if key in seen:
                raise ScenarioError(f"{key} is changed by two axes, {seen[key]!r} and {axis.name!r}.")
            seen[key] = axis.name
    return axes


def places(axes: list[Axis]) -> list[tuple[tuple[int, ...], dict[str, Any]]]:
    """Every point of the grid of axes: its place on each, and the changes it makes."""
    out = []
    for at in product(*(range(len(axis.places)) for axis in axes)):
        changes: dict[str, Any] = {}
        for axis, place in zip(axes, at, strict=True):
            changes |= axis.places[place]
        out.append((at, changes))
    return out


def _axis(table: dict[str, Any]) -> Axis:
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise ScenarioError(f"give one of {', '.join(KINDS)}; found {', '.join(kinds) or 'none'}.")
    kind = kinds[0]
    known = ("name", kind, *KINDS[kind])
    for key in table:
        if key not in known:
            raise ScenarioError(f"unknown key {key!r}.{nearest(key, known)} It has {', '.join(known)}.")
    if kind == "values":
        path: Any = table.get("key")
        if not isinstance(path, str):
            raise ScenarioError('values need a key, such as key = "model.buffers.BAPTA.total".')
        values = _listed(table["values"], "values")
        return _labelled(table.get("name", _short(path)), [{path: value} for value in values], values)
    if kind == "zip":
        columns = {key: _listed(values, key) for key, values in _flat(table["zip"], list).items()}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            told = ", ".join(f"{key} {len(values)}" for key, values in columns.items())
            raise ScenarioError(f"the lists of a zip have one length; here are {told or 'none'}.")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        first = next(iter(columns))
        return _labelled(table.get("name", _short(first)), rows, [row[first] for row in rows])
    name = table.get("name", kind)
    if kind == "list":
        cases = [dict(case) for case in _listed(table["list"], "list")]
        labels = [str(case.pop("name", number)) for number, case in enumerate(cases)]
        return Axis(name, tuple(_flat(case) for case in cases), tuple(labels))
    rows = _drawn(table)
    return Axis(name, tuple(rows), tuple(range(len(rows))))


def _short(key: str) -> str:
    """The word of a key path that tells most: that before a last 'total', 'i' and the like, or the last."""
    words = [word for word in key.split(".") if not word.isdigit()]
    return ".".join(words[-2:]) if words[0] == "model" else words[-1]


def _listed(values: Any, what: str) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise ScenarioError(f"{what} must be a list with at least one value.")
    return values


def _flat(table: Any, leaf: type | None = None, above: str = "") -> dict[str, Any]:
    """Nested tables as dotted paths; a table with a `kind` or a `low` is a value."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict) and leaf is not dict and not {"kind", "low", "high"} & set(value):
            out |= _flat(value, leaf, f"{above}{key}.")
        else:
            out[f"{above}{key}"] = value
    return out


def _labelled(name: str, rows: list[dict[str, Any]], values: list[Any]) -> Axis:
    """Numbers where all values are numbers, or quantities of one unit; texts where they are not."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return Axis(name, tuple(rows), tuple(values))
    parts = [_NUMBER.fullmatch(v) if isinstance(v, str) else None for v in values]
    found = [part for part in parts if part is not None]
    if len(found) == len(values) and len({part[2] for part in found}) == 1:
        return Axis(name, tuple(rows), tuple(float(part[1]) for part in found), found[0][2])
    texts = [v if isinstance(v, str) else str(v) for v in values]
    return Axis(name, tuple(rows), tuple(texts if len(set(texts)) == len(texts) else range(len(texts))))


def _drawn(table: dict[str, Any]) -> list[dict[str, Any]]:
    from scipy.stats import qmc

    how, count, seed = table["draw"], table.get("count"), table.get("seed", 0)
    if how not in DRAWS:
        raise ScenarioError(f"draw = {how!r}; give one of {', '.join(DRAWS)}.{nearest(str(how), DRAWS)}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ScenarioError(f"count = {count!r}; say how many points to draw, such as count = 64.")
    ranges = {key: _range(key, value) for key, value in _flat(table.get("keys", {})).items()}
    if not ranges:
        raise ScenarioError('a draw needs keys = { "model...." = { low = ..., high = ... } }.')
    if how == "sobol":
        if count & (count - 1):
            raise ScenarioError(f"count = {count}; Sobol points are balanced for a power of two, such as 64.")
        unit = qmc.Sobol(len(ranges), seed=seed).random(count)
    elif how == "latin-hypercube":
        unit = qmc.LatinHypercube(len(ranges), seed=seed).random(count)
    else:
        import numpy as np

        unit = np.random.default_rng(seed).random((count, len(ranges)))
    return [
        {key: _within(x, *ranges[key]) for key, x in zip(ranges, row, strict=True)} for row in unit.tolist()
    ]


def _range(key: str, value: Any) -> tuple[float, float, str, bool]:
    """Low, high, unit, and whether the scale is logarithmic."""
    if not isinstance(value, dict) or not {"low", "high"} <= set(value) <= {"low", "high", "scale"}:
        raise ScenarioError(f"{key}: give low, high and perhaps scale, not {value!r}.")
    scale = value.get("scale", "linear")
    if scale not in ("linear", "log"):
        raise ScenarioError(f"{key}: scale = {scale!r}; give 'linear' or 'log'.")
    ends = []
    for end in ("low", "high"):
        match = _NUMBER.fullmatch(str(value[end]))
        if match is None:
            raise ScenarioError(f"{key}: {end} = {value[end]!r} is not a number, with or without a unit.")
        ends.append((float(match[1]), match[2]))
    (low, unit), (high, other) = ends
    if unit != other:
        raise ScenarioError(f"{key}: low is in {unit or 'no unit'}, high in {other or 'no unit'}.")
    if not low < high or (scale == "log" and low <= 0):
        raise ScenarioError(f"{key}: low = {low:g} must lie below high = {high:g} (on a log scale, above 0).")
    return low, high, unit, scale == "log"


def _within(x: float, low: float, high: float, unit: str, log: bool) -> Any:
    value = math.exp(math.log(low) + x * math.log(high / low)) if log else low + x * (high - low)
    return f"{value!r} {unit}" if unit else value
