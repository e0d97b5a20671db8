r"""The steady state of channels that feel their own field: the fluxes are unknowns of an outer iteration.

With constant fluxes J the field of `steady_solve` gives the mouths, c = c(J); a law gives J = f(c).  Both
together are solved by the laws' own Newton method on a linear model of the field about the last point::

    c(J) ~ c_n + B_n (J - J_n),        J_{n+1} = f(c)  by `laws.Law.solve`

B_0 is the screened field of point sources, exp(-d/l)/(2 pi D d) between mouth k and channel l, d the pore
distance for k = l; every further solution corrects it (Broyden 1965).  Each field begins from the last, so
that the later ones cost a Newton step or two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from microdomain.backends.reference import Reference
from microdomain.laws import law
from microdomain.plan import Plan
from microdomain.reading_cusps import Sources
from microdomain.reading_fields import read_points
from microdomain.steady_check import check_steady
from microdomain.steady_solve import LATE, Solution, solve_steady

#: Outer iterations end when no flux misses its law by more than this part of the largest; how many at most.
CLOSE, MOST = 1e-11, 60
#: Where rounding in the field keeps them from it, this is near enough.
ROUNDING = 1e-9


def settle(plan: Plan) -> Solution:
    """The steady state of every member, whether or not its channels follow the concentration.

    Where they do, the fluxes found are written into the plan's history.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    Solution                        newton and krylov count all outer iterations

    Raises
    ------
    NoSteadyState                   see `steady_solve`
    RuntimeError                    the fluxes, or a field, did not settle
    """
    for model in plan.models:
        check_steady(model)
    members = [m for m in range(plan.members) if plan.live[m]]
    if not members:
        return solve_steady(plan)
    mouths = {m: _Mouths(plan, m) for m in members}
    J = {m: one.law.flux(one.rest) for m, one in mouths.items()}
    solution: Solution | None = None
    newton, krylov = np.zeros(plan.members, dtype=int), np.zeros(plan.members, dtype=int)
    for _ in range(MOST):
        for m in members:
            mouths[m].write(J[m])
        flux = plan.history.value(plan.pair_row, np.full(plan.pair_row.size, LATE))
        solution = solve_steady(plan, flux, None if solution is None else solution.y)
        newton, krylov = newton + solution.newton, krylov + solution.krylov
        c = _at_mouths(plan, solution, mouths)
        worst = max(mouths[m].missed(J[m], c[m]) for m in members)
        if worst <= CLOSE:
            break
        J = {m: mouths[m].following(J[m], c[m]) for m in members}
    else:
        if worst > ROUNDING:
            raise RuntimeError(
                f"The currents of the channels and the field do not settle: after {MOST} rounds a flux is "
                f"{worst:.1e} from its law. Give a finer grid near the channels, or march with simulate."
            )
    assert solution is not None
    return replace(solution, newton=newton, krylov=krylov)


class _Mouths:
    """The live channels of one member: their laws, their mouths, and how these follow the fluxes."""

    def __init__(self, plan: Plan, member: int) -> None:
        live, model = plan.live[member], plan.models[member]
        self.history, self.rows = plan.history, np.array([one.row for one in live])
        self.ion = np.array([plan.names.index(one.channel.ion) for one in live])
        self.points = np.array(
            [np.array(x.channel.position) + x.channel.pore * np.array(x.channel.normal) for x in live]
        )
        self.rest = np.array([plan.rest[member, i] for i in self.ion])
        self.law = law(live, model, np.ones(len(live)), float(model.voltage.value(LATE)), np.zeros(len(live)))
        at = np.array([one.channel.position for one in live])
        d = np.sqrt(((self.points[:, None] - at) ** 2).sum(axis=2))
        D, kappa = plan.D[self.ion], plan.kappa[member, self.ion]
        self.B = (
            np.exp(-d * np.sqrt(kappa / D))
            / (2.0 * np.pi * D * d * plan.free)
            * (self.ion[:, None] == self.ion)
        )
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def write(self, J: np.ndarray) -> None:
        """Constant fluxes from time 0 on."""
        pieces = np.zeros((J.size, 1, 4))
        pieces[:, 0, 0] = J
        self.history.write(self.rows, 1, np.zeros(1), pieces)

    def missed(self, J: np.ndarray, c: np.ndarray) -> float:
        """Largest distance of a flux from its law, over the largest flux."""
        wrong = np.abs(self.law.flux(np.maximum(c, 1e-300)) - J).max()
        return float(wrong / max(np.abs(J).max(), 1e-300))

    def following(self, J: np.ndarray, c: np.ndarray) -> np.ndarray:
        """The next fluxes, from the field's answer c to J."""
        if self._last is not None:
            dJ, dc = J - self._last[0], c - self._last[1]
            size = float(dJ @ dJ)
            if size > 0.0:
                self.B += np.outer(dc - self.B @ dJ, dJ) / size
        self._last = (J, c)
        return self.law.solve(c - self.B @ J, self.B, J)[0]


def _at_mouths(plan: Plan, solution: Solution, mouths: dict[int, _Mouths]) -> dict[int, np.ndarray]:
    """Concentrations at the mouths of each member's live channels, uM."""
    u, ops = plan.coarse(solution.y)[:, : plan.ions], Reference(plan)
    hidden = Sources(plan).at(ops, solution.y, ops.near(solution.weights))
    out: dict[int, Any] = {}
    late = np.full(plan.members, LATE)
    for m, one in mouths.items():
        values = read_points(plan, late, u, one.points, hidden)[m]
        out[m] = values[one.ion, np.arange(one.ion.size)]
    return out
