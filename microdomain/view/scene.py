"""Three-dimensional pictures by PyVista: a slice inside its box, and a closer look at the channels.

`microdomain.view.gl` says first whether VTK can draw at all; this file is imported only then.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pyvista as pv

from microdomain.view import colours, gl
from microdomain.view.furniture import SOLID, apart, furnish, split
from microdomain.view.plane import Plane

#: Height of a picture and width of its colour bar, pixels; each panel is a square.
HEIGHT, BAR = 800, 170
INK = "#303030"
#: From where the box is seen, for a slice normal to x, y, z.
VIEWS = ((1.6, -0.45, 0.5), (0.45, -1.6, 0.5), (0.55, -1.45, 1.25))


def scene(plane: Plane, off_screen: bool = True) -> pv.Plotter:
    """A plotter that shows a slice: the whole box, and beside it the channels from above.

    Parameters
    ----------
    plane : Plane
    off_screen : bool             draw into memory, without a window

    Returns
    -------
    pyvista.Plotter
    """
    if off_screen:
        with gl.off_screen():
            return _staged(plane, True)
    return _staged(plane, False)


def image(plane: Plane) -> np.ndarray:
    """The picture as an array (height, width, 3) of bytes."""
    with gl.off_screen():
        plotter = _staged(plane, True)
        try:
            return np.asarray(plotter.screenshot(return_img=True))
        finally:
            plotter.close()


def _staged(plane: Plane, off_screen: bool) -> pv.Plotter:
    """Panels from left to right: the whole, the closer look where there is one, the colour bar."""
    panels = 2 if plane.near else 1
    plotter: Any = pv.Plotter(
        shape=(1, panels + 1),
        col_weights=[HEIGHT] * panels + [BAR],
        off_screen=off_screen,
        window_size=[HEIGHT * panels + BAR, HEIGHT],
        border=False,
    )
    plotter.set_background("white", all_renderers=True)
    surface = _surface(plane)
    _whole(plotter, plane, surface)
    if plane.near:
        plotter.subplot(0, 1)
        _close(plotter, plane, surface, plane.near)
    plotter.subplot(0, panels)
    _bar(plotter, plane)
    plotter.subplot(0, 0)
    return plotter


def repaint(plotter: pv.Plotter, plane: Plane, before: Plane) -> None:
    """Show another frame of the same plane in a plotter that `scene` made.

    Parameters
    ----------
    plotter : pyvista.Plotter
    plane : Plane                 same mesh and same colours as `before`
    before : Plane                what the plotter shows
    """
    stage: Any = plotter
    surface = _surface(plane)
    # Else VTK would draw the scene anew after each change.
    stage.suppress_rendering = True
    for panel in range(2 if plane.near else 1):
        stage.subplot(0, panel)
        stage.actors["slice"].mapper.dataset.point_data["shade"][:] = surface.point_data["shade"]
        width = plane.near[0][1] - plane.near[0][0] if panel and plane.near else _size(plane)
        _contours(stage, plane, surface, lift=0.002 * width)
        if plane.open != before.open and (panel or not plane.near):
            _rings(
                stage,
                plane,
                width if panel else plane.box[plane.across[0]][1] - plane.box[plane.across[0]][0],
            )
    stage.subplot(0, 0)
    _title(stage, plane)
    stage.suppress_rendering = False


def _surface(plane: Plane) -> pv.PolyData:
    """The part of the slice that is fluid."""
    surface = pv.PolyData.from_regular_faces(plane.points, plane.triangles)
    surface.point_data[plane.field] = plane.values
    surface.point_data["shade"] = plane.shade(plane.values)
    return surface if plane.model is None or not plane.model.obstacles else split(surface, plane.model)[0]


def _solid(plotter: Any, plane: Plane) -> None:
    """The part of the slice that is not."""
    if plane.model is not None and plane.model.obstacles:
        mesh = split(pv.PolyData.from_regular_faces(plane.points, plane.triangles), plane.model)[1]
        if mesh.n_points:
            plotter.add_mesh(mesh, color=SOLID, lighting=False)


def _size(plane: Plane) -> float:
    return max(b - a for a, b in plane.box)


def _title(plotter: Any, plane: Plane) -> None:
    plotter.add_text(
        colours.title_of(plane), position=(0.03, 0.93), viewport=True, font_size=13, color=INK, name="title"
    )


def _whole(plotter: Any, plane: Plane, surface: pv.PolyData) -> None:
    """The slice inside the outline of the box, seen from above and in front."""
    (x0, x1), (y0, y1), (z0, z1) = plane.box
    size = _size(plane)
    _paint(plotter, plane, surface, lift=0.002 * size)
    for edge in _edges(plane):
        plotter.add_mesh(pv.Line(*edge), color=INK, line_width=1.5, lighting=False)
    if plane.model is not None:
        furnish(plotter, plane.model, apart(plane), 0.008 * size)
    if plane.near:
        (a0, a1), (b0, b1) = plane.near
        corners = np.full((5, 3), plane.level)
        corners[:, plane.across[0]] = [a0, a1, a1, a0, a0]
        corners[:, plane.across[1]] = [b0, b0, b1, b1, b0]
        frame = pv.lines_from_points(_lifted(plane, corners, 0.003 * size))
        plotter.add_mesh(frame, color="white", line_width=2.5, lighting=False)
    else:
        _rings(plotter, plane, plane.box[plane.across[0]][1] - plane.box[plane.across[0]][0])
    for text, spot, side in (
        (
            f"x  {colours.length_of(x1 - x0)}",
            (0.5 * (x0 + x1), y0 - 0.09 * size, z0),
            "right" if plane.axis == 0 else "center",
        ),
        (f"y  {colours.length_of(y1 - y0)}", (x1 + 0.05 * size, 0.5 * (y0 + y1), z0), "left"),
        (f"z  {colours.length_of(z1 - z0)}", (x1 + 0.02 * size, y1, z0 + 0.5 * (z1 - z0)), "left"),
    ):
        plotter.add_point_labels(
            [spot],
            [text],
            shape=None,
            show_points=False,
            always_visible=True,
            text_color=INK,
            font_size=16,
            bold=False,
            justification_horizontal=side,
        )
    _title(plotter, plane)
    plotter.view_vector(VIEWS[plane.axis], viewup=(0, 0, 1))
    plotter.camera.view_angle = 20.0
    plotter.reset_camera(bounds=[v for side in plane.box for v in side])
    plotter.camera.zoom(0.92)


def _edges(plane: Plane) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """The box's edges, without the three that meet in the corner nearest to the viewer."""
    nearest = tuple(
        side[1] if toward > 0 else side[0] for side, toward in zip(plane.box, VIEWS[plane.axis], strict=True)
    )
    corners = list(product(*plane.box))
    pairs = [
        (a, b) for a, b in combinations(corners, 2) if sum(u != v for u, v in zip(a, b, strict=True)) == 1
    ]
    return [(a, b) for a, b in pairs if nearest not in (a, b)]


