"""The near field beside obstacles: its amount in the fluid, and what it loses into the solid.

A channel's analytic field knows the walls of the box, not the obstacles: it flows into them.  What it
loses through a closed surface is given back to the grid part u of the cell in front of it, age by age, so
that c = c_k + u has no flux there and no ion is lost, for any shape::

    mass_q  = sum over fluid samples of the kernel's amount at age s_q
    back_q  = D sum over faces between a fluid and a solid sample of (dK/dn out of the fluid)
    d mass_q / ds = - back_q   exactly: the samples' amounts and face flows are products of erf and exp

A held surface keeps what reaches it; what it pulls out of the near field besides, -D pull c_k, is taken
from u.

The kernel knows one medium, that of the channel (alpha_0, lambda_0).  In others its amount is alpha times
what it has there, and what its flux lacks for the true one goes to u as well, cell by cell::

    mass_q = sum_i alpha_i K_i / alpha_0
    back_q = D_0 / alpha_0 sum over faces of a cell (k_f lambda_0^2 - alpha_i) dK/dn
    d mass_q / ds = - back_q - what passes held walls

with the k_f of the grid's own rows: continuous c and flux at a boundary on a face then hold for c_k + u.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.grid import Grid
from microdomain.mask import CHUNK, SAMPLES, Mask
from microdomain.mask_fill import home
from microdomain.near_field import Patch, Source
from microdomain.window import Window


@dataclass(frozen=True, eq=False)
class Beside:
    """What obstacles change in one channel's near field.

    Attributes
    ----------
    cells : int array (n,)          flat, all of them open
    average : array (Q + 1, n)      fluid average minus the bare average of the kernel, 1/um^3
    back : array (Q, n)             rate at which the grid part gets back, per age, 1/(um^3 ms)
    mass : array (Q + 1,)           what is left in the fluid at each age, and at tau
    returned, lost : arrays (Q,), 1/ms    given back to u in all; taken by held surfaces and walls
    """

    cells: np.ndarray
    average: np.ndarray
    back: np.ndarray
    mass: np.ndarray
    returned: np.ndarray
    lost: np.ndarray


def lay_beside(
    mask: Mask | None,
    grid: Grid,
    position: Sequence[float],
    patch: Patch,
    sources: Sequence[Source],
    window: Window,
    D: float,
    free: float = 1.0,
) -> Beside | None:
    """Tables of one channel position; None where no obstacle touches its patch.

    Parameters
    ----------
    mask : Mask or None
    grid : Grid
    position : (x, y, z), um            its field ends at the connected part of the fluid that it feeds
    patch : Patch
    sources : three Source              along x, y, z
    window : Window
    D : float, um^2/ms                  of the bare grid
    free : float                        alpha where the channel stands

    Returns
    -------
    Beside or None
    """
    if mask is None:
        return None
    shape, faces, component = mask.phi.shape, grid.faces, home(mask, grid, position)
    number = np.arange(mask.phi.size).reshape(shape)[patch.where].ravel()
    closed = mask.phi.ravel()[number] == 0
    # Cells with fluid that a surface crosses or bounds, and slivers that others keep.
    asked = _bounded(mask).ravel()
    asked[mask.rim] = True
    asked |= (mask.slot >= 0) | (mask.owner != np.arange(mask.phi.size))
    asked &= (mask.owner >= 0) & (mask.component[mask.owner] == component)
    mine = number[asked[number]]
    apart = number[(mask.component[number] >= 0) & (mask.component[number] != component)]
    alpha, conduct = _relative(mask, window.D / D)
    others = _elsewhere(mask, alpha, conduct, number, mine, component, free)
    if not mine.size and not closed.any() and not apart.size and not others.size:
        return None
    ages = np.append(window.nodes, window.tau)
    fine = [
        _fine(source, f, span, ages)
        for source, f, span in zip(sources, faces, patch.where[::-1], strict=True)
    ]
    amount, back = np.zeros((ages.size, mine.size)), np.zeros((ages.size, mine.size))
    for first in range(0, mine.size, CHUNK):
        some = mine[first : first + CHUNK]
        amount[:, first : first + CHUNK], back[:, first : first + CHUNK] = _flows(
            mask, patch, fine, some, component, alpha, conduct
        )
    back *= window.D
    volumes = grid.volumes.ravel()
    # The bare kernel's amount in every cell of the patch.
    zy, x = patch.zy.reshape(ages.size, patch.shape[0] * patch.shape[1], 1), patch.x[:, None, :]
    bare = (zy * x).reshape(ages.size, -1)
    own = mask.owner[mine]
    cells = np.union1d(own, others)
    at = np.searchsorted(cells, own)
    kept, given = np.zeros((ages.size, cells.size)), np.zeros((ages.size, cells.size))
    np.add.at(kept.T, at, amount.T)
    np.add.at(given.T, at, back.T)
    held = np.isin(cells, mask.rim)
    lost = given[:-1, held].sum(axis=1)
    given[:, held] = 0.0
    gain, lost_more = 1.0, np.zeros(window.nodes.size)
    if mask.media is not None:
        gain = 1.0 / free
        flows, more = _mismatch(patch, sources, grid.faces, ages, alpha, conduct, free)
        at, where = np.searchsorted(cells, others), np.searchsorted(number, others)
        kept[:, at] += bare[:, where] * (volumes * alpha.ravel())[others]
        given[:, at] += window.D * flows[:, where]
        lost_more = -gain * window.D * more[:-1]
    space = (mask.phi.ravel() * volumes)[cells]
    inside = np.zeros(mask.phi.size, dtype=bool)
    inside[number] = True
    # A sliver's owner may stand just outside the patch; there the bare kernel is nothing.
    there = np.zeros((ages.size, mask.phi.size))
    there[:, number] = bare
    average = kept / space - there[:, cells]
    pull = np.zeros(cells.size)
    pull[held] = mask.pull[np.searchsorted(mask.rim, cells[held])] if held.any() else 0.0
    pulled = D * pull * kept
    given -= pulled
    lost += pulled[:-1].sum(axis=1)
    touched = np.zeros(mask.phi.size, dtype=bool)
    touched[cells] = touched[apart] = True
    rest = number[~touched[number] & ~closed]
    mass = kept.sum(axis=1) + (there[:, rest] * (volumes * alpha.ravel())[rest]).sum(axis=1)
    back, returned = given[:-1] / space, given[:-1].sum(axis=1)
    # In other parts there is no near field of this channel.
    average = np.concatenate([average, -there[:, apart]], axis=1)
    back = np.concatenate([back, np.zeros((back.shape[0], apart.size))], axis=1)
    return Beside(
        np.concatenate([cells, apart]), gain * average, gain * back, gain * mass, gain * returned,
        np.asarray(gain * lost + patch.loss + lost_more),
    )  # fmt: skip


def _relative(mask: Mask, ratio: float) -> tuple[np.ndarray, Any]:
    """alpha of every cell, and k lambda_0^2 of every face, lambda_0 being the channel's; 1 without media."""
    if mask.media is None:
        return np.ones(mask.phi.shape), tuple(np.ones(a.shape) for a in mask.opened)
    return mask.media.alpha, tuple(f / ratio for f in mask.media.faces)


