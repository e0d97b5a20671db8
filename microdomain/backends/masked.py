"""Operations beside obstacles, on top of any backend's operations without them.

The right-hand side is the bare grid's plus the rows of `mask_rows` that differ; closed cells stand still.
The implicit side solves the diffusion factor with its constant least binding rates,

    A z = (I - g (a D L_m2 + Jbar)) z = r,      L_m2 with open fractions and 2-point derivatives,

by `ITERATIONS` steps of the generalised conjugate residual method (Eisenstat, Elman and Schultz, SIAM J.
Numer. Anal. 20, 345, 1983).  The bare factor B, solved by fast diagonalisation, is its preconditioner::

    x = Abar^-1 mean(r),  r -= mean(r)                    per connected part that keeps its ions
    repeat  zhat = B (phi r),  z = [zhat in the fluid] - mean,  w = A z
            make w orthogonal to the earlier ones, z alike;  alpha = <r, w>/<w, w>
            x += alpha z,  r -= alpha w                   <v, w> = sum phi V v w

As A 1 = Abar 1 on such a part, every iterate keeps its ions to round-off, whatever the number of steps.
And w = phi r + g a D (L_2 - L_m2) zhat needs a few rows only, for B solves the bare factor exactly.
(Tried and left: B alone, which loses 1e-3 of the influx and leaks into closed pockets.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.backends.reference import Near

#: Steps of the iteration in every implicit solve; a fixed count needs no norm on the host.
ITERATIONS = 3


def beside_obstacles(ops: Any) -> Any:
    """The operations of a plan: those given, or those with its obstacles on top.

    Parameters
    ----------
    ops : Reference or Fused

    Returns
    -------
    Operations
    """
    return ops if ops.plan.mask is None else Masked(ops)


class MaskedNear(Near):
    """Near field with what it hands back before obstacles: [m, ion, cells], 1/ms times uM."""

    def __init__(self, average: Any, ripple: Any, returned: Any) -> None:
        super().__init__(average, ripple)
        object.__setattr__(self, "returned", returned)


class Masked:
    """Operations of `backends.base` with obstacles.

    Parameters
    ----------
    bare : Reference or Fused       operations of a plan with a mask
    """

    def __init__(self, bare: Any) -> None:
        self._bare, self.plan, self.name, self.xp = bare, bare.plan, bare.name, bare.xp
        plan, mask, put = bare.plan, bare.plan.mask, bare.put
        self.shut = put(mask.shut, np.int64)
        self.phi = put(mask.phi.ravel())
        fluid = (mask.component >= 0).astype(float)
        self.fluid = put(fluid)
        weight = (mask.phi * plan.grid.volumes).ravel()
        self.weight = put(weight)
        # Means over the parts that keep their ions, and back from a mean to its cells.
        kept = np.flatnonzero(mask.free)
        member = (mask.component[None, :] == kept[:, None]).astype(float)
        amount = member * weight
        self.mean = put((amount / amount.sum(axis=1, keepdims=True)).T)
        self.member = put(member)
        self.outflows = {4: put(mask.operator.outflow4), 2: put(mask.operator.outflow2)}
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
        self._last: tuple[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bare, name)

    def _cells(self, field: Any) -> Any:
        """[m, s, z, y, x] with its cells as one axis."""
        return field.reshape(*field.shape[:2], -1)

    # -- near field ----------------------------------------------------------------------------

    def near(self, weights: np.ndarray) -> MaskedNear:
        """See `backends.base`."""
        bare = self._bare.near(weights)
        if self._last is not None and self._last[0] is bare:
            return self._last[1]  # type: ignore[no-any-return]
        xp = self.xp
        average = self._cells(bare.average)
        returned = xp.zeros_like(average)
        for site, at, table, back in self.beside:
            mine = weights[site.pairs]
            if mine.any():
                w = self._bare.put(mine[:, : back.shape[0]])
                average[at] += xp.matmul(w, table[:-1])
                returned[at] += xp.matmul(w, back)
        average[..., self.shut] = 0.0
        near = MaskedNear(bare.average, bare.ripple, returned if len(self.beside) else None)
        self._last = (bare, near)
        return near

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        """See `backends.base`."""
        before = self._cells(self.plan.coarse(y))[..., self.shut]
        out = self._bare.add_blobs(y, amount)
        mass = self.plan.pair_mass[:, -1]
        self._blobs(self.plan.coarse(out), amount / np.where(mass > 0, mass, 1.0))
        self._cells(self.plan.coarse(out))[..., self.shut] = before
        return out

    def _blobs(self, field: Any, amplitude: np.ndarray) -> None:
        """Add what a blob has more in the fluid of a cell than the bare one."""
        flat = self._cells(field)
        for site, at, table, _ in self.beside:
            mine = amplitude[site.pairs]
            if mine.any():
                flat[at] += self._bare.put(mine)[:, None] * table[-1]

    # -- right-hand side -----------------------------------------------------------------------

    def rhs(self, y: Any, near: MaskedNear, blob: np.ndarray) -> Any:
        """See `backends.base`."""
        return self.advance(y, near, blob, np.ones(self.plan.members))

    def advance(self, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        """See `backends.base`."""
        plan = self.plan
        still = 0.0 if plus is None else self._cells(plan.coarse(plus))[..., self.shut]
        out = self._bare.advance(y, near, blob, scale, plus)
        moving = scale[:, None] * plan.D[: plan.mobile]
        rest = plan.rest[:, : plan.mobile]
        for first, last in self._bare.blocks():
            self._bare.add_rows(
                4, first, last, moving[first:last], rest[first:last], y[first:last], out[first:last]
            )
        field = plan.coarse(out)
        if blob.any():
            self._blobs(field, blob * scale[plan.pair_member])
        flat = self._cells(field)
        if near.returned is not None:
            flat[:, : plan.ions] += self._bare.put(scale)[:, None, None] * near.returned
        flat[..., self.shut] = still
        return out

    # -- W-method ------------------------------------------------------------------------------

    def factor(self, jacobian: Any, g: np.ndarray, a: float) -> Any:
        """See `backends.base`."""
        return self._bare.factor(jacobian, g, a), g, a

    def solve(self, factor: Any, r: Any) -> tuple[Any, Any]:
        """See `backends.base`."""
        bare, g, a = factor
        out = self._bare.fold(bare, r)
        for first, last in self._bare.blocks():
            some = self.plan.mobile * self.plan.grid.cells
            moving = out[first:last, :some].reshape(last - first, self.plan.mobile, -1)
            pull = (-a * g[first:last, None]) * self.plan.D[: self.plan.mobile]
            self._bare.finish(bare, first, last, self._moved(bare, first, last, moving, pull), out)
        self._residue /= a * g[:, None]
        return self._bare.solved(bare, out)

    def stage(
        self, factor: Any, y: Any, near: MaskedNear, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        """See `backends.base`."""
        return self.solve(factor, self.advance(y, near, blob, scale, plus))

    def _moved(self, factor: Any, first: int, last: int, r: Any, pull: np.ndarray) -> Any:
        """z of members first to last from the right-hand sides of what moves [m, s, cells]."""
        xp, bare = self.xp, self._bare
        r = r * self.fluid
        means = xp.matmul(r, self.mean)
        r -= xp.matmul(means, self.member)
        x = xp.matmul(bare.levels(factor, first, last, means), self.member)
        found: list[tuple[Any, Any, Any]] = []
        for step in range(ITERATIONS):
            w = r * self.phi
            hat = bare.modes(factor, first, last, w)
            bare.add_rows(2, 0, last - first, pull, None, hat, w)
            z = self._free(hat * self.fluid)
            w = self._free(w)
            for earlier, image, weighted in found:
                share = self._dot(w, weighted)
                w -= share * image
                z -= share * earlier
            weighted = w * self.weight
            size = self._dot(w, weighted)
            norm = 1.0 / xp.where(size > 0, size, 1.0)
            alpha = self._dot(r, weighted) * norm
            x += alpha * z
            if step + 1 < ITERATIONS or self._leaks:
                r -= alpha * w
                found.append((z, w, weighted * norm))
        if self._leaks:
            left = bare.host(xp.matmul(r, self.weight))
            self._residue[first:last] = left
        return x

    def _free(self, v: Any) -> Any:
        """v in the fluid without its means over the parts that keep their ions."""
        v *= self.fluid
        v -= self.xp.matmul(self.xp.matmul(v, self.mean), self.member)
        return v

    def _dot(self, v: Any, w: Any) -> Any:
        """Sum over species and cells per member: (m, 1, 1)."""
        m = v.shape[0]
        return self.xp.matmul(v.reshape(m, 1, -1), w.reshape(m, -1, 1))

    # -- reductions ----------------------------------------------------------------------------

    def speed(self, y: Any, near: MaskedNear) -> np.ndarray:
        """See `backends.base`."""
        return np.asarray(self._bare.speed(y, near) + self._stiffer)

    def outflow(self, y: Any, order: int) -> np.ndarray:
        """See `backends.base`; of order 2, y is the z of the last solve."""
        plan = self.plan
        out = np.zeros((plan.members, plan.species))
        excess = self._cells(plan.coarse(y)[:, : plan.mobile])
        if order == 4:
            excess = excess - self._bare.put(plan.rest[:, : plan.mobile])[:, :, None]
        flow = self.xp.matmul(excess, self.outflows[order])
        out[:, : plan.mobile] = self._bare.host(flow) * plan.D[: plan.mobile]
        if order == 2:
            out[:, : plan.mobile] += self._residue
        return out
