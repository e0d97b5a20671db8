r"""Pumps on walls in a steady state: their part of an ion's equation, and of Newton's method.

A sheet carries J = f(w + c_s) out of the layer beside its wall, with w from the two cells there and J
itself (`wall_pumps`).  In the balance of an ion and all its bound forms, `steady_newton`, it stands as in a
step of time: -(1 + omega h0) J/h0 in the first layer, + omega h0 J/h1 in the second.  Linearised::

    dJ = f'/(1 + beta f') (first du_0 + second du_1)

To the preconditioner, whose modes know no pumps, they are an uptake of the same strength all over the box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.model import Model
from microdomain.plan import Plan
from microdomain.units import flux_per_pA
from microdomain.wall_pumps import Sheet, crossing


@dataclass(frozen=True, eq=False)
class Membranes:
    """What pumps one ion of one member through walls.

    Attributes
    ----------
    sheets : tuple of Sheet
    near : tuple of arrays [1, a, b], uM      the near field on each face
    rate : float, 1/ms                        of the uptake that is as strong
    """

    sheets: tuple[Sheet, ...]
    near: tuple[np.ndarray, ...]
    rate: float

    @classmethod
    def of(cls, plan: Plan, near: Any, m: int, i: int) -> Membranes | None:
        """Those of ion i of member m; None without any.

        Parameters
        ----------
        plan : Plan
        near : Near                           its faces are used
        m, i : int
        """
        sheets = plan.pumps.take(np.array([m])).sheets
        mine = [(s, w[m : m + 1]) for s, w in zip(sheets, near.wall, strict=True) if s.ion == i]
        if not mine:
            return None
        slopes = [0.5 * (s.P + (s.V + s.B) / s.K)[0, :, None, None] * s.cover * s.area for s, _ in mine]
        rate = sum(float(one.sum()) for one in slopes) / plan.volume
        return cls(tuple(s for s, _ in mine), tuple(w for _, w in mine), rate)

    def rests_at(self, plan: Plan, m: int) -> bool:
        """Whether they carry nothing where the ion is at rest."""
        level = np.full(plan.grid.shape, float(plan.rest[m, self.sheets[0].ion]))
        return all(float(np.abs(one.flux).max()) <= 1e-12 * one.slope.max() for _, one in self._each(level))

    @property
    def fixed(self) -> bool:
        """Whether a sheet takes out the same at every concentration: an outward `ConstantFlux`."""
        return any(bool((s.leak < 0).any()) for s in self.sheets)

    @property
    def leaky(self) -> bool:
        """Whether a sheet lets something in where the ion is used up."""
        return any(bool((s.B + s.leak > 0).any()) for s in self.sheets)

    def _each(self, u: np.ndarray) -> list[tuple[Sheet, Any]]:
        return [
            (s, crossing(s, s.layer(u, 0)[None], s.layer(u, 1)[None], wall, np))
            for s, wall in zip(self.sheets, self.near, strict=True)
        ]

    def add(self, out: np.ndarray, u: np.ndarray) -> list[np.ndarray]:
        """Add what the pumps do at the grid part u to ``out[z, y, x]``; dJ of each sheet [a, b], um/ms."""
        gains = []
        for sheet, through in self._each(u):
            _carry(out, sheet, through.flux[0])
            slope = through.slope[0]
            gains.append(slope / (1.0 + sheet.beta * slope))
        return gains

    def add_change(self, out: np.ndarray, du: np.ndarray, gains: list[np.ndarray]) -> None:
        """The same for a small change of u, to first order."""
        for sheet, gain in zip(self.sheets, gains, strict=True):
            moved = gain * (sheet.first * sheet.layer(du, 0) + sheet.second * sheet.layer(du, 1))
            _carry(out, sheet, moved.astype(out.dtype))


def _carry(out: np.ndarray, sheet: Sheet, flux: np.ndarray) -> None:
    """Take a flux out of the layers beside a wall."""
    ghost = sheet.omega * sheet.h0
    sheet.layer(out, 0)[...] -= (1.0 + ghost) / sheet.h0 * flux
    sheet.layer(out, 1)[...] += ghost / sheet.h1 * flux


def outflow_range(model: Model, ion: str) -> tuple[float, float]:
    """What the pumps of an ion take out of an empty box, and of one as full as can be, pA.

    Both count as outward; the first is not positive unless a `ConstantFlux` is.  They are equal where no
    pump follows the concentration, (0, 0) without pumps, and the second is infinite where one is linear.
    """
    least, most, rest = 0.0, 0.0, model.ion(ion).rest
    for pump in model.pumps:
        if pump.ion != ion:
            continue
        terms, leak = pump.law.terms, pump.law.leak_at(rest)
        sides = [
            high - low for axis, (low, high) in zip("xyz", model.box, strict=True) if axis != pump.face[0]
        ]
        area = float(pump.patch.area if pump.patch is not None else np.prod(sides))
        least -= (terms.B + leak) * area
        most += (math.inf if terms.P > 0 else terms.V - leak) * area
    return least / flux_per_pA(model.ion(ion).z), most / flux_per_pA(model.ion(ion).z)
