"""Reading beside a pumped wall: splines that know the slope there.

A closed axis is read by splines through mirrored values, which have no slope at the wall; a pump asks
for du/ds = J/D, s the distance from the wall (a mirrored reading of the wall value is P h/(2 D) wrong).
So a field with that slope is taken out before and put back after::

    u(x) = reading[u - J/D averages of phi](x) + J/D phi(s)
    phi  = l (t - 15/8 t^2 + 5/4 t^4 - 3/8 t^6),      t = s/l,  l = the axis

which adds to the mirrored reading J/D times the lift phi(s) - reading[averages of phi](x).  Besides s
phi has even powers only, which mirrors leave alone.  What a spline misses at its wall dies out by a factor
of 0.43 a cell, so beyond `CELLS` of them the lift is left out: there it is but the spline's own error of phi
on coarser cells, and under a channel J/D is thousands of uM/um.  (Tried and left: s (1 - s/l)^3, and
l = 6 cells; readings beside the wall are then of first order.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.backends.walls import Walls
from microdomain.finite_volume import Axis
from microdomain.plan import Plan

#: A lift below this (um) is left out.
LEAST = 1e-7
#: Cells from the wall that are lifted, though no more than half of the axis.
CELLS = 10


def _profile(s: np.ndarray, reach: float) -> np.ndarray:
    """phi at distances s from the wall."""
    t = s / reach
    return np.asarray(reach * (t - 15 / 8 * t**2 + 5 / 4 * t**4 - 3 / 8 * t**6))


def _averages(axis: Axis, side: int) -> tuple[np.ndarray, float]:
    """Cell averages of phi, and how far it reaches, um."""
    reach = float(axis.faces[-1] - axis.faces[0])
    t = np.abs(axis.faces - axis.faces[-1 if side else 0]) / reach
    whole = reach**2 * (t**2 / 2 - 5 / 8 * t**3 + t**5 / 4 - 3 / 56 * t**7)
    return np.abs(np.diff(whole)) / axis.widths, reach


def lift(axis: Axis, side: int, x: np.ndarray) -> np.ndarray:
    """What a unit slope at a wall adds to the mirrored reading at points of the axis.

    Parameters
    ----------
    axis : Axis                     closed at that wall
    side : int                      0 the lower wall, 1 the upper one
    x : array (P,), um

    Returns
    -------
    array (P,), um
    """
    averages, reach = _averages(axis, side)
    x = np.asarray(x, dtype=float)
    s = np.abs(x - axis.faces[-1 if side else 0])
    return np.where(s <= _end(axis, side), _profile(s, reach) - axis.reading(x) @ averages, 0.0)


def _end(axis: Axis, side: int) -> float:
    """Distance from the wall at which lifts end, um."""
    cells = min(CELLS, axis.n // 2)
    return float(np.abs(axis.faces[-1 - cells if side else cells] - axis.faces[-1 if side else 0]))


def centre_lift(axis: Axis, side: int) -> np.ndarray:
    """The same for the values at the cell centres: array (n,), um."""
    averages, reach = _averages(axis, side)
    centres = 0.5 * (axis.faces[1:] + axis.faces[:-1])
    s = np.abs(centres - axis.faces[-1 if side else 0])
    return np.where(s <= _end(axis, side), _profile(s, reach) - axis.centre_values @ averages, 0.0)


def wall_slopes(plan: Plan, t: np.ndarray, u: np.ndarray) -> list[np.ndarray]:
    """J/D on every sheet from the grid part of a state.

    Parameters
    ----------
    plan : Plan
    t : array (member,), ms
    u : array [member, ion, z, y, x], uM

    Returns
    -------
    list of arrays [member, a, b], uM/um
    """
    if not plan.pumps.sheets:
        return []
    weights = np.zeros(plan.pair_loss.shape)
    for i, window in enumerate(plan.windows):
        p = np.flatnonzero(plan.pair_ion == i)
        if p.size:
            m = plan.pair_member[p]
            folded = window.fold(plan.history, plan.pair_row[p], t[m], plan.kappa[m, i])
            weights[p, : folded.shape[1]] = folded
    return Walls(plan, np).slopes_of(u, weights)


class Lifts:
    """What the slopes at pumped walls add to readings at points.

    Parameters
    ----------
    plan : Plan
    points : array (P, 3), um
    weights : three arrays (P, n)    spline weights along x, y, z
    """

    def __init__(self, plan: Plan, points: np.ndarray, weights: Sequence[np.ndarray]) -> None:
        self._sheets = plan.pumps.sheets
        self._shape = (plan.members, plan.ions, len(points))
        self._parts = []
        for sheet in self._sheets:
            height = lift(plan.axes[sheet.axis], sheet.side, points[:, sheet.axis])
            near = np.flatnonzero(np.abs(height) > LEAST)
            a, b = (weights[k][near] for k in range(3) if k != sheet.axis)
            self._parts.append((near, height[near], a, b))

    def __bool__(self) -> bool:
        return bool(self._sheets)

    def of(self, slopes: Sequence[np.ndarray]) -> np.ndarray:
        """What is added, [member, ion, P], uM; `slopes` as `wall_slopes` gives them."""
        out = np.zeros((slopes[0].shape[0], *self._shape[1:]))
        for sheet, (near, height, a, b), slope in zip(self._sheets, self._parts, slopes, strict=True):
            lateral = ((slope @ a.T).transpose(0, 2, 1) * b).sum(axis=2)
            out[:, sheet.ion, near] += lateral * height
        return out


def add_to_centres(plan: Plan, out: np.ndarray, slopes: Sequence[np.ndarray]) -> None:
    """Add to values at the cell centres ``[member, ion, z, y, x]`` what the slopes at the walls ask for."""
    for sheet, slope in zip(plan.pumps.sheets, slopes, strict=True):
        height = centre_lift(plan.axes[sheet.axis], sheet.side)
        shape: list[Any] = [1, 1, 1, 1]
        shape[3 - sheet.axis] = height.size
        out[:, sheet.ion] += np.expand_dims(slope, 3 - sheet.axis) * height.reshape(shape)
