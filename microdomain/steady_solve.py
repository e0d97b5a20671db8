"""The steady state of a Plan: what flows, where it may leave, and the state vector that balances.

Every open channel carries a constant flux J.  Its near field is then constant too: the window of
`near_field` folded with J.  What the window hands over (blobs and kappa c_s) is the source of the
grid part, and is closed so that influx = deposit + loss to rounding, as the ledger of a march does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from microdomain.backends.reference import Near, Reference
from microdomain.finite_volume import CLOSED
from microdomain.fluxes import fluxes_of
from microdomain.grid import Grid
from microdomain.history import History
from microdomain.model import Model
from microdomain.plan import SUB, Plan, lay
from microdomain.steady_check import check_steady
from microdomain.steady_linear import Lattice, mirrored
from microdomain.steady_newton import solve
from microdomain.steady_problem import Binding, Problem
from microdomain.steady_pumps import Membranes
from microdomain.weights import Fluxes

#: A time (ms) long after constant currents began, at which histories are read.
LATE = 1e9
#: No axis of which only half is kept.
NONE = (False, False, False)


@dataclass(frozen=True, eq=False)
class Solution:
    """A steady state.

    Attributes
    ----------
    y : array (member, size), uM        state vectors in the plan's layout
    flux : array (pair,)                flux of one channel of each pair, uM um^3/ms
    weights : array (pair, Q)           folded near-field weights, uM um^3
    blob : array (pair,)                blob amplitudes, uM um^3/ms
    newton, krylov : int array (member,)
    residual : array (member,)          largest imbalance over the fastest binding rate
    """

    y: np.ndarray
    flux: np.ndarray
    weights: np.ndarray
    blob: np.ndarray
    newton: np.ndarray
    krylov: np.ndarray
    residual: np.ndarray


def lay_steady(models: Sequence[Model], grid: Grid, history: History | None = None) -> Plan:
    """Lay models on a grid with the near field screened by mobile buffers and uptake alone.

    An immobile buffer at equilibrium takes nothing, so a window that it screens would hand its share to
    the grid for nothing: 4 mM of it cost 2 % at 20 nm on the default grid.

    Parameters
    ----------
    models : sequence of Model
    grid : Grid
    history : History, optional     fluxes to use instead of those the models prescribe, one row a channel

    Returns
    -------
    Plan
    """
    # With gates open and voltages held every prescribed flux is constant from any time on.
    plan = lay(models, grid, history, fluxes_of(models, 1.0) if history is None else None)
    kappa = plan.uptake.copy()
    free = plan.total - plan.rest[:, plan.bound]
    for j, i in enumerate(plan.binds):
        if plan.at(j) < plan.mobile:
            kappa[:, i] += plan.k_on[:, j] * free[:, j]
    return replace(plan, kappa=kappa)


def solve_steady(plan: Plan, flux: np.ndarray | None = None, start: np.ndarray | None = None) -> Solution:
    """The steady state of every member of a plan.

    Parameters
    ----------
    plan : Plan
    flux : array (pair,), uM um^3/ms, optional
        Flux of one channel of each pair; by default what the plan's currents carry long after they
        began.  Where currents follow the concentration this is the unknown of `steady_feedback`.
    start : array (member, size), uM, optional
        State vectors to begin from, of the same plan; by default the rapid-buffer field.

    Returns
    -------
    Solution

    Raises
    ------
    NoSteadyState                   closed box with influx; more taken out than can flow in
    RuntimeError                    Newton's method did not settle
    """
    # Products of narrow matrices gain nothing from threads, and lose fiftyfold where cores are busy.
    with threadpool_limits(1, "blas"):
        return _solve_members(plan, flux, start)


def _solve_members(plan: Plan, flux: np.ndarray | None, start: np.ndarray | None) -> Solution:
    fluxes = Fluxes(plan)
    if flux is None:
        for model in plan.models:
            check_steady(model)
        if any(plan.live):
            raise ValueError("The currents follow the concentration: give their fluxes, or use `settle`.")
        flux = plan.history.value(plan.pair_row, np.full(plan.pair_row.size, LATE))
    weights, blob = constant_window(plan, fluxes, flux)
    ops = Reference(plan)
    near = ops.near(weights)
    source = plan.kappa[:, :, None, None, None] * near.average
    ops._blobs(source, blob)
    y = np.empty((plan.members, plan.size))
    newton, krylov = np.zeros(plan.members, dtype=int), np.zeros(plan.members, dtype=int)
    residual = np.zeros(plan.members)
    for m in range(plan.members):
        for i in range(plan.ions):
            counts = _solve_ion(plan, near, source, y, m, i, start)
            newton[m] += counts[0]
            krylov[m] += counts[1]
            residual[m] = max(residual[m], counts[2])
    return Solution(y, flux, weights, blob, newton, krylov, residual)


def constant_window(plan: Plan, fluxes: Fluxes, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Folded weights (pair, Q) and blobs (pair,) of constant fluxes (pair,), balanced to rounding."""
    kappa = plan.kappa[plan.pair_member, plan.pair_ion]
    weights = np.zeros(plan.pair_loss.shape)
    blob = np.zeros(flux.size)
    for i, window in enumerate(plan.windows):
        p = np.flatnonzero(plan.pair_ion == i)
        folded = np.exp(-kappa[p, None] * window.nodes) * window.weights
        weights[p, : window.nodes.size] = flux[p, None] * folded
        blob[p] = flux[p] * np.exp(-kappa[p] * window.tau)
    missed = flux * plan.pair_count - fluxes.loss(weights) - fluxes.deposit(weights, blob)
    mass = plan.pair_mass[:, -1]
    return weights, blob + missed / np.where(mass > 0, mass, 1.0)


