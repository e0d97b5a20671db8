"""The independent radial solver of `radial.py` for any mass-action network of one source's ion.

Each species s has w_s = r y_s;  w_t = D_s w_rr + r R_s(w / r),  w_0(0, t) the source's wall value, the
others 0 there.  Radau IIA in time, with the exact sparse Jacobian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.integrate import solve_ivp

from .radial import FLUX, Elements


def solve(
    r: Sequence[float],
    t: Sequence[float],
    influx: float,
    closes: float,
    D: Sequence[float],
    rest: Sequence[float],
    N: np.ndarray,
    orders: np.ndarray,
    k: Sequence[float],
    radius: float = 1.5,
    degree: int = 5,
    rtol: float = 1e-7,
) -> np.ndarray:
    """All species (species, times, points), uM, around a channel of `influx` pA that closes at `closes` ms.

    Parameters
    ----------
    r, t : distances (um) and times (ms) above 0
    D, rest : per species, the ion first
    N : (species, reactions); orders : (reactions, species); k : (reactions,)
    """
    mesh = Elements.graded(radius, 2e-4, 1.35, 0.1, degree)
    x, n, species = mesh.nodes[1:], mesh.nodes.size - 1, len(D)
    N, orders, k = np.array(N, float), np.array(orders, int), np.array(k, float)
    inner = mesh.stiffness[1:, 1:].tocsr()
    pull = mesh.stiffness[1:, 0].toarray()[:, 0] / mesh.mass[1:]
    end = sparse.csr_matrix(([1 / radius], ([n - 1], [n - 1])), (n, n))
    spread = sparse.diags(1 / mesh.mass[1:]) @ (end - inner)
    diffusion = sparse.block_diag([d * spread for d in D], format="csr")

    def rates(y):
        return k[:, None] * np.prod(y[None] ** orders[:, :, None], axis=1)

    def right_side(_, state, wall):
        y = state.reshape(species, n) / x
        change = x * (N @ rates(y))
        change[0] -= D[0] * pull * wall
        return diffusion @ state + change.ravel()

    def jacobian(_, state, wall):
        y = state.reshape(species, n) / x
        blocks = [[None] * species for _ in range(species)]
        for j in range(species):
            less = orders.copy()
            less[:, j] = np.maximum(less[:, j] - 1, 0)
            slope = k[:, None] * orders[:, [j]] * np.prod(y[None] ** less[:, :, None], axis=1)
            for i in range(species):
                blocks[i][j] = sparse.diags(N[i] @ slope)
        return (diffusion + sparse.bmat(blocks)).tocsc()

    state = np.concatenate([level * x for level in rest])
    out, start = [], 0.0
    for until, current in ((closes, influx), (max(t), 0.0)):
        due = [time for time in t if start < time <= until]
        if until <= start:
            continue
        stops = np.unique([*due, until])
        wall = current * FLUX / (2 * np.pi * D[0])
        run = solve_ivp(
            right_side, (start, until), state, method="Radau", t_eval=stops, args=(wall,), jac=jacobian,
            rtol=rtol, atol=rtol * 1e-4, first_step=1e-9,
        )  # fmt: skip
        assert run.success
        for time in due:
            fields = run.y[:, np.searchsorted(stops, time)].reshape(species, n)
            first = np.zeros((species, 1))
            first[0] = wall
            whole = np.concatenate((first, fields), axis=1)
            out.append([mesh.read(row[None], np.array(r))[0] / np.array(r) for row in whole])
        state, start = run.y[:, -1], until
    return np.array(out).transpose(1, 0, 2)
