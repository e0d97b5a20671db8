"""The reference's reductions: from whole fields to numbers per member, in array code.

They are operations of `backends.base` on a `Reference`; fields of any array module come in, and NumPy arrays
on the host go out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.backends import reference_network as network
from microdomain.backends.reference_solve import linearise

#: Absolute tolerance per unit of rtol: ions and bound buffers, uM.  (Tried and left: more for the forms of a
#: network, whose middle ones are few.  What they hold is what the ion follows in slow phases: five times as
#: much saves a sixth of the steps around a cluster with two lobes of calmodulin, and its error 1 ms after
#: closing grows from 0.5 to 1.6 % at rtol 1e-2.)
ATOL_ION, ATOL_BUFFER = 0.1, 1.0
#: A form of a network may dip below 0 by this much (uM), the absolute tolerance at rtol 1e-2, and by this
#: part of its peak: beside the peak of a form that is absent at rest the 4th-order rows themselves
#: undershoot (4e-4 of it on 11 nm cells), and no step would mend that.
DIP, DIP_PART = 0.01, 2e-3


def _scale(ops: Any, y: Any, near: Any) -> tuple[Any, Any]:
    """Sizes that an error is measured by: c and b in cells, b in sub-cells."""
    coarse = ops.plan.coarse(y).copy()
    coarse[:, : ops.plan.ions] += near.average
    return abs(coarse), abs(ops.plan.fine(y))


def norm(ops: Any, error: Any, old: Any, new: Any, near_old: Any, near_new: Any, rtol: float) -> np.ndarray:
    """Greatest error over its tolerance, per member."""
    plan, xp = ops.plan, ops.xp
    before, fine_before = _scale(ops, old, near_old)
    after, fine_after = _scale(ops, new, near_new)
    coarse = abs(plan.coarse(error))
    atol = xp.full((1, plan.species, 1, 1, 1), ATOL_BUFFER * rtol)
    atol[:, : plan.ions] = ATOL_ION * rtol
    worst = (coarse / (rtol * xp.maximum(before, after) + atol)).reshape(plan.members, -1).max(axis=1)
    fine = abs(plan.fine(error))
    if fine.size:
        ratio = fine / (rtol * xp.maximum(fine_before, fine_after) + ATOL_BUFFER * rtol)
        worst = xp.maximum(worst, ratio.reshape(plan.members, -1).max(axis=1))
    return ops.host(worst)


def lowest(ops: Any, y: Any, near: Any) -> np.ndarray:
    """Least concentration, bound or free buffer, or form, per member, uM."""
    plan, xp = ops.plan, ops.xp
    coarse, fine = plan.coarse(y), plan.fine(y)
    low = (coarse[:, : plan.ions] + near.average).reshape(plan.members, -1).min(axis=1)
    for j, s in enumerate(plan.bound):
        for value in (coarse[:, s], ops.total[:, j] - coarse[:, s]):
            low = xp.minimum(low, value.reshape(plan.members, -1).min(axis=1))
    for s in plan.positive:
        form = coarse[:, s].reshape(plan.members, -1)
        least, slack = form.min(axis=1), DIP + DIP_PART * form.max(axis=1)
        low = xp.minimum(low, xp.where((least < 0) & (least >= -slack), 0.0, least))
    for k, j in enumerate(plan.refined):
        if plan.cells.size:
            low = xp.minimum(low, fine[:, k].reshape(plan.members, -1).min(axis=1))
            free = ops.total[:, j, 0] - fine[:, k]
            low = xp.minimum(low, free.reshape(plan.members, -1).min(axis=1))
    return ops.host(low)


def close_step(
    ops: Any, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray, amount: np.ndarray, plus: Any,
    near_old: Any, near_new: Any, rtol: float,
) -> tuple[Any, np.ndarray, np.ndarray]:  # fmt: skip
    """The new state of a step, its error over the tolerance and its least value, per member."""
    new, error = ops.mix(y, vectors, a, b)
    if plus is not None:
        new = ops.combine(new, [(1.0, plus)])
    if amount.any():
        new = ops.add_blobs(new, amount)
    return new, ops.norm(error, y, new, near_old, near_new, rtol), ops.lowest(new, near_new)


def speed(ops: Any, y: Any, near: Any) -> np.ndarray:
    """Bound on the fastest rate, per member, 1/ms."""
    plan = ops.plan
    jacobian = linearise(ops, y, near)
    narrow = sum(1.0 / float(a.widths.min()) ** 2 for a in plan.axes)
    diffusion = 16.0 / 3.0 * float(plan.D.max()) * narrow
    out = np.full(plan.members, diffusion) + plan.uptake.max(axis=1, initial=0.0)
    if plan.buffers:
        fastest = ops.host(
            (jacobian.p.sum(axis=1) + jacobian.q.max(axis=1)).reshape(plan.members, -1).max(axis=1)
        )
        out += fastest
        if plan.refined and plan.cells.size:
            fine = (jacobian.fine_p.sum(axis=1) + jacobian.fine_q.max(axis=1)).reshape(plan.members, -1)
            out += np.maximum(ops.host(fine.max(axis=1)) - fastest, 0.0)
    if ops.walls is not None:
        out += ops.walls.speed(y, near)
    if plan.network is not None:
        _, high = network.extremes(network.values(ops, y, near), ops.xp)
        out += plan.network.fastest(near.law, high)
    return out


def amounts(ops: Any, y: Any) -> np.ndarray:
    """Amount of every species, [member, species], uM um^3."""
    plan = ops.plan
    held = plan.coarse(y) * ops.volumes
    return ops.host(held.reshape(plan.members, plan.species, -1).sum(axis=2))


def free(ops: Any, y: Any) -> np.ndarray:
    """Amount of the grid part of every ion, [member, ion], uM um^3."""
    plan = ops.plan
    held = plan.coarse(y)[:, : plan.ions] * ops.volumes
    return ops.host(held.reshape(plan.members, plan.ions, -1).sum(axis=2))


def layers(ops: Any, y: Any, weights: np.ndarray) -> np.ndarray:
    """Weighted sums over z of the grid part of every ion, [member, ion, weights, y, x]."""
    plan, (nz, ny, nx) = ops.plan, ops.plan.grid.shape
    u = plan.coarse(y)[:, : plan.ions].reshape(plan.members, plan.ions, nz, ny * nx)
    by = ops.xp.asarray(np.ascontiguousarray(weights, dtype=u.dtype))
    return ops.host(by @ u).reshape(plan.members, plan.ions, len(weights), ny, nx)


def outflow(ops: Any, y: Any, order: int) -> np.ndarray:
    """What leaves through the held walls, by the stencils of an order, [member, species], uM um^3/ms."""
    plan, xp = ops.plan, ops.xp
    out = np.zeros((plan.members, plan.species))
    excess = plan.coarse(y)[:, : plan.mobile]
    if order == 4:
        excess = excess - ops.rest[:, : plan.mobile]
    for k, axis in enumerate(plan.axes):
        if not axis.closed:
            area = [xp.asarray(a.widths) for a in plan.axes]
            area[k] = xp.asarray(axis.outflow4 if order == 4 else axis.outflow2)
            flow = xp.einsum("mszyx,z,y,x->ms", excess, area[2], area[1], area[0], optimize=True)
            out[:, : plan.mobile] += ops.host(flow) * plan.D[: plan.mobile] * plan.free
    return out


def excess(ops: Any, y: Any, near: Any) -> np.ndarray:
    """Amount of every ion above its rest, [member, ion], uM um^3."""
    plan = ops.plan
    over = (plan.coarse(y)[:, : plan.ions] + near.average - ops.rest[:, : plan.ions]) * ops.volumes
    return ops.host(over.reshape(plan.members, plan.ions, -1).sum(axis=2))
