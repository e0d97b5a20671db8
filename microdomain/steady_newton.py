r"""The steady state of one ion and the buffers that bind it: Newton's method with GMRES.

With b_j the bound forms of the mobile buffers, c_s the near field and `excess` meaning "over rest"::

    w = D (u - rest) + sum_j D_j (b_j - b_j,rest),              c = u + c_s,
    lap w + S + kappa c_s - uptake (c - rest) = 0               (linear; its own solve without uptake)
    D_j lap b_j + R_j = 0,   R_j = k_on c (B_j - b_j) - k_off b_j

S are the blobs.  Immobile buffers have R = 0 and drop out of both.  w removes the stiff cancellation
between free and bound ions: fast binding only makes c a function of w.  Newton's method works on the
excesses v_j (and on w where there is uptake), from the rapid-buffer field, in which every R_j = 0.
With p = dR/dc, q = -dR/db and dc = (dw - sum D_j dv_j)/D the preconditioner takes p and q as means and
solves, in every mode of eigenvalue lam, by elimination of dc (Sherman-Morrison)::

    dv_j = (r_j - p_j dc)/a_j,   a_j = D_j lam - q_j
    dc [D lam - uptake - lam sum_j D_j p_j/a_j] = r_w - lam sum_j D_j r_j/a_j
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from microdomain.steady_linear import gmres
from microdomain.steady_problem import Field, NoSteadyState, Problem, Unsettled, drained, rapid

#: Relative residual of the linear and of each Newton solve.
LINEAR, FORCING = 1e-11, 1e-2
#: Newton stops when its step changes no excess of c by more than this part; steps and halvings allowed.
SETTLED, STEPS, HALVINGS = 1e-6, 40, 12
#: The part of what is bound, or free, in a cell that one step may use up.
USED = 0.9
#: A step this small that can no longer lower the residual is rounding.
ROUNDING = 1e-3


def solve(problem: Problem, start: np.ndarray | None = None) -> Field:
    """Solve a Problem.

    Parameters
    ----------
    problem : Problem
    start : array (buffer, z, y, x), uM, optional
        Bound forms to begin from instead of the rapid-buffer field.

    Returns
    -------
    Field

    Raises
    ------
    NoSteadyState                           the channels take out more than can flow in
    RuntimeError                            Newton's method did not settle
    """
    w = _carried(problem)
    if not problem.buffers and problem.pumps is None:
        return Field(
            problem.free(w, np.zeros((0, *w.shape))) - problem.near, np.zeros((0, *w.shape)), 0, 0, 0.0
        )
    failed: Unsettled | None = None
    for first in _starts(problem, w, start):
        try:
            here, newton, krylov = _newton(problem, w, first)
        except Unsettled as why:
            failed = why
            continue
        return Field(here.c - problem.near, here.v + problem.rests, newton, krylov, here.imbalance)
    if problem.near.min() < 0.0 or (problem.pumps is not None and problem.pumps.fixed):
        raise NoSteadyState(drained(problem)) from failed
    assert failed is not None
    raise failed


def _starts(problem: Problem, w: np.ndarray, given: np.ndarray | None) -> Iterator[np.ndarray]:
    """Excesses of the bound forms to begin from, the likeliest first."""
    if given is not None:
        yield given - problem.rests
    # With uptake w is only a guess, and buffers at rest forgive a bad one.
    rest = np.zeros((len(problem.buffers), *w.shape))
    if problem.taken:
        yield rest
        yield rapid(problem, w)
    else:
        yield rapid(problem, w)
        yield rest


def _carried(problem: Problem) -> np.ndarray:
    """w: exact without uptake; with it, that of buffers in equilibrium near rest."""
    if not problem.source.any() and not problem.near.any():
        return np.zeros(problem.lattice.shape)
    source, rate = problem.source, 0.0
    if problem.taken:
        whole = problem.D
        for b in problem.buffers:
            whole += b.D * b.total * b.k_on * b.k_off / (b.k_on * problem.rest + b.k_off) ** 2
        rate = problem.sink / whole
        source = source - rate * problem.D * problem.near
    w: np.ndarray = problem.lattice.screened(source[None], rate, LINEAR)[0]
    return w


@dataclass(frozen=True, eq=False)
class _Point:
    """Where Newton's method stands: unknowns, residual F, and p, q of every buffer."""

    w: np.ndarray
    v: np.ndarray
    c: np.ndarray
    F: np.ndarray
    p: np.ndarray
    q: np.ndarray
    gains: list[np.ndarray]

    @classmethod
    def at(cls, problem: Problem, w: np.ndarray, v: np.ndarray) -> _Point:
        """Evaluate the equations; F holds that of w first where there is uptake."""
        taken = problem.taken
        first, gains = (1 if taken else 0), []
        c = problem.free(w, v)
        F = problem.lattice.laplacian(np.concatenate([w[None], v]) if taken else v)
        p, q = np.empty_like(v), np.empty_like(v)
        F[first:] *= problem.spread
        for j, b in enumerate(problem.buffers):
            R, p[j], q[j] = b.rate(c, v[j] + b.rest, problem.cells)
            F[first + j] += R
        if taken:
            F[0] += problem.source - problem.uptake * (c - problem.rest)
        if problem.pumps is not None:
            gains = problem.pumps.add(F[0], c - problem.near)
        return cls(w, v, c, F, p, q, gains)

    @property
    def size(self) -> float:
        """2-norm of the residual."""
        return float(np.linalg.norm(self.F))

    @property
    def imbalance(self) -> float:
        """Largest residual of a buffer over the fastest binding rate."""
        if not len(self.p):
            return float(np.abs(self.F).max())
        return float(np.abs(self.F[-len(self.p) :]).max() / max(float((self.p * self.c).max()), 1e-300))