def _close(plotter: Any, plane: Plane, surface: pv.PolyData, near: Any) -> None:
    """The channels from straight above, without perspective."""
    (a0, a1), (b0, b1) = near
    _paint(plotter, plane, surface, lift=0.002 * (a1 - a0))
    _rings(plotter, plane, a1 - a0)
    _scale_bar(plotter, plane, near)
    middle = np.full(3, plane.level)
    middle[list(plane.across)] = 0.5 * (a0 + a1), 0.5 * (b0 + b1)
    toward = np.zeros(3)
    toward[plane.axis] = -1.0 if plane.axis == 1 else 1.0
    up = np.zeros(3)
    up[plane.across[1]] = 1.0
    plotter.enable_parallel_projection()
    plotter.camera.focal_point = middle
    plotter.camera.position = middle + toward
    plotter.camera.up = up
    plotter.camera.parallel_scale = 0.5 * (b1 - b0)
    plotter.camera.clipping_range = (0.01, 5.0)


def _paint(plotter: Any, plane: Plane, surface: pv.PolyData, lift: float) -> None:
    _solid(plotter, plane)
    _coloured(plotter, plane, surface, name="slice")
    _contours(plotter, plane, surface, lift)


def _contours(plotter: Any, plane: Plane, surface: pv.PolyData, lift: float) -> None:
    levels = colours.lines_of(plane)
    lines = surface.contour(plane.shade(levels), scalars="shade") if levels else pv.PolyData()
    if lines.n_points:
        lines.points = _lifted(plane, np.asarray(lines.points), lift)
        ink = "#606060" if plane.diverging else "white"
        plotter.add_mesh(lines, color=ink, line_width=1.2, opacity=0.6, lighting=False, name="lines")
    else:
        plotter.remove_actor("lines", reset_camera=False)


