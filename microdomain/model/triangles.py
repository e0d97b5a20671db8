"""Points inside a closed surface of triangles, by counting crossings along z."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Lines along z are moved by these tiny lengths (um), so that none passes through an edge.
ASIDE = (1.7e-7, 1.1e-7)


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
