"""Obstacles on a grid: how much of every cell is fluid, how much of every face is open.

Cells that a surface may cross are divided into `SAMPLES`^3 samples, each fluid or solid by its centre.
Everything follows from them: the fluid fraction phi of a cell, the open fraction a of a face (samples
fluid on both sides), the near field's amount in the fluid part, and what it loses into the solid.

A sliver, a cell with phi below `SLIVER`, gives its fluid to the neighbour behind its most open face and is
closed itself, so phi of a cell may exceed 1.
(Tried and left: merging below 0.1, which makes a vesicle of 20 nm 4 % too large to its surroundings on 5 nm
cells, and below 0.3, which shuts narrow gaps; 0.02, which doubles the steps; staircases of whole cells.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.finite_volume import HELD, Axis
from microdomain.mask_held import areas, beside_held, lay_rim, under_patches
from microdomain.mask_media import Media
from microdomain.mask_rows import Operator, lay_operator
from microdomain.model.obstacles import Obstacle, solid
from microdomain.model.patches import HeldPatch

if TYPE_CHECKING:
    from microdomain.grid import Grid

#: Samples per edge of a cell that a surface crosses; the fluid part below which it is a sliver.
SAMPLES, SLIVER = 12, 0.05
#: Cells sampled at a time.
CHUNK = 500


@dataclass(frozen=True, eq=False)
class Mask:
    """A grid with obstacles.

    Attributes
    ----------
    phi : array [z, y, x]           free volume of each cell in its own; 0 where it is closed
    opened : three arrays           open fraction of faces along x [z, y, x + 1], y and z; 0 at closed cells
    raw : array [z, y, x]           fluid part before slivers are merged
    owner : int array (cells,)      the cell that keeps a cell's fluid; -1 where there is none
    slot : int array (cells,)       row of `samples`, or -1 where the cell is all fluid or all solid
    samples : bool array (n, z, y, x)     fluid samples of the cells that a surface crosses
    shut : int array (s,)           closed cells, flat
    component : int array (cells,)  number of the connected part; -1 in closed cells
    free : bool array (parts,)      whether a part touches no held wall, so that it keeps its ions
    rim : int array (r,)            cells beside a held surface
    pull : array (r,), 1/um^2       area over (distance x volume) there
    operator : Operator             what diffusion is in cells that obstacles or other media touch
    media : Media or None           free volume and tortuosity; `phi` holds the former, `opened` does not
    """

    phi: np.ndarray
    opened: tuple[np.ndarray, np.ndarray, np.ndarray]
    raw: np.ndarray
    owner: np.ndarray
    slot: np.ndarray
    samples: np.ndarray
    shut: np.ndarray
    component: np.ndarray
    free: np.ndarray
    rim: np.ndarray
    pull: np.ndarray
    operator: Operator
    media: Media | None = None

    @cached_property
    def fill(self) -> Any:
        """Matrix (closed cells, cells) for readings; see `mask_fill`."""
        from microdomain.mask_fill import lay_fill

        return lay_fill(self)

    @cached_property
    def fills(self) -> dict[int, Any]:
        """Matrices that fill all cells from those of one tissue, kept by its number; see `reading_media`."""
        return {}

    @property
    def relative(self) -> np.ndarray:
        """phi in units of the free volume where the channels stand: the scale of the implicit solve."""
        return self.phi if self.media is None else self.phi / self.media.channel[0]

    @property
    def touched(self) -> np.ndarray:
        """Cells that obstacles touch, closed ones included: flat indices."""
        return np.union1d(self.operator.beside, self.shut)

    def part(self, cells: np.ndarray, component: int) -> np.ndarray:
        """Fluid samples (n, z, y, x) of any cells that belong to a connected part, as 0 and 1."""
        out = np.zeros((cells.size, SAMPLES, SAMPLES, SAMPLES))
        out[...] = (self.raw.ravel()[cells] == 1)[:, None, None, None]
        crossed = self.slot[cells] >= 0
        out[crossed] = self.samples[self.slot[cells[crossed]]]
        owner = self.owner[cells]
        out[(owner < 0) | (self.component[owner] != component)] = 0.0
        return out


def lay_mask(
    obstacles: Sequence[Obstacle],
    grid: Grid,
    axes: Sequence[Axis],
    media: Media | None = None,
    held: Sequence[HeldPatch] = (),
) -> Mask:
    """Lay obstacles, media and held patches on a grid.

    Parameters
    ----------
    obstacles : sequence of Obstacle
    grid : Grid
    axes : three Axis               along x, y, z
    media : Media, optional         free volume and tortuosity
    held : sequence of HeldPatch    patches of closed faces that are held at rest

    Returns
    -------
    Mask

    Raises
    ------
    ValueError                      an obstacle that the grid does not see; a box without fluid
    """
    raw, slot, samples = _sampled(obstacles, grid)
    opened = _open_faces(raw, slot, samples)
    phi, owner, opened = _merged(raw, opened, grid, beside_held(obstacles, grid))
    shut = np.flatnonzero(phi.ravel() == 0)
    if shut.size == grid.cells:
        raise ValueError("The obstacles leave no fluid in the box. Make them smaller, or move them.")
    fluid, plain = phi, phi == 1
    rim, pull = lay_rim(obstacles, grid, phi, opened)
    if media is not None:
        # Of a merged sliver every part brings its own free volume.
        kept, amount = owner >= 0, (raw * media.alpha * grid.volumes).ravel()
        merged = np.bincount(owner[kept], amount[kept], grid.cells).reshape(grid.shape)
        phi = np.where(plain, media.alpha, merged / grid.volumes)
        # A held surface takes k D (u - rest) area / distance from alpha times the fluid.
        pull = pull * (media.conduct * fluid).ravel()[rim] / phi.ravel()[rim]
    rim, pull, under = under_patches(held, grid, axes, phi, media, rim, pull)
    component, free = _components(phi, opened, axes, rim)
    operator = lay_operator(grid, axes, phi, opened, rim, pull, plain, under, media)
    return Mask(
        phi, opened, raw, owner, slot, samples, shut, component, free, rim, pull, operator, media
    )  # fmt: skip


def points_of(grid: Grid, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres x, y, z of the samples of cells, in um: arrays that broadcast to (n, z, y, x)."""
    iz, iy, ix = np.unravel_index(cells, grid.shape)
    middle = (np.arange(SAMPLES) + 0.5) / SAMPLES
    out = [f[i, None] + np.diff(f)[i, None] * middle for f, i in zip(grid.faces, (ix, iy, iz), strict=True)]
    return out[0][:, None, None, :], out[1][:, None, :, None], out[2][:, :, None, None]


