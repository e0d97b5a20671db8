"""Diffusion in cells that obstacles touch: what changes against the bare grid.

    (L_m u)_i = 1/(phi_i V_i) sum_f a_f A_f (u' at f) - pull_i (u_i - rest)

A face keeps its 4th-order weights where their four cells are full and it and its neighbours along the axis
are fully open; else it has a_f times the two-point derivative.  (Tried and left: mirroring the 4th-order
stencil at a flat closed face; it is no better.)  `pull` belongs to held surfaces.

With media a_f is the open fraction times k_f and phi the free volume (see `mask_media`); faces whose four
cells are of one medium keep their 4th order.  Faces under a held patch count as closed ones.

The kernels sweep the bare grid; `Rows` hold L_m - L for the few cells where the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.finite_volume import CLOSED, HELD, Axis, _face_derivatives

if TYPE_CHECKING:
    from microdomain.grid import Grid
    from microdomain.mask_media import Media


@dataclass(frozen=True, eq=False)
class Operator:
    """L_m - L on the cells where they differ, of 4th and of 2nd order.

    Attributes
    ----------
    cells : int array (n,)
    beside : int array              those of them that obstacles or held surfaces touch
    index4, index2 : int arrays (n, width)    cells that a row reads, 4th and 2nd order
    fourth, second : arrays (n, width), 1/um^2
    outflow4, outflow2 : arrays (cells,), um
                                          what held walls and surfaces take per unit of D and excess
    swiftest : float, 1/um^2              largest sum of |entries| of a row of L_m, 4th order
    """

    cells: np.ndarray
    beside: np.ndarray
    index4: np.ndarray
    index2: np.ndarray
    fourth: np.ndarray
    second: np.ndarray
    outflow4: np.ndarray
    outflow2: np.ndarray
    swiftest: float


def lay_operator(
    grid: Grid,
    axes: Sequence[Axis],
    phi: np.ndarray,
    opened: Any,
    rim: np.ndarray,
    pull: np.ndarray,
    plain: np.ndarray,
    under: Any = None,
    media: Media | None = None,
) -> Operator:
    """The rows of every fluid cell that an obstacle or another medium touches.

    Parameters
    ----------
    grid : Grid
    axes : three Axis               along x, y, z
    phi, opened, rim, pull          as in `mask.Mask`
    plain : bool array [z, y, x]    cells that are all fluid
    under : three bool arrays       faces under held patches; None without
    media : Media, optional

    Returns
    -------
    Operator
    """
    seen = opened if under is None else [np.where(u, 0.0, a) for a, u in zip(opened, under, strict=True)]
    regular = [_regular(k, plain, seen[k]) for k in range(3)]
    odd = ~plain & (phi > 0)
    odd |= _beside(regular) & (phi > 0)
    odd.ravel()[rim] = True
    beside = np.flatnonzero(odd.ravel())
    if media is not None:
        regular = [r & _alike(k, media.number) for k, r in enumerate(regular)]
        opened = [a * k for a, k in zip(opened, media.faces, strict=True)]
        other = (media.number < 0) | (media.conduct != media.alpha)
        odd |= (_beside(regular) | other) & (phi > 0)
    cells = np.flatnonzero(odd.ravel())
    fourth, bare4 = _rows(4, grid, axes, phi, opened, regular, cells)
    second, bare2 = _rows(2, grid, axes, phi, opened, regular, cells)
    at = np.searchsorted(cells, rim)
    for rows in (fourth, second):
        rows[1][at, 0] -= pull
    index4, (four,) = _packed(fourth[0], fourth[1] - bare4)
    index2, (two,) = _narrowed(*_packed(second[0], second[1] - bare2))
    whole = _packed(fourth[0], fourth[1])[1][0]
    out4, out2 = (_outflow(order, grid, axes, phi, opened, regular, rim, pull) for order in (4, 2))
    swiftest = float(np.abs(whole).sum(axis=1).max(initial=0.0))
    return Operator(cells, beside, index4, index2, four, two, out4, out2, swiftest)


def _beside(regular: Sequence[np.ndarray]) -> np.ndarray:
    """Cells one of whose faces has not kept its weights."""
    out: Any = False
    for k in range(3):
        r = np.moveaxis(regular[k], 2 - k, -1)
        out = out | np.moveaxis(~(r[..., 1:] & r[..., :-1]), -1, 2 - k)
    return np.asarray(out)


def _alike(k: int, number: np.ndarray) -> np.ndarray:
    """Faces along one axis whose four cells are of one medium; beyond the walls everything repeats."""
    n = np.moveaxis(number, 2 - k, -1)
    cells = np.pad(n, [(0, 0), (0, 0), (2, 2)], mode="symmetric" if n.shape[-1] > 1 else "edge")
    faces = n.shape[-1] + 1
    first = cells[..., :faces]
    out = first >= 0
    for shift in range(1, 4):
        out &= cells[..., shift : shift + faces] == first
    return np.moveaxis(out, -1, 2 - k)


def _regular(k: int, plain: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """Faces along one axis that obstacles leave their 4th-order weights."""
    full = np.moveaxis(plain, 2 - k, -1)
    through = np.moveaxis(opened == 1, 2 - k, -1)
    # Beyond the walls of the box everything repeats.
    cells = np.pad(full, [(0, 0), (0, 0), (2, 2)], mode="symmetric" if full.shape[-1] > 1 else "edge")
    faces = np.pad(through, [(0, 0), (0, 0), (1, 1)], mode="edge")
    n = through.shape[-1]
    out = faces[..., :n] & faces[..., 1 : n + 1] & faces[..., 2:]
    for shift in range(4):
        out &= cells[..., shift : shift + n]
    return np.moveaxis(out, -1, 2 - k)


def _bands(order: int, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives at faces (n + 1, 4) from the cells at offsets -2 to 1, and bare rows (n, 5) at -2 to 2."""
    n, h = axis.n, axis.widths
    if order == 4:
        dense, bare = _face_derivatives(axis.faces, axis.lower, axis.upper), axis.fourth
    else:
        dense, bare = np.zeros((n + 1, n)), axis.second
        for f in range(1, n):
            dense[f, f - 1], dense[f, f] = -2.0 / (h[f - 1] + h[f]), 2.0 / (h[f - 1] + h[f])
        if axis.lower == HELD:
            dense[0, 0] = 2.0 / h[0]
        if axis.upper == HELD:
            dense[n, n - 1] = -2.0 / h[-1]
    at = np.arange(n + 1)[:, None] + np.arange(-2, 2)
    faces = np.where((at >= 0) & (at < n), dense[np.arange(n + 1)[:, None], np.clip(at, 0, n - 1)], 0.0)
    at = np.arange(n)[:, None] + np.arange(-2, 3)
    rows = np.where((at >= 0) & (at < n), bare[np.arange(n)[:, None], np.clip(at, 0, n - 1)], 0.0)
    return faces, rows


