"""Fields on the points of a tensor product, which a person can move through without waiting.

The heat kernel is a product over the axes, and so are the splines of the grid part.  On points that are a
product too, a reading is a few small matrix products: a thousand times less work than at scattered points.
Coordinates are dense near channels and coarse far from them.

What the lattice leaves out is the cusp that a saturated immobile buffer leaves at a channel
(`microdomain.reading_cusps`), up to 1 % of the concentration within a cell of 20 to 40 nm: it is no product,
and preparing it takes milliseconds a point.  Slices, movies and clicks read points as `Results.at` does: it
adds the cusp where points are few (a click) and leaves it out of thousands (a picture).  Inside a pore every
picture shows the mouth's own reading, which has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.mask_fill import inside_any, seen
from microdomain.reading import GROUP, Near, reach_of
from microdomain.view.fields import Field
from microdomain.view.readings import cells_of, slopes_at, sum_of
from microdomain.wall_reading import lift

if TYPE_CHECKING:
    from microdomain.results import Results


class Lattice:
    """Points x, y, z of one member's box and the fields there.

    Parameters
    ----------
    results : Results
    axes : three arrays, um       coordinates along x, y, z, ascending
    member : int
    cells : callable, optional    reads cells as `cells_of` does; a `Cells` keeps what it has read
    """

    def __init__(
        self,
        results: Results,
        axes: Sequence[np.ndarray],
        member: int = 0,
        cells: Callable[[Results, str, int, int], np.ndarray] = cells_of,
    ) -> None:
        self.results, self.member, self._cells = results, member, cells
        self.axes = tuple(np.asarray(a, float) for a in axes)
        self.model = results.models[member]
        self._plan = results._plan
        self._splines = [a.reading(x) for a, x in zip(self._plan.axes, self.axes, strict=True)]
        self._near = Near(self._plan)
        self._factors: dict[int, Any] = {}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Points along z, y, x."""
        x, y, z = self.axes
        return z.size, y.size, x.size

    def of(self, field: Field, time: float) -> np.ndarray:
        """A field at a recorded time, in its unit.

        Parameters
        ----------
        field : Field
        time : float, ms

        Returns
        -------
        array (z, y, x)
        """
        (frame,) = self.results._frames([time])
        if field.parts:
            return field.of(self._in_fluid(self._grid_part(field.parts, frame, field.rest)))
        i = self._plan.names.index(field.ion.name)
        rest = float(self._plan.rest[self.member, i])
        values = self._grid_part(((f"u_{field.ion.name}", 1.0),), frame, rest) + self._near_part(i, time)
        self._add_wall_part(values, i, frame, time)
        return field.of(self._in_fluid(self._mouths(values, field.ion.name, time)))

    def _in_fluid(self, values: np.ndarray) -> np.ndarray:
        """Values with NaN in obstacles."""
        if self.model.obstacles:
            values[inside_any(self.model.obstacles, self._points()).reshape(values.shape)] = np.nan
        return values

    def _grid_part(self, parts: Sequence[tuple[str, float]], frame: int, rest: float) -> np.ndarray:
        excess = sum_of(parts, lambda name: self._cells(self.results, name, frame, self.member)) - rest
        rx, ry, rz = self._splines
        # The shortest axis first: of a plane it is one point.
        order = sorted(range(3), key=lambda k: self.axes[2 - k].size)
        for k in order:
            excess = np.moveaxis(np.tensordot((rz, ry, rx)[k], excess, axes=(1, k)), 0, k)
        return excess + rest

    def _add_wall_part(self, values: np.ndarray, i: int, frame: int, time: float) -> None:
        """Add what the slopes at pumped walls ask of readings beside them."""
        slopes = slopes_at(self.results, frame, time, self.member)
        for sheet, slope in zip(self._plan.pumps.sheets, slopes, strict=True):
            if sheet.ion == i:
                height = lift(self._plan.axes[sheet.axis], sheet.side, self.axes[sheet.axis])
                a, b = (self._splines[k] for k in range(3) if k != sheet.axis)
                shape = [1, 1, 1]
                shape[2 - sheet.axis] = height.size
                values += np.expand_dims(b @ slope[0] @ a.T, 2 - sheet.axis) * height.reshape(shape)

    def _near_part(self, i: int, time: float) -> np.ndarray:
        plan = self._plan
        weights = self._near.weights(np.full(plan.members, time))[i]
        out = np.zeros(self.shape)
        for number, site in enumerate(plan.sites):
            mine = np.flatnonzero(site.members == self.member)
            if site.ion != i or site.silent or not mine.size:
                continue
            if not (w := weights[site.pairs[mine[0]]]).any():
                continue
            if site.disc is None:
                near = self._point_part(number, w)
            else:
                near = self._disc_part(number, w)
            if plan.mask is not None:
                near *= seen(plan.mask, plan.grid, site.position, self._points()).reshape(self.shape)
            out += near
        return out

    def _point_part(self, number: int, w: np.ndarray) -> np.ndarray:
        """Near field of a point channel: a product over the axes."""
        site = self._plan.sites[number]
        if number not in self._factors:
            nodes = self._near.windows[site.ion].nodes
            self._factors[number] = [
                s.density(x, nodes) for s, x in zip(site.sources, self.axes, strict=True)
            ]
        fx, fy, fz = self._factors[number]
        zy = (w[:, None, None] * fz[:, :, None] * fy[:, None, :]).reshape(w.size, -1)
        return np.asarray(site.share * site.gain * (zy.T @ fx).reshape(self.shape))

    def _disc_part(self, number: int, w: np.ndarray) -> np.ndarray:
        """Near field of a round mouth, whose kernel is no product: at the points within reach."""
        site = self._plan.sites[number]
        window = self._near.windows[site.ion]
        if number not in self._factors:
            away = np.abs(self._points() - np.array(site.position))
            self._factors[number] = np.flatnonzero((away < reach_of(site, window)).all(axis=1))
        reached, points = self._factors[number], self._points()
        out = np.zeros(len(points))
        for first in range(0, reached.size, GROUP):
            some = reached[first : first + GROUP]
            out[some] = w @ self._near.kernel(site, window, points[some])
        return out.reshape(self.shape)

    def _points(self) -> np.ndarray:
        """The points one by one, (P, 3), um."""
        z, y, x = np.meshgrid(*self.axes[::-1], indexing="ij")
        return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)

    def _mouths(self, values: np.ndarray, ion: str, time: float) -> np.ndarray:
        """Values, inside a pore those at its mouth: nearer there is no concentration to speak of.

        Round mouths have no pore: the concentration stays finite on them.
        """
        from microdomain.report import of_member, times_of

        mouths = of_member(self.results.mouths, self.member)
        row = int(np.argmin(np.abs(times_of(mouths) - time)))
        for k, c in enumerate(self.model.resolved_channels):
            if c.ion != ion or c.mouth is not None:
                continue
            spans = [
                np.flatnonzero(np.abs(a - p) < c.pore) for a, p in zip(self.axes, c.position, strict=True)
            ]
            if all(s.size for s in spans):
                gaps = [self.axes[n][s] - c.position[n] for n, s in enumerate(spans)]
                inside = gaps[2][:, None, None] ** 2 + gaps[1][:, None] ** 2 + gaps[0] ** 2 < c.pore**2
                block = np.ix_(spans[2], spans[1], spans[0])
                level = float(mouths["concentration"].isel(time=row, channel=k))
                values[block] = np.where(inside, level, values[block])
        return values


