"""The reference's implicit side: Jacobian, the two factors of M, and their solution, in array code."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends import reference_network as network


@dataclass(frozen=True, eq=False)
class Jacobian:
    """Jacobian: p = k_on (total - b), q = k_on c + k_off, in cells and sub-cells; fluxes through pumps.

    Of the network: its elementary slopes, the least and greatest values, and the rate constants.
    """

    p: Any
    q: Any
    fine_p: Any
    fine_q: Any
    through: Any = None
    slopes: Any = None
    extremes: Any = None
    law: Any = None


@dataclass(frozen=True, eq=False)
class Factor:
    """A prepared M; `modal_*` belong to the diffusion factor, the rest to the pointwise one."""

    g: Any
    pbar: Any
    qbar: Any
    modal: Any
    modal_ion: Any
    still: Any
    P: Any
    Q: Any
    inverse: Any
    inverse_ion: Any
    fine_P: Any
    fine_Q: Any
    fine_inverse: Any
    walls: Any = None
    diagonal: Any = None
    total: Any = None
    surplus: Any = None
    bars: Any = None


def along(matrix: Any, field: Any, axis: int, xp: Any) -> Any:
    """Apply an axis matrix (n, n) to ``field[m, s, z, y, x]`` along 0 = x, 1 = y, 2 = z.

    Each member and species is a product of its own, so a member's bits do not depend on the batch.
    """
    m, s, nz, ny, nx = field.shape
    if axis == 0:
        return xp.matmul(field.reshape(m, s, nz * ny, nx), matrix.T).reshape(field.shape)
    if axis == 1:
        return xp.matmul(matrix, field)
    return xp.matmul(matrix, field.reshape(m, s, nz, ny * nx)).reshape(field.shape)


def linearise(ops: Any, y: Any, near: Any) -> Jacobian:
    """Reaction Jacobian of a `Reference` at (y, near)."""
    plan, xp = ops.plan, ops.xp
    c, _, fine_c, _ = ops.binding_rates(y, near)
    coarse, fine = plan.coarse(y), plan.fine(y)
    p, q = (xp.empty((plan.members, plan.buffers, *plan.grid.shape)) for _ in range(2))
    for j, i in enumerate(plan.binds):
        p[:, j] = ops.k_on[:, j] * (ops.total[:, j] - coarse[:, plan.at(j)])
        q[:, j] = ops.k_on[:, j] * c[:, i] + ops.k_off[:, j]
    fine_p, fine_q = xp.empty_like(fine), xp.empty_like(fine)
    for r, j in enumerate(plan.refined):
        k_on, k_off, total = (a[:, j].reshape(-1, 1, 1) for a in (ops.k_on, ops.k_off, ops.total))
        fine_p[:, r] = k_on * (total - fine[:, r])
        fine_q[:, r] = k_on * fine_c[:, r] + k_off
    through = ops.walls.crossings(y, near) if ops.walls is not None else None
    if plan.network is None:
        return Jacobian(p, q, fine_p, fine_q, through)
    v = network.values(ops, y, near)
    slopes, ends = network.slopes(plan.network, near.law, v), network.extremes(v, xp)
    return Jacobian(p, q, fine_p, fine_q, through, slopes, ends, near.law)


def _least(ops: Any, coarse: Any, fine: Any) -> Any:
    """Smallest value per member and buffer over cells and sub-cells, not below 0."""
    xp = ops.xp
    low = coarse.reshape(ops.plan.members, ops.plan.buffers, ops.plan.grid.cells).min(axis=2)
    for r, j in enumerate(ops.plan.refined):
        if ops.plan.cells.size:
            low[:, j] = xp.minimum(low[:, j], fine[:, r].reshape(ops.plan.members, -1).min(axis=1))
    return xp.maximum(low, 0.0).reshape(ops.plan.members, ops.plan.buffers, 1, 1, 1)


def factor(ops: Any, jacobian: Jacobian, g: np.ndarray, a: float) -> Factor:
    r"""Prepare M for one step.

    Diffusion factor, per mode with eigenvalue lam (numerics: bound variables, constant pbar, qbar)::

        A_j = 1 + g qbar_j - g a D_j lam
        k_c [1 - g a D lam + g uptake + sum_j g pbar_j - sum_j g^2 pbar_j qbar_j / A_j]
            = r_c + sum_j g qbar_j r_j / A_j,           k_j = (r_j + g pbar_j k_c) / A_j

    Pointwise factor, with p, q standing for what exceeds pbar, qbar::

        k_c [1 + sum_j g p_j / (1 + g q_j)] = r_c + sum_j g q_j r_j / (1 + g q_j)
        k_j = (r_j + g p_j k_c) / (1 + g q_j)

    In a refined cell the sums run over its sub-cells with weight SUB^-3.  With a network the two sums in
    brackets are diagonals of the ions in the two systems of `network.py`.
    """
    plan, xp = ops.plan, ops.xp
    gm = xp.asarray(g).reshape(-1, 1, 1, 1, 1)
    pbar, qbar = _least(ops, jacobian.p, jacobian.fine_p), _least(ops, jacobian.q, jacobian.fine_q)
    still = 1.0 / (1.0 + gm * qbar)
    modal = xp.empty((plan.members, plan.movers, *plan.grid.shape))
    for j in range(plan.movers):
        modal[:, j] = 1.0 / (1.0 + gm[:, 0] * (qbar[:, j] - a * plan.D[plan.at(j)] * ops.rates))
    modal_ion = xp.empty((plan.members, plan.ions, *plan.grid.shape))
    for i, mine in enumerate(ops.binders):
        d = 1.0 + gm[:, 0] * (ops.uptake[:, i] - a * plan.D[i] * ops.rates)
        for j in mine:
            inverse = modal[:, j] if j < plan.movers else still[:, j]
            d += gm[:, 0] * pbar[:, j] * (1.0 - gm[:, 0] * qbar[:, j] * inverse)
        modal_ion[:, i] = 1.0 / d
    P, Q = gm * (jacobian.p - pbar), gm * (jacobian.q - qbar)
    inverse = 1.0 / (1.0 + Q)
    fine_p, fine_q = xp.empty_like(jacobian.fine_p), xp.empty_like(jacobian.fine_q)
    shares = P * inverse
    flat = shares.reshape(plan.members, plan.buffers, plan.grid.cells)
    for r, j in enumerate(plan.refined):
        fine_p[:, r] = gm[:, 0, 0] * (jacobian.fine_p[:, r] - pbar[:, j, 0])
        fine_q[:, r] = gm[:, 0, 0] * (jacobian.fine_q[:, r] - qbar[:, j, 0])
        flat[:, j, ops.cells] = (fine_p[:, r] / (1.0 + fine_q[:, r])).mean(axis=2)
    total = xp.ones((plan.members, plan.ions, *plan.grid.shape))
    for i, mine in enumerate(ops.binders):
        for j in mine:
            total[:, i] += shares[:, j]
    extra: tuple[Any, ...] = ()
    if plan.network is not None:
        bars = plan.network.bars(jacobian.law, *jacobian.extremes, g)
        least = bars[:, : len(plan.network.slopes)].T.reshape(-1, plan.members, 1, 1, 1)
        moving = plan.D[plan.ions + plan.movers : plan.carried]
        diagonal = [1.0 / modal_ion[:, i] for i in range(plan.ions)]
        diagonal += [1.0 - gm[:, 0] * (a * D * ops.rates) for D in moving]
        surplus = [one - low for one, low in zip(jacobian.slopes, least, strict=True)]
        extra = (None, diagonal, [total[:, i] for i in range(plan.ions)], surplus, bars)
    out = Factor(
        gm,
        pbar,
        qbar,
        modal,
        modal_ion,
        still,
        P,
        Q,
        inverse,
        1.0 / total,
        fine_p,
        fine_q,
        1.0 / (1.0 + fine_q),
        *extra,
    )
    if ops.walls is None:
        return out

    def divided(hat: Any) -> Any:
        _divide(ops, out, hat)
        return hat

    walls = ops.walls.prepare(
        jacobian.through, g, out.inverse_ion if plan.network is None else total, divided
    )
    return dataclasses.replace(out, walls=walls)


def solve_diffusion(ops: Any, f: Factor, r: Any) -> Any:
    """Solve the diffusion factor with its constant least binding rates: z of `backends.base`."""
    out = fold(ops, f, r)
    return unfold(ops, f, modes(ops, f, ops.plan.coarse(out)[:, : ops.plan.carried]), out)


def fold(ops: Any, f: Factor, r: Any) -> Any:
    """A copy of r whose bound forms that do not move are eliminated in favour of what moves."""
    plan, out = ops.plan, r.copy()
    coarse, g, net = plan.coarse(out), f.g[:, 0], plan.network
    for j in range(plan.movers, plan.buffers):
        coarse[:, plan.binds[j]] += g * f.qbar[:, j] * coarse[:, plan.at(j)] * f.still[:, j]
    if net is not None:
        moving, staying = _forms(plan)
        for (i, k), part in network.table(net, f.bars, "F").items():
            coarse[:, moving[i]] += part * coarse[:, staying[k]]
    return out


def _forms(plan: Any) -> tuple[list[int], list[int]]:
    """Species of the network that are solved for, ions first, and those that stay."""
    moving = [*range(plan.ions), *range(plan.ions + plan.movers, plan.carried)]
    return moving, plan.forms[plan.network.moving - plan.ions :]


def modes(ops: Any, f: Factor, hat: Any) -> Any:
    """Solve for what moves and follows nothing, [m, s, z, y, x], in modal space."""
    xp = ops.xp
    for axis in range(3):
        hat = along(ops.inverse[axis], hat, axis, xp)
    _divide(ops, f, hat)
    if f.walls is not None:
        ops.walls.relieve(hat, f.walls)
    for axis in range(3):
        hat = along(ops.vectors[axis], hat, axis, xp)
    return hat


def unfold(ops: Any, f: Factor, hat: Any, out: Any) -> Any:
    """z in `out`, from what moves and from the right-hand sides that `fold` left there.

    Forms that follow others hold no ions: their z is not needed, and 0.
    """
    plan = ops.plan
    coarse, fine = plan.coarse(out), plan.fine(out)
    g, net = f.g[:, 0], plan.network
    still = range(plan.movers, plan.buffers)
    # Deviations from the mean inside a refined cell see 1 + g (qbar + mixing).
    for k, j in enumerate(plan.refined):
        mean = coarse[:, plan.at(j)].reshape(plan.members, -1)[:, ops.cells][..., None]
        fine[:, k] = (fine[:, k] - mean) / (1.0 + f.g[:, 0, 0] * (f.qbar[:, j, 0] + ops.mixing[k]))
    coarse[:, : plan.carried] = hat
    coarse[:, plan.carried : plan.mobile] = 0.0
    if net is not None:
        moving, staying = _forms(plan)
        r = [coarse[:, s].copy() for s in staying]
        for s in staying:
            coarse[:, s] = 0.0
        for (k, n), part in network.table(net, f.bars, "U").items():
            coarse[:, staying[k]] += part * r[n]
        for (k, n), part in network.table(net, f.bars, "W").items():
            coarse[:, staying[k]] += part * coarse[:, moving[n]]
    for j in still:
        s = plan.at(j)
        coarse[:, s] = (coarse[:, s] + g * f.pbar[:, j] * coarse[:, plan.binds[j]]) * f.still[:, j]
    for k, j in enumerate(plan.refined):
        mean = coarse[:, plan.at(j)].reshape(plan.members, -1)[:, ops.cells][..., None]
        fine[:, k] += mean
    return out


def _divide(ops: Any, f: Factor, hat: Any) -> None:
    """Solve the systems of all modes, in place, without pumps."""
    plan, g, ion = ops.plan, f.g[:, 0], hat[:, : ops.plan.ions]
    for j in range(plan.movers):
        ion[:, plan.binds[j]] += g * f.qbar[:, j] * hat[:, plan.at(j)] * f.modal[:, j]
    if plan.network is None:
        ion *= f.modal_ion
    else:
        moving, _ = _forms(plan)
        x = [hat[:, s] for s in moving]
        network.solve_modes(plan.network, f.bars, f.diagonal, x)
        for s, value in zip(moving, x, strict=True):
            hat[:, s] = value
    for j in range(plan.movers):
        s = plan.at(j)
        hat[:, s] = (hat[:, s] + g * f.pbar[:, j] * ion[:, plan.binds[j]]) * f.modal[:, j]


def solve_reaction(ops: Any, f: Factor, z: Any) -> Any:
    """Solve the pointwise factor: k from z."""
    plan = ops.plan
    out = z.copy()
    coarse, fine = plan.coarse(out), plan.fine(out)
    bound = coarse[:, plan.bound]
    scaled = f.Q * f.inverse * bound
    flat = scaled.reshape(plan.members, plan.buffers, plan.grid.cells)
    for k, j in enumerate(plan.refined):
        flat[:, j, ops.cells] = (f.fine_Q[:, k] * f.fine_inverse[:, k] * fine[:, k]).mean(axis=2)
    for i, mine in enumerate(ops.binders):
        for j in mine:
            coarse[:, i] += scaled[:, j]
    if plan.network is None:
        coarse[:, : plan.ions] *= f.inverse_ion
    else:
        places = [*range(plan.ions), *plan.forms]
        x = [coarse[:, s] for s in places]
        network.solve_pointwise(plan.network, f.g[:, 0], f.surplus, f.total, x)
        for s, value in zip(places, x, strict=True):
            coarse[:, s] = value
    for j, i in enumerate(plan.binds):
        coarse[:, plan.at(j)] = (bound[:, j] + f.P[:, j] * coarse[:, i]) * f.inverse[:, j]
    for k, j in enumerate(plan.refined):
        k_c = coarse[:, plan.binds[j]].reshape(plan.members, -1)[:, ops.cells][..., None]
        fine[:, k] = (fine[:, k] + f.fine_P[:, k] * k_c) * f.fine_inverse[:, k]
        flat_cells = coarse[:, plan.at(j)].reshape(plan.members, -1)
        flat_cells[:, ops.cells] = fine[:, k].mean(axis=2)
        coarse[:, plan.at(j)] = flat_cells.reshape(plan.members, *plan.grid.shape)
    return out
