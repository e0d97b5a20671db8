"""Operations on kernels: what a processor and a graphics card do alike.

Passes over cells are kernels of `kernels/`, products with the eigenbases are matrix products of the
array module, and the little that is left is the reference's own array code on the same arrays.  The
device decides how a kernel is called and how many members one call takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from microdomain.backends.reference import ATOL_BUFFER, ATOL_ION, Near, Reference
from microdomain.plan import SUB, Plan

#: Rows of a site's x table are padded to this many cells, and terms that one pass takes.
PAD, TERMS = 16, 4


class Device(Protocol):
    """Where kernels run.

    Attributes
    ----------
    name : str                      "compiled" or "cuda"
    xp : module                     NumPy or CuPy
    real : dtype                    of states and tables
    """

    name: str
    xp: Any
    real: np.dtype[Any]

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """Bring an array to the device, contiguous."""

    def get(self, a: Any) -> np.ndarray:
        """Bring an array to the host."""

    def blocks(self, members: int) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""

    def order(self, uses: np.ndarray) -> np.ndarray:
        """Uses (member, site, pair), sorted by member, in the order that `rounds` speaks of."""

    def rounds(self, uses: np.ndarray, first: int, last: int) -> list[tuple[int, int]]:
        """Ranges of uses of some members that one call may take."""

    def parts(self) -> int:
        """Partial results per plane of a reduction."""

    def empty(self, *shape: int) -> Any:
        """An uninitialised array of the backend's precision."""

    def call(self, name: str, planes: int, length: int, *arguments: Any) -> None:
        """Run a kernel over planes of some length."""


@dataclass(frozen=True, eq=False)
class Linearised:
    """Where a Jacobian is taken; its entries follow from the state and are never stored."""

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


@dataclass(frozen=True, eq=False)
class Views:
    """Two work arrays of some members, shaped for matrix products along x, y and z."""

    a_x: Any
    a: Any
    a_z: Any
    b_x: Any
    b: Any
    b_z: Any