def _elsewhere(
    mask: Mask,
    alpha: np.ndarray,
    conduct: Any,
    number: np.ndarray,
    mine: np.ndarray,
    component: int,
    free: float,
) -> np.ndarray:
    """Cells of a patch, besides `mine`, whose medium or a face of it is not the channel's: flat indices."""
    if mask.media is None:
        return np.empty(0, dtype=int)
    other = alpha != free
    for axis, k in enumerate(conduct):
        odd = np.moveaxis(k, 2 - axis, -1)
        near = np.moveaxis(alpha, 2 - axis, -1)
        off = (np.abs(odd[..., :-1] - near) > 1e-12) | (np.abs(odd[..., 1:] - near) > 1e-12)
        other |= np.moveaxis(off, -1, 2 - axis)
    found = number[other.ravel()[number] & (mask.component[number] == component)]
    return np.setdiff1d(found, mine)


def _mismatch(
    patch: Patch,
    sources: Sequence[Source],
    faces: Any,
    ages: np.ndarray,
    alpha: np.ndarray,
    conduct: Any,
    free: float,
) -> tuple[np.ndarray, np.ndarray]:
    """What the kernel's flux over D_0 lacks in the cells of a patch, and what enters through held walls.

    Cells that are all fluid, between faces that are all open: arrays (Q + 1, cells) and (Q + 1,).
    """
    spans = patch.where[::-1]
    tables = [_whole(s, f, w, ages) for s, f, w in zip(sources, faces, spans, strict=True)]
    out, beyond = np.zeros((ages.size, *patch.shape)), np.zeros(ages.size)
    for axis in range(3):
        along = 2 - axis
        where = list(patch.where)
        where[along] = slice(spans[axis].start, spans[axis].stop + 1)
        k = np.moveaxis(conduct[axis][tuple(where)], along, -1)
        own = np.moveaxis(alpha[patch.where], along, -1)
        slope = tables[axis][1][:, None, None]
        # The other two axes in the order that is left of (z, y, x).
        first, second = (tables[b][0] for b in (2, 1, 0) if b != axis)
        rate = (k[..., 1:] - own) * slope[..., 1:] - (k[..., :-1] - own) * slope[..., :-1]
        rate *= (first[:, :, None] * second[:, None, :])[..., None]
        out += np.moveaxis(rate, -1, along + 1)
        for face, sign in ((0, -1.0), (-1, 1.0)):
            through = np.einsum("ab,qa,qb->q", k[..., face] - free, first, second, optimize=True)
            beyond += sign * tables[axis][1][:, face] * through
    return out.reshape(ages.size, -1), beyond


