"""What stands in the box besides channels: obstacles, tissue, outlines of patches, probes with names.

Obstacles are solid: no ion passes them, and fields have no value inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv

from microdomain.model.obstacles import Block, Inside
from microdomain.model.patches import Circle
from microdomain.model.triangles import Surface

if TYPE_CHECKING:
    from microdomain.model import HeldPatch, Model, Pump
    from microdomain.view.plane import Plane

#: Okabe and Ito's green for pumps, purple for what is held, orange for tissue; grey for what is solid.
PUMP, HELD, TISSUE, SOLID, INK = "#009E73", "#CC79A7", "#E69F00", "#9A9A9A", "#303030"
#: Opacity of an obstacle, of the wall of a cell that the box is the inside of, and of a region of tissue.
OBSTACLE, CELL, REGION = 0.4, 0.12, 0.12
#: Points along each side of an obstacle's bounds between which its surface is found.
POINTS = 48


def furnish(plotter: Any, model: Model, probes: dict[str, Any], size: float) -> None:
    """Put obstacles, regions of tissue, pumped and held patches and probes into a scene.

    Parameters
    ----------
    plotter : pyvista.Plotter
    model : Model
    probes : dict                 name -> (x, y, z), um
    size : float, um              radius of a probe
    """
    quiet: dict[str, Any] = {"pickable": False, "reset_camera": False}
    for k, (mesh, opacity) in enumerate(surfaces_of(model)):
        plotter.add_mesh(
            mesh, color=SOLID, opacity=opacity, smooth_shading=True, name=f"obstacle {k}", **quiet
        )
    for k, mesh in enumerate(regions_of(model)):
        plotter.add_mesh(mesh, color=TISSUE, opacity=REGION, lighting=False, name=f"tissue {k}", **quiet)
    for kind, colour, patches in (("pump", PUMP, model.pumps), ("held", HELD, model.held)):
        for k, outline in enumerate(outlines_of(model, patches)):
            plotter.add_mesh(
                outline, color=colour, line_width=3, lighting=False, name=f"{kind} {k}",
                render_lines_as_tubes=False, **quiet,
            )  # fmt: skip
    for name, place in probes.items():
        plotter.add_mesh(
            pv.Sphere(radius=size, center=place), color=INK, lighting=False, name=f"probe {name}", **quiet
        )
    if probes:
        plotter.add_point_labels(
            list(probes.values()),
            list(probes),
            shape="rounded_rect",
            shape_color="white",
            shape_opacity=0.7,
            margin=2,
            show_points=False,
            always_visible=True,
            text_color=INK,
            font_size=13,
            bold=False,
            name="probes",
            reset_camera=False,
        )


def surfaces_of(model: Model) -> list[tuple[pv.PolyData, float]]:
    """The surface of every obstacle as far as it is in the box, and its opacity.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of (PolyData, float)
    """
    out = []
    for obstacle in model.obstacles:
        cell = isinstance(obstacle, Inside)
        shape = obstacle.shape if isinstance(obstacle, Inside) else obstacle
        mesh = _surface(shape, model)
        if mesh.n_points:
            out.append((mesh, CELL if cell else OBSTACLE))
    return out


def regions_of(model: Model) -> list[pv.PolyData]:
    """The surface of every shape that tissue fills, as far as it is in the box; the whole box has none.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of PolyData
    """
    found = [_surface(one.shape, model) for one in model.tissue if one.shape is not None]
    return [mesh for mesh in found if mesh.n_points]


def _surface(shape: Any, model: Model) -> pv.PolyData:
    sides = [(max(a, low), min(b, high)) for (a, b), (low, high) in zip(shape.bounds, model.box, strict=True)]
    if isinstance(shape, Block):
        return pv.Box([v for side in sides for v in side])
    if isinstance(shape, Surface):
        whole = pv.PolyData.from_regular_faces(np.asarray(shape.points, float), np.asarray(shape.triangles))
        box = [v for side in model.box for v in side]
        return whole.clip_box(box, invert=False).extract_surface(algorithm=None)
    return _contour(shape, sides)


def _contour(shape: Any, sides: list[tuple[float, float]]) -> pv.PolyData:
    """Where the distance to a shape is 0; read a little beyond its bounds, so that it is closed."""
    axes = [np.linspace(a - 0.01 * (b - a), b + 0.01 * (b - a), POINTS) for a, b in sides]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    grid = pv.RectilinearGrid(*axes)
    grid.point_data["distance"] = np.asarray(shape.distance(x, y, z), float).ravel()
    return grid.contour([0.0], scalars="distance")


def apart(plane: Plane) -> dict[str, tuple[float, float, float]]:
    """Probes of a slice that stand apart from its channels, which the names of others would hide.

    Parameters
    ----------
    plane : Plane

    Returns
    -------
    dict                          name -> (x, y, z), um
    """
    if plane.near is None:
        return plane.probes
    window = list(zip(plane.across, plane.near, strict=True))
    among = [n for n, at in plane.probes.items() if all(low <= at[k] <= high for k, (low, high) in window)]
    return {name: at for name, at in plane.probes.items() if name not in among}


def filled_from_fluid(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values with those of the nearest fluid in the place of NaN, so that what is drawn has no ragged edge.

    Parameters
    ----------
    values : array (P,)
    points : array (P, 3), um

    Returns
    -------
    array (P,)
    """
    from scipy.spatial import cKDTree

    values = np.array(values, float)
    gone = np.isnan(values)
    if gone.any() and not gone.all():
        values[gone] = values[~gone][cKDTree(points[~gone]).query(points[gone])[1]]
    return values


