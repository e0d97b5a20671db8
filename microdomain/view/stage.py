"""The scene of the page in the browser: a slice that moves, an isosurface, channels, probes.

Everything drawn is read anew from the result, near field included, on a `Lattice`; while something is
dragged on a coarser one.  It also knows what a click hits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv

from microdomain.view import colours, gl
from microdomain.view.fields import Field, field_of
from microdomain.view.furniture import cut_free, filled_from_fluid, furnish
from microdomain.view.looks import DRAGGED, FINE, ROUGH, SURFACE, Looks
from microdomain.view.plane import Plane, carries, probes_of
from microdomain.view.props import INK, bar_of, rectilinear, ring

if TYPE_CHECKING:
    from microdomain.model import Channel
    from microdomain.results import Results

OPEN, CLOSED = "#D55E00", "#808080"
#: A click this near to a channel (pixels) means the channel.
NEAR_CLICK = 12.0


class Stage:
    """A plotter and what is in it.

    Parameters
    ----------
    results : Results
    size : (int, int)             of the window, pixels
    looks : Looks, optional       readings of the result, where there are some already
    """

    def __init__(
        self, results: Results, size: tuple[int, int] = (1100, 760), looks: Looks | None = None
    ) -> None:
        make: Any = pv.Plotter
        with gl.off_screen():
            self.plotter: Any = make(off_screen=True, window_size=list(size))
        self.plotter.set_background("white")
        # Logarithms as values, no bar: a page draws its own, of any size and with round numbers.
        self.plain = False
        self.show(results, looks)

    def show(self, results: Results, looks: Looks | None = None) -> None:
        """Begin with another result; `looks` are its readings where there are some already."""
        self.results = results
        self.box = results.model.box
        self.looks = looks or Looks(results)
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
        furnish(self.plotter, results.model, probes_of(results), 0.5 * self.pen)
        self.look("above")

    def around(self) -> list[tuple[float, float]]:
        """The channels' surroundings, or the box where there are none."""
        spots = np.array([c.position for c in self.results.model.resolved_channels]).reshape(-1, 3)
        if not len(spots):
            return list(self.box)
        half = max(0.5 * float(np.ptp(spots, axis=0).max()), 0.05) * 1.6
        middle = 0.5 * (spots.min(axis=0) + spots.max(axis=0))
        return [(float(m) - half, float(m) + half) for m in middle]

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
        first = member if isinstance(member, int) else 0
        self.plane, axes = self.looks.plane(
            field, time, axis, level, member, log, DRAGGED if dragged else FINE
        )
        mesh = rectilinear(axes, self.plane.values)
        wanted = field_of(self.results.models[first], field, self.results.dataset.data_vars)
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
        span, bends = plane.limits, bool(plane.log)
        if self.plain and bends:
            mesh.point_data["field"] = plane.shade(mesh.point_data["field"])
            low, high = plane.shade(plane.limits)
            span, bends = (float(low), float(high)), False
        if look == self._drawn:  # only the values changed
            self.plotter.actors["slice"].mapper.dataset = mesh
        else:
            self._drawn = look
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

    def barred(self, again: Callable[[], Any]) -> np.ndarray:
        """The scene with its bar, as a picture (height, width, 3); `again` draws it anew."""
        before = self.plain
        self.plain, self._drawn = False, None
        again()
        self.plotter.render()
        image = np.asarray(self.plotter.screenshot(return_img=True))
        self.plain, self._drawn = before, None
        again()
        return image

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
        values = self.looks.read(field, time, member, quality, None)
        first = member if isinstance(member, int) else 0
        mesh = rectilinear(self.looks.axes(first, quality, None), values)
        model = self.results.models[first]
        if model.obstacles:
            mesh.point_data["field"] = filled_from_fluid(mesh.point_data["field"], np.asarray(mesh.points))
        surface = cut_free(mesh.contour([iso], scalars="field"), model)
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
