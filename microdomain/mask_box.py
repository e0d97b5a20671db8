"""What the implicit solve beside obstacles is laid on: the box of cells that obstacles touch.

Beyond the first, directions of the solve (`backends.masked_solve`) live in a box of the grid's cells that
holds every touched one and `MARGIN` more on each side; what it leaves outside falls on the ring of cells in
front of its faces.  The bare second-order rows inside the box, cut off at its faces, are a sum over its axes,
so the box has eigenbases of its own.  Where obstacles spread over much of the grid the box is all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microdomain.finite_volume import Axis
from microdomain.grid import Grid
from microdomain.mask import Mask

#: Cells of the box beyond those that are touched; the part of the grid from which on the box is all of it.
MARGIN, WHOLE = 2, 0.5


@dataclass(frozen=True, eq=False)
class Box:
    """Box of a mask, and the rows of its cells.

    Attributes
    ----------
    shape : (z, y, x)               cells along each axis
    cells : int array (room,)       the box's cells, flat in the grid
    vectors, inverse : three arrays eigenbases along z, y, x
    rates : array (room,), 1/um^2   sums of their eigenvalues
    asked : int array (n,)          cells where a residual may stand: touched ones, then the ring
    touched : int                   how many of them are touched
    place : int array (touched,)    where these stand in the box
    bare, extra : arrays (n,), 1/um^2   the diagonal of the bare second-order rows; what obstacles add to it
    index, weight : arrays (n, width)     rows L_m2 - L_2 on cells of the grid; none on the ring
    inner_index, inner_weight : arrays (n, width)   the same in the box, and what the ring reads of it
    """

    shape: tuple[int, int, int]
    cells: np.ndarray
    vectors: tuple[np.ndarray, ...]
    inverse: tuple[np.ndarray, ...]
    rates: np.ndarray
    asked: np.ndarray
    touched: int
    place: np.ndarray
    bare: np.ndarray
    extra: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    inner_index: np.ndarray
    inner_weight: np.ndarray


def lay_box(mask: Mask, grid: Grid, axes: Sequence[Axis], margin: int = MARGIN) -> Box:
    """The box of a mask.

    Parameters
    ----------
    mask : Mask
    grid : Grid
    axes : three Axis               along x, y, z
    margin : int                    cells beyond the touched ones, at least 1

    Returns
    -------
    Box
    """
    rows, shape = mask.operator, grid.shape
    at = np.unravel_index(rows.cells, shape)
    spans = [
        (max(int(i.min(initial=n)) - margin, 0), min(int(i.max(initial=0)) + 1 + margin, n))
        for i, n in zip(at, shape, strict=True)
    ]
    if not rows.cells.size or np.prod([b - a for a, b in spans]) > WHOLE * grid.cells:
        spans = [(0, n) for n in shape]
    number = np.arange(grid.cells).reshape(shape)
    cells = number[tuple(slice(*s) for s in spans)]
    bases = [_cut(axes[2 - k], *spans[k]) for k in range(3)]
    (rz, _, _), (ry, _, _), (rx, _, _) = bases
    inner = np.full(grid.cells, -1)
    inner[cells.ravel()] = np.arange(cells.size)
    ring, reads, weights = _ring(axes, spans, number)
    n = rows.cells.size
    none = np.zeros((ring.size, rows.index2.shape[1]))
    weight = np.concatenate([rows.second, none])
    inner_weight = weight.copy()
    if ring.size:
        inner_weight[n:, 0] = weights
    inside = np.where(rows.second != 0, inner[rows.index2], inner[rows.cells][:, None])
    bare = sum(np.diag(axes[2 - k].second)[i] for k, i in enumerate(at))
    extra = np.where(rows.index2 == rows.cells[:, None], rows.second, 0.0).sum(axis=1)
    still = np.zeros(ring.size)
    wide = np.repeat(np.stack([ring, inner[reads]])[:, :, None], none.shape[1], axis=2)
    return Box(
        shape=cells.shape,
        cells=cells.ravel(),
        vectors=tuple(b[1] for b in bases),
        inverse=tuple(b[2] for b in bases),
        rates=(rz[:, None, None] + ry[:, None] + rx).ravel(),
        asked=np.concatenate([rows.cells, ring]),
        touched=n,
        place=inner[rows.cells],
        bare=np.concatenate([bare, still]),
        extra=np.concatenate([extra, still]),
        index=np.concatenate([rows.index2, wide[0]]),
        weight=weight,
        inner_index=np.concatenate([inside, wide[1]]),
        inner_weight=inner_weight,
    )


def _cut(axis: Axis, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues, vectors and their inverse of the second-order rows of some cells of an axis, cut off."""
    if (first, last) == (0, axis.n):
        return axis.rates, axis.vectors, axis.inverse
    root = np.sqrt(axis.widths[first:last])
    symmetric = axis.second[first:last, first:last] * root[:, None] / root
    rates, q = np.linalg.eigh(0.5 * (symmetric + symmetric.T))
    return rates, q / root[:, None], q.T * root


def _ring(
    axes: Sequence[Axis], spans: Sequence[tuple[int, int]], number: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells in front of the box's faces, the cell of the box that each reads, and the weight."""
    cells, reads, weights = [np.empty(0, int)], [np.empty(0, int)], [np.empty(0)]
    for k in range(3):
        for edge, outside in ((spans[k][0], spans[k][0] - 1), (spans[k][1] - 1, spans[k][1])):
            if not 0 <= outside < number.shape[k]:
                continue
            there, here = ([slice(*s) for s in spans] for _ in range(2))
            there[k], here[k] = slice(outside, outside + 1), slice(edge, edge + 1)
            cells.append(number[tuple(there)].ravel())
            reads.append(number[tuple(here)].ravel())
            weights.append(np.full(cells[-1].size, axes[2 - k].second[outside, edge]))
    return np.concatenate(cells), np.concatenate(reads), np.concatenate(weights)