def cut_free(mesh: pv.PolyData, model: Model, solid: bool = False) -> pv.PolyData:
    """The part of a mesh that is not in an obstacle, or the part that is.

    Parameters
    ----------
    mesh : PolyData
    model : Model
    solid : bool

    Returns
    -------
    PolyData
    """
    if not model.obstacles or not mesh.n_points:
        return mesh
    places = np.asarray(mesh.points, float)
    mesh.point_data["distance"] = np.min([o.distance(*places.T) for o in model.obstacles], axis=0)
    return mesh.clip_scalar(scalars="distance", invert=solid)


def split(surface: pv.PolyData, model: Model) -> tuple[pv.PolyData, pv.PolyData]:
    """A slice beside obstacles, cut along their surfaces; points in the solid take a value next to them.

    Parameters
    ----------
    surface : PolyData            with NaN in obstacles
    model : Model

    Returns
    -------
    (fluid, solid)
    """
    points = np.asarray(surface.points, float)
    for name in list(surface.point_data):
        surface.point_data[name] = filled_from_fluid(surface.point_data[name], points)
    return cut_free(surface, model), cut_free(surface, model, solid=True)


def outlines_of(model: Model, those: Sequence[Pump] | Sequence[HeldPatch]) -> list[pv.PolyData]:
    """The rim of every patch of a face; what covers a whole face has none.

    Parameters
    ----------
    model : Model
    those : sequence of Pump or HeldPatch

    Returns
    -------
    list of PolyData
    """
    out = []
    for one in those:
        if one.patch is None:
            continue
        axis = "xyz".index(one.face[0])
        a, b = (k for k in range(3) if k != axis)
        low, high = model.box[axis]
        # A hair inside the box, or the slice there would swallow it.
        lift = 0.002 * max(q - p for p, q in model.box)
        if isinstance(one.patch, Circle):
            angle = np.linspace(0.0, 2 * np.pi, 65)
            first = one.patch.centre[0] + one.patch.radius * np.cos(angle)
            second = one.patch.centre[1] + one.patch.radius * np.sin(angle)
        else:
            (a0, a1), (b0, b1) = one.patch.ends
            first, second = np.array([a0, a1, a1, a0, a0]), np.array([b0, b0, b1, b1, b0])
        points = np.full((first.size, 3), high - lift if one.face[1] == "+" else low + lift)
        points[:, a], points[:, b] = first, second
        out.append(pv.lines_from_points(points))
    return out