def _solve_ion(
    plan: Plan, near: Near, source: np.ndarray, y: np.ndarray, m: int, i: int, start: np.ndarray | None
) -> tuple[int, int, float]:
    """Solve for one ion and its buffers and write them into the state vector."""
    coarse = plan.coarse(y)[m]
    fine = y[m, plan.species * plan.grid.cells :].reshape(len(plan.refined), plan.cells.size, SUB**3)
    binders = [j for j, k in enumerate(plan.binds) if k == i]
    movers = [j for j in binders if plan.at(j) < plan.mobile]
    c_near, s = near.average[m, i], source[m, i]
    pumps = Membranes.of(plan, near, m, i)
    if not s.any() and not c_near.any() and (pumps is None or pumps.rests_at(plan, m)):
        level = _quiet_level(plan, m, i, binders)
        coarse[i] = level
        for j in binders:
            coarse[plan.at(j)] = _even(plan, m, j, level)
            for r in np.flatnonzero(np.array(plan.refined, dtype=int) == j):
                fine[r] = _even(plan, m, j, level)
        return 0, 0, 0.0
    lattice = Lattice(plan.axes, NONE if pumps is not None else mirrored(plan.axes, (c_near, s)))
    cells, kept = _kept_cells(plan, lattice)
    ripple = near.ripple[m, i]

    def binding(j: int, rows: np.ndarray | slice) -> Binding:
        return Binding(
            D=float(plan.D[plan.at(j)]), k_on=float(plan.k_on[m, j]), k_off=float(plan.k_off[m, j]),
            total=float(plan.total[m, j]), rest=float(plan.rest[m, plan.at(j)]),
            ripple=ripple[rows] if j in plan.refined else None,
            mixing=plan.mixing[plan.refined.index(j)][rows] if j in plan.refined else None,
        )  # fmt: skip

    problem = Problem(
        lattice, plan.names[i], float(plan.D[i]), float(plan.rest[m, i]), float(plan.uptake[m, i]),
        lattice.fold(c_near), lattice.fold(s), tuple(binding(j, kept) for j in movers), cells, pumps,
    )  # fmt: skip
    begin = None
    if start is not None and movers:
        begin = lattice.fold(plan.coarse(start)[m][[plan.at(j) for j in movers]])
    field = solve(problem, begin)
    coarse[i] = lattice.unfold(field.u)
    for j, b in zip(movers, field.bound, strict=True):
        coarse[plan.at(j)] = lattice.unfold(b)
    c = coarse[i] + c_near
    for j in binders:
        b = coarse[plan.at(j)]
        if j not in movers:
            b[...] = _even(plan, m, j, c)
        if j in plan.refined:
            at = np.unravel_index(plan.cells, plan.grid.shape)
            k = plan.refined.index(j)
            if j in movers:
                fine[k] = binding(j, slice(None)).parts(c[at], b[at])
            else:
                fine[k] = _even(plan, m, j, c[at][:, None] + ripple)
                b[at] = fine[k].mean(axis=1)
    return field.newton, field.krylov, field.residual


def _even(plan: Plan, m: int, j: int, c: np.ndarray | float) -> np.ndarray | float:
    """Bound form in equilibrium with c, uM."""
    return plan.total[m, j] * c / (plan.k_off[m, j] / plan.k_on[m, j] + c)


def _kept_cells(plan: Plan, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Refined cells inside the lattice: their flat indices there, and their places in the plan's list."""
    inside = np.ones(plan.cells.size, dtype=bool)
    index = []
    for k, n, half in zip(
        np.unravel_index(plan.cells, plan.grid.shape), plan.grid.shape, lattice.folded[::-1], strict=True
    ):
        shift = n // 2 if half else 0
        inside &= k >= shift
        index.append(k - shift)
    kept = np.flatnonzero(inside)
    return np.ravel_multi_index([k[kept] for k in index], lattice.shape), kept


def _quiet_level(plan: Plan, m: int, i: int, binders: list[int]) -> float:
    """Level of an ion that no channel carries: rest, or in a closed box what it starts with, evened out."""
    model, rest = plan.models[m], float(plan.rest[m, i])
    if (
        plan.uptake[m, i]
        or any(p.ion == plan.names[i] for p in model.pumps)
        or not all(a.lower == CLOSED == a.upper for a in plan.axes)
    ):
        return rest
    name = plan.names[i]
    whole = model.initial_ion(name) + sum(model.initial_bound(plan.names[plan.at(j)]) for j in binders)
    if np.isclose(whole, rest + sum(plan.rest[m, plan.at(j)] for j in binders), rtol=1e-14, atol=0):
        return rest
    from scipy.optimize import brentq

    return float(
        brentq(lambda c: c + sum(_even(plan, m, j, c) for j in binders) - whole, 0.0, whole, xtol=1e-15)
    )
