"""Operations on kernels: what a processor and a graphics card do alike.

Passes over cells are kernels of `kernels/`, products with the eigenbases are matrix products of the
array module, and the little that is left is the reference's own array code on the same arrays.  The
device decides how a kernel is called and how many members one call takes.  The implicit side stands in
`fused_solve`, reductions in `reductions`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from microdomain.backends.fused_solve import Factor, Linearised, Solver
from microdomain.backends.reductions import Reductions
from microdomain.backends.reference import Near, Reference
from microdomain.backends.tables import Device, lay_tables
from microdomain.backends.walls import Walls
from microdomain.plan import SUB, Plan

#: Vectors besides the first that one pass sums.
TERMS = 4


class Fused:
    """Operations of `backends.base` on kernels.

    Parameters
    ----------
    plan : Plan
    device : Device
    """

    def __init__(self, plan: Plan, device: Device) -> None:
        self.plan, self.device, self.name, self.precision = plan, device, device.name, str(device.real)
        self.xp = device.xp
        self._call, self._t = device.call, lay_tables(plan, device)
        self._arrays = Reference(plan, device.xp)
        self._reduce = Reductions(plan, device, self._t)
        nz, ny, nx = plan.grid.shape
        self._shape, self._nz, self._area = (nz, ny, nx), nz, ny * nx
        self._size = plan.size
        self._count = int(plan.cells.size) if plan.refined else 0
        self._law = device.put(plan.network.law, float) if plan.network else None
        self.walls = Walls(plan, device.xp, device) if plan.pumps.sheets else None
        self.solver = Solver(plan, device, self._t, self._reduce, self.walls)
        self._unit = device.put(np.ones(plan.members), float)
        # Numbers of a stage, sent to where the last ones stood.
        self._scale = device.put(np.ones(plan.members), float)
        self._blob = device.put(np.zeros(plan.pair_member.size), float)
        self._last: tuple[np.ndarray, Near] | None = None

    def _vectors(self) -> Any:
        return self.device.empty(self.plan.members, self._size)

    # -- moving data ---------------------------------------------------------------------------

    def vector(self, y: np.ndarray) -> Any:
        out = self.device.empty(*y.shape)
        out[...] = self.device.put(y)
        return out

    def host(self, y: Any) -> np.ndarray:
        return np.asarray(self.device.get(y), dtype=float)

    def wait(self) -> None:
        self.device.wait()

    def select(self, y: Any, members: np.ndarray) -> Any:
        out = self.device.empty(len(members), self._size)
        out[...] = self._arrays.select(y, members)
        return out

    def assign(self, y: Any, members: np.ndarray, rows: Any) -> None:
        self._reduce.forget()
        self._arrays.assign(y, members, rows)

    def combine(self, y: Any, terms: list[tuple[Any, Any]]) -> Any:
        if any(isinstance(c, np.ndarray) for c, _ in terms) or len(terms) > TERMS:
            return self._arrays.combine(y, terms)
        own = 1.0
        if terms and terms[0][1] is y:
            own, terms = 1.0 + terms[0][0], terms[1:]
        return self._mixed(None, own, y, [v for _, v in terms], [c for c, _ in terms], None, None)

    def mix(self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
        also = self._vectors()
        return self._mixed(None, 1.0, y, vectors, a, b, also), also

    def scale(self, y: Any, factor: np.ndarray) -> Any:
        return self._mixed(self.device.put(factor, float), 1.0, y, [], [], None, None)

    def _mixed(self, factor: Any, own: float, y: Any, vectors: list[Any], a: Any, b: Any, also: Any) -> Any:
        """factor own y + sum a_j v_j, and into `also` sum b_j v_j."""
        m, spare, out = self.plan.members, TERMS - len(vectors), self._vectors()
        none = [0.0] * spare
        first = [float(own), *(float(c) for c in a), *none]
        second = [0.0] * TERMS if b is None else [*(float(c) for c in b), *none]
        terms = (1 + len(vectors), *first, *second, y, *vectors, *[y] * spare)
        self._call("combine", m, self._size, 0, m, self._size, factor, *terms, out, also)
        return out

    # -- near field ----------------------------------------------------------------------------

    def near(self, weights: np.ndarray, law: np.ndarray | None = None) -> Near:
        near, net = self._near(weights), self.plan.network
        if net is None:
            return near
        laid = (net.law, self._law) if law is None or law is net.law else (law, self.device.put(law, float))
        return Near(near.average, near.ripple, near.wall, *laid)

    def _near(self, weights: np.ndarray) -> Near:
        # Once a steady flux fills its window the weights stay, and so does the field.
        if self._last is not None and np.array_equal(self._last[0], weights):
            return self._last[1]
        plan, t, empty = self.plan, self._t, self.device.empty
        near = Near(
            empty(plan.members, plan.ions, *self._shape), empty(plan.members, plan.ions, self._count, SUB**3),
            self.walls.near(weights) if self.walls is not None else (),
        )  # fmt: skip
        near.average[...], near.ripple[...] = 0.0, 0.0
        if weights.any():
            w = self.device.put(weights, float)
            for begin, end in self.device.rounds(t.order, 0, plan.members):
                shared = (t.uses, t.sites, t.nodes, w)
                patch = (t.zy, t.across, near.average)
                self._call("near_patch", end - begin, t.longest, begin, end, *self._shape, *shared, *patch)
                if self._count:
                    waves, length = (self._count, t.slots, t.ripples, near.ripple), self._count * SUB**3
                    self._call("near_ripple", end - begin, length, begin, end, *shared, *waves)
        self._last = (weights.copy(), near)
        return near

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        self._reduce.forget()
        mass = self.plan.pair_mass[:, -1]
        each = self.device.put(amount / np.where(mass > 0, mass, 1.0), float)
        self._blobs(0, self.plan.members, each, self._unit, y)
        return y

    def _blobs(self, first: int, last: int, amount: Any, scale: Any, out: Any) -> None:
        t = self._t
        tables = (t.uses, t.sites, t.nodes, amount, scale, t.zy, t.across, out)
        for begin, end in self.device.rounds(t.order, first, last):
            self._call("blobs", end - begin, t.longest, begin, end, *self._shape, self._size, *tables)

    # -- right-hand side -----------------------------------------------------------------------

    def rhs(self, y: Any, near: Near, blob: np.ndarray) -> Any:
        return self.advance(y, near, blob, np.ones(self.plan.members))

    def advance(self, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        out = self._vectors() if plus is None else plus
        factor, amount = self.device.send(scale, self._scale), self._amount(blob)
        for first, last in self.device.blocks(self.plan.members):
            self._rates(first, last, y, near, amount, factor, plus is not None, None, out)
        return out

    def _amount(self, blob: np.ndarray) -> Any:
        return self.device.send(blob, self._blob) if blob.any() else None

    def _rates(
        self, first: int, last: int, y: Any, near: Near, amount: Any, factor: Any, add: bool, bars: Any,
        out: Any,
    ) -> None:  # fmt: skip
        """out = factor F(y, near), or added to it; made ready for the solve where `bars` are given."""
        t, members = self._t, last - first
        grid = (first, last, *self._shape, self._size, t.params, factor, *t.bands, y, near.average)
        self._call("rhs", members * self._nz, self._area, *grid, int(add), bars, near.laid, out)
        if self._count:
            fine = (near.ripple, self._count, t.cell, t.mixing, int(add), bars, out)
            self._call("rhs_refined", members, self._count, *grid, *fine)
        if amount is not None:
            self._blobs(first, last, amount, factor, out)
        if self.walls is not None:
            self.walls.add(out, y, near, factor, first, last)

    # -- W-method ------------------------------------------------------------------------------

    def linearise(self, y: Any, near: Near) -> Linearised:
        return Linearised(y, near)

    def factor(self, jacobian: Linearised, g: np.ndarray, a: float) -> Factor:
        return self.solver.factor(jacobian, g, a)

    def solve(self, factor: Factor, r: Any) -> tuple[Any, Any]:
        out = self.folded(factor, r)

        def record() -> None:
            for first, last in self.device.blocks(self.plan.members):
                self.solver.finish(first, last, factor, out)

        self._replay(("solve", factor.a), (out, *factor.taken_at), record)
        return out, self.solver.moved

    def stage(
        self, factor: Factor, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        out = self._vectors() if plus is None else plus
        by, amount, add = self.device.send(scale, self._scale), self._amount(blob), plus is not None

        def record() -> None:
            for first, last in self.device.blocks(self.plan.members):
                self._rates(first, last, y, near, amount, by, add, factor.bars, out)
                self.solver.finish(first, last, factor, out)

        arrays = (out, y, near.average, near.ripple, near.laid, amount, *factor.taken_at)
        self._replay(("stage", add, factor.a), arrays, record)
        return out, self.solver.moved

    def _replay(self, key: Hashable, arrays: tuple[Any, ...], record: Callable[[], None]) -> None:
        # Pumps on walls put array code between the kernels, which a tape does not hold.
        if self.walls is None:
            self.device.replay(key, arrays, record)
        else:
            record()

    def folded_rates(
        self, factor: Factor, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> Any:
        """`advance`, folded in the same passes."""
        out = self._vectors() if plus is None else plus
        by, amount, add = self.device.send(scale, self._scale), self._amount(blob), plus is not None

        def record() -> None:
            for first, last in self.device.blocks(self.plan.members):
                self._rates(first, last, y, near, amount, by, add, factor.bars, out)

        arrays = (out, y, near.average, near.ripple, near.laid, amount, *factor.taken_at)
        self._replay(("rates", add), arrays, record)
        return out

    def folded(self, factor: Factor, r: Any) -> Any:
        """A copy of r with folded right-hand sides and sub-cells as deviations."""
        out = self._mixed(None, 1.0, r, [], [], None, None)
        self.solver.fold(factor, out)
        return out

    # -- reductions ----------------------------------------------------------------------------

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        return self._reduce.norm(error, old, new, near_old, near_new, rtol)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        return self._reduce.lowest(y, near)

    def close_step(
        self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray, amount: np.ndarray, plus: Any,
        near_old: Near, near_new: Near, rtol: float,
    ) -> tuple[Any, np.ndarray, np.ndarray]:  # fmt: skip
        out, kind = (self._vectors(), 0) if plus is None else (plus, 2)
        if amount.any():
            if plus is None:
                out[:, : self.plan.ions * self.plan.grid.cells], kind = 0.0, 1
            self.add_blobs(out, amount)
        return out, *self._reduce.close_step(y, vectors, a, b, kind, near_old, near_new, rtol, out)

    def speed(self, y: Any, near: Near) -> np.ndarray:
        speed = self._reduce.speed(y, near)
        return speed if self.walls is None else speed + self.walls.speed(y, near)

    def amounts(self, y: Any) -> np.ndarray:
        return self._arrays.amounts(y)

    def free(self, y: Any) -> np.ndarray:
        return self._arrays.free(y)

    def layers(self, y: Any, weights: np.ndarray) -> np.ndarray:
        return self._arrays.layers(y, weights)

    def outflow(self, y: Any, order: int) -> np.ndarray:
        return self._arrays.outflow(y, order)

    def excess(self, y: Any, near: Near) -> np.ndarray:
        return self._arrays.excess(y, near)
