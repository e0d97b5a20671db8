"""Operations beside obstacles, on top of any backend's operations without them.

The right-hand side is the bare grid's plus the rows of `mask_rows` that differ; closed cells stand still.
The implicit side solves the diffusion factor with its constant least binding rates,

    A z = (I - g (a D L_m2 + Jbar)) z = r,      L_m2 with open fractions and 2-point derivatives,

by the `ITERATIONS` directions of a minimal-residual method (Saad, Iterative Methods for Sparse Linear
Systems, 2nd ed., 6.5).  The bare factor B, solved by fast diagonalisation, is its preconditioner::

    x = Abar^-1 mean(r),  v_0 = r - mean(r)               per connected part that keeps its ions
    z_k = B (phi v_k),    v_k+1 = v_k - A z_k, without its means
    x += sum_k c_k z_k in the fluid, without its means,   c: least |v_0 - sum_k c_k (v_k - v_k+1)|

with |v|^2 = sum phi V v^2.  As A 1 = Abar 1 on such a part, x keeps its ions to round-off, however few the
directions.  And A z_k = phi v_k + g a D (L_2 - L_m2) z_k needs a few rows only, for B solves the bare factor
exactly.  No symmetry of A is asked for, and a fixed count needs no norm on the host.
(Tried and left: B alone, which loses 1e-3 of the influx and leaks into closed pockets.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends.masked_algebra import least_squares
from microdomain.backends.parts import FusedParts, ReferenceParts, followed
from microdomain.backends.reference import Near, Reference
from microdomain.mask_fill import filled

#: Directions in every implicit solve.
ITERATIONS = 3
#: Separate parts of the fluid that have coefficients of their own; the smallest share the last.
GROUPS = 4


def beside_obstacles(ops: Any) -> Any:
    """The operations of a plan: those given, or those with its obstacles on top.

    Parameters
    ----------
    ops : Reference or Fused

    Returns
    -------
    Operations
    """
    if ops.plan.mask is None:
        return ops
    return Masked(ops, ReferenceParts(ops) if isinstance(ops, Reference) else FusedParts(ops))


@dataclass(frozen=True, eq=False)
class MaskedNear(Near):
    """Near field with what it hands back before obstacles: [m, ion, cells], uM/ms."""

    returned: Any = None


@dataclass(frozen=True, eq=False)
class MaskedFactor:
    """A prepared M: the bare one, g = gamma dt [member], a, and the pumps' part."""

    bare: Any
    g: np.ndarray
    a: float
    walls: Any


