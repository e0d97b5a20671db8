"""The parts of a solve on kernels; `parts` says in array code what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends.fused import Fused
from microdomain.backends.masked_algebra import arrow
from microdomain.backends.parts import PartFactor, box_of, places


@dataclass(frozen=True, eq=False)
class Work:
    """Work arrays of some members.

    Attributes
    ----------
    v : array [m, s, cells]         v_0, then d v_0
    u : array [m, n, s, count]      residuals in the cells asked for
    handed : array [m, s, room]     what the box is handed; 0 where nothing is touched
    square, level, c                partial sums; levels of parts, of the last of which is 0; coefficients
    one, other, results             of the box: between products, and its solutions
    """

    v: Any
    u: Any
    handed: Any
    square: Any
    level: Any
    c: Any
    one: Any
    other: Any
    results: list[Any]


class FusedParts:
    """Parts of a `Fused`; see `ReferenceParts`."""

    apart = True

    def __init__(self, ops: Fused) -> None:
        self.ops, self.xp, self.put, self._call = ops, ops.device.xp, ops.device.put, ops.device.call
        plan, put = ops.plan, ops.device.put
        self.box, table = box_of(plan), plan.mask.operator  # type: ignore[union-attr]
        box = self.box
        self._species, self._nz = plan.carried, plan.grid.shape[0]
        self._area = plan.grid.cells // self._nz
        self._cells, self._touched = plan.grid.cells, put(table.cells, np.int64)
        self._rows = (
            table.index4.shape[1],
            put(table.index4.T.ravel(), np.int64),
            put(table.fourth.T.ravel()),
        )
        self._left = [
            (weight.shape[1], put(index.T.ravel(), np.int64), put(weight.T.ravel()))
            for index, weight in ((box.index, box.weight), (box.inner_index, box.inner_weight))
        ]
        self._bare, self._extra = put(box.bare), put(box.extra)
        self._asked, self._place = put(box.asked, np.int64), put(box.place, np.int64)
        self._inside, self._room = put(box.cells, np.int64), box.cells.size
        iz, iy, ix = box.inverse
        vz, vy, vx = box.vectors
        self._to, self._back = (put(ix.T), put(iy), put(iz)), (put(vx.T), put(vy), put(vz))
        self._rates, self._uptake = put(box.rates), put(plan.uptake, float)
        self._arrays: dict[int, Work] = {}

    def host(self, a: Any) -> np.ndarray:
        """An array on the host."""
        return self.ops.host(a)

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""
        return self.ops.device.blocks(self.ops.plan.members)

    def add_rows(self, factor: np.ndarray, rest: np.ndarray, u: Any, out: Any) -> None:
        """Add the rows of the obstacles' operator; see `ReferenceParts.add_rows`."""
        m = len(u)
        width, *rows = self._rows
        species = factor.shape[1]
        lengths = (self._touched.size, width, species, self._cells, u.size // m, out.size // m)
        tables = (self._touched, *rows, self.put(factor, float), self.put(rest, float))
        self._call("mask_rows", m * species, self._touched.size, 0, m, *lengths, *tables, u, out)

    def fold(self, f: PartFactor, r: Any) -> Any:
        """A copy of r, folded."""
        return self.ops.folded(f.bare, r)

    def rates(self, f: PartFactor, y: Any, near: Any, blob: np.ndarray, scale: np.ndarray, plus: Any) -> Any:
        """scale F(y) + plus without obstacles, folded in the same passes."""
        return self.ops.folded_rates(f.bare, y, near, blob, scale, plus)

    def factor(self, bare: Any, g: np.ndarray, a: float) -> PartFactor:
        """Prepare the solve: what it takes of diffusion, and the modes of the box."""
        plan = self.ops.plan
        nz, area = self.box.shape[0], self._room // self.box.shape[0]
        modal, m = self.ops.device.empty(plan.members, plan.ions + plan.movers, self._room), plan.members
        numbers = (self.ops.solver.params, bare.bars, a, self._rates, modal)
        self._call("modes", m * nz, area, 0, m, nz, area, *numbers)
        return PartFactor(bare, self.put((-a * g[:, None]) * plan.D[: plan.carried], float), modal)

    # -- steps of the solve --------------------------------------------------------------------

    def lay_parts(
        self, weights: np.ndarray, mask: Any, kept: np.ndarray, rank: np.ndarray, local: int
    ) -> None:
        """Bring the groups' weights to the device, and what part and group each cell belongs to."""
        part, group = places(mask, kept, rank)
        self._weights, self._fluid = self.put(weights), self.put((mask.component >= 0).astype(float))
        self._part, self._group = self.put(part, np.int64), self.put(group, np.int64)
        self._groups, self._parts, self._many = len(weights), kept.size + 1, local + 2

    def source(self, first: int, last: int, r: Any, means: Any) -> tuple[Any, Any]:
        """v_0 and its squares; v_0 stands in a work array until the next solve."""
        m, w = last - first, self._work(last - first)
        w.level[..., :-1] = means
        grid = (
            first,
            last,
            self._nz,
            self._area,
            self._species,
            self.ops.plan.size,
            self._groups,
            self._parts,
        )
        tables = (self._fluid, self._part, self._weights, w.level, r, w.v, w.square)
        self._call("mask_source", m * self._species * self._nz, self._area, *grid, *tables)
        return w.v, w.square.sum(axis=1)

    def begin(self, f: PartFactor, first: int, last: int, v: Any) -> Any:
        """Residuals in the cells asked for; v becomes d v there."""
        u = self._work(last - first).u
        counts = (self._cells, self._asked.size, self.box.touched, self._many)
        tables = (self._asked, self._bare, self._extra, f.pull, v, u)
        self._each("mask_begin", first, last, self._asked.size, *counts, *tables)
        return u

    def modes(self, f: PartFactor, first: int, last: int, v: Any) -> Any:
        """Solve the bare diffusion factor for what moves; the next call overwrites it."""
        return self.ops.solver.modes(first, last, f.bare, v).reshape(v.shape)

    def leave(self, f: PartFactor, first: int, last: int, k: int, z: Any, u: Any) -> None:
        """v_k+1 in the cells asked for, and what the next solve in the box is handed."""
        width, *rows = self._left[k > 0]
        counts = (z.shape[2], self._asked.size, self.box.touched, self._many, k, width)
        following = self._work(last - first).handed if k < self._many - 2 else None
        tables = (*rows, self._bare, self._extra, f.pull, z, u, self._room, self._place, following)
        self._each("mask_left", first, last, self._asked.size, *counts, *tables)

    def _each(self, name: str, first: int, last: int, length: int, *arguments: Any) -> None:
        """Call a kernel for every species of some members."""
        self._call(name, (last - first) * self._species, length, first, last, self._species, *arguments)

    def inner(self, f: PartFactor, first: int, last: int, k: int) -> Any:
        """Solve the bare factor of the box."""
        w, product = self._work(last - first), self.ops.device.product
        m, s, (nz, ny, nx) = last - first, self._species, self.box.shape
        area, one, other, z = ny * nx, w.one, w.other, w.results[k - 1]
        product(w.handed.reshape(m, s * nz, ny, nx), self._to[0], one.reshape(m, s * nz, ny, nx))
        product(self._to[1], one.reshape(m * s * nz, ny, nx), other.reshape(m * s * nz, ny, nx))
        product(self._to[2], other.reshape(m * s, nz, area), one.reshape(m * s, nz, area))
        numbers = (self.ops.solver.params, f.bare.bars, f.bare.a, self._rates, f.inner, one)
        self._call("divide", m * nz, area, first, last, nz, area, *numbers)
        product(self._back[2], one.reshape(m * s, nz, area), other.reshape(m * s, nz, area))
        product(self._back[1], other.reshape(m * s * nz, ny, nx), one.reshape(m * s * nz, ny, nx))
        product(one.reshape(m, s * nz, ny, nx), self._back[0], z.reshape(m, s * nz, ny, nx))
        return z

    def levels(self, f: PartFactor, first: int, last: int, means: Any) -> Any:
        """Solve for what is uniform in closed parts."""
        n, bars = self.ops.plan.buffers, f.bare.bars[first:last]
        p, q, g = bars[:, :n], bars[:, n : 2 * n], bars[:, 3 * n]
        return arrow(self.ops.plan, bars[:, 3 * n + 1 :], g, p, q, self._uptake[first:last], means)

    def end(self, first: int, last: int, c: list[Any], shift: Any, fields: list[Any]) -> Any:
        """sum_k c_k z_k and the shifts, in the fluid: in place of z_0."""
        m, w = last - first, self._work(last - first)
        w.level[..., :-1] = shift
        for k, one in enumerate(c):
            w.c[:, k] = one
        sizes = (self._many - 1, self._groups)
        grid = (first, last, self._nz, self._area, self._species, *sizes, self._parts)
        tables = (self._fluid, self._group, self._part, w.c, w.level, fields[0])
        self._call("mask_end", m * self._species * self._nz, self._area, *grid, *tables)
        for k, field in enumerate(fields[1:], 1):
            places_ = (self._inside, self._fluid, self._group, w.c, field, fields[0])
            counts = (self._cells, self._room, self._many - 1, k, self._groups)
            self._each("mask_add", first, last, self._room, *counts, *places_)
        return fields[0]

    def finish(self, f: PartFactor, first: int, last: int, z: Any, out: Any) -> None:
        """From what moves, still in the work array of `modes`, to k, in the folded `out`."""
        self.ops.solver.react(first, last, f.bare, out)

    def solved(self, f: PartFactor, out: Any) -> tuple[Any, Any]:
        """k and z."""
        return out, self.ops.solver.moved

    def _work(self, m: int) -> Work:
        """The work arrays of m members, which are kept."""
        if m not in self._arrays:
            empty, s, many = self.ops.device.empty, self._species, self._many
            v, u = empty(m, s, self._cells), empty(m, many, s, self._asked.size)
            square = empty(m, s * self._nz * self.ops.device.parts(self._area), self._groups)
            level, c = empty(m, s, self._parts), empty(m, many - 1, self._groups)
            handed, one, other, *results = (empty(m, s, self._room) for _ in range(many + 1))
            handed[...], level[...] = 0.0, 0.0
            self._arrays[m] = Work(v, u, handed, square, level, c, one, other, results)
        return self._arrays[m]
