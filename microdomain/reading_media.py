"""Readings near a boundary of media, where u has a kink.

Across a boundary u is continuous and its slope jumps.  A spline through both sides rounds the kink off, an
error of first order in h.  So a point is read from cells of its own medium alone: all others are filled by
extrapolation, as closed cells are beside obstacles (`mask_fill`).  What that adds to a plain reading,

    w (F - 1) u,       w the point's spline weights on all cells,  F the filling,

is a sparse row per point near a boundary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.mask_fill import fill_from
from microdomain.model.tissue import which
from microdomain.plan import Plan

#: Points within this many cells of a boundary; spline weights below LEAST are left out.
REACH, LEAST = 4, 1e-5


class Kinks:
    """What boundaries of media add to readings at points.

    Parameters
    ----------
    plan : Plan
    points : array (P, 3), um
    weights : three arrays (P, n)   spline weights along x, y, z
    """

    def __init__(self, plan: Plan, points: np.ndarray, weights: Any) -> None:
        self._shape = (len(points), plan.grid.cells)
        self._rows, self.cells = None, np.empty(0, dtype=int)
        mask = plan.mask
        if mask is None or mask.media is None or not len(points):
            return
        place = mask.media.place
        mine = which(plan.models[0].tissue, *points.T)
        index = [np.clip(np.searchsorted(f, points[:, k], side="right") - 1, 0, f.size - 2)
                 for k, f in enumerate(plan.grid.faces)]  # fmt: skip
        rows, columns, values = [], [], []
        for p, tissue in enumerate(mine):
            near = tuple(slice(max(i[p] - REACH, 0), i[p] + REACH + 1) for i in index[::-1])
            here = place[near]
            if not ((here != tissue) & (mask.phi[near] > 0)).any() or not (here == tissue).any():
                continue
            matrix = _fill(mask, int(tissue))
            parts = [(k := np.flatnonzero(np.abs(w[p]) > LEAST), w[p][k]) for w in weights]
            (kx, wx), (ky, wy), (kz, wz) = parts
            cells = np.ravel_multi_index(np.ix_(kz, ky, kx), place.shape).ravel()
            w = (wz[:, None, None] * wy[:, None] * wx).ravel()
            other = place.ravel()[cells] != tissue
            cells, w = cells[other], w[other]
            # What a filled cell takes, less what was read in it (a closed one had been filled before).
            taken = matrix[cells].T @ w
            read = np.zeros(taken.size)
            np.add.at(read, cells, w)
            if mask.shut.size:
                read = read + mask.fill.T @ read[mask.shut]
                read[mask.shut] = 0.0
            row = taken - read
            found = np.flatnonzero(row)
            rows.append(np.full(found.size, p))
            columns.append(found)
            values.append(row[found])
        if rows:
            from scipy.sparse import coo_array

            self.cells, at = np.unique(np.concatenate(columns), return_inverse=True)
            entries = (np.concatenate(values), (np.concatenate(rows), at.ravel()))
            self._rows = coo_array(entries, (len(points), self.cells.size)).tocsr()

    def __bool__(self) -> bool:
        return self._rows is not None

    def of(self, u: np.ndarray) -> np.ndarray:
        """What is added, [member, ion, P], uM, from the grid part [member, ion, cell] in `cells`."""
        return np.stack([(self._rows @ one.T).T for one in np.asarray(u, dtype=float)])


def at_own_centres(plan: Plan, excess: np.ndarray) -> np.ndarray:
    """Values at the cell centres from averages, each from cells of its own medium: arrays [.., z, y, x]."""

    def centres(u: np.ndarray) -> np.ndarray:
        for k, axis in enumerate(plan.axes):
            u = np.moveaxis(np.moveaxis(u, -1 - k, -1) @ axis.centre_values.T, -1, -1 - k)
        return u

    out = centres(excess)
    if plan.mask is None or plan.mask.media is None:
        return out
    place = plan.mask.media.place
    for tissue in np.unique(place[(place > -2) & (plan.mask.phi > 0)]) if np.ptp(place) else ():
        flat = excess.reshape(-1, place.size).T
        own = (_fill(plan.mask, int(tissue)) @ flat).T.reshape(excess.shape)
        here = plan.mask.media.centre == tissue
        out[..., here] = centres(own)[..., here]
    return out


def _fill(mask: Any, tissue: int) -> Any:
    if tissue not in mask.fills:
        mask.fills[tissue] = fill_from((mask.media.place == tissue) & (mask.phi > 0), curved=True)
    return mask.fills[tissue]
