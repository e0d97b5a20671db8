"""The scene of the page in the browser: a slice that moves, an isosurface, channels, probes.

Everything drawn is read anew from the result, near field included, on a `Lattice`; while something is
dragged on a coarser one.  It also knows what a click hits.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv

from microdomain.view import colours, gl
from microdomain.view.fields import CONCENTRATION, Field, field_of
from microdomain.view.lattice import Lattice, axes_of
from microdomain.view.plane import Plane, carries, span_of, staged
from microdomain.view.props import INK, bar_of, rectilinear, ring
from microdomain.view.readings import Cells

if TYPE_CHECKING:
    from microdomain.model import Channel
    from microdomain.results import Results

OPEN, CLOSED = "#D55E00", "#808080"
#: (finest distance in um, points per side far from channels): slices at rest, while dragging; surfaces, too.
FINE, DRAGGED, SURFACE, ROUGH = (0.0025, 60), (0.008, 24), (0.008, 32), (0.016, 20)
#: Readings that are kept: another level of an isosurface, or other colours, need no new one.
KEPT = 8
#: A click this near to a channel (pixels) means the channel.
NEAR_CLICK = 12.0


class Stage:
    """A plotter and what is in it.

    Parameters
    ----------
    results : Results
    size : (int, int)             of the window, pixels
    """

    def __init__(self, results: Results, size: tuple[int, int] = (1100, 760)) -> None:
        make: Any = pv.Plotter
        with gl.off_screen():
            self.plotter: Any = make(off_screen=True, window_size=list(size))
        self.plotter.set_background("white")
        # Logarithms as values, no bar: browsers that draw by themselves know no logarithmic colours.
        self.plain = False
        self.show(results)

    def show(self, results: Results) -> None:
        """Begin with another result."""
        self.results = results
        self.box = results.model.box
        self._lattices: dict[Any, Lattice] = {}
        self._values: dict[Any, np.ndarray] = {}
        self._cells = Cells(results)
        self._ringed: Any = None
        self._drawn: Any = None
        self.iso: float | None = None
        self.plane: Plane | None = None
        self.plotter.clear()
        (x0, x1), (y0, y1), (z0, z1) = self.box
        self.plotter.add_mesh(
            pv.Box((x0, x1, y0, y1, z0, z1)), style="wireframe", color=INK, lighting=False, pickable=False
        )
        self.pen = 0.012 * max(b - a for a, b in self.around())
        for name, place in self._probes().items():
            self.plotter.add_mesh(
                pv.Sphere(radius=0.5 * self.pen, center=place),
                color=INK,
                lighting=False,
                name=f"probe {name}",
            )
        if self._probes():
            self.plotter.add_point_labels(
                list(self._probes().values()),
                list(self._probes()),
                shape=None,
                show_points=False,
                always_visible=True,
                text_color=INK,
                font_size=13,
                name="probes",
            )
        self.look("above")

    def around(self) -> list[tuple[float, float]]:
        """The channels' surroundings, or the box where there are none."""
        spots = np.array([c.position for c in self.results.model.resolved_channels]).reshape(-1, 3)
        if not len(spots):
            return list(self.box)
        half = max(0.5 * float(np.ptp(spots, axis=0).max()), 0.05) * 1.6
        middle = 0.5 * (spots.min(axis=0) + spots.max(axis=0))
        return [(float(m) - half, float(m) + half) for m in middle]

    def _probes(self) -> dict[str, tuple[float, float, float]]:
        there = self.results.probes
        if not there:
            return {}
        places = zip(*(np.asarray(there[a].values, float) for a in "xyz"), strict=True)
        return {str(n): p for n, p in zip(there["point"].values, places, strict=True)}

    def look(self, whence: str) -> None:
        """Move the camera: "above" the box, "close" to the channels, or along "x", "y", "z"."""
        sides = self.around() if whence == "close" else self.box
        toward = {"x": (1, 0, 0), "y": (0, -1, 0), "z": (0, 0, 1)}.get(whence, (0.55, -1.45, 1.25))
        self.plotter.view_vector(toward, viewup=(0, 1, 0) if whence == "z" else (0, 0, 1), render=False)
        self.plotter.reset_camera(bounds=[v for side in sides for v in side], render=False)

    def draw(
        self,
        field: str,
        time: float,
        axis: int,
        level: float,
        member: int | str = 0,
        iso: float | None = None,
        log: bool = True,
        dragged: bool = False,
    ) -> Plane:
        """Show a field.

        Parameters
        ----------
        field : str               as in `fields`
        time : float, ms          recorded
        axis, level : int, float  the slice: normal to x, y, z at so many um
        member : int or str       a number, or "mean" or "sd" over all
        iso : float or None       where the isosurface lies between lowest and highest colour, 0 to 1
        log : bool                whether colours of a concentration follow the logarithm
        dragged : bool            coarse, for a moment

        Returns
        -------
        Plane                     what the slice shows
        """
        quality = DRAGGED if dragged else FINE
        first = member if isinstance(member, int) else 0
        wanted = field_of(self.results.models[first], field, self.results.dataset.data_vars)
        values = self._read(wanted, time, member, quality, (axis, level))
        axes = self._lattice(first, quality, (axis, level)).axes
        mesh = rectilinear(axes, values)
        plane = staged(self.results, wanted, (mesh.points, None, values.ravel()), axis, level, time, first)
        log = log and wanted.kind == CONCENTRATION and member != "sd"
        span = span_of(self.results, wanted, member, plane.values)
        self.plane = dataclasses.replace(plane, span=span, log=log, member=_word(self.results, member))
        self.plotter.suppress_rendering = True
        self._paint(mesh)
        self.iso = None if iso is None else self._value(iso)
        self._surface(wanted, time, member, self.iso, ROUGH if dragged else SURFACE)
        self.channels(time, first)
        self.plotter.suppress_rendering = False
        return self.plane

    def _paint(self, mesh: Any) -> None:
        plane = self.plane
        assert plane is not None
        look = (plane.field, plane.limits, plane.log, plane.axis, plane.level, plane.member, mesh.n_points)
        if look == self._drawn:  # only the values changed
            self.plotter.actors["slice"].mapper.dataset = mesh
        else:
            self._drawn = look
            span, bends = plane.limits, bool(plane.log)
            if self.plain and bends:
                mesh.point_data["field"] = plane.shade(mesh.point_data["field"])
                low, high = plane.shade(plane.limits)
                span, bends = (float(low), float(high)), False
            for title in list(self.plotter.scalar_bars.keys()):
                self.plotter.remove_scalar_bar(title, render=False)
            self.plotter.add_mesh(
                mesh,
                scalars="field",
                name="slice",
                cmap=colours.map_of(plane),
                clim=span,
                log_scale=bends,
                lighting=False,
                reset_camera=False,
                show_scalar_bar=not self.plain,
                scalar_bar_args=bar_of(plane),
            )
        self.say(colours.title_of(plane))

    def say(self, words: str) -> None:
        """Put a title on the scene."""
        title = self.plotter.add_text(
            words, position=(0.02, 0.94), viewport=True, font_size=11, color=INK, name="title"
        )
        # A close look fills the window with colours, on which words need paper.
        title.prop.background_color, title.prop.background_opacity = "white", 0.8

    def _value(self, part: float) -> float:
        """The value of a part of the way along the colour bar."""
        assert self.plane is not None
        low, high = (float(v) for v in self.plane.shade(self.plane.limits))
        value = low + part * (high - low)
        return float(10.0**value) if self.plane.logarithmic else value

    def _surface(
        self, field: Field, time: float, member: int | str, iso: float | None, quality: tuple[float, int]
    ) -> None:
        self.plotter.remove_actor("iso", reset_camera=False, render=False)
        if iso is None:
            return
        values = self._read(field, time, member, quality, None)
        first = member if isinstance(member, int) else 0
        mesh = rectilinear(self._lattice(first, quality, None).axes, values)
        surface = mesh.contour([iso], scalars="field")
        if surface.n_points:
            self.plotter.add_mesh(
                surface, color="#0072B2", opacity=0.35, name="iso", reset_camera=False, pickable=False
            )

    def channels(self, time: float, member: int) -> None:
        """Rings around the pores, open ones and closed ones in colours of their own."""
        channels = self.results.models[member].resolved_channels
        look = (member, tuple(carries(c, time) for c in channels))
        if look == self._ringed:
            return
        self._ringed = look
        for shown, colour, name in ((True, OPEN, "open"), (False, CLOSED, "closed")):
            self.plotter.remove_actor(f"channels {name}", reset_camera=False, render=False)
            discs = [ring(c, self.pen) for c in channels if carries(c, time) is shown]
            if discs:
                self.plotter.add_mesh(
                    pv.merge(discs),
                    color=colour,
                    lighting=False,
                    name=f"channels {name}",
                    reset_camera=False,
                    show_edges=False,
                )

    def _lattice(self, member: int, quality: tuple[float, int], cut: tuple[int, float] | None) -> Lattice:
        key = (member, quality, cut)
        if key not in self._lattices:
            if len(self._lattices) > 40:
                self._lattices.clear()
            axes = axes_of(self.results.models[member], *quality)
            if cut:
                axes[cut[0]] = np.array([cut[1]])
            self._lattices[key] = Lattice(self.results, axes, member, self._cells)
        return self._lattices[key]

    def _read(self, field: Field, time: float, member: int | str, quality: Any, cut: Any) -> np.ndarray:
        key = (field.name, time, member, quality, cut)
        if key not in self._values:
            values = self._read_anew(field, time, member, quality, cut)
            while len(self._values) >= KEPT:
                self._values.pop(next(iter(self._values)))
            self._values[key] = values
        return self._values[key]

    def _read_anew(self, field: Field, time: float, member: int | str, quality: Any, cut: Any) -> np.ndarray:
        if isinstance(member, int):
            return self._lattice(member, quality, cut).of(field, time)
        every = []
        axes = self._lattice(0, quality, cut).axes
        for m in range(self.results.members):
            key = (m, quality, cut, "shared")
            if key not in self._lattices:  # members may have other channels, but are read at the same points
                self._lattices[key] = Lattice(self.results, axes, m, self._cells)
            mine = field_of(self.results.models[m], field.name, self.results.dataset.data_vars)
            every.append(self._lattices[key].of(mine, time))
        return np.asarray(np.mean(every, axis=0) if member == "mean" else np.std(every, axis=0))

    def hit(self, x: float, y: float) -> Channel | np.ndarray | None:
        """What lies under a pixel (from the lower left): a channel, a point of the slice (3,), or nothing."""
        assert self.plane is not None
        renderer = self.plotter.renderer
        member = (
            self.results.member_names.index(self.plane.member)
            if (self.results.member_names and self.plane.member in self.results.member_names)
            else 0
        )
        best, nearest = None, NEAR_CLICK
        for c in self.results.models[member].resolved_channels:
            renderer.SetWorldPoint(*c.position, 1.0)
            renderer.WorldToDisplay()
            u, v, _ = renderer.GetDisplayPoint()
            if np.hypot(u - x, v - y) < nearest:
                best, nearest = c, float(np.hypot(u - x, v - y))
        if best is not None:
            return best
        ends = []
        for depth in (0.0, 1.0):
            renderer.SetDisplayPoint(x, y, depth)
            renderer.DisplayToWorld()
            point = np.array(renderer.GetWorldPoint())
            ends.append(point[:3] / point[3])
        a, b = ends
        k, level = self.plane.axis, self.plane.level
        if a[k] == b[k]:
            return None
        spot = np.array(a + (b - a) * (level - a[k]) / (b[k] - a[k]))
        spot[k] = level
        low, high = np.array(self.box).T
        return spot if ((spot >= low) & (spot <= high)).all() else None


def _word(results: Results, member: int | str) -> str:
    if isinstance(member, str):
        return {"mean": "mean of members", "sd": "s.d. of members"}[member]
    names = results.member_names or tuple(f"member {m}" for m in range(results.members))
    return str(names[member]) if results.members > 1 else ""
