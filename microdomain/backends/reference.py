"""The reference backend: array code that defines what every operation means.

Written for any array module with NumPy's interface (NumPy here; CuPy runs it unchanged where no
fused kernel is planned).  Species stand in the plan's order; ``[m, s, z, y, x]`` throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends import reference_network as network
from microdomain.backends import reference_reductions as reductions
from microdomain.backends.reference_solve import (
    Factor,
    Jacobian,
    along,
    factor,
    linearise,
    solve_diffusion,
    solve_reaction,
)
from microdomain.backends.walls import Walls
from microdomain.plan import SUB, Plan


@dataclass(frozen=True, eq=False)
class Near:
    """Near field of every ion: cell averages [m, ion, z, y, x], ripple [m, refined, cell, sub].

    With it go the means on pumped faces, and the network's rate constants at its time, [m, ..] on the
    host and on the device.
    """

    average: Any
    ripple: Any
    wall: tuple[Any, ...] = ()
    law: Any = None
    laid: Any = None


class Reference:
    """Operations of `backends.base` in array code.

    Parameters
    ----------
    plan : Plan
    xp : module, optional           numpy (default) or an array module with its interface
    """

    name, precision = "numpy", "float64"

    def __init__(self, plan: Plan, xp: Any = np) -> None:
        self.plan, self.xp = plan, xp
        put = xp.asarray

        def per_member(a: np.ndarray) -> Any:
            return put(np.ascontiguousarray(a.reshape(a.shape + (1, 1, 1))))

        self.k_on, self.k_off, self.total = (per_member(a) for a in (plan.k_on, plan.k_off, plan.total))
        self.rest, self.uptake, self.kappa = (per_member(a) for a in (plan.rest, plan.uptake, plan.kappa))
        self.D = put(plan.D.reshape(1, -1, 1, 1, 1))
        self.volumes = put(plan.volumes)
        self.fourth = [put(a.fourth) for a in plan.axes]
        self.vectors = [put(a.vectors) for a in plan.axes]
        self.inverse = [put(a.inverse) for a in plan.axes]
        rx, ry, rz = (a.rates for a in plan.axes)
        self.rates = put(rz[:, None, None] + ry[None, :, None] + rx[None, None, :])
        self.zy = [put(s.patch.zy) for s in plan.sites]
        self.x = [put(s.patch.x) for s in plan.sites]
        self.ripples = [put(s.ripple) for s in plan.sites]
        self.cells = put(plan.cells)
        self.mixing = put(plan.mixing[:, :, None])
        self.walls = Walls(plan, xp) if plan.pumps.sheets else None
        self.binders = [[j for j, k in enumerate(plan.binds) if k == i] for i in range(plan.ions)]

    # -- moving data ---------------------------------------------------------------------------

    def vector(self, y: np.ndarray) -> Any:
        return self.xp.array(y, dtype=float)

    def host(self, y: Any) -> np.ndarray:
        return np.asarray(y.get() if hasattr(y, "get") else y, dtype=float)

    def wait(self) -> None:
        return None

    def select(self, y: Any, members: np.ndarray) -> Any:
        return y[self.xp.asarray(members)]

    def assign(self, y: Any, members: np.ndarray, rows: Any) -> None:
        y[self.xp.asarray(members)] = rows

    def combine(self, y: Any, terms: list[tuple[Any, Any]]) -> Any:
        out = y.copy()
        for coefficient, vector in terms:
            if isinstance(coefficient, np.ndarray):
                out += self.xp.asarray(coefficient)[:, None] * vector
            elif coefficient != 0.0:
                out += coefficient * vector
        return out

    def mix(self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
        also = self.combine(self.xp.zeros_like(y), list(zip(b, vectors, strict=True)))
        return self.combine(y, list(zip(a, vectors, strict=True))), also

    def scale(self, y: Any, factor: np.ndarray) -> Any:
        return self.xp.asarray(factor)[:, None] * y

    # -- near field ----------------------------------------------------------------------------

    def near(self, weights: np.ndarray, law: np.ndarray | None = None) -> Near:
        plan, xp = self.plan, self.xp
        average = xp.zeros((plan.members, plan.ions, *plan.grid.shape))
        ripple = xp.zeros((plan.members, plan.ions, plan.cells.size, SUB**3))
        for k, site in enumerate(plan.sites):
            mine = weights[site.pairs]
            if not mine.any():
                continue
            w = xp.asarray(mine[:, : self.x[k].shape[0] - 1])
            left = (w[:, :, None] * self.zy[k][None, :-1]).transpose(0, 2, 1)
            patch = xp.matmul(left, self.x[k][:-1]).reshape(len(mine), *site.patch.shape)
            average[(site.members, site.ion, *site.patch.where)] += patch
            if site.cells.size:
                rows = xp.matmul(w[:, None, :], self.ripples[k]).reshape(len(mine), site.cells.size, -1)
                ripple[np.ix_(site.members, np.array([site.ion]), site.cells)] += rows[:, None]
        if law is None and plan.network is not None:
            law = plan.network.law
        return Near(average, ripple, self.walls.near(weights) if self.walls is not None else (), law)

    def _blobs(self, field: Any, amplitude: np.ndarray) -> None:
        """Add amplitude[pair] times the kernel at age tau to ``field[m, ion, z, y, x]``."""
        for k, site in enumerate(self.plan.sites):
            mine = amplitude[site.pairs]
            if mine.any():
                shape = (self.zy[k][-1][:, None] * self.x[k][-1]).reshape(site.patch.shape)
                field[(site.members, site.ion, *site.patch.where)] += (
                    self.xp.asarray(mine)[:, None, None, None] * shape
                )

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        out = y.copy()
        mass = self.plan.pair_mass[:, -1]
        self._blobs(self.plan.coarse(out), amount / np.where(mass > 0, mass, 1.0))
        return out

    # -- right-hand side -----------------------------------------------------------------------

    def binding_rates(self, y: Any, near: Near) -> tuple[Any, Any, Any, Any]:
        """c [m, ion], binding rates [m, buffer] in cells and [m, refined] in sub-cells; c there."""
        plan, xp = self.plan, self.xp
        coarse, fine = plan.coarse(y), plan.fine(y)
        c = coarse[:, : plan.ions] + near.average
        rate = xp.empty((plan.members, plan.buffers, *plan.grid.shape))
        for j, i in enumerate(plan.binds):
            rate[:, j] = self._binding(j, c[:, i], coarse[:, plan.at(j)])
        fine_c, fine_rate = xp.empty_like(fine), xp.empty_like(fine)
        flat = rate.reshape(plan.members, plan.buffers, plan.grid.cells)
        for r, j in enumerate(plan.refined):
            i = plan.binds[j]
            fine_c[:, r] = c[:, i].reshape(plan.members, -1)[:, self.cells][..., None] + near.ripple[:, i]
            fine_rate[:, r] = self._binding(j, fine_c[:, r], fine[:, r])
            flat[:, j, self.cells] = fine_rate[:, r].mean(axis=2)
        return c, rate, fine_c, fine_rate

    def _binding(self, j: int, c: Any, b: Any) -> Any:
        """k_on c (total - b) - k_off b for one buffer; c and b are [m, ...] with 3 or 2 more axes."""
        k_on, k_off, total = (
            a[:, j].reshape((-1,) + (1,) * (b.ndim - 1)) for a in (self.k_on, self.k_off, self.total)
        )
        return k_on * c * (total - b) - k_off * b

    def rhs(self, y: Any, near: Near, blob: np.ndarray) -> Any:
        plan, xp = self.plan, self.xp
        c, rate, _, fine_rate = self.binding_rates(y, near)
        out = xp.empty_like(y)
        coarse, fine = plan.coarse(out), plan.fine(out)
        excess = plan.coarse(y)[:, : plan.mobile] - self.rest[:, : plan.mobile]
        moved = along(self.fourth[0], excess, 0, xp)
        moved += along(self.fourth[1], excess, 1, xp)
        moved += along(self.fourth[2], excess, 2, xp)
        moved *= self.D[:, : plan.mobile]
        coarse[:, : plan.mobile] = moved
        coarse[:, plan.mobile :] = 0.0
        for j in range(plan.buffers):
            coarse[:, plan.at(j)] += rate[:, j]
        ion = coarse[:, : plan.ions]
        ion += self.kappa * near.average
        if plan.uptake.any():
            ion -= self.uptake * (c - self.rest[:, : plan.ions])
        for i, mine in enumerate(self.binders):
            for j in mine:
                ion[:, i] -= rate[:, j]
        if plan.network is not None:
            made = network.changes(plan.network, near.law, network.values(self, y, near))
            places = [*range(plan.ions), *plan.forms]
            for s, change in zip(places, made, strict=True):
                coarse[:, s] += change
            for f, terms in plan.network.followers:
                coarse[:, places[f]] = -sum(w * coarse[:, places[v]] for v, w in terms)
        self._blobs(ion, blob)
        for r, j in enumerate(plan.refined):
            fine[:, r] = fine_rate[:, r]
            if plan.at(j) < plan.mobile:
                spread = moved[:, plan.at(j)].reshape(plan.members, -1)[:, self.cells]
                here = plan.fine(y)[:, r]
                fine[:, r] += spread[..., None] - self.mixing[r] * (here - here.mean(axis=2, keepdims=True))
        if self.walls is not None:
            self.walls.add(out, y, near, xp.ones(plan.members))
        return out

    def advance(self, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        out = self.scale(self.rhs(y, near, blob), scale)
        return out if plus is None else out + plus

    # -- W-method ------------------------------------------------------------------------------

    def linearise(self, y: Any, near: Near) -> Jacobian:
        return linearise(self, y, near)

    def factor(self, jacobian: Jacobian, g: np.ndarray, a: float) -> Factor:
        return factor(self, jacobian, g, a)

    def solve(self, factor: Factor, r: Any) -> tuple[Any, Any]:
        z = solve_diffusion(self, factor, r)
        return solve_reaction(self, factor, z), z

    def stage(
        self, factor: Factor, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        return self.solve(factor, self.advance(y, near, blob, scale, plus))

    # -- reductions ----------------------------------------------------------------------------

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        return reductions.norm(self, error, old, new, near_old, near_new, rtol)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        return reductions.lowest(self, y, near)

    def close_step(self, *step: Any) -> tuple[Any, np.ndarray, np.ndarray]:
        return reductions.close_step(self, *step)

    def speed(self, y: Any, near: Near) -> np.ndarray:
        return reductions.speed(self, y, near)

    def amounts(self, y: Any) -> np.ndarray:
        return reductions.amounts(self, y)

    def free(self, y: Any) -> np.ndarray:
        return reductions.free(self, y)

    def layers(self, y: Any, weights: np.ndarray) -> np.ndarray:
        return reductions.layers(self, y, weights)

    def outflow(self, y: Any, order: int) -> np.ndarray:
        return reductions.outflow(self, y, order)

    def excess(self, y: Any, near: Near) -> np.ndarray:
        return reductions.excess(self, y, near)