class Masked:
    """Operations of `backends.base` with obstacles.

    Parameters
    ----------
    bare : Reference or Fused       operations of a plan with a mask
    parts : ReferenceParts or FusedParts    its solve in parts
    """

    def __init__(self, bare: Any, parts: ReferenceParts | FusedParts) -> None:
        self._bare, self._parts, self.plan, self.name, self.xp = bare, parts, bare.plan, bare.name, parts.xp
        plan, mask, put = bare.plan, bare.plan.mask, parts.put
        self.shut = put(mask.shut, np.int64)
        self.phi = put(mask.relative.ravel())
        fluid = (mask.component >= 0).astype(float)
        self.fluid = put(fluid)
        weight = (mask.phi * plan.grid.volumes).ravel()
        # Separate parts have coefficients of their own, so that nothing stirs in a pocket at rest.
        size = np.bincount(mask.component[mask.component >= 0], minlength=mask.free.size)
        rank = np.minimum(np.argsort(np.argsort(-size)), GROUPS - 1)
        groups = (rank[mask.component] == np.arange(rank.max() + 1)[:, None]) & (mask.component >= 0)
        self.groups = put(groups.astype(float)) if len(groups) > 1 else None
        self.weights = put(groups * weight)
        # Means over the parts that keep their ions, and back from a mean to its cells.
        kept = np.flatnonzero(mask.free)
        member = (mask.component[None, :] == kept[:, None]).astype(float)
        amount = member * weight
        self.mean = put((amount / amount.sum(axis=1, keepdims=True)).T)
        self.member = put(member)
        flows = (mask.operator.outflow4, mask.operator.outflow2)
        taken = np.flatnonzero((flows[0] != 0) | (flows[1] != 0))
        self.taken, self.outflows = put(taken, np.int64), {4: put(flows[0][taken]), 2: put(flows[1][taken])}
        self.beside = [
            (
                s,
                (put(s.members[:, None], np.int64), s.ion, put(s.beside.cells, np.int64)),
                put(s.beside.average),
                put(s.beside.back),
            )
            for s in plan.sites
            if s.beside is not None
        ]
        narrow = sum(1.0 / float(a.widths.min()) ** 2 for a in plan.axes)
        excess = mask.operator.swiftest - 16.0 / 3.0 * narrow
        self._stiffer = float(plan.D.max()) * max(excess, 0.0)
        # Where a part loses ions through held walls, what the iteration leaves undone counts as lost there.
        self._leaks = not bool(mask.free.all())
        self._residue = np.zeros((plan.members, plan.mobile))
        self._arrays: dict[int, Any] = {}
        self._last: tuple[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bare, name)

    def _cells(self, field: Any) -> Any:
        """[m, s, z, y, x] with its cells as one axis."""
        return field.reshape(*field.shape[:2], -1)

    # -- near field ----------------------------------------------------------------------------

    def near(self, weights: np.ndarray, law: np.ndarray | None = None) -> MaskedNear:
        """See `backends.base`."""
        bare = self._bare.near(weights, law)
        # The bare field may be one that it gave before, and is changed in place once.
        if self._last is None or self._last[0] is not bare.average:
            self._last = (bare.average, self._beside(bare.average, weights))
        return MaskedNear(**vars(bare), returned=self._last[1])

    def _beside(self, field: Any, weights: np.ndarray) -> Any:
        """What the near field hands back to u, and in place its averages over the fluid."""
        average, xp = self._cells(field), self.xp
        if not self.beside:
            average[..., self.shut] = 0.0
            return None
        returned = xp.zeros_like(average)
        for site, at, table, back in self.beside:
            mine = weights[site.pairs]
            if mine.any():
                w = self._parts.put(mine[:, : back.shape[0]])
                average[at] += xp.matmul(w, table[:-1])
                returned[at] += xp.matmul(w, back)
        average[..., self.shut] = 0.0
        return returned

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        """See `backends.base`."""
        before = self._cells(self.plan.coarse(y))[..., self.shut]
        out = self._bare.add_blobs(y, amount)
        mass = self.plan.pair_mass[:, -1]
        self._blobs(self.plan.coarse(out), amount / np.where(mass > 0, mass, 1.0))
        self._cells(self.plan.coarse(out))[..., self.shut] = before
        return out

    def close_step(
        self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray, amount: np.ndarray, plus: Any,
        near_old: Any, near_new: Any, rtol: float,
    ) -> tuple[Any, np.ndarray, np.ndarray]:  # fmt: skip
        """See `backends.base`."""
        if amount.any():
            none = np.zeros(self.plan.members)
            plus = self.add_blobs(self._bare.scale(y, none) if plus is None else plus, amount)
        return self._bare.close_step(y, vectors, a, b, 0.0 * amount, plus, near_old, near_new, rtol)

    def _blobs(self, field: Any, amplitude: np.ndarray) -> None:
        """Add what a blob has more in the fluid of a cell than the bare one."""
        flat = self._cells(field)
        for site, at, table, _ in self.beside:
            mine = amplitude[site.pairs]
            if mine.any():
                flat[at] += self._parts.put(mine)[:, None] * table[-1]

    # -- right-hand side -----------------------------------------------------------------------

    def rhs(self, y: Any, near: MaskedNear, blob: np.ndarray) -> Any:
        """See `backends.base`."""
        return self.advance(y, near, blob, np.ones(self.plan.members))

    def advance(self, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        """See `backends.base`."""
        read = followed(self.plan, y) if self.plan.carried < self.plan.mobile else y
        return self._advance(y, near, blob, scale, plus, read, self.plan.mobile)

    def _advance(
        self, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any, read: Any, count: int
    ) -> Any:
        """The same, the obstacles' rows on the first `count` species of `read`."""
        plan = self.plan
        still = 0.0 if plus is None else self._cells(plan.coarse(plus))[..., self.shut]
        out = self._bare.advance(y, near, blob, scale, plus)
        moving = scale[:, None] * plan.D[:count]
        rest = plan.rest[:, :count]
        for first, last in self._parts.blocks():
            self._parts.add_rows(4, moving[first:last], rest[first:last], read[first:last], out[first:last])
        field = plan.coarse(out)
        if blob.any():
            self._blobs(field, blob * scale[plan.pair_member])
        flat = self._cells(field)
        if near.returned is not None:
            flat[:, : plan.ions] += self._parts.put(scale)[:, None, None] * near.returned
        flat[..., self.shut] = still
        return out

    # -- W-method ------------------------------------------------------------------------------

    def factor(self, jacobian: Any, g: np.ndarray, a: float) -> Any:
        """See `backends.base`."""
        bare = self._bare.factor(jacobian, g, a)
        return MaskedFactor(bare, g, a, bare.walls)

    def solve(self, factor: Any, r: Any) -> tuple[Any, Any]:
        """See `backends.base`."""
        bare, g, a = factor.bare, factor.g, factor.a
        out = self._parts.fold(bare, r)
        for first, last in self._parts.blocks():
            some = self.plan.carried * self.plan.grid.cells
            moving = out[first:last, :some].reshape(last - first, self.plan.carried, -1)
            pull = (-a * g[first:last, None]) * self.plan.D[: self.plan.carried]
            self._parts.finish(bare, first, last, self._moved(bare, first, last, moving, pull), out)
        self._residue /= a * g[:, None]
        return self._parts.solved(bare, out)

    def stage(
        self, factor: Any, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        """See `backends.base`."""
        return self.solve(factor, self._advance(y, near, blob, scale, plus, y, self.plan.carried))

    def _moved(self, factor: Any, first: int, last: int, r: Any, pull: np.ndarray) -> Any:
        """z of members first to last from the right-hand sides of what moves [m, s, cells]."""
        xp, parts, m = self.xp, self._parts, last - first
        v, z, w = self._work(m, r.dtype)
        xp.multiply(r, self.fluid, out=v[0])
        means = xp.matmul(v[0], self.mean)
        self._take(v[0], means, w)
        for k in range(ITERATIONS):
            xp.multiply(v[k], self.phi, out=w)
            z[k][...] = parts.modes(factor, first, last, w)
            parts.add_rows(2, pull, None, z[k], w)
            xp.subtract(v[k], w, out=v[k + 1])
            self._take(v[k + 1], xp.matmul(v[k + 1], self.mean), w)
        found = least_squares(xp, self._products(v, w))
        shares = [c[:, :, None] if self.groups is None else xp.matmul(c[:, None], self.groups) for c in found]
        x = z[0] * shares[0]
        for k in range(1, ITERATIONS):
            xp.multiply(z[k], shares[k], out=w)
            x += w
        x *= self.fluid
        self._take(x, xp.matmul(x, self.mean), w)
        self._take(x, -parts.levels(factor, first, last, means), w)
        if self._leaks:
            left = [self._bare.host(xp.matmul(one, self.weights.T)) for one in v]
            for k in range(ITERATIONS):
                left[0] = left[0] - self._bare.host(found[k])[:, None] * (left[k] - left[k + 1])
            self._residue[first:last, : self.plan.carried] = left[0].sum(axis=2)
        return x

    def _products(self, v: list[Any], scratch: Any) -> Any:
        """sum phi V v_i v_j over species and cells, per member and group of parts: (m, group, n, n)."""
        m, n, groups = scratch.shape[0], len(v), self.weights.shape[0]
        out = self.xp.empty((m, groups, n, n), scratch.dtype)
        for g in range(groups):
            for i in range(n):
                self.xp.multiply(v[i], self.weights[g], out=scratch)
                row = scratch.reshape(m, 1, -1)
                for j in range(i, n):
                    product = self.xp.matmul(row, v[j].reshape(m, -1, 1))[:, 0, 0]
                    out[:, g, i, j] = out[:, g, j, i] = product
        return out

    def _work(self, m: int, dtype: Any) -> tuple[list[Any], list[Any], Any]:
        """Work arrays of m members: residuals, solutions, and one more."""
        if m not in self._arrays:
            shape = (m, self.plan.carried, self.plan.grid.cells)
            made = [self.xp.empty(shape, dtype) for _ in range(2 * ITERATIONS + 2)]
            self._arrays[m] = (made[: ITERATIONS + 1], made[ITERATIONS + 1 : -1], made[-1])
        return self._arrays[m]

    def _take(self, v: Any, means: Any, scratch: Any) -> None:
        """Take means from v, part by part."""
        if means.shape[2] > GROUPS:
            v -= self.xp.matmul(means, self.member)
            return
        for c in range(means.shape[2]):
            self.xp.multiply(means[:, :, c : c + 1], self.member[c], out=scratch)
            v -= scratch

    def layers(self, y: Any, weights: np.ndarray) -> np.ndarray:
        """See `backends.base`; closed cells are filled from open ones before they are read."""
        plan = self.plan
        u = filled(plan.mask, self._bare.host(plan.coarse(y)[:, : plan.ions]))
        return np.asarray(np.einsum("kz,mizyx->mikyx", weights, u, optimize=True))

    # -- reductions ----------------------------------------------------------------------------

    def speed(self, y: Any, near: MaskedNear) -> np.ndarray:
        """See `backends.base`."""
        return np.asarray(self._bare.speed(y, near) + self._stiffer)

    def outflow(self, y: Any, order: int) -> np.ndarray:
        """See `backends.base`; of order 2, y is the z of the last solve."""
        plan = self.plan
        out = np.zeros((plan.members, plan.species))
        excess = self._cells(plan.coarse(y)[:, : plan.mobile])[..., self.taken]
        if order == 4:
            excess = excess - self._parts.put(plan.rest[:, : plan.mobile])[:, :, None]
        flow = self.xp.matmul(excess, self.outflows[order])
        out[:, : plan.mobile] = self._bare.host(flow) * plan.D[: plan.mobile]
        if order == 2:
            out[:, : plan.mobile] += self._residue
        return out
