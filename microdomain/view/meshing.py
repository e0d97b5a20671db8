"""Triangles of a plane through a model, small where the field is steep.

Near a channel a concentration falls like 1/r: half of it is gone at twice the distance.  So triangles
are a sixth as wide as they are far from the nearest channel, and rings surround each channel::

    far     squares of 1/60 of the plane, halved while wider than 0.16 x distance
    near    rings of growing radius from the pore up to half the way to the next channel
    mouth   within the pore distance the value at the mouth: nearer there is no concentration to speak of
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microdomain.model import Model

#: Width of a triangle over its distance from the nearest channel; cells of the coarsest mesh per side.
RATIO, COARSEST = 0.16, 60
#: Largest radius of a ring (um); for so many channels at most: growth of the radius, points per ring.
RING_REACH = 0.06
RINGS = ((4, 1.1, 72), (60, 1.2, 32), (10**9, 1.44, 16))


def mesh(model: Model, axis: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) in um and triangles (T, 3) of a plane through the box."""
    from scipy.spatial import Delaunay, cKDTree

    across = [k for k in range(3) if k != axis]
    sides = np.array([model.box[k] for k in across], float)
    channels = model.resolved_channels
    spots = np.array([[c.position[k] for k in across] for c in channels], float).reshape(-1, 2)
    away = np.array([abs(c.position[axis] - level) for c in channels])
    flat = _squares(sides, spots, away, min((c.pore for c in channels), default=0.005))
    rings = []
    # Channels that hide behind each other in this view share their rings.
    _, first = np.unique(spots.round(9), axis=0, return_index=True)
    centres = [k for k in first if away[k] <= 0.5 * RING_REACH]
    tree = cKDTree(spots[centres]) if len(centres) > 1 else None
    for k in centres:
        channel = channels[k]
        next_one = float(tree.query(spots[k], 2)[0][1]) if tree is not None else np.inf
        reach = min(RING_REACH, 0.5 * next_one)
        ring = spots[k] + _rings(min(channel.pore, reach), reach, len(channels))
        inside = np.all((ring >= sides[:, 0]) & (ring <= sides[:, 1]), axis=1)
        border = np.any((flat == sides[:, 0]) | (flat == sides[:, 1]), axis=1)
        flat = flat[border | (np.linalg.norm(flat - spots[k], axis=1) > 1.05 * reach)]
        rings.append(ring[inside])
    flat = np.unique(np.concatenate([flat, *rings]).round(9), axis=0)
    flat = np.clip(flat, sides[:, 0], sides[:, 1])
    # Scaled to a unit square: Qhull's tolerances are absolute.
    triangles = Delaunay((flat - sides[:, 0]) / (sides[:, 1] - sides[:, 0]).max()).simplices
    points = np.full((len(flat), 3), float(level))
    points[:, across] = flat
    return points, np.asarray(triangles)


def _squares(sides: np.ndarray, spots: np.ndarray, away: np.ndarray, smallest: float) -> np.ndarray:
    """Corners and centres of squares, halved where they are wide for their distance from a channel."""
    from scipy.spatial import cKDTree

    length = sides[:, 1] - sides[:, 0]
    counts = np.maximum(1, np.round(COARSEST * length / length.max())).astype(int)
    i, j = np.meshgrid(np.arange(counts[0]), np.arange(counts[1]), indexing="ij")
    unit = length / counts
    # Integer corners in units of the finest square, so that shared corners are found exactly.
    depth = 10
    cells = np.stack([i.ravel(), j.ravel()], axis=1) << depth
    tree = cKDTree(np.column_stack([spots, away])) if len(spots) else None
    corners: list[Any] = []
    for level in range(depth, -1, -1):
        size = 1 << level
        width = float(unit.max()) * size / (1 << depth)
        middle = sides[:, 0] + (cells + 0.5 * size) * unit / (1 << depth)
        if tree is None:
            wide = np.zeros(len(cells), bool)
        else:
            distance = tree.query(np.column_stack([middle, np.zeros(len(middle))]))[0]
            wide = (
                (width > RATIO * np.maximum(distance - 0.7 * width, 0.0)) & (width > smallest) & (level > 0)
            )
        done = cells[~wide]
        half = size // 2
        corners += [done + [a * size, b * size] for a in (0, 1) for b in (0, 1)]
        if half:
            corners.append(done + half)
        wide_cells = cells[wide]
        if not len(wide_cells):
            break
        cells = np.concatenate([wide_cells + [a * half, b * half] for a in (0, 1) for b in (0, 1)])
    whole = np.unique(np.concatenate(corners), axis=0)
    found = sides[:, 0] + whole * unit / (1 << depth)
    # Rounding must not move the border inward.
    for k in range(2):
        found[whole[:, k] == counts[k] << depth, k] = sides[k, 1]
    return np.asarray(found)


def _rings(pore: float, reach: float, channels: int) -> np.ndarray:
    """Points around the origin: its centre, a ring inside the pore, rings from the pore to `reach`."""
    growth, number = next((growth, number) for most, growth, number in RINGS if channels <= most)
    count = max(2, int(np.ceil(np.log(reach / pore) / np.log(growth))) + 1) if reach > pore else 1
    radii = [0.5 * pore, *np.geomspace(pore, max(reach, pore), count)]
    rings = [np.zeros((1, 2))]
    for k, r in enumerate(radii):
        angle = 2 * np.pi * (np.arange(number) + 0.5 * (k % 2)) / number
        rings.append(r * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate(rings)
