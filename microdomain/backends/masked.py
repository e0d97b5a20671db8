"""Operations beside obstacles, on top of any backend's operations without them.

The right-hand side is the bare grid's plus the rows of `mask_rows` that differ; closed cells stand still.
The implicit side is that of `masked_solve`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends.masked_solve import Directions
from microdomain.backends.parts import PartFactor, ReferenceParts, followed
from microdomain.backends.parts_fused import FusedParts
from microdomain.backends.reference import Near, Reference
from microdomain.mask_fill import filled


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
    """A prepared M: of the parts, g = gamma dt [member], a, and the pumps' part."""

    parts: PartFactor
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
        self.shut, self.cells = put(mask.shut, np.int64), put(plan.cells, np.int64)
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
        self._directions = Directions(parts)
        self._residue = np.zeros((plan.members, plan.mobile))
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
                # Member by member, so that no bit depends on the company.
                w = self._parts.put(mine[:, None, : back.shape[0]])
                average[at] += xp.matmul(w, table[:-1])[:, 0]
                returned[at] += xp.matmul(w, back)[:, 0]
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
        still, count = self._standing(plus), self.plan.mobile
        read = followed(self.plan, y) if self.plan.carried < count else y
        out = self._bare.advance(y, near, blob, scale, plus)
        return self._beside_too(out, read, near, blob, scale, still, count, apart=False)

    def _standing(self, plus: Any) -> Any:
        """What closed cells hold, and go on holding."""
        return 0.0 if plus is None else self._cells(self.plan.coarse(plus))[..., self.shut]

    def _beside_too(
        self, out: Any, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, still: Any, count: int,
        apart: bool,
    ) -> Any:  # fmt: skip
        """Add scale times what obstacles change in F(y), folded or not, of the first `count` species.

        Sub-cells see it too, but where they stand `apart`, as deviations from their cell's average.
        """
        plan, field = self.plan, self.plan.coarse(out)
        moving, rest = scale[:, None] * plan.D[:count], plan.rest[:, :count]
        finer = [] if apart else [(k, plan.at(j)) for k, j in enumerate(plan.refined) if plan.at(j) < count]
        before = [self._cells(field)[:, s, self.cells] for _, s in finer]
        for first, last in self._parts.blocks():
            self._parts.add_rows(moving[first:last], rest[first:last], y[first:last], out[first:last])
        for (k, s), old in zip(finer, before, strict=True):
            plan.fine(out)[:, k] += (self._cells(field)[:, s, self.cells] - old)[..., None]
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
        return MaskedFactor(self._parts.factor(bare, g, a), g, a, bare.walls)

    def solve(self, factor: Any, r: Any) -> tuple[Any, Any]:
        """See `backends.base`."""
        return self._solved(factor, self._parts.fold(factor.parts, r))

    def _solved(self, factor: MaskedFactor, out: Any) -> tuple[Any, Any]:
        """k and z from folded right-hand sides, which are used up."""
        f, plan = factor.parts, self.plan
        for first, last in self._parts.blocks():
            moving = out[first:last, : plan.carried * plan.grid.cells].reshape(last - first, plan.carried, -1)
            z = self._directions.solve(f, first, last, moving)
            self._parts.finish(f, first, last, z, out)
        self._residue = self._directions.left / (factor.a * factor.g[:, None])
        return self._parts.solved(f, out)

    def stage(
        self, factor: Any, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        """See `backends.base`."""
        still = self._standing(plus)
        out = self._parts.rates(factor.parts, y, near, blob, scale, plus)
        return self._solved(
            factor, self._beside_too(out, y, near, blob, scale, still, self.plan.carried, self._parts.apart)
        )

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
