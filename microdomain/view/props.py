"""Parts of a scene that several pictures share: rings around pores, meshes of lattices, the colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv

from microdomain.view import colours

if TYPE_CHECKING:
    from microdomain.model import Channel
    from microdomain.view.plane import Plane

INK = "#303030"


def ring(channel: Channel, pen: float) -> Any:
    """A ring around a pore, or along the rim of a round mouth, a little above the membrane.

    A slice there would swallow it otherwise.
    """
    middle = np.array(channel.position) + 0.1 * pen * np.array(channel.normal)
    outer = max(channel.pore if channel.mouth is None else channel.mouth.radius, 0.6 * pen)
    return pv.Disc(
        center=middle, inner=max(0.6 * outer, outer - 0.4 * pen), outer=outer, normal=channel.normal, c_res=24
    )


def bar_of(plane: Plane) -> dict[str, Any]:
    """How the colour bar of a scene is laid out: upright, beside it, with the unit."""
    return {
        "title": colours.label_of(plane) + "\n",
        "vertical": True,
        "position_x": 0.88,
        "position_y": 0.15,
        "height": 0.7,
        "width": 0.05,
        "fmt": "%.3g",
        "color": INK,
        "n_labels": 5,
        "fill": True,
        "background_color": "white",
    }


def rectilinear(axes: Any, values: np.ndarray) -> Any:
    """Points x, y, z as a mesh with values (z, y, x)."""
    mesh = pv.RectilinearGrid(*axes).cast_to_structured_grid()
    mesh.point_data["field"] = values.ravel()
    return mesh
