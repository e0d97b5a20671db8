"""What stands behind a step that could not be taken: who fell below zero, where, and what acts there."""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.model import FACES, Pump
from microdomain.plan import Plan


def too_short(shortest: float, t: float, error: float, lowest: float) -> str:
    """Say that a member wants steps shorter than any that help, and what may mend it.

    Parameters
    ----------
    shortest, t : float, ms
    error : float                   of the last attempt, in units of the tolerance
    lowest : float, uM              the smallest concentration that it left

    Returns
    -------
    str                             a sentence without its subject

    >>> too_short(1e-12, 0.5, 3.0, -1.0)[:48]
    'needs steps below 1e-12 ms at t = 0.5 ms (error '
    """
    return (
        f"needs steps below {shortest:g} ms at t = {t:g} ms (error {error:.3g} of the tolerance,"
        f" lowest concentration {lowest:.3g} uM). Refine the grid near the channels,"
        " or check currents and rates."
    )


def culprit(plan: Plan, member: int, y: np.ndarray, near: np.ndarray) -> str:
    """Say where a state is lowest and which pumps or reactions act on that species there.

    Parameters
    ----------
    plan : Plan
    member : int
    y : array (size,), uM           the member's state after the attempt
    near : array [ion, z, y, x], uM     its near field

    Returns
    -------
    str                             a sentence with a blank before it; empty where nothing but plain buffers
                                    and channels acts

    >>> culprit(plan, 0, y, near)   # doctest: +SKIP
    " 'Ca' falls below zero at (0, 0, 0.01) um, beside pump 'P': give finer cells there, or a weaker pump."
    """
    model = plan.models[member]
    fields = plan.coarse(np.array(y, dtype=float)[None])[0]
    fields[: plan.ions] += near
    lowest = np.where(np.isfinite(fields), fields, -np.inf).min(axis=(1, 2, 3))
    s = int(np.argmin(lowest))
    if lowest[s] >= 0.0:
        return ""
    cell = np.unravel_index(int(np.argmin(np.nan_to_num(fields[s], nan=-np.inf))), fields[s].shape)[::-1]
    name = plan.names[s]
    where = ", ".join(f"{c[i]:.3g}" for c, i in zip(plan.grid.centres, cell, strict=True))
    pumps = [repr(p.name) for p in model.pumps if p.ion == name and _is_beside(plan, p, cell)]
    reactions = [*model.reactions, *(r for c in model.complexes for r in c.reactions)]
    mine = [repr(r.equation) for r in reactions if name in dict((*r.left, *r.right))]
    found = f" {name!r} falls below zero at ({where}) um"
    if pumps:
        return f"{found}, beside {_list('pump', pumps)}: give finer cells there, or a weaker pump."
    if mine and s >= plan.ions:
        return f"{found}; look at {_list('reaction', mine)}."
    return ""


def _is_beside(plan: Plan, pump: Pump, cell: tuple[Any, ...]) -> bool:
    """Whether a cell (x, y, z) is within two cells of the face and of the pump's patch on it."""
    axis, side = divmod(FACES.index(pump.face), 2)
    last = plan.axes[axis].n - 1
    if (last - cell[axis] if side else cell[axis]) > 1:
        return False
    along = [a for a in range(3) if a != axis]
    reach = 1.5 * max(float(plan.axes[a].widths[cell[a]]) for a in along)
    place = [float(plan.grid.centres[a][cell[a]]) for a in along]
    return pump.patch is None or pump.patch.distance(*place) <= reach


def _list(noun: str, names: list[str]) -> str:
    return f"{noun} {names[0]}" if len(names) == 1 else f"{noun}s {', '.join(names)}"