class Fused:
    """Operations of `backends.base` on kernels.

    Parameters
    ----------
    plan : Plan
    device : Device
    """

    def __init__(self, plan: Plan, device: Device) -> None:
        self.plan, self.device, self.name = plan, device, device.name
        self._call = device.call
        self._arrays = Reference(plan, device.xp)
        put, xp = device.put, device.xp
        grid = plan.grid
        self._nz, self._ny, self._nx = grid.shape
        self._area, self._cells, self._size = self._ny * self._nx, grid.cells, plan.size
        self._tail = plan.size - plan.species * grid.cells
        self._count = int(plan.cells.size) if plan.refined else 0
        ones = np.ones((plan.members, 1))
        self._params = put(
            np.concatenate(
                [plan.k_on, plan.k_off, plan.total, plan.rest, ones * plan.D, plan.uptake, plan.kappa], axis=1
            ),
            float,
        )
        self._bands = tuple(put(a.band().T) for a in plan.axes)
        self._rates = put(self._arrays_rates())
        self._cell, self._mixing = put(plan.cells, np.int64), put(plan.mixing)
        self._matrices()
        self._tables()
        # z is copied out only where the ledger will read it.
        leaks = plan.uptake.any() or not all(a.closed for a in plan.axes)
        self._z = self._vectors() if leaks else None
        if self._z is not None:
            self._z[...] = 0.0
        self._kept = device.empty(plan.members, plan.buffers, self._count)
        self._unit = put(np.ones(plan.members), float)
        self._last: tuple[np.ndarray, Near] | None = None
        self._low, self._high = (
            device.empty(plan.members, self._nz * device.parts(), plan.species) for _ in range(2)
        )
        self._fine_low = device.empty(plan.members, device.parts(), len(plan.refined), 3)
        self._worst = device.empty(plan.members, (self._nz + 1) * device.parts())

    def _arrays_rates(self) -> np.ndarray:
        rx, ry, rz = (a.rates for a in self.plan.axes)
        return np.asarray(rz[:, None, None] + ry[None, :, None] + rx[None, None, :])

    def _matrices(self) -> None:
        put, plan = self.device.put, self.plan
        (self._to_x, self._to_y, self._to_z) = (put(a.inverse) for a in plan.axes)
        (self._from_x, self._from_y, self._from_z) = (put(a.vectors) for a in plan.axes)
        self._to_x, self._from_x = (put(m.T) for m in (plan.axes[0].inverse, plan.axes[0].vectors))
        block = max(last - first for first, last in self.device.blocks(plan.members))
        shape = (block * plan.mobile, self._nz, self._ny, self._nx)
        self._a, self._b = (self.device.empty(*shape) for _ in range(2))
        self._seen: dict[tuple[int, int], Views] = {}

    def _views(self, first: int, last: int) -> Views:
        """The shapes in which products along x, y and z see some members."""
        if (first, last) not in self._seen:
            m, s, nz, ny, nx = last - first, self.plan.mobile, self._nz, self._ny, self._nx
            a, b = self._a[: m * s], self._b[: m * s]
            # Many small products: a library's kernels for small matrices beat one tall product along x.
            flat, deep = (m, s * nz, ny, nx), (m * s, nz, ny * nx)
            self._seen[first, last] = Views(
                a.reshape(flat), a, a.reshape(deep), b.reshape(flat), b, b.reshape(deep)
            )
        return self._seen[first, last]

    def _tables(self) -> None:
        """Site tables laid end to end, and who uses them: (member, site, pair)."""
        plan, put = self.plan, self.device.put
        rows, zy, across, ripples, slots = [], [], [], [], []
        at = [0, 0, 0, 0]
        for s in plan.sites:
            nz, ny, nx = s.patch.shape
            z, y, x = (w.start for w in s.patch.where)
            wide = np.zeros((s.patch.x.shape[0], -(-nx // PAD) * PAD))
            wide[:, :nx] = s.patch.x
            rows.append([s.ion, z, y, x, ny, nx, nz * ny, at[0], at[1], at[2], at[3], s.cells.size])
            for k, (store, table) in enumerate(
                ((zy, s.patch.zy), (across, wide), (ripples, s.ripple), (slots, s.cells))
            ):
                store.append(table.ravel())
                at[k] += table.size
        none = [np.empty(0)]
        self._site = put(np.array(rows).reshape(-1, 12), np.int64)
        self._zy, self._across, self._ripples = (put(np.concatenate(none + t)) for t in (zy, across, ripples))
        self._slot = put(np.concatenate([np.empty(0, int), *slots]), np.int64)
        uses = [(m, k, p) for k, s in enumerate(plan.sites) for m, p in zip(s.members, s.pairs, strict=True)]
        self._nodes = plan.pair_loss.shape[1]
        self._longest = max((r[5] * r[6] for r in rows), default=0)
        self._uses = self.device.order(np.array(sorted(uses), dtype=np.int64).reshape(-1, 3))
        self._use = put(self._uses, np.int64)

    def _vectors(self) -> Any:
        return self.device.empty(self.plan.members, self._size)

    # -- moving data ---------------------------------------------------------------------------

    def vector(self, y: np.ndarray) -> Any:
        out = self.device.empty(*y.shape)
        out[...] = self.device.put(y)
        return out

    def host(self, y: Any) -> np.ndarray:
        return np.asarray(self.device.get(y), dtype=float)

    def select(self, y: Any, members: np.ndarray) -> Any:
        out = self.device.empty(len(members), self._size)
        out[...] = self._arrays.select(y, members)
        return out

    def assign(self, y: Any, members: np.ndarray, rows: Any) -> None:
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
        self._call("combine", m, self._size, 0, m, self._size, factor, 1 + len(vectors), float(own),
                   *[float(c) for c in a], *none, *([0.0] * TERMS if b is None else [float(c) for c in b] + none),
                   y, *vectors, *[y] * spare, out, also)  # fmt: skip
        return out

    # -- near field ----------------------------------------------------------------------------

    def near(self, weights: np.ndarray) -> Near:
        # Once a steady flux fills its window the weights stay, and so does the field.
        if self._last is not None and np.array_equal(self._last[0], weights):
            return self._last[1]
        plan, empty = self.plan, self.device.empty
        average = empty(plan.members, plan.ions, *plan.grid.shape)
        ripple = empty(plan.members, plan.ions, self._count, SUB**3)
        average[...], ripple[...] = 0.0, 0.0
        if weights.any():
            w = self.device.put(weights, float)
            for first, last in self.device.rounds(self._uses, 0, plan.members):
                self._call("near_patch", last - first, self._longest, first, last, self._nz, self._ny, self._nx,
                           self._use, self._site, self._nodes, w, self._zy, self._across, average)  # fmt: skip
                if self._count:
                    self._call("near_ripple", last - first, self._count * SUB**3, first, last, self._use, self._site,
                               self._nodes, w, self._count, self._slot, self._ripples, ripple)  # fmt: skip
        near = Near(average, ripple)
        self._last = (weights.copy(), near)
        return near

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        mass = self.plan.pair_mass[:, -1]
        each = self.device.put(amount / np.where(mass > 0, mass, 1.0), float)
        self._blobs(0, self.plan.members, each, self._unit, y)
        return y

    def _blobs(self, first: int, last: int, amount: Any, scale: Any, out: Any) -> None:
        for begin, end in self.device.rounds(self._uses, first, last):
            self._call("blobs", end - begin, self._longest, begin, end, self._nz, self._ny, self._nx, self._size,
                       self._use, self._site, self._nodes, amount, scale, self._zy, self._across, out)  # fmt: skip

    # -- right-hand side -----------------------------------------------------------------------

    def rhs(self, y: Any, near: Near, blob: np.ndarray) -> Any:
        return self.advance(y, near, blob, np.ones(self.plan.members))

    def advance(self, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        out = self._vectors() if plus is None else plus
        factor, amount = self.device.put(scale, float), self._amount(blob)
        for first, last in self.device.blocks(self.plan.members):
            self._rates_of(first, last, y, near, amount, factor, plus is not None, None, out)
        return out

    def _amount(self, blob: np.ndarray) -> Any:
        return self.device.put(blob, float) if blob.any() else None

    def _rates_of(
        self,
        first: int,
        last: int,
        y: Any,
        near: Near,
        amount: Any,
        factor: Any,
        add: bool,
        bars: Any,
        out: Any,
    ) -> None:
        """out = factor F(y, near), or added to it; made ready for the solve where `bars` are given."""
        grid = (first, last, self._nz, self._ny, self._nx, self._size, self._params, factor, *self._bands)
        self._call("rhs", (last - first) * self._nz, self._area, *grid, y, near.average, int(add), bars, out)
        if self._count:
            self._call("rhs_refined", last - first, self._count, *grid, y, near.average, near.ripple, self._count,
                       self._cell, self._mixing, int(add), bars, out)  # fmt: skip
        if amount is not None:
            self._blobs(first, last, amount, factor, out)

    # -- W-method ------------------------------------------------------------------------------

    def linearise(self, y: Any, near: Near) -> Linearised:
        return Linearised(y, near)

    def factor(self, jacobian: Linearised, g: np.ndarray, a: float) -> Factor:
        plan, device = self.plan, self.device
        empty, m = device.empty, plan.members
        y, near = jacobian.y, jacobian.near
        bars = device.put(self._bars(y, near, g), float)
        cells, fine = (m, plan.buffers, self._cells), (m, len(plan.refined), self._count, SUB**3)
        f = Factor(
            bars, empty(m, plan.mobile, self._cells), empty(*cells), empty(*cells),
            empty(m, plan.ions, self._cells), empty(*fine), empty(*fine),
        )  # fmt: skip
        planes = m * self._nz
        self._call(
            "modes",
            planes,
            self._area,
            0,
            m,
            self._nz,
            self._area,
            self._params,
            bars,
            a,
            self._rates,
            f.modal,
        )
        self._call("points", planes, self._area, 0, m, self._nz, self._area, self._size, self._params, bars, y,
                   near.average, f.inverse, f.share, f.inverse_ion)  # fmt: skip
        if self._count:
            self._call("points_refined", m, self._count, 0, m, self._cells, self._size, self._params, bars, y,
                       near.average, near.ripple, self._count, self._cell, f.share, f.fine_inverse, f.fine_share,
                       f.inverse_ion)  # fmt: skip
        return f

    def _bars(self, y: Any, near: Near, g: np.ndarray) -> np.ndarray:
        """Least p and q of every buffer, 1 / (1 + g q) and g, per member: see plan.h."""
        plan = self.plan
        low, high, fine = self._extremes(y, near)
        b_high, c_low = high[:, plan.ions :].copy(), low[:, list(plan.binds)]
        for r, j in enumerate(plan.refined if self._count else ()):
            c_low[:, j] = np.minimum(c_low[:, j], fine[:, r, 0])
            b_high[:, j] = np.maximum(b_high[:, j], fine[:, r, 2])
        p = np.maximum(plan.k_on * (plan.total - b_high), 0.0)
        q = np.maximum(plan.k_on * c_low + plan.k_off, 0.0)
        return np.concatenate([p, q, 1.0 / (1.0 + g[:, None] * q), g[:, None]], axis=1)

    def _extremes(self, y: Any, near: Near) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Least and greatest c and b per member and species; least c, b and greatest b on sub-cells."""
        m, get = self.plan.members, self.device.get
        self._call("extremes", m * self._nz, self._area, 0, m, self._nz, self._area, self._size, y, near.average,
                   self._low, self._high)  # fmt: skip
        if self._count:
            self._call("extremes_refined", m, self._count, 0, m, self._cells, self._size, y, near.average,
                       near.ripple, self._count, self._cell, self._fine_low)  # fmt: skip
        fine = get(self._fine_low).astype(float) if self._count else np.empty((m, 1, 0, 3))
        least = np.concatenate([fine[..., :2].min(axis=1), fine[..., 2:].max(axis=1)], axis=-1)
        low, high = get(self._low.min(axis=1)), get(self._high.max(axis=1))
        return low.astype(float), high.astype(float), least

    def solve(self, factor: Factor, r: Any) -> tuple[Any, Any]:
        plan, out = self.plan, self._mixed(None, 1.0, r, [], [], None, None)
        coarse, fine = plan.coarse(out), plan.fine(out)
        for k, j in enumerate(plan.refined if self._count else ()):
            fine[:, k] -= coarse[:, plan.ions + j].reshape(plan.members, -1)[:, self._cell][..., None]
        for first, last in self.device.blocks(plan.members):
            self._call("fold", (last - first) * self._nz, self._area, first, last, self._nz, self._area, self._size,
                       factor.bars, out)  # fmt: skip
            self._solve(first, last, factor, out)
        return out, self._z

    def stage(
        self, factor: Factor, y: Any, near: Near, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        out = self._vectors() if plus is None else plus
        by, amount = self.device.put(scale, float), self._amount(blob)
        for first, last in self.device.blocks(self.plan.members):
            self._rates_of(first, last, y, near, amount, by, plus is not None, factor.bars, out)
            self._solve(first, last, factor, out)
        return out, self._z

    def _solve(self, first: int, last: int, f: Factor, out: Any) -> None:
        """In `out`, from folded right-hand sides with sub-cells as deviations, to k."""
        m, nz, area = last - first, self._nz, self._area
        v, product = self._views(first, last), self.device.xp.matmul
        moving = self.plan.mobile * self._cells
        r = out[first:last, :moving].reshape(v.b_x.shape)
        product(r, self._to_x, out=v.a_x)
        product(self._to_y, v.a, out=v.b)
        product(self._to_z, v.b_z, out=v.a_z)
        self._call("divide", m * nz, area, first, last, nz, area, f.bars, f.modal, self._a)
        product(self._from_z, v.a_z, out=v.b_z)
        product(self._from_y, v.b, out=v.a)
        product(v.a_x, self._from_x, out=v.b_x)
        if self._count:
            self._call("keep_refined", m, self._count, first, last, self._cells, self._size, f.bars, self._count,
                       self._cell, self._b, out, self._kept)  # fmt: skip
        self._call("react", m * nz, area, first, last, nz, area, self._size, f.bars, f.inverse, f.share,
                   f.inverse_ion, self._b, out)  # fmt: skip
        if self._count:
            self._call("react_refined", m, self._count, first, last, self._cells, self._size, f.bars, f.inverse,
                       f.share, f.inverse_ion, f.fine_inverse, f.fine_share, self._count, self._cell, self._mixing,
                       self._kept, self._b, out)  # fmt: skip
        if self._z is not None:
            self._z[first:last, :moving] = v.b_x.reshape(m, moving)

    # -- reductions ----------------------------------------------------------------------------

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        m = self.plan.members
        self._call("worst_ratio", m * (self._nz + 1), self._area, 0, m, self._nz, self._area, self._size, self._tail,
                   error, old, new, near_old.average, near_new.average, rtol, ATOL_ION * rtol, ATOL_BUFFER * rtol,
                   self._worst)  # fmt: skip
        return np.asarray(self.device.get(self._worst.max(axis=1)), dtype=float)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        plan = self.plan
        low, high, fine = self._extremes(y, near)
        out = low.min(axis=1)
        if plan.buffers:
            out = np.minimum(out, (plan.total - high[:, plan.ions :]).min(axis=1))
        for r, j in enumerate(plan.refined if self._count else ()):
            out = np.minimum(out, np.minimum(fine[:, r, 1], plan.total[:, j] - fine[:, r, 2]))
        return np.asarray(out)

    def speed(self, y: Any, near: Near) -> np.ndarray:
        plan, m = self.plan, self.plan.members
        narrow = sum(1.0 / float(a.widths.min()) ** 2 for a in plan.axes)
        out = np.full(m, 16.0 / 3.0 * float(plan.D.max()) * narrow) + plan.uptake.max(axis=1, initial=0.0)
        if not plan.buffers:
            return out
        parts = self.device.parts()
        found = self.device.empty(m, self._nz * parts)
        self._call("fastest", m * self._nz, self._area, 0, m, self._nz, self._area, self._size, self._params, y,
                   near.average, found)  # fmt: skip
        coarse = np.asarray(self.device.get(found.max(axis=1)), dtype=float)
        out += coarse
        if self._count:
            found = self.device.empty(m, parts)
            self._call("fastest_refined", m, self._count, 0, m, self._cells, self._size, self._params, y, near.average,
                       near.ripple, self._count, self._cell, found)  # fmt: skip
            fine = np.asarray(self.device.get(found.max(axis=1)), dtype=float)
            out += np.maximum(fine - coarse, 0.0)
        return out

    def amounts(self, y: Any) -> np.ndarray:
        return self._arrays.amounts(y)

    def outflow(self, y: Any, order: int) -> np.ndarray:
        return self._arrays.outflow(y, order)

    def excess(self, y: Any, near: Near) -> np.ndarray:
        return self._arrays.excess(y, near)
