"""Held surfaces: cells beside them, and how strongly those are drawn to rest.

A held surface in a cell is a wall at its own distance: the cell loses D A (u - rest) / distance.  Cells
beside it that are less than half fluid are merged into their neighbours, so that the distance of a cell's
centre is right: a dyad's rim stands where it is drawn to a hundredth of a cell.  (Tried and left: distances
from the middle of the fluid, a fifth of a cell off.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.finite_volume import Axis
from microdomain.mask_media import Media
from microdomain.model.membrane import FACES
from microdomain.model.obstacles import Inside, Obstacle
from microdomain.model.patches import HeldPatch
from microdomain.wall_pumps import coverage

if TYPE_CHECKING:
    from microdomain.grid import Grid

#: Distance of a held surface, in thicknesses of the fluid before it, at the least.
CLOSEST = 0.25


def areas(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas of every cell's faces across x, y and z, um^2."""
    hx, hy, hz = grid.widths
    x, y, z = hx[None, None, :], hy[None, :, None], hz[:, None, None]
    one = np.ones(grid.shape)
    return y * z * one, x * z * one, x * y * one


def beside_held(obstacles: Sequence[Obstacle], grid: Grid) -> np.ndarray:
    """Cells that a held surface may cross."""
    hx, hy, hz = grid.widths
    reach = 0.5 * np.sqrt(hx[None, None, :] ** 2 + hy[None, :, None] ** 2 + hz[:, None, None] ** 2)
    cz, cy, cx = np.ix_(*grid.centres[::-1])
    out = np.zeros(grid.shape, dtype=bool)
    for one in obstacles:
        if isinstance(one, Inside) and one.held:
            out |= np.abs(np.broadcast_to(one.distance(cx, cy, cz), grid.shape)) <= reach
    return out


def lay_rim(obstacles: Sequence[Obstacle], grid: Grid, phi: Any, opened: Any) -> Any:
    """Cells beside held surfaces, and how strongly those pull on them, 1/um^2.

    The surface's area in a cell follows from the open faces, A = |sum_f a_f A_f n_f|; its distance is that
    of the cell's centre, which lies in the fluid: cells that are less than half fluid are merged there.
    """
    cells, pulls = [np.empty(0, dtype=int)], [np.empty(0)]
    for one in obstacles:
        if not (isinstance(one, Inside) and one.held):
            continue
        net = np.zeros((3, *grid.shape))
        for axis, area in enumerate(areas(grid)):
            a = np.moveaxis(opened[axis], 2 - axis, -1)
            net[axis] = np.moveaxis(a[..., 1:] - a[..., :-1], -1, 2 - axis) * area
        surface = np.sqrt((net**2).sum(axis=0)).ravel()
        centres = [np.broadcast_to(c, grid.shape).ravel() for c in np.ix_(*grid.centres[::-1])][::-1]
        reach = np.sqrt(sum(h.max() ** 2 for h in grid.widths))
        near = np.abs(one.distance(*centres)) < reach
        mine = np.flatnonzero((phi.ravel() > 0) & (surface > 1e-9 * surface.max()) & near)
        away = one.distance(*(c[mine] for c in centres))
        volume = (phi * grid.volumes).ravel()[mine]
        away = np.maximum(away, CLOSEST * volume / surface[mine])
        pulls.append(surface[mine] / (away * volume))
        cells.append(mine)
    return np.concatenate(cells), np.concatenate(pulls)


def under_patches(
    held: Sequence[HeldPatch],
    grid: Grid,
    axes: Sequence[Axis],
    phi: np.ndarray,
    media: Media | None,
    rim: np.ndarray,
    pull: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """The rim with the cells under held patches added, and the faces of the box under them.

    There a cell loses D k A (u - rest) / (h/2) through the part of its face that the patch covers.

    Returns
    -------
    rim, pull, and three bool arrays [z, y, x + 1] and so on, or None without patches
    """
    if not held:
        return rim, pull, None
    cells, pulls = [rim], [pull]
    nz, ny, nx = grid.shape
    under = tuple(np.zeros(s, dtype=bool) for s in ((nz, ny, nx + 1), (nz, ny + 1, nx), (nz + 1, ny, nx)))
    number = np.arange(grid.cells).reshape(grid.shape)
    for one in held:
        axis, side = divmod(FACES.index(one.face), 2)
        last = -1 if side else 0
        cover = coverage(one.patch, grid, axis)
        here = np.take(number, last, axis=2 - axis)
        space = np.take(phi, last, axis=2 - axis)
        conduct = 1.0 if media is None else np.take(media.faces[axis], last, axis=2 - axis)
        fluid = space if media is None else space / np.take(media.alpha, last, axis=2 - axis)
        mine = (cover > 0) & (space > 0)
        np.moveaxis(under[axis], 2 - axis, 0)[last] |= mine
        h = float(axes[axis].widths[last])
        strength = np.where(mine, cover * fluid * conduct * 2.0 / h**2 / np.where(space > 0, space, 1.0), 0.0)
        cells.append(here[mine])
        pulls.append(strength[mine])
    every, where = np.unique(np.concatenate(cells), return_inverse=True)
    return every, np.bincount(where.ravel(), np.concatenate(pulls), every.size), under
