"""How fine cells must be: what buffers and pumps ask for, and what is said where a grid is coarser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microdomain.model.tissue import channel_medium

if TYPE_CHECKING:
    from microdomain.grid import Grid
    from microdomain.model import Model

#: Default spacing near channels (um).
NEAR = 0.020
#: Cells at a channel are this part of the length on which the buffers at rest bind.
REACH = 0.4
#: Beside a channel a pump of slope P on its membrane asks for P h / D up to this (an error of 0.5 %).
PULL = 0.02
#: Faces on either side that follow one which is moved onto a boundary of media.
FOLLOW = 6


def coarse_beside_pumps(models: Sequence[Model], grid: Grid) -> str:
    """A sentence where a grid is too coarse for pumps on the membrane of a channel; empty where it is not."""
    worst = max(
        ((m.pull(c) * grid.spacing_at(c.position) / m.ion(c.ion).D, c.name)
         for m in models for c in m.resolved_channels if m.pumps),
        default=(0.0, ""),
    )  # fmt: skip
    if worst[0] <= 4.0 * PULL:
        return ""
    return (
        f"The pumps on the membrane of channel {worst[1]!r} have P h/D = {worst[0]:.2g}, h being the cells "
        f"there: concentrations within 20 nm of it are about {25 * worst[0]:.2g} % off. Refine the grid near "
        f"the channels ({PULL:g} gives 0.5 %)."
    )


def near_spacing(models: Sequence[Model]) -> float:
    """Cell width at the channels that the chemistry asks for.

    Calcium reaches sqrt(D / sum k_on free) before a buffer at rest binds it.  Where buffers saturate
    the front between free and bound is about as thin, and cells of 20 nm blur it: with 4 mM of a fixed
    and 1 mM of a fast mobile buffer (18 nm) the error 50 nm from the channel is 17 %, with cells of 0.4
    times that length 2 %.  A pump of slope P on the channel's membrane costs 0.2 to 0.3 P h/D within 20 nm.

    Parameters
    ----------
    models : sequence of Model

    Returns
    -------
    float, um                       0.4 of the shortest reach, but 5 to 20 nm
    """
    wanted = REACH * shortest_reach(models)
    for m in models:
        for c in m.resolved_channels:
            pull = m.pull(c)
            if pull > 0:
                wanted = min(wanted, PULL * m.ion(c.ion).D / pull)
    return float(np.clip(wanted, 0.25 * NEAR, NEAR))


def shortest_reach(models: Sequence[Model]) -> float:
    """How far calcium gets before a buffer at rest binds it, sqrt(D / sum k_on free).

    Against cells of 1.5 nm, cells of 5 nm are 3, 9 and 14 % off at 10 nm from a channel of 1 fA where the
    reach is 3, 1.5 and 0.7 nm (k_on 50, K_d 500), and 0.3 % where it is 5 nm.

    Parameters
    ----------
    models : sequence of Model

    Returns
    -------
    float, um                       over all ions that have channels; inf without buffers
    """
    shortest = np.inf
    for m in models:
        for ion in m.ions:
            rate = m.binding_rate(ion.name)
            if rate > 0 and any(c.ion == ion.name for c in m.channels):
                medium = channel_medium(m.tissue, m.resolved_channels) or (1.0, 1.0)
                shortest = min(shortest, float(np.sqrt(ion.D / rate)) / medium[1])
    return shortest


def aligned(faces: np.ndarray, planes: Sequence[float], kept: np.ndarray) -> np.ndarray:
    """Faces of an axis with the one nearest to every plane moved onto it, its neighbours following.

    Beside a boundary in the middle of a cell concentrations are 5 to 10 % off, beside one on a face 1 to 2.

    Parameters
    ----------
    faces : array (n + 1,), um
    planes : sequence of float, um
    kept : array, um                faces at these places stay, as do the first and the last

    Returns
    -------
    array (n + 1,)
    """
    out = faces.copy()
    fixed = {0, out.size - 1, *(k for k in range(out.size) if np.abs(kept - out[k]).min(initial=1.0) < 1e-9)}
    for plane in planes:
        free = [k for k in range(out.size) if k not in fixed]
        if not free:
            break
        k = min(free, key=lambda n: abs(out[n] - plane))
        below, above = max(j for j in fixed if j < k), min(j for j in fixed if j > k)
        if not out[below] < plane < out[above]:
            continue
        reach = np.where(np.arange(out.size) < k, min(FOLLOW, k - below), min(FOLLOW, above - k))
        out += (plane - out[k]) * np.clip(1.0 - np.abs(np.arange(out.size) - k) / reach, 0.0, None)
        out[k] = plane
        fixed.add(k)
    return out
