"""Whole concentrations from a recorded field: at any point of the box, and at the centres of cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microdomain.mask_fill import blanked, filled, inside_any
from microdomain.plan import Plan
from microdomain.reading import GROUP, Near, Watch
from microdomain.reading_cusps import Cusps
from microdomain.reading_media import at_own_centres
from microdomain.wall_reading import add_to_centres, wall_slopes


def read_points(
    plan: Plan,
    t: np.ndarray,
    u: np.ndarray,
    points: Sequence[Sequence[float]] | np.ndarray,
    hidden: np.ndarray | None = None,
) -> np.ndarray:
    """Concentration of every ion at points.

    Parameters
    ----------
    plan : Plan
    t : array (member,), ms
    u : array [member, ion, z, y, x], uM      grid part at that time
    points : array (P, 3), um
    hidden : array [member, ion, cell, sub], uM/ms, optional
        Sources in sub-cells at that time, as `reading_cusps.Sources` has them.

    Returns
    -------
    array [member, ion, P], uM      NaN in obstacles

    Raises
    ------
    ValueError                      a point is outside the box
    """
    points = np.asarray(points, dtype=float).reshape(-1, 3)
    near, rest = Near(plan), plan.rest[:, : plan.ions]
    slopes = wall_slopes(plan, t, u)
    parts = []
    for first in range(0, max(len(points), 1), GROUP):
        some = points[first : first + GROUP]
        watch = Watch.of(plan, some)
        parts.append(watch.grid_part(u, rest, slopes) + near.at_points(t, near.kernels(some), len(some)))
    out = np.concatenate(parts, axis=2)
    if hidden is not None and hidden.size:
        out += Cusps(plan, points).added(hidden)
    out[..., inside_any(plan.models[0].obstacles, points)] = np.nan
    return out


def centre_values(plan: Plan, t: np.ndarray, u: np.ndarray, near: Near | None = None) -> np.ndarray:
    """Concentration of every ion at the cell centres, near field included.

    Parameters
    ----------
    plan : Plan
    t : array (member,), ms
    u : array [member, ion, z, y, x], uM
    near : Near, optional           the plan's, where there is one already: it keeps its tables

    Returns
    -------
    array [member, ion, z, y, x], uM
    """
    rest = plan.rest[:, : plan.ions, None, None, None]
    out = at_own_centres(plan, filled(plan.mask, u) - rest)
    out = out + rest + (Near(plan) if near is None else near).at_centres(t)
    add_to_centres(plan, out, wall_slopes(plan, t, u))
    return blanked(plan.mask, out)
