"""What a page reads of a result: fields on lattices, fine at rest and coarse while something moves.

The last readings are kept: another level of an isosurface, or other colours, need no new one.  Nothing here
draws, and nothing needs VTK.
"""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.view.fields import CONCENTRATION, FORM, Field, field_of
from microdomain.view.lattice import Lattice, axes_of
from microdomain.view.plane import Plane, staged
from microdomain.view.readings import Cells
from microdomain.view.spans import span_of

if TYPE_CHECKING:
    from microdomain.results import Results

#: (finest distance in um, points per side far from channels): slices at rest, while dragging; surfaces, too.
FINE, DRAGGED, SURFACE, ROUGH = (0.0025, 60), (0.008, 24), (0.008, 32), (0.016, 20)
#: Pixels along the longer side of a flat picture; the browser draws it larger.
PIXELS = 320
#: Readings that are kept, and lattices, which hold kernels only.
KEPT, LATTICES = 8, 40


class Looks:
    """Readings of one result.

    Parameters
    ----------
    results : Results
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self._lattices: dict[Any, Lattice] = {}
        self._values: dict[Any, np.ndarray] = {}
        self._spans: dict[Any, tuple[float, float]] = {}
        self._cells = Cells(results)

    def plane(
        self,
        field: str,
        time: float,
        axis: int,
        level: float,
        member: int | str = 0,
        log: bool = True,
        quality: Any = FINE,
    ) -> tuple[Plane, list[np.ndarray]]:
        """A slice and its coordinates.

        Parameters
        ----------
        field : str               as in `fields`
        time : float, ms          recorded
        axis, level : int, float  the slice: normal to x, y, z at so many um
        member : int or str       a number, or "mean" or "sd" over all
        log : bool                whether colours of a concentration follow the logarithm
        quality : pair or int     one of `FINE`, `DRAGGED`, ...; pixels along the longer side of an even one

        Returns
        -------
        (Plane, three arrays)     coordinates along x, y, z; values run over z, y, x
        """
        first = member if isinstance(member, int) else 0
        wanted = field_of(self.results.models[first], field, self.results.dataset.data_vars)
        cut = (axis, level)
        values, axes = self.read(wanted, time, member, quality, cut), self.axes(first, quality, cut)
        z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
        points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
        plane = staged(self.results, wanted, (points, None, values.ravel()), axis, level, time, first)
        log = log and wanted.kind in (CONCENTRATION, FORM) and member != "sd"
        span = self._span(wanted, member, plane.values)
        word = word_of(self.results, member)
        return dataclasses.replace(plane, span=span, log=log, member=word), axes

    def axes(self, member: int, quality: Any, cut: tuple[int, float] | None) -> list[np.ndarray]:
        """Coordinates along x, y, z at which fields are read."""
        return list(self._lattice(member, quality, cut).axes)

    def read(self, field: Field, time: float, member: int | str, quality: Any, cut: Any) -> np.ndarray:
        """A field of a member, or a statistic of all, on the points that `axes` names: array (z, y, x)."""
        key = (field.name, time, member, quality, cut)
        if key not in self._values:
            values = self._read_anew(field, time, member, quality, cut)
            while len(self._values) >= KEPT:
                self._values.pop(next(iter(self._values)))
            self._values[key] = values
        return self._values[key]

    def _span(self, field: Field, member: int | str, shown: np.ndarray) -> tuple[float, float]:
        """What colours span; of a form frames are looked through for it, which is done once."""
        if field.kind != FORM or member == "sd":
            return span_of(self.results, field, member, shown)
        key = (field.name, member)
        if key not in self._spans:
            self._spans[key] = span_of(self.results, field, member, shown)
        return self._spans[key]

    def _lattice(self, member: int, quality: Any, cut: tuple[int, float] | None) -> Lattice:
        key = (member, quality, cut)
        if key not in self._lattices:
            if len(self._lattices) > LATTICES:
                self._lattices.clear()
            model = self.results.models[member]
            even = isinstance(quality, int)
            axes = even_axes(model.box, cut, quality) if even else axes_of(model, *quality)
            if cut:
                axes[cut[0]] = np.array([cut[1]])
            self._lattices[key] = Lattice(self.results, axes, member, self._cells)
        return self._lattices[key]

    def _read_anew(self, field: Field, time: float, member: int | str, quality: Any, cut: Any) -> np.ndarray:
        if isinstance(member, int):
            return self._lattice(member, quality, cut).of(field, time)
        every = []
        axes = self.axes(0, quality, cut)
        for m in range(self.results.members):
            key = (m, quality, cut, "shared")
            if key not in self._lattices:  # members may have other channels, but are read at the same points
                self._lattices[key] = Lattice(self.results, axes, m, self._cells)
            mine = field_of(self.results.models[m], field.name, self.results.dataset.data_vars)
            every.append(self._lattices[key].of(mine, time))
        return np.asarray(np.mean(every, axis=0) if member == "mean" else np.std(every, axis=0))


def even_axes(box: Any, cut: tuple[int, float] | None, pixels: int) -> list[np.ndarray]:
    """Coordinates along x, y, z at equal distances, `pixels` along the longer side of the slice."""
    size = max(b - a for k, (a, b) in enumerate(box) if cut is None or k != cut[0])
    return [np.linspace(a, b, max(2, round(pixels * (b - a) / size))) for a, b in box]


def word_of(results: Results, member: int | str) -> str:
    """Name of a member or of a statistic; empty where there is one member only."""
    if isinstance(member, str):
        return {"mean": "mean of members", "sd": "s.d. of members"}[member]
    names = results.member_names or tuple(f"member {m}" for m in range(results.members))
    return str(names[member]) if results.members > 1 else ""


def flat_picture(plane: Plane, axes: list[np.ndarray]) -> bytes:
    """A slice of even points as a PNG, one pixel a point, without VTK.

    Parameters
    ----------
    plane : Plane
    axes : three arrays, um       its coordinates, one of them a single one

    Returns
    -------
    bytes
    """
    from matplotlib import colormaps
    from PIL import Image

    from microdomain.view import colours

    values = plane.values.reshape([a.size for a in axes[::-1]]).squeeze(2 - plane.axis)
    low, high = (float(v) for v in plane.shade(plane.limits))
    part = np.clip((plane.shade(values)[::-1] - low) / (high - low), 0.0, 1.0)
    shades = colormaps[colours.map_of(plane)](np.ma.masked_invalid(part), bytes=True)
    shades[np.isnan(part)] = 200  # obstacles
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shades[:, :, :3])).save(held, format="png")
    return held.getvalue()