def _coloured(plotter: Any, plane: Plane, mesh: pv.PolyData, name: str | None = None) -> None:
    """A mesh in the colours of the field; slice and bar both pass here, so that they agree."""
    plotter.add_mesh(
        mesh,
        scalars="shade",
        cmap=colours.map_of(plane),
        clim=plane.shade(plane.limits).tolist(),
        # VTK's lights would darken the slice below the colours of its own bar.
        lighting=False,
        show_scalar_bar=False,
        copy_mesh=True,
        name=name,
    )


def _bar(plotter: Any, plane: Plane) -> None:
    """The colour bar in a panel of its own: a painted strip, round numbers beside it.

    VTK's own bar sits on top of the picture, and names the ends and equal parts of the range only.
    """
    low, high = plane.shade(plane.limits)
    part = np.linspace(0.0, 1.0, 256)
    wide = BAR / HEIGHT
    left, right, bottom, top = 0.12 * wide, 0.38 * wide, 0.08, 0.88
    y = bottom + (top - bottom) * part
    corners = np.array([(x, each, 0.0) for each in y for x in (left, right)])
    first = 2 * np.arange(part.size - 1)[:, None]
    strip = pv.PolyData.from_regular_faces(corners, (first + [0, 1, 3, 2]).tolist())
    strip.point_data["shade"] = np.repeat(low + (high - low) * part, 2)
    _coloured(plotter, plane, strip)
    for tick in colours.ticks_of(plane):
        at = bottom + (top - bottom) * float((plane.shade(tick) - low) / (high - low))
        plotter.add_mesh(
            pv.Line((right, at, 0), (right + 0.01, at, 0)), color=INK, line_width=1.5, lighting=False
        )
        text = colours.number_of(plane, tick)
        plotter.add_text(text, position=(0.48, at - 0.013), viewport=True, font_size=11, color=INK)
    plotter.add_text(colours.label_of(plane), position=(0.08, 0.93), viewport=True, font_size=12, color=INK)
    plotter.enable_parallel_projection()
    plotter.camera.focal_point = (0.5 * wide, 0.5, 0.0)
    plotter.camera.position = (0.5 * wide, 0.5, 1.0)
    plotter.camera.up = (0.0, 1.0, 0.0)
    plotter.camera.parallel_scale = 0.5
    plotter.camera.clipping_range = (0.1, 2.0)


def _rings(plotter: Any, plane: Plane, width: float) -> None:
    """Channels as rings just above the slice: white, on a dark rim; closed ones dark only."""
    pen = 0.004 * width
    for number, (centre, radius, is_open) in enumerate(colours.rings_of(plane, width)):
        colour = "white" if is_open else "#909090"
        for half, ink, lift in ((1.5 * pen, "black", 0.004), (0.75 * pen, colour, 0.006)):
            middle = np.full(3, plane.level)
            middle[list(plane.across)] = centre
            disc = pv.Disc(
                center=middle,
                inner=max(0.0, radius - half),
                outer=radius + half,
                normal=np.eye(3)[plane.axis],
                c_res=64,
            )
            disc.points = _lifted(plane, np.asarray(disc.points), lift * width)
            plotter.add_mesh(disc, color=ink, lighting=False, name=f"ring {number} {half}")


def _scale_bar(plotter: Any, plane: Plane, near: Any) -> None:
    (a0, a1), (b0, b1) = near
    length = next((s for s in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if s < 0.35 * (a1 - a0)), 0.01)
    ends = np.full((2, 3), plane.level)
    ends[:, plane.across[0]] = a0 + 0.05 * (a1 - a0), a0 + 0.05 * (a1 - a0) + length
    ends[:, plane.across[1]] = b0 + 0.05 * (b1 - b0)
    plotter.add_mesh(
        pv.lines_from_points(_lifted(plane, ends, 0.008 * (a1 - a0))),
        color="white",
        line_width=5,
        lighting=False,
    )
    plotter.add_text(
        f"{1e3 * length:g} nm", position=(0.05, 0.065), viewport=True, font_size=11, color="white"
    )


def _lifted(plane: Plane, points: np.ndarray, by: float) -> np.ndarray:
    """Points moved off the slice toward the viewer, so that lines are not swallowed by it."""
    moved = np.array(points, float)
    moved[:, plane.axis] += -by if plane.axis == 1 else by
    return moved
