"""Media on a grid: the free volume of every cell, and how well every face conducts.

    alpha_i V_i du_i/dt = sum_f k_f A_f D (du/dn)_f + ..,      k = alpha / lambda^2

A face between two media, or in one that varies, conducts as the two halves of the way between the centres
in series, k_f = d / (d_l/k_l + d_r/k_r): continuous c and flux there give just that.  Cells that a boundary
crosses are sampled as obstacles are: alpha is the mean, a face the sum of its columns of samples.  Half
the way through such a column stands for the resistance from its face to its samples, meant with alpha: where
the flux is even, that is how far the mean of c is from its value at the face, wherever the boundary crosses.

Everything is relative to the bare grid's D, the largest of all media (`reference`, the least lambda): the
bare diffusion factor is then no less stiff than the true one (see `backends.masked`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.model.tissue import EVEN, Tissue, channel_medium, medium, which

if TYPE_CHECKING:
    from microdomain.grid import Grid

#: Samples per edge of a cell that a boundary crosses (even, as halves are summed); cells at a time.
SAMPLES, CHUNK = 12, 500


@dataclass(frozen=True, eq=False)
class Media:
    """The media of a box on a grid.

    Attributes
    ----------
    alpha : array [z, y, x]         free volume fraction
    conduct : array [z, y, x]       k (reference/1)^2 of the cell's own medium; its mean in mixed cells
    faces : three arrays            the same of faces along x [z, y, x + 1], y and z; walls as their cell
    number : int array [z, y, x]    medium of the cell, -1 where several meet
    place : int array [z, y, x]     which tissue the cell is in, -1 free fluid, -2 where several meet
    centre : int array [z, y, x]    which its centre is in
    tortuosity : array (media,)     of every number
    reference : float               lambda that the bare grid's D stands for
    channel : (float, float)        alpha and lambda where the channels stand
    even : bool                     one medium fills the box
    """

    alpha: np.ndarray
    conduct: np.ndarray
    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    number: np.ndarray
    place: np.ndarray
    centre: np.ndarray
    tortuosity: np.ndarray
    reference: float
    channel: tuple[float, float]
    even: bool


def lay_media(models: Sequence[Any], grid: Grid) -> Media | None:
    """Lay the tissue of models, which they share, on a grid; None where all is free fluid.

    Parameters
    ----------
    models : sequence of Model
    grid : Grid

    Returns
    -------
    Media or None

    Raises
    ------
    ValueError                      members whose channels stand in different media
    """
    tissue = models[0].tissue
    if all(one.plain for one in tissue):
        return None
    places = [channel_medium(tissue, m.resolved_channels) for m in models]
    places = [p for p in places if p is not None]
    if any(np.abs(np.array(p) - places[0]).max() > 1e-9 for p in places):
        raise ValueError(
            "The channels of the members stand in different media. All channels of a run stand in one "
            "medium; run these models separately."
        )
    x, y, z = np.ix_(*grid.centres[::-1])[::-1]
    alpha, lam = medium(tissue, x, y, z)
    crossed = _crossed(tissue, grid)
    pairs, number = np.unique(
        np.stack([alpha[~crossed], lam[~crossed]]), axis=1, return_inverse=True
    )  # fmt: skip
    numbers = np.full(grid.shape, -1)
    numbers[~crossed] = number.ravel()
    cells = np.flatnonzero(crossed.ravel())
    slot = np.full(grid.cells, -1)
    slot[cells] = np.arange(cells.size)
    means, halves, least = _sampled(tissue, grid, cells)
    reference = float(min(least, lam[~crossed].min() if pairs.size else np.inf))
    conduct = alpha * (reference / lam) ** 2
    alpha.ravel()[cells] = means
    halves = [h * reference**2 for h in halves]
    conduct.ravel()[cells] = halves[0].mean(axis=(1, 2, 3))
    varied = not all(one.even for one in tissue)
    faces = tuple(
        _faces(tissue, grid, axis, conduct, slot, halves[axis], reference if varied else None)
        for axis in range(3)
    )
    even = pairs.shape[1] == 1 and not cells.size
    here = places[0] if places else _widest(grid, numbers, pairs)
    centre = which(tissue, x, y, z)
    place = np.where(crossed, -2, centre)
    return Media(alpha, conduct, faces, numbers, place, centre, pairs[1], reference, here, even)  # type: ignore[arg-type]


def _widest(grid: Grid, number: np.ndarray, pairs: np.ndarray) -> tuple[float, float]:
    """alpha and lambda of the medium that fills most."""
    if not pairs.size:
        return 1.0, 1.0
    fills = np.bincount(number[number >= 0], grid.volumes[number >= 0])
    a, t = pairs[:, int(np.argmax(fills))]
    return float(a), float(t)


def _crossed(tissue: Sequence[Tissue], grid: Grid) -> np.ndarray:
    """Cells in which media may meet: those whose points lie on both sides of a shape's surface."""
    hx, hy, hz = grid.widths
    x, y, z = np.ix_(*grid.centres[::-1])[::-1]
    reach = 0.5 * np.sqrt(hx[None, None, :] ** 2 + hy[None, :, None] ** 2 + hz[:, None, None] ** 2)
    out = np.zeros(grid.shape, dtype=bool)
    for one in tissue:
        if one.shape is not None:
            out |= np.abs(np.broadcast_to(one.shape.distance(x, y, z), grid.shape)) <= reach
    asked = np.flatnonzero(out.ravel())
    for first in range(0, asked.size, CHUNK):
        some = asked[first : first + CHUNK]
        both = np.stack(medium(tissue, *_points(grid, some))).reshape(2, some.size, -1)
        jumps = (both.max(axis=2) > both.min(axis=2)).any(axis=0)
        # A profile alone is no boundary.
        mixed = np.zeros(some.size, dtype=bool)
        for one in tissue:
            if one.shape is not None:
                inside = one.inside(*_points(grid, some)).reshape(some.size, -1)
                mixed |= inside.any(axis=1) & ~inside.all(axis=1)
        mixed &= jumps
        out.ravel()[some] = mixed
    return out


