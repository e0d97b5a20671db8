"""The near field on pumped faces: its average over the face of every cell there, [member, a, b]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microdomain.plan import Plan
from microdomain.sites import Site
from microdomain.wall_pumps import Sheet

#: A site, where on the face its window reaches, and the factors [Q, b] and [Q, a] of the kernel there.
Table = tuple[Site, tuple[slice, slice], Any, Any]


def near_tables(plan: Plan, sheet: Sheet, put: Callable[[Any], Any]) -> list[Table]:
    """Tables of every site whose window reaches a sheet.

    Parameters
    ----------
    plan : Plan
    sheet : Sheet
    put : callable                  brings an array to the device

    Returns
    -------
    list of (site, (slice, slice), array [Q, b], array [Q, a])
    """
    out = []
    for site in plan.sites:
        where = site.patch.where[::-1]
        touches = (
            where[sheet.axis].stop == plan.axes[sheet.axis].n if sheet.side else not where[sheet.axis].start
        )
        if site.ion != sheet.ion or not touches:
            continue
        window, own = plan.windows[site.ion], site.sources[sheet.axis]
        ages, youngest = window.nodes, slice(0, window.per_bin)
        wall = own.density(np.array([own.hi if sheet.side else own.lo]), ages)
        # On its own wall the kernel grows as s^-1/2 toward age 0: the youngest bin integrates that.
        found = (window.weights[youngest] / np.sqrt(ages[youngest])).sum()
        wall[youngest] *= 2.0 * np.sqrt(window.edges[1]) / found
        factors, spans = [], []
        for axis in (a for a in range(3) if a != sheet.axis):
            faces = plan.grid.faces[axis]
            mine = faces[where[axis].start : where[axis].stop + 1]
            amount, reached, whole = (
                site.sources[axis].amounts(f, ages) for f in (mine, mine[[0, -1]], faces[[0, -1]])
            )
            factors.append(amount * (whole / reached) / np.diff(mine))
            spans.append(where[axis])
        out.append(
            (site, (spans[1], spans[0]), put(factors[1] * (site.share * site.gain * wall)), put(factors[0]))
        )
    return out


def near_on_face(
    plan: Plan, sheet: Sheet, tables: list[Table], weights: np.ndarray, put: Callable[[Any], Any], xp: Any
) -> Any:
    """The near field's averages over the cells' faces of one sheet.

    Parameters
    ----------
    plan, sheet, tables, put        as in `near_tables`, and what it gave
    weights : array (pair, Q)       folded
    xp : module

    Returns
    -------
    array [member, a, b], uM
    """
    field = put(np.zeros((plan.members, *sheet.area.shape)))
    for site, where, left, right in tables:
        mine = weights[site.pairs]
        if mine.any():
            w = put(mine)[:, : left.shape[0]]
            product = xp.matmul((w[:, :, None] * left).transpose(0, 2, 1), right)
            field[(xp.asarray(site.members), *where)] += product
    return field