def _whole(source: Source, faces: np.ndarray, span: slice, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one axis: amounts in the cells of a patch [q, n], slopes of the kernel at their faces [q, n + 1]."""
    f = faces[span.start : span.stop + 1]
    amount, whole = source.amounts(f, ages), source.amounts(faces[[0, -1]], ages)[:, 0]
    scale = (whole / amount.sum(axis=1))[:, None]
    slope = source.slope(f, ages) * scale
    # Nothing leaves the patch where it ends inside of the box, nor through a closed wall.
    for end, wall in ((0, source.lo), (-1, source.hi)):
        if f[end] != wall or source.closed:
            slope[:, end] = 0.0
    return amount * scale, slope


def _bounded(mask: Mask) -> np.ndarray:
    """Cells with a face to another cell that is not fully open."""
    out = np.zeros(mask.phi.shape, dtype=bool)
    for axis, opened in enumerate(mask.opened):
        shut = np.moveaxis(opened < 1, 2 - axis, -1)
        shut[..., 0] = shut[..., -1] = False
        out |= np.moveaxis(shut[..., 1:] | shut[..., :-1], -1, 2 - axis)
    return out


def _fine(source: Source, faces: np.ndarray, span: slice, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one axis: amounts in samples [q, cell, n], slopes of the kernel at their faces [q, cell, n + 1]."""
    f = faces[span.start : span.stop + 1]
    part = np.linspace(0.0, 1.0, SAMPLES + 1)
    edges = f[:-1, None] + np.diff(f)[:, None] * part
    edges[:, -1] = f[1:]
    flat = np.append(edges[:, :-1].ravel(), f[-1])
    amount = source.amounts(flat, ages)
    whole = source.amounts(faces[[0, -1]], ages)[:, 0]
    scale = whole / amount.sum(axis=1)
    slope = source.slope(flat, ages) * scale[:, None]
    amount = (amount * scale[:, None]).reshape(ages.size, -1, SAMPLES)
    slopes = np.empty((ages.size, f.size - 1, SAMPLES + 1))
    slopes[..., :-1] = slope[:, :-1].reshape(ages.size, -1, SAMPLES)
    slopes[..., -1] = np.concatenate([slopes[:, 1:, 0], slope[:, -1:]], axis=1)
    return amount, slopes


def _flows(
    mask: Mask,
    patch: Patch,
    fine: list[tuple[np.ndarray, np.ndarray]],
    cells: np.ndarray,
    component: int,
    alpha: np.ndarray,
    conduct: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Amount in the fluid samples of cells, and its flow into solid ones over D: two arrays (Q + 1, n).

    Where media are, the former times alpha; the latter too, with what the flow through open faces lacks.
    """
    own_alpha = alpha.ravel()[cells]
    place = np.unravel_index(cells, mask.phi.shape)
    here = [i - w.start for i, w in zip(place, patch.where, strict=True)]
    samples = mask.part(cells, component)
    shares = [fine[k][0][:, here[2 - k]].transpose(1, 2, 0) for k in range(3)]
    x, y, z = shares
    amount = np.einsum("czyq,cyq,czq->qc", _times(samples, x), y, z, optimize=True)
    back = np.zeros_like(amount)
    for k in range(3):
        # The axis k last: what stands there is the flow across it.
        turned = np.moveaxis(samples, 3 - k, -1)
        jump = np.zeros((*turned.shape[:-1], SAMPLES + 1))
        jump[..., 1:-1] = (turned[..., :-1] - turned[..., 1:]) * own_alpha[:, None, None, None]
        for side in (0, 1):
            beside = list(place)
            beside[2 - k] = place[2 - k] + 2 * side - 1
            inside = (beside[2 - k] >= 0) & (beside[2 - k] < mask.phi.shape[2 - k])
            beside[2 - k] = np.where(inside, beside[2 - k], place[2 - k])
            across = np.moveaxis(
                mask.part(np.ravel_multi_index(tuple(beside), mask.phi.shape), component), 3 - k, -1
            )
            own, other = (turned[..., 0], across[..., -1]) if side == 0 else (turned[..., -1], across[..., 0])
            # What the kernel loses there, alpha times its flux, less what really passes.
            face = list(place)
            face[2 - k] = place[2 - k] + side
            passes = conduct[k][tuple(face)][:, None, None] * np.where(inside[:, None, None], other, 1.0)
            jump[..., -side] = (2 * side - 1) * own * (own_alpha[:, None, None] - passes)
        slope = fine[k][1][:, here[2 - k]].transpose(1, 2, 0)
        first, second = (shares[a] for a in (2, 1, 0) if a != k)
        # Out of the fluid flows -D dK/dn.
        back -= np.einsum("cabq,caq,cbq->qc", _times(jump, slope), first, second, optimize=True)
    return own_alpha * amount, back


def _times(block: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Sum over the last axis of [c, a, b, n] times [c, n, q]: (c, a, b, q)."""
    c, a, b, n = block.shape
    return np.asarray(np.matmul(block.reshape(c, a * b, n), factor).reshape(c, a, b, -1))
