"""A closed surface of triangles, and which points lie inside, by counting crossings along z."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from microdomain.model import checks
from microdomain.model.given import Taken, part

if TYPE_CHECKING:
    import numpy as np

Vector = tuple[float, float, float]
Bounds = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
#: Lines along z are moved by these tiny lengths (um), so that none passes through an edge.
ASIDE = (1.7e-7, 1.1e-7)


def vector(given: Any, what: str, **limits: float) -> Vector:
    """Three checked lengths (x, y, z) in um; `what` names them in an error."""
    try:
        numbers = tuple(given)
    except TypeError:
        numbers = ()
    if len(numbers) != 3:
        raise ValueError(f"{what} = {given!r}; give three lengths (x, y, z) in um.")
    x, y, z = (checks.number(v, what, "um", **limits) for v in numbers)
    return x, y, z


@part()
class Surface:
    """A closed surface of triangles; `microdomain.surfaces.read` reads one from an STL or VTK file.

    Parameters
    ----------
    points : sequence of (x, y, z), um
    triangles : sequence of (i, j, k)     corners of each triangle as numbers of points
    name : str

    Raises
    ------
    ValueError                    a surface with open edges, saying how many there are
    """

    points: Taken[Iterable[Iterable[float]], tuple[Vector, ...]]
    triangles: Taken[Iterable[Sequence[int]], tuple[tuple[int, int, int], ...]]
    name: str = "surface"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        points = tuple(vector(p, f"{who}: a point") for p in self.points)
        triangles = tuple((int(t[0]), int(t[1]), int(t[2])) for t in self.triangles)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "triangles", triangles)
        if len(triangles) < 4 or not all(0 <= k < len(points) for t in triangles for k in t):
            raise ValueError(f"{who}: {len(triangles)} triangles on {len(points)} points enclose nothing.")
        edges: dict[tuple[int, int], int] = {}
        for a, b, c in triangles:
            for edge in ((a, b), (b, c), (c, a)):
                key = (min(edge), max(edge))
                edges[key] = edges.get(key, 0) + 1
        open_edges = sum(n % 2 for n in edges.values())
        if open_edges:
            raise ValueError(
                f"{who} is not closed: {open_edges} of its {len(edges)} edges belong to one triangle only. "
                "Close its holes and merge double points, e.g. in MeshLab or with pyvista's clean() and "
                "fill_holes()."
            )

    @cached_property
    def bounds(self) -> Bounds:
        """(lower, upper) along x, y and z, um."""
        x, y, z = ((min(p[k] for p in self.points), max(p[k] for p in self.points)) for k in range(3))
        return x, y, z

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Distance of points to the surface's bounding box, um; 0 inside of that."""
        import numpy as np

        q = [
            np.maximum(np.maximum(low - p, p - high), 0.0)
            for p, (low, high) in zip((x, y, z), self.bounds, strict=True)
        ]
        return np.asarray(np.sqrt(sum(one**2 for one in q)))


def enclosed(points: Any, triangles: Any, x: Any, y: Any, z: Any) -> np.ndarray:
    """Whether points lie inside a closed surface.

    A line along z from a point upward crosses the surface an odd number of times exactly if the point
    is inside.

    Parameters
    ----------
    points : sequence of (x, y, z), um
    triangles : sequence of (i, j, k)
    x, y, z : arrays, um            that broadcast against each other

    Returns
    -------
    bool array
    """
    import numpy as np

    corners = np.asarray(points, dtype=float)[np.asarray(triangles, dtype=int)]
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    px, py, pz = (np.broadcast_to(np.asarray(p, dtype=float), shape).ravel() for p in (x, y, z))
    lines, which = np.unique(np.stack([px, py], axis=1), axis=0, return_inverse=True)
    which = which.ravel()
    lines = lines + np.array(ASIDE)
    order = np.argsort(which, kind="stable")
    first = np.searchsorted(which[order], np.arange(len(lines) + 1))
    odd = np.zeros(px.size, dtype=bool)
    by_x = np.argsort(lines[:, 0], kind="stable")
    sorted_x = lines[by_x, 0]
    for a, b, c in corners:
        low, high = min(a[0], b[0], c[0]), max(a[0], b[0], c[0])
        near = by_x[np.searchsorted(sorted_x, low) : np.searchsorted(sorted_x, high, side="right")]
        qx, qy = lines[near, 0], lines[near, 1]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0.0:
            continue
        u = ((qx - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (qy - a[1])) / area
        v = ((b[0] - a[0]) * (qy - a[1]) - (qx - a[0]) * (b[1] - a[1])) / area
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        for line, height in zip(near[hit], (a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2]))[hit], strict=True):
            mine = order[first[line] : first[line + 1]]
            odd[mine] ^= pz[mine] < height
    return odd.reshape(shape)