def graded(low: float, high: float, centres: Sequence[float], finest: float, coarsest: float) -> np.ndarray:
    """Coordinates that are `finest` apart near the centres and up to `coarsest` far from them.

    Parameters
    ----------
    low, high : float, um         ends, both included
    centres : sequence of float, um
    finest, coarsest : float, um

    Returns
    -------
    array

    >>> x = graded(0.0, 1.0, [0.5], 0.01, 0.1)
    >>> float(x[0]), float(x[-1]), bool(np.diff(x).min() <= 0.01), bool(np.diff(x).max() <= 0.1)
    (0.0, 1.0, True, True)
    """
    spots = np.sort(np.asarray(centres, float))
    found = [low]
    while found[-1] < high:
        x = found[-1]
        gap = float(np.abs(spots - x).min()) if spots.size else np.inf
        ahead = spots[spots > x]
        # A step must not leap over the dense part before a centre.
        room = 0.7 * (float(ahead[0]) - x) if ahead.size else np.inf
        found.append(x + max(finest, min(0.15 * gap, coarsest, room)))
    out = np.array(found)
    return np.asarray(low + (out - low) * (high - low) / (out[-1] - low))


def axes_of(model: Any, finest: float = 0.004, coarse: int = 40) -> list[np.ndarray]:
    """Coordinates along x, y, z, dense around a model's channels.

    Parameters
    ----------
    model : Model
    finest : float, um            smallest distance
    coarse : int                  points per side of the box where there is no channel

    Returns
    -------
    three arrays, um
    """
    out = []
    for k, (low, high) in enumerate(model.box):
        spots = sorted({round(c.position[k], 6) for c in model.resolved_channels})
        # Many channels in a row would make every coordinate dense.
        width = finest * max(1.0, len(spots) / 24)
        out.append(graded(low, high, spots, width, (high - low) / coarse))
    return out
