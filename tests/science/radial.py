"""An independent solver for one channel: the half-space around it is one-dimensional in r.

It shares nothing with the package: no near field, no Cartesian grid, no stepper.  With w = r c the diffusion
operator of a sphere becomes that of a line and the source becomes a wall value,

    w_t = D w_rr + r R,     w(0, t) = J(t) / (2 pi D),     w_r = w / a at the closed hemisphere r = a,

so nothing is singular.  Each bound form b has W = r b with W(0) = 0.  Space: elements of degree p with
Gauss-Lobatto nodes and a lumped mass matrix, graded from 0.2 nm.  Time: Radau IIA of order 5 (SciPy), with
the exact sparse Jacobian.  Halving the elements and tightening rtol tenfold moves one channel with two
buffers by 2e-8; a hemisphere of 6 um instead of 3 um, up to 1.1 ms, by as little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.interpolate import BarycentricInterpolator

#: One picoampere of Ca2+ in uM um^3/ms: 1e6 / (2 F).
FLUX = 1e6 / (2 * 96485.33212)


@dataclass(frozen=True)
class Binder:
    """A buffer: total (uM), k_on (1/(uM ms)), K_d (uM), D (um^2/ms)."""

    total: float
    k_on: float
    K_d: float
    D: float = 0.0


@dataclass(frozen=True)
class Elements:
    """Gauss-Lobatto elements on [0, radius]: edges, all nodes, lumped mass and stiffness."""

    edges: np.ndarray
    degree: int
    nodes: np.ndarray
    mass: np.ndarray
    stiffness: sparse.csr_matrix

    @classmethod
    def graded(cls, radius: float, first: float, growth: float, widest: float, degree: int) -> Elements:
        """Element widths grow from `first` by `growth` up to `widest` (all um)."""
        widths = [first]
        while sum(widths) < radius:
            widths.append(min(widths[-1] * growth, widest))
        edges = np.concatenate(([0.0], np.cumsum(widths)))
        edges *= radius / edges[-1]
        top = legendre.Legendre.basis(degree)
        xi = np.concatenate(([-1.0], top.deriv().roots().real, [1.0]))
        weights = 2 / (degree * (degree + 1) * top(xi) ** 2)
        # Derivative of each Lagrange polynomial at each node.
        slope = top(xi)[:, None] / top(xi)[None, :] / (xi[:, None] - xi[None, :] + np.eye(degree + 1))
        np.fill_diagonal(slope, 0.0)
        np.fill_diagonal(slope, -slope.sum(1))
        count = (edges.size - 1) * degree + 1
        nodes, mass, stiffness = np.zeros(count), np.zeros(count), sparse.lil_matrix((count, count))
        local = slope.T @ (weights[:, None] * slope)
        for k, (left, right) in enumerate(pairwise(edges)):
            half, at = (right - left) / 2, slice(k * degree, (k + 1) * degree + 1)
            nodes[at] = left + half * (xi + 1)
            mass[at] += half * weights
            stiffness[at, at] += local / half
        return cls(edges, degree, nodes, mass, stiffness.tocsr())

    def read(self, values: np.ndarray, r: np.ndarray) -> np.ndarray:
        """The element polynomials at r; `values` (times, nodes) -> (times, r)."""
        out = np.empty((values.shape[0], r.size))
        for j, place in enumerate(r):
            k = min(max(int(np.searchsorted(self.edges, place)) - 1, 0), self.edges.size - 2)
            at = slice(k * self.degree, (k + 1) * self.degree + 1)
            out[:, j] = BarycentricInterpolator(self.nodes[at], values[:, at].T)(place)
        return out


def solve(
    r: Sequence[float],
    t: Sequence[float],
    pieces: Sequence[tuple[float, Callable[[float], float]]],
    buffers: Sequence[Binder] = (),
    *,
    D: float = 0.22,
    rest: float = 0.1,
    uptake: float = 0.0,
    radius: float = 3.0,
    first: float = 2e-4,
    growth: float = 1.35,
    widest: float = 0.2,
    degree: int = 8,
    rtol: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Free calcium and bound buffers around one channel at the centre of a closed hemisphere.

    Parameters
    ----------
    r : (points,), um             distances above 0
    t : (times,), ms              increasing, above 0, not beyond the last piece
    pieces : (until, influx) pairs    influx(t) in pA is smooth up to `until` (ms); there the next begins
    buffers : sequence of Binder  in equilibrium with `rest` at t = 0
    D, rest, uptake               of the free ion: um^2/ms, uM, 1/ms
    radius, first, growth, widest, degree, rtol    the elements (um) and the tolerance

    Returns
    -------
    free : (times, points), uM
    bound : (buffers, times, points), uM
    stored : float, uM um^3       all ions above rest in the hemisphere at the last time
    """
    mesh = Elements.graded(radius, first, growth, widest, degree)
    x, n, species = mesh.nodes[1:], mesh.nodes.size - 1, 1 + len(buffers)
    inner = mesh.stiffness[1:, 1:].tocsr()
    pull = mesh.stiffness[1:, 0].toarray()[:, 0] / mesh.mass[1:]
    # Closed at r = a: c_r = 0 means w_r = w/a there.
    end = sparse.csr_matrix(([1 / radius], ([n - 1], [n - 1])), (n, n))
    spread = sparse.diags(1 / mesh.mass[1:]) @ (end - inner)
    diffusion = sparse.block_diag([D * spread] + [b.D * spread for b in buffers], format="csr")

    def rates(w: np.ndarray) -> np.ndarray:
        change = np.zeros((species, n))
        change[0] = -uptake * (w[0] - rest * x)
        for j, b in enumerate(buffers, start=1):
            binding = b.k_on * (w[0] / x * (b.total * x - w[j]) - b.K_d * w[j])
            change[0] -= binding
            change[j] = binding
        return change

    def right_side(time: float, state: np.ndarray, influx: Callable[[float], float]) -> np.ndarray:
        change = rates(state.reshape(species, n))
        change[0] -= D * pull * influx(time) * FLUX / (2 * np.pi * D)
        return diffusion @ state + change.ravel()

    def jacobian(_: float, state: np.ndarray) -> sparse.csc_matrix:
        w = state.reshape(species, n)
        blocks: list[list] = [[None] * species for _ in range(species)]
        loss = np.full(n, -uptake)
        for j, b in enumerate(buffers, start=1):
            by_ion, by_bound = b.k_on * (b.total - w[j] / x), -b.k_on * (w[0] / x + b.K_d)
            loss -= by_ion
            blocks[0][j], blocks[j][0] = sparse.diags(-by_bound), sparse.diags(by_ion)
            blocks[j][j] = sparse.diags(by_bound)
        blocks[0][0] = sparse.diags(loss)
        return (diffusion + sparse.bmat(blocks)).tocsc()

    bound_at_rest = [b.total * rest / (rest + b.K_d) for b in buffers]
    state = np.concatenate([rest * x] + [level * x for level in bound_at_rest])
    moments, places = np.asarray(t, float), np.asarray(r, float)
    seen, walls, start = [], [], 0.0
    for until, influx in pieces:
        due = moments[(moments > start) & (moments <= until)]
        stops = np.unique(np.append(due, until))
        run = solve_ivp(
            right_side,
            (start, until),
            state,
            method="Radau",
            t_eval=stops,
            args=(influx,),
            jac=lambda time, state, _influx: jacobian(time, state),
            rtol=rtol,
            atol=rtol * 1e-3 * rest,
            first_step=1e-9,
        )
        if not run.success:
            raise RuntimeError(f"The radial solver stopped at t = {run.t[-1]:g} ms: {run.message}")
        seen += [run.y[:, np.searchsorted(stops, time)] for time in due]
        walls += [influx(time) * FLUX / (2 * np.pi * D) for time in due]
        state, start = run.y[:, -1], until
    history = np.array(seen).reshape(len(t), species, n)
    firsts = np.zeros((len(t), species, 1))
    firsts[:, 0, 0] = walls
    values = np.concatenate((firsts, history), axis=2)
    fields = np.array([mesh.read(values[:, k], places) / places for k in range(species)])
    last = state.reshape(species, n).copy()
    last -= np.array([rest, *bound_at_rest])[:, None] * x
    stored = float(2 * np.pi * np.sum(mesh.mass[1:] * x * last.sum(0)))
    return fields[0], fields[1:], stored
