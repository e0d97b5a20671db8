"""Fields at the same points over many frames: for a movie, or for the course at a place.

What costs is the near field's kernel at the points.  It does not depend on time, so it is computed once for
a group of points and applied to the weights of all frames together; it is never held for all points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.mask_fill import filled, inside_any
from microdomain.reading import Near, Watch
from microdomain.reading_cusps import Cusps
from microdomain.view.fields import Field
from microdomain.wall_reading import wall_slopes

if TYPE_CHECKING:
    from microdomain.model import Model
    from microdomain.results import Results

#: Points whose kernels are held at a time.
GROUP = 4000
#: Points in so many planes at most are read plane by plane.
FEW = 8


class Readings:
    """Points of one member, read at any recorded times.

    Parameters
    ----------
    results : Results
    points : array (P, 3), um     in the box
    member : int
    """

    def __init__(self, results: Results, points: Any, member: int = 0) -> None:
        self.results, self.member = results, member
        self.model: Model = results.models[member]
        self.points = at_mouths(self.model, np.asarray(points, float).reshape(-1, 3))
        self._plan = results._plan
        watch = Watch.of(self._plan, self.points)
        # What patches add is for ions alone: a buffer that stays in place has no slope of its own there.
        self._watch, self._patches = replace(watch, patches=None), watch.patches

    @cached_property
    def _cusps(self) -> Cusps:
        return Cusps(self._plan, self.points)

    def of(
        self, field: Field, times: Sequence[float], progress: Callable[[float], None] | None = None
    ) -> np.ndarray:
        """A field at the points.

        Parameters
        ----------
        field : Field
        times : sequence of float, ms     recorded times
        progress : callable, optional     called with the part that is done, 0 to 1

        Returns
        -------
        array (len(times), P), in the field's unit
        """
        frames = self.results._frames(times)
        tell = progress or (lambda part: None)
        if field.parts:
            parts, rest = field.parts, field.rest
            out = np.zeros((len(frames), len(self.points)))
        else:
            parts = ((f"u_{field.ion.name}", 1.0),)
            i = self._plan.names.index(field.ion.name)
            rest = float(self._plan.rest[self.member, i])
            out = self._near(i, times, tell)
        for row, k in enumerate(frames):
            cells = sum_of(parts, partial(cells_of, self.results, frame=k, member=self.member))
            out[row] += rest + self._grid_part(cells - rest)
            if not field.parts and self._patches is not None:
                out[row] += self._patches.of((cells - rest)[None, None], np.zeros((1, 1)))[0, 0]
            if not field.parts and self._watch.lifts is not None:
                slopes = slopes_at(self.results, k, times[row], self.member)
                out[row] += self._watch.lifts.of(slopes)[0, i]
            if not field.parts and (hidden := hidden_at(self.results, k, self.member)) is not None:
                out[row] += self._cusps.added(hidden)[0, i]
            tell((1.0 + (row + 1) / len(frames)) / 2.0)
        out[:, inside_any(self.model.obstacles, self.points)] = np.nan
        return field.of(out)

    def _near(self, i: int, times: Sequence[float], tell: Callable[[float], None]) -> np.ndarray:
        """Near field of ion `i`, (times, P), uM."""
        plan, near = self._plan, Near(self._plan)
        weights = [near.weights(np.full(plan.members, t))[i] for t in times]
        out = np.zeros((len(times), len(self.points)))
        for first in range(0, len(self.points), GROUP):
            kernels = near.kernels(self.points[first : first + GROUP])
            for site, (reached, kernel) in zip(plan.sites, kernels, strict=True):
                mine = np.flatnonzero(site.members == self.member)
                if site.ion == i and mine.size and reached.size:
                    w = np.array([each[site.pairs[mine[0]]] for each in weights])
                    out[:, first + reached] += w @ kernel
            tell(0.5 * min(1.0, (first + GROUP) / len(self.points)))
        return out

    def _grid_part(self, excess: np.ndarray) -> np.ndarray:
        """Cells (z, y, x) read at the points by splines, plane by plane where they lie in few planes."""
        weights = dict(zip("xyz", self._watch.weights, strict=True))
        axis, levels = self._planes
        if len(levels) > FEW:
            return np.asarray(self._watch.grid_part(excess[None, None], np.zeros((1, 1)))[0, 0])
        out = np.empty(len(self.points))
        rest = [a for a in "zyx" if a != axis]
        for level in levels:
            here = np.flatnonzero(self.points[:, "xyz".index(axis)] == level)
            flat = np.tensordot(weights[axis][here[0]], excess, axes=(0, "zyx".index(axis)))
            rows, columns = (weights[a][here] for a in rest)
            out[here] = ((columns @ flat.T) * rows).sum(axis=1)
        return out

    @cached_property
    def _planes(self) -> tuple[str, np.ndarray]:
        """The axis along which the points take the fewest values, and those values."""
        found = {a: np.unique(self.points[:, k]) for k, a in enumerate("xyz")}
        axis = min(found, key=lambda a: len(found[a]))
        return axis, found[axis]


def sum_of(parts: Sequence[tuple[str, float]], cells: Callable[[str], np.ndarray]) -> np.ndarray:
    """Cells of some species, each times how much of it counts."""
    (first, weight), *others = parts
    out = weight * cells(first)
    for name, more in others:
        out += more * cells(name)
    return out


def cells_of(results: Results, name: str, frame: int, member: int) -> np.ndarray:
    """Cells (z, y, x) of one frame: the grid part ``u_Ca`` of an ion, or a bound buffer, uM."""
    part = results._parts["solver" if name.startswith("u_") else "root"][name].isel(time=frame)
    part = part.isel(member=member) if "member" in part.dims else part
    return np.asarray(filled(results._plan.mask, np.asarray(part.transpose("z", "y", "x").values, float)))


class Cells:
    """Cells as `cells_of` reads them, the last ones kept: a frame of 200^3 cells takes 0.1 s to unpack.

    Parameters
    ----------
    results : Results
    most : int                        bytes that are kept
    """

    def __init__(self, results: Results, most: int = 256 * 2**20) -> None:
        self.results, self.most = results, most
        self._kept: dict[tuple[str, int, int], np.ndarray] = {}

    def __call__(self, results: Results, name: str, frame: int, member: int) -> np.ndarray:
        """Cells (z, y, x) of one frame, uM."""
        key = (name, frame, member)
        cells = self._kept.pop(key, None)
        if cells is None:
            cells = cells_of(results, name, frame, member)
            while self._kept and sum(c.nbytes for c in self._kept.values()) + cells.nbytes > self.most:
                self._kept.pop(next(iter(self._kept)))
        self._kept[key] = cells
        return cells


def slopes_at(results: Results, frame: int, time: float, member: int) -> list[np.ndarray]:
    """Slopes at the pumped walls of one member, see `wall_reading.wall_slopes`; none without pumps."""
    plan = results._plan
    if not plan.pumps.sheets:
        return []
    u = np.stack([cells_of(results, f"u_{ion}", frame, member) for ion in plan.names[: plan.ions]])
    return wall_slopes(plan.take([member]), np.array([time]), u[None])


def hidden_at(results: Results, frame: int, member: int) -> np.ndarray | None:
    """Sources in sub-cells of one member, as `reading_cusps.Cusps` takes them; None where there are none."""
    part = results._parts["solver"]
    if "hidden" not in part:
        return None
    found = np.asarray(part["hidden"].isel(time=frame, member=[member]).values)
    return found if found.size else None


def at_mouths(model: Model, points: np.ndarray) -> np.ndarray:
    """Points with those inside a pore moved to its mouth: nearer there is no concentration to speak of.

    Round mouths have no pore: the concentration stays finite on them.

    Parameters
    ----------
    model : Model
    points : array (P, 3), um

    Returns
    -------
    array (P, 3), um
    """
    at = np.array(points)
    for c in model.resolved_channels:
        if c.mouth is not None:
            continue  # within a disc the concentration is finite
        inside = np.linalg.norm(points - np.array(c.position), axis=1) < c.pore * (1 - 1e-9)
        at[inside] = np.array(c.position) + c.pore * np.array(c.normal)
    return at
