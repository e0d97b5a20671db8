"""Channel positions on a grid: their patches, and the refined cells next to them.

Beside a channel the concentration varies by a factor across one cell, and a buffer that stays
where it bound remembers it.  Such buffers live on SUB^3 sub-cells in the few cells whose centre
lies within `REFINED` cells of a channel.  What a sub-cell adds is its `ripple`: the kernel's average
over the sub-cell minus that over its cell, which is 0 on the mean; fields of channels farther away
are smooth there and enter through the cell's own average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microdomain.grid import Grid
from microdomain.mask_near import Beside
from microdomain.near_field import Patch, Source, cells_within
from microdomain.window import Window

#: Sub-cells per edge in refined cells, and how near to a channel (in cells) a centre must lie.
SUB, REFINED = 4, 2.0


@dataclass(frozen=True, eq=False)
class Site:
    """One channel position of one ion, shared by the members that have a channel there.

    Attributes
    ----------
    ion : int
    position : (x, y, z), um
    sources : three Source              images along x, y, z
    patch : Patch
    members, pairs : int arrays (n,)    members with a channel here and their (member, flux) pairs
    cells : int array (c,)              refined cells of this site, as indices into the plan's list
    ripple : array (Q, c * SUB^3)       sub-cell average minus cell average of the kernel, per age
    beside : Beside or None             what obstacles change
    share : float                       part of the channel's flux that enters here
    gain : float                        1/alpha there: concentrations in the free volume
    disc : (radius, axis, sources) or None    round mouth that this point reads for, its fellows being silent
    silent : bool
    """

    ion: int
    position: tuple[float, float, float]
    sources: tuple[Source, Source, Source]
    patch: Patch
    members: np.ndarray
    pairs: np.ndarray
    cells: np.ndarray
    ripple: np.ndarray
    beside: Beside | None = None
    share: float = 1.0
    disc: Any = None
    silent: bool = False
    gain: float = 1.0

    def shared(self, share: float, disc: Any, silent: bool) -> Site:
        """One of several points that share a channel's flux."""
        if share == 1.0:
            return self
        patch = replace(
            self.patch, zy=share * self.patch.zy, mass=share * self.patch.mass, loss=share * self.patch.loss
        )
        beside = self.beside
        if beside is not None:
            names = ("average", "back", "mass", "returned", "lost")
            beside = replace(beside, **{name: share * getattr(beside, name) for name in names})
        return replace(
            self,
            patch=patch,
            ripple=share * self.ripple,
            beside=beside,
            share=share,
            disc=disc,
            silent=silent,
        )


def mixing_rates(grid: Grid, cells: np.ndarray, D: np.ndarray) -> np.ndarray:
    """Decay of what differs inside a cell: (refined, C).

    Half the sum of D / h^2 over the axes, measured on a buffer of D = 0.0005 to 0.01 beside a channel
    that closes: the afterglow is right to 0.2 %; without mixing sub-cells can turn negative, and the
    decay of the longest wave, pi^2 D / h^2, throws away half of what the sub-cells gain.
    """
    iz, iy, ix = np.unravel_index(cells, grid.shape)
    hx, hy, hz = grid.widths
    return np.asarray(D[:, None] * 0.5 * (hx[ix] ** -2.0 + hy[iy] ** -2.0 + hz[iz] ** -2.0))


def refined_cells(grid: Grid, position: tuple[float, float, float]) -> np.ndarray:
    """Flat indices of the cells whose centre lies within REFINED cells of a channel."""
    radius = REFINED * grid.spacing_at(position)
    spans = [cells_within(f, p - radius, p + radius) for f, p in zip(grid.faces, position, strict=True)]
    ix, iy, iz = (np.arange(first, stop) for first, stop in spans)
    cx, cy, cz = (c[i] - p for c, i, p in zip(grid.centres, (ix, iy, iz), position, strict=True))
    close = cz[:, None, None] ** 2 + cy[None, :, None] ** 2 + cx[None, None, :] ** 2 <= radius**2 * (1 + 1e-9)
    _, ny, nx = grid.shape
    flat = (iz[:, None, None] * ny + iy[None, :, None]) * nx + ix[None, None, :]
    return np.asarray(flat[close])


def ripples(
    sources: Sequence[Source], faces_of: Sequence[np.ndarray], window: Window, cells: np.ndarray
) -> np.ndarray:
    """How the kernel varies inside refined cells: (Q, cells * SUB^3), its mean over a cell is 0."""
    ages = window.nodes
    if cells.size == 0:
        return np.zeros((ages.size, 0))
    index = np.unravel_index(cells, tuple(f.size - 1 for f in faces_of[::-1]))  # (z, y, x)
    factors = []
    for axis, (source, faces) in enumerate(zip(sources, faces_of, strict=True)):
        mine = index[2 - axis]
        first, stop = int(mine.min()), int(mine.max()) + 1
        edges = faces[first : stop + 1]
        part = np.linspace(0.0, 1.0, SUB + 1)[:-1]
        fine = np.append((edges[:-1, None] + np.diff(edges)[:, None] * part).ravel(), edges[-1])
        average = source.amounts(fine, ages) / np.diff(fine)
        factors.append(average.reshape(ages.size, -1, SUB)[:, mine - first])
    fx, fy, fz = factors
    sub = fz[:, :, :, None, None] * fy[:, :, None, :, None] * fx[:, :, None, None, :]
    sub = sub.reshape(ages.size, cells.size, SUB**3)
    sub -= sub.mean(axis=2, keepdims=True)
    return np.asarray(sub.reshape(ages.size, -1))