def _points(grid: Grid, cells: np.ndarray) -> list[np.ndarray]:
    """Centres x, y, z of the samples of cells, um: arrays that broadcast to (n, z, y, x)."""
    iz, iy, ix = np.unravel_index(cells, grid.shape)
    middle = (np.arange(SAMPLES) + 0.5) / SAMPLES
    out = [f[i, None] + np.diff(f)[i, None] * middle for f, i in zip(grid.faces, (ix, iy, iz), strict=True)]
    return [out[0][:, None, None, :], out[1][:, None, :, None], out[2][:, :, None, None]]


def _sampled(tissue: Sequence[Tissue], grid: Grid, cells: np.ndarray) -> tuple[np.ndarray, list[Any], float]:
    """Of mixed cells: mean alpha, k of both halves of columns per axis (n, 2, a, b), least lambda."""
    means, least = np.empty(cells.size), np.inf
    halves = [np.empty((cells.size, 2, SAMPLES, SAMPLES)) for _ in range(3)]
    for first in range(0, cells.size, CHUNK):
        some = slice(first, first + CHUNK)
        alpha, lam = medium(tissue, *_points(grid, cells[some]))
        means[some] = alpha.mean(axis=(1, 2, 3))
        least = min(least, float(lam.min()))
        resistance = lam**2 / alpha / SAMPLES
        for axis in range(3):
            r, a = (np.moveaxis(t, 3 - axis, -1) for t in (resistance, alpha))
            before = (a * (np.cumsum(r, axis=-1) - 0.5 * r)).sum(axis=-1) / a.sum(axis=-1)
            halves[axis][some, 0], halves[axis][some, 1] = 0.5 / before, 0.5 / (r.sum(axis=-1) - before)
    return means, halves, least


