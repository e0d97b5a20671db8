"""RKC2: an explicit, stabilised Runge-Kutta-Chebyshev method of order 2.

No linear solve at all: s stages reach a real stability interval of about 0.65 s^2 (Sommeijer,
Shampine and Verwer, J. Comput. Appl. Math. 88, 315, 1998)::

    Y_0 = y,   Y_1 = Y_0 + mu~_1 dt F_0
    Y_j = (1 - mu_j - nu_j) Y_0 + mu_j Y_{j-1} + nu_j Y_{j-2} + mu~_j dt F_{j-1} + gamma~_j dt F_0
    error = 0.8 (Y_0 - Y_s) + 0.4 dt (F_0 + F_s)

The faster choice for short runs with masks, and an independent check of every W-method result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from microdomain.backends.base import Operations
from microdomain.steppers.base import Flows, Standing, Trial, balance, combined, no_flow, stage_flows
from microdomain.weights import Fluxes

DAMPING = 2.0 / 13.0
#: More stages than this lose digits to round-off; longer steps are cut instead.
MOST_STAGES = 400


@dataclass(frozen=True, eq=False)
class Coefficients:
    """RKC2's coefficients for s stages; index j runs from 0 to s."""

    mu: np.ndarray
    nu: np.ndarray
    mu_t: np.ndarray
    gamma_t: np.ndarray
    c: np.ndarray


def coefficients(s: int) -> Coefficients:
    """Coefficients of the s-stage method, s >= 2.

    Parameters
    ----------
    s : int

    Returns
    -------
    Coefficients
    """
    w0 = 1.0 + DAMPING / s**2
    T, dT, ddT = np.ones(s + 1), np.zeros(s + 1), np.zeros(s + 1)
    T[1], dT[1] = w0, 1.0
    for j in range(2, s + 1):
        T[j] = 2 * w0 * T[j - 1] - T[j - 2]
        dT[j] = 2 * T[j - 1] + 2 * w0 * dT[j - 1] - dT[j - 2]
        ddT[j] = 4 * dT[j - 1] + 2 * w0 * ddT[j - 1] - ddT[j - 2]
    w1 = dT[s] / ddT[s]
    b = np.empty(s + 1)
    b[2:] = ddT[2:] / dT[2:] ** 2
    b[:2] = b[2]
    a = 1.0 - b * T
    mu, nu, mu_t, gamma_t, c = (np.zeros(s + 1) for _ in range(5))
    mu_t[1] = b[1] * w1
    for j in range(2, s + 1):
        mu[j] = 2 * b[j] * w0 / b[j - 1]
        nu[j] = -b[j] / b[j - 2]
        mu_t[j] = 2 * b[j] * w1 / b[j - 1]
        gamma_t[j] = -a[j - 1] * mu_t[j]
        c[j] = w1 * ddT[j] / dT[j]
    c[1] = c[2] / dT[2]
    c[s] = 1.0
    return Coefficients(mu, nu, mu_t, gamma_t, c)


@dataclass(frozen=True, eq=False)
class RKC:
    """The stabilised explicit stepper; members step one by one, each with its own stage count."""

    name: str = "RKC2"
    order: int = 2
    exponent: float = 1.0 / 3.0
    sources: tuple[str, ...] = ("Sommeijer, Shampine, Verwer: J. Comput. Appl. Math. 88, 315 (1998)",)
    _known: dict[int, Coefficients] = field(default_factory=dict)

    def attempt(self, ops: Operations, fluxes: Fluxes, at: Standing, dt: np.ndarray, rtol: float) -> Trial:
        """Try one step; see `steppers.base.Stepper`."""
        # The stage count belongs to the member, so that no number depends on its batch mates.
        if ops.plan.members != 1:
            raise ValueError("RKC2 steps members one by one; give a plan of one member.")
        needed = 1 + int(np.ceil(np.sqrt(1.0 + 1.54 * float(dt[0]) * float(ops.speed(at.y, at.near)[0]))))
        s = max(needed, 2)
        if s > MOST_STAGES:
            return self._refused(ops, at, s)
        k = self._known[s] if s in self._known else self._known.setdefault(s, coefficients(s))

        def flows(blob: np.ndarray, y: object, near: object, weights: np.ndarray) -> Flows:
            return stage_flows(ops, fluxes, weights, blob, y, near).scaled(float(dt[0]), float(dt[0]))

        blob = fluxes.blob(at.t, at.t, dt)
        F0, X0 = ops.advance(at.y, at.near, blob, dt), flows(blob, at.y, at.near, at.weights)
        before, y = at.y, ops.combine(at.y, [(k.mu_t[1], F0)])
        X_before, X = X0.scaled(0.0, 0.0), X0.scaled(k.mu_t[1], k.mu_t[1])
        for j in range(2, s + 1):
            t = at.t + k.c[j - 1] * dt
            weights = fluxes.stage(ops, y, t, at.t, dt)
            blob = fluxes.blob(t, at.t, dt)
            near, own = ops.near(weights, fluxes.law(t, at.t)), 1.0 - k.mu[j] - k.nu[j]
            rate = flows(blob, y, near, weights)
            plus = ops.combine(at.y, [(own - 1.0, at.y), (k.mu[j], y), (k.nu[j], before), (k.gamma_t[j], F0)])
            before, y = y, ops.advance(y, near, blob, k.mu_t[j] * dt, plus)
            X_before, X = (
                X,
                combined([(k.mu[j], X), (k.nu[j], X_before), (k.mu_t[j], rate), (k.gamma_t[j], X0)]),
            )
        entered, missed, there = balance(ops, fluxes, at, dt, lambda: y, X)
        new = ops.add_blobs(y, missed) if missed.any() else y
        # Rate constants that jump at the step's end have not done so for this step.
        here = ops.near(there.weights, fluxes.law(there.t, at.t)) if fluxes.moves else there.near
        F1 = ops.advance(new, here, fluxes.blob(there.t, at.t, dt), dt)
        error = ops.combine(at.y, [(-0.2, at.y), (-0.8, new), (0.4, F0), (0.4, F1)])
        doubt = fluxes.doubt(missed, at.t, there.t, rtol)
        return Trial(
            y=new, near=there.near, weights=there.weights,
            error=np.maximum(ops.norm(error, at.y, new, at.near, there.near, rtol), doubt),
            lowest=ops.lowest(new, there.near), flows=X, entered=entered,
            correction=missed,
        )  # fmt: skip

    def _refused(self, ops: Operations, at: Standing, s: int) -> Trial:
        """A step that would need too many stages counts as rejected, as wrong as it is long."""
        none = Flows(np.zeros((2, ops.plan.pair_member.size)), no_flow(ops.plan))
        return Trial(
            y=at.y, near=at.near, weights=at.weights, error=np.array([(s / MOST_STAGES) ** 6 + 1.0]),
            lowest=np.zeros(1), flows=none, entered=none.deposit,
            correction=none.deposit,
        )  # fmt: skip


RKC2 = RKC()