def _newton(problem: Problem, w: np.ndarray, v: np.ndarray) -> tuple[_Point, int, int]:
    """Newton's method from (w, v): where it ends, its steps and the GMRES iterations."""
    here = _Point.at(problem, w, v)
    krylov = 0
    for newton in range(1, STEPS + 1):
        step, used = _step(problem, here)
        krylov += used
        there, part = _moved(problem, here, step)
        if there is None:
            if not _is_rounding(problem, here, step):
                raise Unsettled(_unsettled(problem, newton, here))
            return here, newton, krylov
        change, excess = np.abs(there.c - here.c), np.abs(there.c - problem.rest)
        here = there
        if part == 1.0 and bool((change <= SETTLED * (excess + 1e-3 * excess.max())).all()):
            return here, newton, krylov
    raise Unsettled(_unsettled(problem, STEPS, here))


def _moved(problem: Problem, here: _Point, step: np.ndarray) -> tuple[_Point | None, float]:
    """The first of step, step/2, step/4, ... that lowers the residual and keeps c positive, and its part.

    Cell by cell a step uses up at most `USED` of what is bound or free: one bound for the whole field
    would let a single saturated cell hold up all others.
    """
    old, totals = here.v + problem.rests, problem.totals
    dv = step[1 if problem.taken else 0 :]
    part = 1.0
    for _ in range(HALVINGS):
        bound = np.clip(old + part * dv, (1.0 - USED) * old, old + USED * (totals - old))
        w = here.w + part * step[0] if problem.taken else here.w
        there = _Point.at(problem, w, bound - problem.rests)
        if there.size < here.size and there.c.min() > 0.0:
            return there, part
        part *= 0.5
    return None, part


def _step(problem: Problem, here: _Point) -> tuple[np.ndarray, int]:
    """Step -J^-1 F to the forcing's precision, and the GMRES iterations it took.

    All of it is float32: half the traffic, and what the step misses the next residual shows.
    """
    lattice, single = problem.lattice, np.float32
    taken, sink = problem.taken, problem.sink
    first = 1 if taken else 0
    D, uptake = single(problem.D), single(problem.uptake)
    # The preconditioner's factors, a_j and the reciprocal of what multiplies dc.
    mean_p, mean_q = (x.mean(axis=(1, 2, 3)).reshape(-1, 1, 1, 1) for x in (here.p, here.q))
    inverse = 1.0 / (problem.spread * lattice.rates - mean_q)
    arrow = problem.D - (problem.spread * mean_p * inverse).sum(axis=0)
    arrow = 1.0 / (lattice.rates * arrow - sink if taken else arrow)
    p, q, a, arrow, p_bar, rates, spread, weight = (
        x.astype(single)
        for x in (
            *(here.p, here.q, inverse, arrow, mean_p, lattice.rates),
            *(problem.spread, problem.spread * inverse),
        )
    )
    line = spread.ravel()

    def apply(x: np.ndarray) -> np.ndarray:
        dv = x[first:]
        dc = np.tensordot(line, dv, 1)
        dc = (x[0] - dc if taken else -dc) / D
        out = lattice.laplacian(x)
        moved = out[first:]
        moved *= spread
        moved += p * dc
        moved -= q * dv
        if taken:
            out[0] -= uptake * dc
        if problem.pumps is not None:
            problem.pumps.add_change(out[0], dc, here.gains)
        return out

    def precondition(r: np.ndarray) -> np.ndarray:
        hat = lattice.to_modes(r)
        bound = hat[first:]
        dc = np.einsum("jzyx,jzyx->zyx", weight, bound)
        dc = (hat[0] - rates * dc if taken else -dc) * arrow
        bound -= p_bar * dc
        bound *= a
        if taken:
            hat[0] = D * dc + np.tensordot(line, bound, 1)
        return lattice.from_modes(hat)

    size = here.size
    step, used = gmres(apply, precondition, (-here.F / size).astype(single), FORCING)
    return step.astype(float) * size, used


def _is_rounding(problem: Problem, here: _Point, step: np.ndarray) -> bool:
    """Whether a step that lowers nothing is only rounding."""
    dv = step[1 if problem.taken else 0 :]
    dc = -np.tensordot(problem.spread.ravel(), dv, 1)
    if problem.taken:
        dc += step[0]
    excess = np.abs(here.c - problem.rest)
    return bool(np.abs(dc / problem.D).max() <= ROUNDING * excess.max() + 1e-10 * problem.rest)


def _unsettled(problem: Problem, steps: int, here: _Point) -> str:
    size = f"{here.imbalance:.1e} " + ("of the fastest binding" if problem.buffers else "uM/ms")
    where = " near the channels" if problem.near.any() or problem.source.any() else ""
    return (
        f"The steady state of {problem.ion!r} did not settle in {steps} Newton steps: the largest imbalance "
        f"is {size}. Give a finer grid{where}, or march in time with simulate."
    )