def _faces(
    tissue: Sequence[Tissue], grid: Grid, axis: int, conduct: np.ndarray, slot: np.ndarray, halves: Any,
    varied: float | None,
) -> np.ndarray:  # fmt: skip
    """k of every face along one axis; `varied` is the reference where media vary inside, else None."""
    along = 2 - axis
    two = [conduct, conduct]
    if varied is not None:
        at = list(np.ix_(*grid.centres[::-1])[::-1])
        shape = [1, 1, 1]
        shape[along] = -1
        quarter = (0.25 * grid.widths[axis]).reshape(shape)
        for side in (0, 1):
            points = list(at)
            points[axis] = at[axis] + (2 * side - 1) * quarter
            a, t = medium(tissue, *points)
            two[side] = a * (varied / t) ** 2
    low, high = (np.moveaxis(k, along, -1) for k in two)
    n = low.shape[-1]
    out = np.empty((*low.shape[:-1], n + 1))
    h = grid.widths[axis]
    out[..., 1:-1] = _series(high[..., :-1], low[..., 1:], h[:-1], h[1:])
    out[..., 0], out[..., -1] = low[..., 0], high[..., -1]
    place = np.moveaxis(slot.reshape(conduct.shape), along, -1)
    where = np.nonzero((place[..., :-1] >= 0) | (place[..., 1:] >= 0))
    left, right = (*where[:-1], where[-1]), (*where[:-1], where[-1] + 1)
    columns = []
    for cell, own, side in ((left, high, 1), (right, low, 0)):
        column = np.broadcast_to(own[cell][:, None, None], (where[0].size, SAMPLES, SAMPLES)).copy()
        mixed = place[cell] >= 0
        column[mixed] = halves[place[cell][mixed], side]
        columns.append(column)
    hl, hr = (h[c[-1]][:, None, None] for c in (left, right))
    out[right] = _series(columns[0], columns[1], hl, hr).mean(axis=(1, 2))
    for face, end, side in ((0, 0, 0), (n, n - 1, 1)):
        mixed = place[..., end] >= 0
        out[..., face][mixed] = halves[place[..., end][mixed], side].mean(axis=(1, 2))
    return np.ascontiguousarray(np.moveaxis(out, -1, along))


def _series(k: Any, other: Any, h: Any, beside: Any) -> np.ndarray:
    """Conductance of two halves of a way in series; the same number where both are alike."""
    return np.where(k == other, k, (h + beside) / (h / k + beside / other))


def free_at(media: Media | None, grid: Grid, position: Sequence[float]) -> float:
    """Free volume fraction of the cells that a channel feeds at first; 1 without media.

    Raises
    ------
    ValueError                      a boundary of media crosses those cells
    """
    if media is None:
        return 1.0
    spans = []
    for f, p in zip(grid.faces, position, strict=True):
        last = int(np.clip(np.searchsorted(f, p + 1e-12, side="right") - 1, 0, f.size - 2))
        # On a face it is half in the cell before.
        spans.append(slice(max(last - 1, 0) if abs(f[last] - p) < 1e-12 else last, last + 1))
    cells = tuple(spans[::-1])
    here = media.alpha[cells].ravel()
    alpha = float(here[0]) if (here == here[0]).all() else float(here.mean())
    if abs(alpha / media.channel[0] - 1.0) > EVEN or (media.place[cells] == -2).any():
        x, y, z = position
        raise ValueError(
            f"A boundary of media crosses the grid's cells at the channel at ({x:g}, {y:g}, {z:g}) um, whose "
            "near field knows one medium. Refine the grid there, or move the boundary two cells away."
        )
    return alpha


def pumps_in(pumps: Any, media: Media | None, masked: bool) -> Any:
    """Pumps on walls of tissue: what they carry per area of wall comes from the free volume behind it.

    In concentrations of the free volume a pump carries J/alpha against D/lambda^2.

    Raises
    ------
    ValueError                      a pumped face on which media meet
    """
    if media is None or not pumps.sheets:
        return pumps
    sheets = []
    for s in pumps.sheets:
        here = np.unique(np.stack([s.layer(media.number, 0), s.layer(media.number, 1)]))
        if here.size != 1 or here[0] < 0:
            names = ", ".join(repr(pumps.names[k]) for k in s.pumps)
            face = f"{'xyz'[s.axis]}{'+' if s.side else '-'}"
            raise ValueError(
                f"Several media meet beside the face {face} of pump {names}. "
                "Pumps ask for one medium in the two layers of cells at their face: move the boundary away "
                "from it, or leave the pump out."
            )
        lam, alpha = float(media.tortuosity[here[0]]), float(s.layer(media.alpha, 0).flat[0])
        more = {} if masked else {"cover": s.cover / alpha, "area": s.area * alpha}
        sheets.append(replace(s, D=s.D / lam**2, beta=s.beta * lam**2, **more))
    return replace(pumps, sheets=tuple(sheets))
