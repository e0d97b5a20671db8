"""Pictures in depth: isosurfaces, and volumes of coloured fog.

The field is read on points of its own, near field included, dense around the channels for surfaces and even
for volumes.  Volumes are drawn with an opacity per length, not per cell: a finer reading looks the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.view import gl
from microdomain.view.picture import SOLID, check_file, headless, show_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from microdomain.results import Results
    from microdomain.view.fields import Field
    from microdomain.view.plane import Plane

#: Where a person can look from; see `microdomain.view.stage.Stage.look`.
CAMERAS = ("above", "close", "x", "y", "z")
#: Points of a volume along its longest side; length (um) over which its densest part hides what is behind.
POINTS, HIDES = 96, 0.1
#: Opacity from the lowest colour to the highest: clear up to the middle, so that the fog has no walls.
FOG = [0.0, 0.0, 0.0, 0.02, 0.06, 0.15, 0.3, 0.6, 0.9]


class Solid:
    """Isosurfaces or a volume, ready to be shown or saved.  Made by `isosurfaces` and `volume`.

    Parameters
    ----------
    results : Results
    field : Field
    time : float, ms              recorded
    member : int
    levels : sequence of float    values of isosurfaces, in the field's unit; None: a volume
    camera : str                  one of `CAMERAS`

    Raises
    ------
    ValueError                    a camera or a member that is not there
    RuntimeError                  VTK cannot draw here; with what to install
    """

    def __init__(
        self,
        results: Results,
        field: Field,
        time: float,
        member: int,
        levels: Sequence[float] | None,
        camera: str,
    ) -> None:
        if camera not in CAMERAS:
            raise ValueError(f"camera = {camera!r}: give one of {', '.join(map(repr, CAMERAS))}.")
        reason = gl.missing()
        if reason:
            raise RuntimeError(f"Pictures in depth cannot be flat. {reason}")
        self.results, self.field, self.time, self.member = results, field, time, member
        self.levels, self.camera = levels, camera

    @property
    def title(self) -> str:
        """What the picture shows, in a line."""
        from microdomain.report_text import milliseconds
        from microdomain.view import colours

        what = "" if self.levels is None else " = " + ", ".join(f"{v:.3g}" for v in self.levels)
        plane = self._plane(np.zeros(1))
        unit = "" if self.levels is None or self.field.unit == "1" else f" {self.field.unit}"
        return f"{colours.name_of(plane)}{what}{unit}, t = {milliseconds(self.time)}"

    def plotter(self) -> Any:
        """The scene as a PyVista plotter, to which more can be added."""
        from microdomain.view.stage import Stage

        stage = Stage(self.results)
        if self.levels is None:
            self._fog(stage)
        else:
            self._surfaces(stage)
        stage.channels(self.time, self.member)
        stage.look(self.camera)
        stage.say(self.title)
        return stage.plotter

    def image(self, transparent: bool = False) -> np.ndarray:
        """The picture, (height, width, 3), or 4 with a transparent background."""
        plotter = self.plotter()
        try:
            plotter.render()
            return np.asarray(plotter.screenshot(return_img=True, transparent_background=transparent))
        finally:
            plotter.close()

    def save(self, path: str | Path, transparent: bool = False) -> Path:
        """Draw to a file; its ending says the format.

        Parameters
        ----------
        path : str or Path
        transparent : bool            no background; for .png and .tif

        Returns
        -------
        Path
        """
        from PIL import Image

        path = check_file(path)
        if path.suffix.lower() not in SOLID:
            raise ValueError(f"'{path}': a picture in depth is saved as {', '.join(SOLID)}.")
        Image.fromarray(self.image(transparent)).save(path)
        return path

    def show(self) -> None:
        """Show it: in a window where there is a display, else in the notebook, else say where it is."""
        if headless():
            show_image(self)
        else:
            self.plotter().show()

    def _repr_png_(self) -> bytes:
        """What a notebook displays."""
        import io

        from PIL import Image

        held = io.BytesIO()
        Image.fromarray(self.image()).save(held, format="png")
        return held.getvalue()

    @property
    def _turned(self) -> bool:
        """Whether there is most calcium where the field is lowest, as with a potential."""
        return self.field.kind == "potential"

    # -- what is drawn -------------------------------------------------------------------------

    def _plane(self, values: np.ndarray) -> Plane:
        """Values with the words and colours of their field."""
        from microdomain.view.plane import staged

        points = (np.zeros((values.size, 3)), np.zeros((0, 3), int), values)
        return staged(self.results, self.field, points, 2, 0.0, self.time, self.member)

    def _surfaces(self, stage: Any) -> None:
        import pyvista as pv

        from microdomain.view import colours
        from microdomain.view.furniture import cut_free, filled_from_fluid
        from microdomain.view.lattice import Lattice, axes_of
        from microdomain.view.props import bar_of

        axes = axes_of(self.results.models[self.member], 0.005, 40)
        plane = self._plane(Lattice(self.results, axes, self.member).of(self.field, self.time).ravel())
        grid = pv.RectilinearGrid(*axes)
        # Between points the logarithm runs straighter, so that surfaces follow it.
        shade, model = plane.shade(plane.values), self.results.models[self.member]
        grid.point_data["shade"] = (
            filled_from_fluid(shade, np.asarray(grid.points)) if model.obstacles else shade
        )
        found = [
            cut_free(grid.contour([float(plane.shade(v))], scalars="shade"), model) for v in self.levels or ()
        ]
        kept = [(v, mesh) for v, mesh in zip(self.levels or (), found, strict=True) if mesh.n_points]
        low, high = plane.limits
        if not kept:
            raise ValueError(
                f"No surface at {', '.join(f'{v:g}' for v in self.levels or ())} {self.field.unit}: "
                f"the field spans {low:.4g} to {high:.4g}."
            )
        for value, mesh in kept:
            mesh["field"] = np.full(mesh.n_points, value)
            stage.plotter.add_mesh(
                mesh,
                scalars="field",
                cmap=colours.map_of(plane),
                clim=(low, high),
                log_scale=plane.logarithmic,
                opacity=0.9 if len(kept) == 1 else 0.45,
                smooth_shading=True,
                scalar_bar_args=bar_of(plane),
            )

    def _fog(self, stage: Any) -> None:
        import pyvista as pv

        from microdomain.view import colours
        from microdomain.view.lattice import Lattice
        from microdomain.view.props import bar_of

        sides = []
        for (a, b), (low, high) in zip(stage.around(), self.results.models[self.member].box, strict=True):
            # Half as much again on each side: there the fog has thinned out.
            sides.append((max(1.5 * a - 0.5 * b, low), min(1.5 * b - 0.5 * a, high)))
        step = max(b - a for a, b in sides) / POINTS
        axes = [np.linspace(a, b, max(8, round((b - a) / step) + 1)) for a, b in sides]
        plane = self._plane(Lattice(self.results, axes, self.member).of(self.field, self.time).ravel())
        image = pv.ImageData(
            dimensions=[a.size for a in axes],
            spacing=[a[1] - a[0] for a in axes],
            origin=[a[0] for a in axes],
        )
        low, high = (float(v) for v in plane.shade(plane.limits))
        # Colour and opacity follow the same shade; VTK's logarithm would bend the colour only.
        shade = np.clip(plane.shade(plane.values), low, high)
        # Obstacles are as clear as the fluid at rest.
        image.point_data["shade"] = np.where(np.isnan(shade), high if self._turned else low, shade)
        stage.plotter.add_volume(
            image,
            scalars="shade",
            cmap=colours.map_of(plane),
            clim=(low, high),
            # Dense where there is most calcium, which is where a potential is lowest.
            opacity=FOG[::-1] if self._turned else FOG,
            opacity_unit_distance=HIDES,
            show_scalar_bar=False,
        )
        unseen = pv.PolyData(np.full((2, 3), image.center))
        unseen.point_data["field"] = plane.limits
        stage.plotter.add_mesh(
            unseen,
            scalars="field",
            cmap=colours.map_of(plane),
            clim=plane.limits,
            log_scale=plane.logarithmic,
            opacity=0.0,
            scalar_bar_args=bar_of(plane),
        )


def solid(
    results: Results,
    field: str | None,
    time: float | None,
    levels: Sequence[float] | int | None,
    member: int,
    V: float | None,
    g: float | None,
    camera: str,
) -> Solid:
    """A picture in depth; `levels` are values, or how many evenly between the ends, or None for a volume.

    Parameters
    ----------
    results : Results
    field, time, member, V, g         as in `microdomain.view.slice`
    levels : sequence, int or None
    camera : str                      one of `CAMERAS`

    Returns
    -------
    Solid
    """
    from microdomain.view.fields import field_of
    from microdomain.view.lattice import Lattice, axes_of
    from microdomain.view.plane import check_cut, frame_time

    model = check_cut(results, 2, results.model.box[2][0], member)
    wanted = field_of(model, field, results.dataset.data_vars, V, g)
    t = frame_time(results, time, member)
    made = Solid(results, wanted, t, member, None, camera)
    if isinstance(levels, int):
        values = Lattice(results, axes_of(model, 0.01, 24), member).of(wanted, t)
        plane = made._plane(values.ravel())
        low, high = (
            plane.shade(np.nanmin(values) if plane.diverging else plane.limits[0]),
            plane.shade(np.nanmax(values)),
        )
        inner = np.linspace(low, high, levels + 2)[1:-1]
        levels = [float(10.0**v if plane.logarithmic else v) for v in inner]
    made.levels = levels
    return made