def _at_faces(order: int, axis: Axis, regular: np.ndarray, a: np.ndarray, f: np.ndarray) -> np.ndarray:
    """a times the derivative at faces f of one axis, on the cells at offsets -2 to 1: (n, 4)."""
    two = _bands(2, axis)[0][f]
    if order == 2:
        return a[:, None] * two
    return a[:, None] * np.where(regular[:, None], _bands(4, axis)[0][f], two)


def _rows(
    order: int,
    grid: Grid,
    axes: Sequence[Axis],
    phi: np.ndarray,
    opened: Any,
    regular: Any,
    cells: np.ndarray,
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """(index, values) of the rows of L_m and the values of L, each (n, 16): centre, then five per axis."""
    place = np.unravel_index(cells, grid.shape)
    strides = (1, grid.shape[2], grid.shape[2] * grid.shape[1])
    index = np.repeat(cells[:, None], 16, axis=1)
    masked, bare = np.zeros((cells.size, 16)), np.zeros((cells.size, 16))
    for k, axis in enumerate(axes):
        i = place[2 - k]
        first = 1 + 5 * k
        for step in range(5):
            inside = (i + step - 2 >= 0) & (i + step - 2 < axis.n)
            index[inside, first + step] += (step - 2) * strides[k]
        bare[:, first : first + 5] = _bands(order, axis)[1][i]
        weight = 1.0 / (phi.ravel()[cells] * axis.widths[i])
        for side, sign in ((0, -1.0), (1, 1.0)):
            face = list(place)
            face[2 - k] = i + side
            at = tuple(face)
            values = _at_faces(order, axis, regular[k][at], opened[k][at], i + side)
            masked[:, first + side : first + side + 4] += sign * weight[:, None] * values
    return (index, masked), bare


def _packed(index: np.ndarray, *values: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Entries of the same cell summed, empty ones dropped; rows padded with entries of weight 0."""
    order = np.argsort(index, axis=1, kind="stable")
    index = np.take_along_axis(index, order, axis=1)
    new = np.ones(index.shape, dtype=bool)
    new[:, 1:] = index[:, 1:] != index[:, :-1]
    group = np.cumsum(new, axis=1) - 1
    width = int(group.max(initial=-1)) + 1
    rows = np.broadcast_to(np.arange(len(index))[:, None], index.shape)
    out_index = np.repeat(index[:, :1], width, axis=1)
    out_index[rows, group] = index
    out = []
    for one in values:
        sums = np.zeros((len(index), width))
        np.add.at(sums, (rows, group), np.take_along_axis(one, order, axis=1))
        out.append(sums)
    return out_index, out


def _narrowed(index: np.ndarray, values: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows without their empty entries: of the 2nd order seven are left of thirteen."""
    order = np.argsort(values[0] == 0, axis=1, kind="stable")
    width = int((values[0] != 0).sum(axis=1).max(initial=0))
    kept = [np.take_along_axis(a, order, axis=1)[:, :width] for a in (index, values[0])]
    return kept[0], kept[1:]


def _outflow(
    order: int, grid: Grid, axes: Sequence[Axis], phi: Any, opened: Any, regular: Any, rim: Any, pull: Any
) -> np.ndarray:
    """What held walls of the box and held surfaces take per unit of D and excess: (cells,), um."""
    out = np.zeros(grid.cells)
    strides = (1, grid.shape[2], grid.shape[2] * grid.shape[1])
    number = np.arange(grid.cells).reshape(grid.shape)
    for k, axis in enumerate(axes):
        for side, sign in ((0, axis.lower), (1, axis.upper)):
            if sign == CLOSED:
                continue
            face = -1 if side else 0
            cells = np.take(number, face, axis=2 - k).ravel()
            through, kept = (np.take(a, face, axis=2 - k).ravel() for a in (opened[k], regular[k]))
            f = np.full(cells.size, axis.n if side else 0)
            values = _at_faces(order, axis, kept, through, f) * (-1.0 if side else 1.0)
            i = axis.n - 1 if side else 0
            area = grid.volumes.ravel()[cells] / axis.widths[i]
            for step in range(4):
                there = f[0] + step - 2
                if 0 <= there < axis.n:
                    out_cells = cells + (there - i) * strides[k]
                    np.add.at(out, out_cells, area * values[:, step])
    np.add.at(out, rim, pull * (phi * grid.volumes).ravel()[rim])
    return out
