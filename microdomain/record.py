"""What is watched and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from microdomain.model import Sensor
from microdomain.model.given import NONE, Taken, part

_NOT_GIVEN: Any = None
Position = tuple[float, float, float]
Points = Mapping[str, Iterable[float]] | Iterable[tuple[str, Iterable[float]]]
Placed = tuple[Sensor, Iterable[float]]
Sensors = Mapping[str, Placed | Mapping[str, Any]] | Iterable[tuple[str, Sensor, Position]]

#: Times after each edge at which mouths and probes are read, the first of them (ms), and how many
#: in all at most.
AFTER, FIRST, MOST = 50, 1e-4, 5000
#: Where gates jump by chance, or crowded: times of fields, of mouths and probes, and the edges (at most)
#: that are recorded besides.
FIELDS, EVEN, FEW_EDGES = 11, 501, 20


@part()
class Record:
    """What a run writes down.

    By default fields are recorded at the start, at every edge of a gate and at the end; mouths and
    probes at these times and at 50 logarithmically spaced times after each.  Where gates jump by
    chance, or so often that there is no rest between, fields are recorded at 11 even times as well
    and mouths and probes at 501, and of more than 20 edges none.  `every` or `times` set the times of
    both.

    Parameters
    ----------
    every : float, ms             record at multiples of this, from 0 to the end
    times : sequence of float, ms record fields at exactly these times, mouths and probes also at the
                                  edges of gates and at the end
    fields : sequence of str      species to record on the grid; ions are always recorded
    points : dict                 name -> (x, y, z) in um: probes
    sensors : dict                name -> (Sensor, (x, y, z)): release sensors, sampled at every step

    Raises
    ------
    ValueError
    """

    every: float | None = None
    times: Taken[Iterable[float] | None, tuple[float, ...] | None] = _NOT_GIVEN
    fields: Taken[str | Iterable[str], tuple[str, ...]] = NONE
    points: Taken[Points, tuple[tuple[str, Position], ...]] = NONE
    sensors: Taken[Sensors, tuple[tuple[str, Sensor, Position], ...]] = NONE

    def __init__(
        self,
        every: float | None = None,
        times: Iterable[float] | None = None,
        fields: str | Iterable[str] | None = None,
        points: Points | None = None,
        sensors: Sensors | None = None,
    ) -> None:
        if every is not None and times is not None:
            raise ValueError("Record: give `every` or `times`, not both.")
        if every is not None and not (np.isfinite(every) and every > 0):
            raise ValueError(f"Record: every = {every}; give a positive time in ms.")
        put = object.__setattr__
        put(self, "every", None if every is None else float(every))
        if times is not None:
            times = tuple(float(t) for t in times)
            if not times or not all(np.isfinite(t) and t >= 0 for t in times):
                raise ValueError(f"Record: times = {times}; give at least one time, none negative, in ms.")
            times = tuple(sorted(set(times)))
        put(self, "times", times)
        put(self, "fields", (fields,) if isinstance(fields, str) else tuple(fields or ()))
        named = points.items() if isinstance(points, Mapping) else (points or ())
        checked = []
        for name, given in named:
            at = tuple(given)
            if len(at) != 3:
                raise ValueError(f"Record: point '{name}' = {at}; give three coordinates in um.")
            checked.append((str(name), tuple(float(x) for x in at)))
        put(self, "points", tuple(checked))
        pairs = sensors.items() if isinstance(sensors, Mapping) else ((n, at) for n, *at in sensors or ())
        put(self, "sensors", tuple(_placed(str(name), given) for name, given in pairs))

    def schedule(
        self, until: float, edges: np.ndarray, restless: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Times of the fields, and of the mouths and probes.

        Parameters
        ----------
        until : float, ms
        edges : array, ms             times at which gates jump
        restless : bool               gates jump by chance, or all the time

        Returns
        -------
        two arrays, ms                increasing, within 0 to `until`
        """
        if self.times is not None:
            late = [t for t in self.times if t > until]
            if late:
                raise ValueError(
                    f"Record: time {late[0]:g} ms is later than the end of the run, {until:g} ms."
                )
            times = np.array(self.times)
            # What peaks between them must not be missed: gates jump, and something stands at the end.
            more = np.append(edges[(edges > 0) & (edges < until)], until)
            more = more[np.abs(more[:, None] - times).min(axis=1) > 1e-12 * until]
            return times, np.unique(np.append(times, more))
        if self.every is not None:
            count = int(np.floor(until / self.every * (1 + 1e-12)))
            times = np.minimum(self.every * np.arange(count + 1), until)
            times = np.unique(np.append(times, until))
            return times, times
        inside = edges[(edges > 0) & (edges < until)]
        if restless:
            inside = inside if inside.size <= FEW_EDGES else np.empty(0)
            even = until * np.arange(EVEN) / (EVEN - 1)
            marks, dense = Record._after(until, inside)
            return np.union1d(marks, until * np.arange(FIELDS) / (FIELDS - 1)), np.union1d(dense, even)
        return Record._after(until, inside)

    @staticmethod
    def _after(until: float, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start, edges and end, and these with the times after each."""
        marks = np.unique(np.concatenate([[0.0], edges, [until]]))
        after = int(np.clip(MOST // max(marks.size - 1, 1), 4, AFTER))
        dense = [marks]
        for begin, end in pairwise(marks):
            gap = end - begin
            dense.append(begin + np.geomspace(min(FIRST, 1e-2 * gap), gap, after)[:-1])
        return marks, np.unique(np.concatenate(dense))


def _placed(name: str, given: Any) -> tuple[str, Sensor, Position]:
    """A sensor and its place; a dictionary is a sensor as `Sensor.to_dict` wrote it, and `at`."""
    if isinstance(given, Mapping):
        given = (Sensor.from_dict(given), given["at"])
    if not (isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], Sensor)):
        raise ValueError(f"Record: sensor '{name}' = {given!r}; give a pair (Sensor, (x, y, z)).")
    sensor, at = given[0], tuple(float(x) for x in given[1])
    if len(at) != 3:
        raise ValueError(f"Record: sensor '{name}' at {at}; give three coordinates in um.")
    return name, sensor, (at[0], at[1], at[2])
