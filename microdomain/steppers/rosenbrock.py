"""Linearly implicit W-methods: ROS2 and ROS34PW2, schemes as data.

With M = I - gamma dt A for *any* matrix A the stages are, in the U-form that needs no product by A
(Hairer and Wanner, Solving Ordinary Differential Equations II, 2nd ed., IV.7)::

    M U_i = gamma dt F(t + alpha_i dt, y + sum_j a_ij U_j) + gamma sum_j c_ij U_j
    y+    = y + sum_i m_i U_i,      error = sum_i (m_i - mhat_i) U_i
    a = alpha Gamma^-1,   c = diag(1/gamma) - Gamma^-1,   m = b Gamma^-1,   Gamma = (gamma_ij)

Both schemes keep their order whatever A is, so M may be the product of two factors that are easy
to invert: diffusion with constant minimum binding rates, and the rest of the reactions pointwise.
The second-order Laplacian of the implicit side is weighted with `A_DIFFUSION`: the spectrum of the
4th-order one reaches 4/3 of it, and ROS2 grows on long steps below 1/(3 gamma) = 1.138.
(Tried and left: operator splitting, 9 to 300 % error beside a channel; alternating directions, 6 to
31 % at these steps; the plain product (I - g D L)(I - g J), whose cross term hides 5 % in slow phases.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microdomain.backends.base import Operations
from microdomain.steppers.base import (
    Flows,
    Standing,
    Trial,
    balance,
    drained,
    drains,
    no_flow,
    per_ion,
    to_ions,
)
from microdomain.weights import Fluxes
from microdomain.weights_course import Course

A_DIFFUSION = 1.2


@dataclass(frozen=True, eq=False)
class WMethod:
    """A W-method.

    Attributes
    ----------
    name : str
    order, estimate : int           order of the result and of the embedded one
    alpha, gamma : arrays (s, s)    strictly lower and lower triangular
    b, bhat : arrays (s,)
    sources : tuple of str
    """

    name: str
    order: int
    estimate: int
    alpha: np.ndarray
    gamma: np.ndarray
    b: np.ndarray
    bhat: np.ndarray
    sources: tuple[str, ...]

    @property
    def exponent(self) -> float:
        """Of the error in the step-size controller."""
        return 1.0 / (self.estimate + 1)

    @property
    def stages(self) -> int:
        """Number of stages."""
        return self.b.size

    @cached_property
    def _parts(self) -> list[float]:
        """Stage times in parts of the step."""
        return [float(part) for part in self.alpha.sum(axis=1)]

    @cached_property
    def _u_form(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """a, gamma c, m and m - mhat."""
        inverse = np.linalg.inv(self.gamma)
        c = np.eye(self.stages) / self.gamma[0, 0] - inverse
        return self.alpha @ inverse, self.gamma[0, 0] * c, self.b @ inverse, (self.b - self.bhat) @ inverse

    def attempt(self, ops: Operations, fluxes: Fluxes, at: Standing, dt: np.ndarray, rtol: float) -> Trial:
        """Try one step; see `steppers.base.Stepper`."""
        plan, gamma = ops.plan, float(self.gamma[0, 0])
        a, c, m, e = self._u_form
        course = Course(ops, fluxes, at.t, at.near, at.weights, dt, self._parts)
        step, dt_ion, drain = gamma * dt, dt[:, None], drains(ops, fluxes)
        factor = ops.factor(ops.linearise(at.y, course.near), step, A_DIFFUSION)
        U: list[Any] = []
        ions = no_flow(plan)
        for i in range(self.stages):
            y, plus = (at.y, None) if i == 0 else ops.mix(at.y, U, a[i, :i], c[i, :i])
            near, blob = course.stage(y)
            k, z = ops.stage(factor, y, near, blob, step, plus)
            U.append(k)
            # U_i passes l(U_i) = gamma dt [l(F_i) + l(A z_i)] + gamma sum_j c_ij l(U_j), and m = b Gamma^-1
            # turns sum_i m_i l(U_i) into sum_i b_i dt [l(F_i) + l(A z_i)].
            if drain:
                rate = drained(ops, fluxes, y, near)
                ions += self.b[i] * dt_ion * (rate + _implicit(ops, fluxes, factor, z, k))
        pairs = ((self.b[:, None] * dt[plan.pair_member])[:, None] * course.flows()).sum(axis=0)
        flows = Flows(pairs, ions)
        entered, missed, there = balance(
            ops, fluxes, at, dt, lambda: ops.mix(at.y, U, m, e)[0], flows, course.end()
        )
        amount, plus = missed, None
        if fluxes.live:
            # Where fluxes follow the field what was missed is no rounding, and thousandths of a long step's
            # influx set down at its end would stand at the mouth as a peak (3 uM of 71 on a grid of 10 nm):
            # the resolvent (I - gamma dt A)^-1 turns the blobs into what had become of them, had they come
            # all along.  Only of members with live channels: bits must not depend on the company.
            late = np.isin(plan.pair_member, [member for member, _ in fluxes.live])
            amount = np.where(late, 0.0, missed)
            if missed[late].any():
                blobs = ops.scale(at.y, np.zeros(plan.members))
                plus, z = ops.solve(factor, ops.add_blobs(blobs, np.where(late, missed, 0.0)))
                if drain:
                    ions += step[:, None] * _implicit(ops, fluxes, factor, z, plus)
        new, error, lowest = ops.close_step(at.y, U, m, e, amount, plus, at.near, there.near, rtol)
        return Trial(
            y=new,
            near=there.near,
            weights=there.weights,
            error=np.maximum(error, fluxes.doubt(missed, at.t, there.t, rtol)),
            lowest=lowest,
            flows=flows,
            entered=entered,
            correction=missed,
        )


def _implicit(ops: Operations, fluxes: Fluxes, factor: Any, z: Any, k: Any) -> Any:
    """What the implicit side of a stage moves, as `Flows.ions`."""
    plan = ops.plan
    ions = no_flow(plan)
    if ops.walls is not None:
        to_ions(plan, ions, ops.walls.implicit(factor.walls, z, k))
    if fluxes.walls_open:
        ions[0] = A_DIFFUSION * per_ion(plan, ops.outflow(z, 2))
    if fluxes.takes_up:
        ions[1] = plan.uptake * ops.amounts(z)[:, : plan.ions]
    return ions


def _lower(size: int, entries: dict[tuple[int, int], float]) -> np.ndarray:
    out = np.zeros((size, size))
    for (i, j), value in entries.items():
        out[i - 1, j - 1] = value
    return out


_G2 = 1.0 - 1.0 / np.sqrt(2.0)

#: Order 2, two stages (Verwer, Spee, Blom and Hundsdorfer, SIAM J. Sci. Comput. 20, 1456, 1999).
ROS2 = WMethod(
    name="ROS2",
    order=2,
    estimate=1,
    alpha=_lower(2, {(2, 1): 1.0}),
    gamma=_lower(2, {(1, 1): _G2, (2, 1): -2.0 * _G2, (2, 2): _G2}),
    b=np.array([0.5, 0.5]),
    bhat=np.array([1.0, 0.0]),
    sources=("Verwer, Spee, Blom, Hundsdorfer: SIAM J. Sci. Comput. 20, 1456 (1999)",),
)

_G3 = 0.43586652150845900

#: Order 3 for any A, four stages (Rang and Angermann, BIT Numer. Math. 45, 761, 2005).
ROS34PW2 = WMethod(
    name="ROS34PW2",
    order=3,
    estimate=2,
    alpha=_lower(
        4,
        {
            (2, 1): 0.87173304301691801,
            (3, 1): 0.84457060015369423,
            (3, 2): -0.11299064236484185,
            (4, 3): 1.0,
        },
    ),
    gamma=_lower(
        4,
        {
            (1, 1): _G3,
            (2, 1): -0.87173304301691801,
            (2, 2): _G3,
            (3, 1): -0.90338057013044082,
            (3, 2): 0.054180672388095326,
            (3, 3): _G3,
            (4, 1): 0.24212380706095346,
            (4, 2): -1.2232505839045147,
            (4, 3): 0.54526025533510214,
            (4, 4): _G3,
        },
    ),
    b=np.array([0.24212380706095346, -1.2232505839045147, 1.5452602553351020, 0.43586652150845900]),
    bhat=np.array([0.37810903145819369, -0.096042292212423178, 0.5, 0.21793326075422950]),
    sources=("Rang, Angermann: BIT Numer. Math. 45, 761 (2005)",),
)
