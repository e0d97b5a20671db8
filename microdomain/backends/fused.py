"""Operations on kernels: what a processor and a graphics card do alike.

Passes over cells are kernels of `kernels/`, products with the eigenbases are matrix products of the
array module, and the little that is left is the reference's own array code on the same arrays.  The
device decides how a kernel is called and how many members one call takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microdomain.backends.reductions import Reductions
from microdomain.backends.reference import Near, Reference
from microdomain.backends.tables import Device, Views, lay_tables
from microdomain.backends.walls import Walls
from microdomain.plan import SUB, Plan

#: Vectors besides the first that one pass sums.
TERMS = 4


@dataclass(frozen=True, eq=False)
class Linearised:
    """Where a Jacobian is taken; its entries follow from the state."""

    y: Any
    near: Near


@dataclass(frozen=True, eq=False)
class Factor:
    """A prepared M: bars per member (see plan.h), reciprocals per mode and per cell."""

    bars: Any
    modal: Any
    inverse: Any
    share: Any
    inverse_ion: Any
    fine_inverse: Any
    fine_share: Any
    y: Any
    near: Near
    walls: Any = None


class Fused:
    """Operations of `backends.base` on kernels.

    Parameters
    ----------
    plan : Plan
    device : Device
    """

    def __init__(self, plan: Plan, device: Device) -> None:
        self.plan, self.device, self.name, self.precision = plan, device, device.name, str(device.real)
        self._call, self._t = device.call, lay_tables(plan, device)
        self._arrays = Reference(plan, device.xp)
        self._reduce = Reductions(plan, device, self._t)
        nz, ny, nx = plan.grid.shape
        self._shape, self._nz, self._area = (nz, ny, nx), nz, ny * nx
        self._cells, self._size = plan.grid.cells, plan.size
        self._count = int(plan.cells.size) if plan.refined else 0
        block = max(last - first for first, last in device.blocks(plan.members))
        self._a, self._b = (device.empty(block * plan.mobile, nz, ny, nx) for _ in range(2))
        self._seen: dict[tuple[int, int], Views] = {}
        self._kept = device.empty(plan.members, plan.buffers + len(plan.forms), self._count)
        self._law = device.put(plan.network.law, float) if plan.network else None
        # z is copied out only where the ledger will read it.
        self.walls = Walls(plan, device.xp, device) if plan.pumps.sheets else None
        leaks = plan.uptake.any() or plan.leaks or self.walls is not None
        self._z = self._vectors() if leaks else None
        if self._z is not None:
            self._z[...] = 0.0
        self._unit = device.put(np.ones(plan.members), float)
        self._last: tuple[np.ndarray, Near] | None = None

    @property
    def moved(self) -> Any:
        """What moves as the last solve left it, for the ledger; None where nothing leaks."""
        return self._z

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
        factor, amount = self.device.put(scale, float), self._amount(blob)
        for first, last in self.device.blocks(self.plan.members):
            self._rates(first, last, y, near, amount, factor, plus is not None, None, out)
        return out

    def _amount(self, blob: np.ndarray) -> Any:
        return self.device.put(blob, float) if blob.any() else None

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
        plan, t, empty, m = self.plan, self._t, self.device.empty, self.plan.members
        y, near, planes = jacobian.y, jacobian.near, self.plan.members * self._nz
        bars = self.device.put(self._reduce.bars(y, near, g), float)
        cells, fine = (m, plan.buffers, self._cells), (m, len(plan.refined), self._count, SUB**3)
        modal, ion = empty(m, plan.mobile, self._cells), empty(m, plan.ions, self._cells)
        f = Factor(bars, modal, empty(*cells), empty(*cells), ion, empty(*fine), empty(*fine), y, near)
        grid = (0, m, self._nz, self._area)
        self._call("modes", planes, self._area, *grid, t.params, bars, a, t.rates, f.modal)
        state = (self._size, t.params, bars, y, near.average)
        self._call("points", planes, self._area, *grid, *state, f.inverse, f.share, f.inverse_ion)
        if self._count:
            out = (f.share, f.fine_inverse, f.fine_share, f.inverse_ion)
            fields = (*state, near.ripple, self._count, t.cell)
            self._call("points_refined", m, self._count, 0, m, self._cells, *fields, *out)
        if self.walls is None:
            return f

        def divided(hat: Any) -> Any:
            self._call("divide", planes, self._area, *grid, bars, f.modal, hat)
            return hat

        by_cell = f.inverse_ion.reshape(m, plan.ions, *self._shape)
        return replace(f, walls=self.walls.prepare(self.walls.crossings(y, near), g, by_cell, divided))

    def solve(self, factor: Factor, r: Any) -> tuple[Any, Any]:
        out = self.folded(factor, r)
        for first, last in self.device.blocks(self.plan.members):
            self._solve(first, last, factor, out)
        return out, self._z

    def folded(self, factor: Factor, r: Any) -> Any:
        """A copy of r with folded right-hand sides and sub-cells as deviations."""
        plan, out = self.plan, self._mixed(None, 1.0, r, [], [], None, None)
        coarse, fine = plan.coarse(out), plan.fine(out)
        for k, j in enumerate(plan.refined if self._count else ()):
            fine[:, k] -= coarse[:, plan.at(j)].reshape(plan.members, -1)[:, self._t.cell][..., None]
        for first, last in self.device.blocks(plan.members):
            grid = (first, last, self._nz, self._area, self._size)
            self._call("fold", (last - first) * self._nz, self._area, *grid, factor.bars, out)
        return out

    def stage(
        self, factor: Factor, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        out = self._vectors() if plus is None else plus
        by, amount = self.device.put(scale, float), self._amount(blob)
        for first, last in self.device.blocks(self.plan.members):
            self._rates(first, last, y, near, amount, by, plus is not None, factor.bars, out)
            self._solve(first, last, factor, out)
        return out, self._z

    def _solve(self, first: int, last: int, f: Factor, out: Any) -> None:
        """In `out`, from folded right-hand sides with sub-cells as deviations, to k."""
        self.modes(first, last, f, out[first:last, : self.plan.mobile * self._cells])
        self.react(first, last, f, out)

    def modes(self, first: int, last: int, f: Factor, source: Any) -> Any:
        """What moves, solved in modal space: the work array that holds it."""
        t, m, nz, area = self._t, last - first, self._nz, self._area
        v, product = self._views(first, last), self.device.xp.matmul
        product(source.reshape(v.b_x.shape), t.to[0], out=v.a_x)
        product(t.to[1], v.a, out=v.b)
        product(t.to[2], v.b_z, out=v.a_z)
        self._call("divide", m * nz, area, first, last, nz, area, f.bars, f.modal, self._a)
        if self.walls is not None:
            self.walls.relieve(v.a.reshape(m, -1, *self._shape), f.walls, first, last)
        product(t.back[2], v.a_z, out=v.b_z)
        product(t.back[1], v.b, out=v.a)
        product(v.a_x, t.back[0], out=v.b_x)
        return v.b_x

    def react(self, first: int, last: int, f: Factor, out: Any, hat: Any = None) -> None:
        """From what moves, in the work array or given, to k."""
        t, m, nz, area, size = self._t, last - first, self._nz, self._area, self._size
        v, moving = self._views(first, last), self.plan.mobile * self._cells
        if hat is not None:
            v.b_x[...] = hat.reshape(v.b_x.shape)
        flat, cells = (first, last, self._cells, size, f.bars), (self._count, t.cell)
        if self._count:
            self._call("keep_refined", m, self._count, *flat, *cells, self._b, out, self._kept)
        by = (f.inverse, f.share, f.inverse_ion, f.near.laid, f.y, f.near.average)
        self._call("react", m * nz, area, first, last, nz, area, size, f.bars, *by, self._b, out)
        if self._count:
            fine = (f.fine_inverse, f.fine_share, *cells, t.mixing, self._kept, self._b, out)
            self._call("react_refined", m, self._count, *flat, *by, *fine)
        if self._z is not None:
            self._z[first:last, :moving] = v.b_x.reshape(m, moving)

    def _views(self, first: int, last: int) -> Views:
        """The shapes in which products along x, y and z see some members."""
        if (first, last) not in self._seen:
            m, s, (nz, ny, nx) = last - first, self.plan.mobile, self._shape
            a, b = self._a[: m * s], self._b[: m * s]
            # Many small products: a library's kernels for small matrices beat one tall product along x.
            flat, deep = (m, s * nz, ny, nx), (m * s, nz, ny * nx)
            self._seen[first, last] = Views(
                a.reshape(flat), a, a.reshape(deep), b.reshape(flat), b, b.reshape(deep)
            )
        return self._seen[first, last]

    # -- reductions ----------------------------------------------------------------------------

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        return self._reduce.norm(error, old, new, near_old, near_new, rtol)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        return self._reduce.lowest(y, near)

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
