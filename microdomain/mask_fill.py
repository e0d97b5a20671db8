"""Readings beside obstacles: closed cells filled from open neighbours, and which points are fluid.

Splines read through closed cells; what stands there must go on as the fluid does.  Layer by layer a closed
cell takes the mean over its neighbours of what they extrapolate to it: a line through two of them, or one's
own value.  (Left unfilled, readings within a cell of a surface are 10 to 30 % off.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.model.obstacles import Obstacle, solid

if TYPE_CHECKING:
    from microdomain.grid import Grid
    from microdomain.mask import Mask

#: Layers of closed cells that are extrapolated; those deeper take the nearest value.
LAYERS = 4


def lay_fill(mask: Mask) -> Any:
    """Matrix (closed cells, cells) that fills closed cells from open ones; sparse.

    Parameters
    ----------
    mask : Mask

    Returns
    -------
    scipy.sparse.csr_array
    """
    return fill_from(mask.phi > 0)[mask.shut]


def fill_from(cells_known: np.ndarray, curved: bool = False) -> Any:
    """Matrix (cells, cells) that fills all other cells from those known, bool [z, y, x]; sparse.

    `curved` extrapolates by a parabola through three cells where there are three.
    """
    from scipy.ndimage import distance_transform_edt
    from scipy.sparse import coo_array

    shape, cells = cells_known.shape, cells_known.size
    known = cells_known.ravel()
    open_cells = np.flatnonzero(known)
    matrix = coo_array((np.ones(open_cells.size), (open_cells, open_cells)), (cells, cells)).tocsr()
    for _ in range(LAYERS):
        rows, columns, values, count = [], [], [], np.zeros(cells)
        for axis in range(3):
            for side in (-1, 1):
                one, two = _beside(shape, axis, side), _beside(shape, axis, 2 * side)
                first = np.flatnonzero(~known & (one >= 0) & known[one])
                pair = (two[first] >= 0) & known[two[first]]
                three = _beside(shape, axis, 3 * side)
                bent = pair & curved & (three[first] >= 0) & known[three[first]]
                count[first] += 1
                rows += [first, first[pair], first[bent]]
                columns += [one[first], two[first[pair]], three[first[bent]]]
                values += [1.0 + pair + bent, -1.0 - 2.0 * bent[pair], np.ones(bent.sum())]
        if not count.any():
            break
        row = np.concatenate(rows)
        step = coo_array(
            (np.concatenate(values) / count[row], (row, np.concatenate(columns))), (cells, cells)
        )
        matrix = matrix + step.tocsr() @ matrix
        known = known | (count > 0)
    if not known.all():
        nearest = distance_transform_edt(~known.reshape(shape), return_distances=False, return_indices=True)
        source = np.ravel_multi_index(tuple(nearest), shape).ravel()
        deep = np.flatnonzero(~known)
        step = coo_array((np.ones(deep.size), (deep, source[deep])), (cells, cells))
        matrix = matrix + step.tocsr() @ matrix
    return matrix.tocsr()


def _beside(shape: tuple[int, ...], axis: int, step: int) -> np.ndarray:
    """Flat index of the cell some steps along an axis (0 = z), -1 beyond the box."""
    number = np.arange(np.prod(shape)).reshape(shape)
    out = np.full(shape, -1)
    here: list[slice] = [slice(None)] * 3
    there: list[slice] = [slice(None)] * 3
    here[axis] = slice(0, -step) if step > 0 else slice(-step, None)
    there[axis] = slice(step, None) if step > 0 else slice(0, step)
    out[tuple(here)] = number[tuple(there)]
    return out.ravel()


def filled(mask: Mask | None, u: Any) -> Any:
    """Fields [.., z, y, x] with closed cells filled; the same array where there are no obstacles."""
    if mask is None or not mask.shut.size:
        return u
    flat = np.array(u, dtype=float).reshape(-1, mask.phi.size)
    flat[:, mask.shut] = (mask.fill @ flat.T).T
    return flat.reshape(u.shape)


def blanked(mask: Mask | None, field: np.ndarray) -> np.ndarray:
    """Fields [.., z, y, x] with NaN in closed cells."""
    if mask is None or not mask.shut.size:
        return field
    out = np.array(field, dtype=float)
    out[..., mask.phi == 0] = np.nan
    return out


def inside_any(obstacles: tuple[Obstacle, ...], points: np.ndarray) -> np.ndarray:
    """Whether points (P, 3) in um lie in an obstacle: bool (P,)."""
    out = np.zeros(len(points), dtype=bool)
    for one in obstacles:
        out |= solid(one, points[:, 0], points[:, 1], points[:, 2])
    return out


def check_fluid(obstacles: tuple[Obstacle, ...], points: np.ndarray) -> None:
    """Refuse points in an obstacle, naming both."""
    for one in obstacles:
        bad = np.flatnonzero(solid(one, points[:, 0], points[:, 1], points[:, 2]))
        if bad.size:
            x, y, z = points[bad[0]]
            raise ValueError(
                f"Point {bad[0]} at ({x:g}, {y:g}, {z:g}) um lies in obstacle {one.name!r}, where nothing "
                "dissolves. Move the point."
            )


def home(mask: Mask, grid: Grid, position: Any) -> int:
    """Number of the connected part that a point belongs to.

    Parameters
    ----------
    mask : Mask
    grid : Grid
    position : (x, y, z), um

    Returns
    -------
    int

    Raises
    ------
    ValueError                      a point whose cell holds no fluid
    """
    ix, iy, iz = grid.cell_at(position)
    for dz, dy, dx in np.ndindex(2, 2, 2):
        cell = (iz - dz, iy - dy, ix - dx)
        # A point on a face belongs to the cell before it as well.
        touching = all(
            d == 0 or (c >= 0 and abs(f[c + 1] - p) < 1e-12)
            for d, c, f, p in zip((dz, dy, dx), cell, grid.faces[::-1], tuple(position)[::-1], strict=True)
        )
        if touching:
            owner = mask.owner[np.ravel_multi_index(cell, mask.phi.shape)]
            if owner >= 0:
                return int(mask.component[owner])
    x, y, z = position
    raise ValueError(
        f"The grid's cell at ({x:g}, {y:g}, {z:g}) um holds no fluid: too coarse for the gap between the "
        "obstacles there. Refine the grid near it."
    )


def seen(mask: Mask | None, grid: Grid, position: Any, points: np.ndarray) -> np.ndarray:
    """Whether points (P, 3) lie in the same connected part as a channel: 1.0 or 0.0 (P,)."""
    if mask is None or mask.free.size == 1:
        return np.ones(len(points))
    index = [
        np.clip(np.searchsorted(f, points[:, k], side="right") - 1, 0, f.size - 2)
        for k, f in enumerate(grid.faces)
    ]
    owner = mask.owner[np.ravel_multi_index(tuple(index[::-1]), mask.phi.shape)]
    part = np.where(owner >= 0, mask.component[owner], -1)
    return np.asarray((part == home(mask, grid, position)) | (part < 0), dtype=float)