def _sampled(obstacles: Sequence[Obstacle], grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fluid part of every cell, and the samples of those that a surface crosses."""
    cx, cy, cz = grid.centres
    hx, hy, hz = grid.widths
    x, y, z = cx[None, None, :], cy[None, :, None], cz[:, None, None]
    reach = 0.5 * np.sqrt(hx[None, None, :] ** 2 + hy[None, :, None] ** 2 + hz[:, None, None] ** 2)
    filled, doubtful = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    for one in obstacles:
        distance = np.broadcast_to(one.distance(x, y, z), grid.shape)
        filled |= distance < -reach
        doubtful |= np.abs(distance) <= reach
    raw = np.where(filled, 0.0, 1.0)
    asked = np.flatnonzero((doubtful & ~filled).ravel())
    seen = [bool((np.broadcast_to(o.distance(x, y, z), grid.shape) < -reach).any()) for o in obstacles]
    found, which = [np.empty((0, SAMPLES, SAMPLES, SAMPLES), dtype=bool)], [np.empty(0, dtype=int)]
    for first in range(0, asked.size, CHUNK):
        cells = asked[first : first + CHUNK]
        p = points_of(grid, cells)
        fluid = np.ones((cells.size, SAMPLES, SAMPLES, SAMPLES), dtype=bool)
        for k, one in enumerate(obstacles):
            inside = np.broadcast_to(solid(one, *p), fluid.shape)
            seen[k] = seen[k] or bool(inside.any())
            fluid &= ~inside
        part = fluid.reshape(cells.size, -1).mean(axis=1)
        raw.ravel()[cells] = part
        crossed = (part > 0) & (part < 1)
        found.append(fluid[crossed])
        which.append(cells[crossed])
    for one, any_solid in zip(obstacles, seen, strict=True):
        if not any_solid:
            finest = 1e3 * min(float(w.min()) for w in grid.widths) / SAMPLES
            raise ValueError(
                f"Obstacle {one.name!r} has no volume that the grid sees: samples are {finest:.2g} nm apart "
                "where they are closest. Refine the grid, or leave the obstacle out."
            )
    slot = np.full(grid.cells, -1)
    cells = np.concatenate(which)
    slot[cells] = np.arange(cells.size)
    return raw, slot, np.concatenate(found)


def layer(
    raw: np.ndarray, slot: np.ndarray, samples: np.ndarray, cells: np.ndarray, axis: int, side: int
) -> Any:
    """Fluid samples in the outermost layer of cells on one side of an axis (0 = x): bool (n, SAMPLES^2)."""
    out = np.zeros((cells.size, SAMPLES * SAMPLES), dtype=bool)
    out[...] = (raw.ravel()[cells] == 1)[:, None]
    crossed = np.flatnonzero(slot[cells] >= 0)
    rows = samples[slot[cells[crossed]]]
    out[crossed] = np.take(rows, -1 if side else 0, axis=3 - axis).reshape(crossed.size, SAMPLES**2)
    return out


def _open_faces(raw: np.ndarray, slot: np.ndarray, samples: np.ndarray) -> Any:
    """Open fraction of all faces: samples that are fluid on both sides; walls of the box as their cell."""
    out = []
    for axis in range(3):
        along = 2 - axis
        low, high = np.moveaxis(raw, along, -1), np.moveaxis(slot.reshape(raw.shape), along, -1)
        n = low.shape[-1]
        a = np.empty((*low.shape[:-1], n + 1))
        a[..., 1:-1] = np.where((low[..., 1:] > 0) & (low[..., :-1] > 0), 1.0, 0.0)
        a[..., 0], a[..., -1] = low[..., 0] > 0, low[..., -1] > 0
        number = np.moveaxis(np.arange(raw.size).reshape(raw.shape), along, -1)
        # Faces between two cells of which a surface crosses one.
        doubtful = (high[..., 1:] >= 0) | (high[..., :-1] >= 0)
        where = np.nonzero(doubtful & (a[..., 1:-1] > 0))
        left = layer(raw, slot, samples, number[..., :-1][where], axis, 1)
        right = layer(raw, slot, samples, number[..., 1:][where], axis, 0)
        a[(*where[:-1], where[-1] + 1)] = (left & right).mean(axis=1)
        for end, side in ((0, 0), (-1, 1)):
            where = np.nonzero(high[..., end] >= 0)
            edge = a[..., end]
            edge[where] = layer(raw, slot, samples, number[..., end][where], axis, side).mean(axis=1)
        out.append(np.moveaxis(a, -1, along))
    return tuple(out)


def _merged(raw: np.ndarray, opened: Any, grid: Grid, held_near: np.ndarray) -> Any:
    """Slivers given to the neighbour behind their most open face: phi, owner, open fractions."""
    opened = tuple(a.copy() for a in opened)
    shape, volume = raw.shape, grid.volumes
    held = raw * volume
    owner = np.where(raw.ravel() > 0, np.arange(raw.size), -1)
    limit = np.where(held_near, 0.5, SLIVER)
    area_of = areas(grid)
    for flat in np.flatnonzero(((raw > 0) & (raw < limit)).ravel()):
        cell = np.unravel_index(flat, shape)
        best, into = 0.0, -1
        for axis in range(3):
            for side in (0, 1):
                face, beside = list(cell), list(cell)
                face[2 - axis] += side
                beside[2 - axis] += 2 * side - 1
                if not 0 <= beside[2 - axis] < shape[2 - axis]:
                    continue
                across = tuple(beside)
                area = opened[axis][tuple(face)] * area_of[axis][cell]
                if area > best and raw[across] >= limit[across]:
                    best, into = area, int(np.ravel_multi_index(across, shape))
        owner[flat] = into
        if into >= 0:
            held.ravel()[into] += held[cell]
        held[cell] = 0.0
        for axis in range(3):
            for side in (0, 1):
                face = list(cell)
                face[2 - axis] += side
                opened[axis][tuple(face)] = 0.0
    return np.where(held == volume, 1.0, held / volume), owner, opened


def _components(phi: np.ndarray, opened: Any, axes: Sequence[Axis], rim: np.ndarray) -> Any:
    """Connected parts of the fluid, and whether they keep their ions."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = np.arange(phi.size).reshape(phi.shape)
    pairs = []
    for axis in range(3):
        along = 2 - axis
        a, cell = np.moveaxis(opened[axis], along, -1), np.moveaxis(number, along, -1)
        through = a[..., 1:-1] > 0
        pairs.append(np.stack([cell[..., :-1][through], cell[..., 1:][through]]))
    left, right = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(left.size, dtype=np.int8), (left, right)), shape=(phi.size, phi.size))
    label = connected_components(graph, directed=False)[1]
    kept = np.flatnonzero(phi.ravel() > 0)
    component = np.full(phi.size, -1)
    component[kept] = np.unique(label[kept], return_inverse=True)[1]
    free = np.ones(component.max() + 1, dtype=bool)
    free[component[rim]] = False
    for axis, one in enumerate(axes):
        a, cell = np.moveaxis(opened[axis], 2 - axis, -1), np.moveaxis(number, 2 - axis, -1)
        for end, sign in ((0, one.lower), (-1, one.upper)):
            if sign == HELD:
                free[component[cell[..., end][a[..., end] > 0]]] = False
    return component, free
