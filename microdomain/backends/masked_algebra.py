"""Few equations for many members: what the masked solve asks of its directions."""

from __future__ import annotations

from typing import Any

from microdomain.backends.reference_network import solve_modes


def arrow(
    plan: Any, bars: Any, g: Any, p: Any, q: Any, uptake: Any, r: Any, a: float = 0.0, rates: Any = 0.0
) -> Any:
    """Solve (I - g (a D lam + Jbar)) x = r per mode, in array code.

    Parameters
    ----------
    plan : Plan
    bars : array or None            of the network, (m, bars)
    g : array (m,), ms
    p, q : arrays (m, buffer), 1/ms         least rates
    uptake : array (m, ion), 1/ms
    r : array [m, s, mode]          of what moves
    a, rates : float and array (mode,), 1/um^2      lam; left out, what is uniform is solved for

    Returns
    -------
    array [m, s, mode]
    """
    out, g = r.copy(), g[:, None]
    spread = [1.0 - g * (a * float(D)) * rates for D in plan.D[: plan.carried]]
    diagonal = [spread[i] + g * uptake[:, i, None] for i in range(plan.ions)]
    own = []
    for j, i in enumerate(plan.binds):
        gained, lost = g * p[:, j, None], g * q[:, j, None]
        own.append((spread[plan.at(j)] if j < plan.movers else 1.0) + lost)
        diagonal[i] = diagonal[i] + gained * (1.0 - lost / own[j])
        if j < plan.movers:
            out[:, i] += lost / own[j] * r[:, plan.at(j)]
    if plan.network is None:
        for i in range(plan.ions):
            out[:, i] /= diagonal[i]
    else:
        moving = [*range(plan.ions), *range(plan.ions + plan.movers, plan.carried)]
        x = [out[:, s].reshape(len(out), 1, 1, -1) for s in moving]
        ones = [
            one.reshape(len(out), 1, 1, -1) for one in [*diagonal, *(spread[s] for s in moving[plan.ions :])]
        ]
        solve_modes(plan.network, bars, ones, x)
        for s, value in zip(moving, x, strict=True):
            out[:, s] = value[:, 0, 0]
    for j in range(plan.movers):
        s = plan.at(j)
        out[:, s] = (r[:, s] + g * p[:, j, None] * out[:, plan.binds[j]]) / own[j]
    return out


def least_squares(xp: Any, products: Any) -> list[Any]:
    """Coefficients c_k, each (m, group), that make v_0 - sum_k c_k (v_k - v_k+1) least.

    `products` (m, group, n + 1, n + 1) are those of all v.  The normal equations are solved by
    Cholesky's method; a direction that adds nothing new gets the coefficient 0.
    """
    n = products.shape[2] - 1
    rows = products[:, :, :-1] - products[:, :, 1:]
    matrix, right = rows[..., :-1] - rows[..., 1:], rows[..., 0]
    root: list[list[Any]] = []
    solved: list[Any] = []
    inverse: list[Any] = []
    for i in range(n):
        line: list[Any] = []
        for j in range(i):
            value = matrix[..., i, j] - sum((line[k] * root[j][k] for k in range(j)), 0.0)
            line.append(value * inverse[j])
        left = matrix[..., i, i] - sum((one * one for one in line), 0.0)
        new = left > 1e-12 * matrix[..., i, i]
        inverse.append(xp.where(new, 1.0 / xp.sqrt(xp.where(new, left, 1.0)), 0.0))
        solved.append(
            (right[..., i] - sum((a * b for a, b in zip(line, solved, strict=True)), 0.0)) * inverse[i]
        )
        root.append(line)
    out: list[Any] = [None] * n
    for i in reversed(range(n)):
        value = solved[i] - sum((root[k][i] * out[k] for k in range(i + 1, n)), 0.0)
        out[i] = value * inverse[i]
    return out
