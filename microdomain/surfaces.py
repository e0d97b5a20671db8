"""Closed surfaces from files: any STL, VTK, PLY or OBJ that PyVista reads, as an obstacle.

PyVista is imported inside the one function that reads; the points and triangles become part of the model,
and so of its hash, its TOML and every result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microdomain.model import Surface


def read(
    path: str | Path, *, unit: float = 1.0, offset: Sequence[float] = (0.0, 0.0, 0.0), name: str = "surface"
) -> Surface:
    """A closed surface from a file.

    Parameters
    ----------
    path : path
    unit : float, um              length of one unit of the file; 1e-3 where it is in nm
    offset : (x, y, z), um        added to its points, after the unit
    name : str

    Returns
    -------
    Surface                       an obstacle; ``Inside(surface)`` makes the cell of it

    Raises
    ------
    ImportError                   PyVista is missing
    ValueError                    a file that cannot be read, or a surface that is not closed, naming the file
    """
    try:
        import pyvista
    except ImportError:
        raise ImportError(f'Reading {path} needs PyVista; pip install "microdomain[view]".') from None
    if not Path(path).is_file():
        raise ValueError(f"Surface {str(path)!r} does not exist.")
    try:
        mesh = pyvista.read(path)
        whole = mesh if isinstance(mesh, pyvista.PolyData) else mesh.extract_surface(algorithm=None)
        triangles = whole.triangulate().clean()
    except Exception as error:  # readers of many formats raise whatever they like
        raise ValueError(f"Surface {str(path)!r} cannot be read: {error}.") from None
    corners = np.asarray(triangles.faces).reshape(-1, 4)[:, 1:]
    points = np.asarray(triangles.points, dtype=float) * unit + np.asarray(offset, dtype=float)
    open_edges = int(triangles.n_open_edges)
    if open_edges:
        raise ValueError(
            f"Surface {str(path)!r} is not closed: it has {open_edges} open edges. Close its holes, e.g. in "
            "MeshLab or with pyvista's fill_holes(), and save it again."
        )
    return Surface(tuple(map(tuple, points.tolist())), tuple(map(tuple, corners.tolist())), name)
