"""A backend's implicit solve in its parts, for `masked_solve`, which puts them together in another way.

Arrays of what moves stand as [member, species, cells]; `first` and `last` are the members of a block.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends import reference_solve
from microdomain.backends.masked_algebra import arrow
from microdomain.backends.reference import Reference
from microdomain.mask_box import Box, lay_box
from microdomain.plan import Plan


@dataclass(frozen=True, eq=False)
class PartFactor:
    """A prepared M: the bare one, -g a D of what moves [member, species], and of the box's modes."""

    bare: Any
    pull: Any
    inner: Any = None


def box_of(plan: Plan) -> Box:
    """The box of a plan with obstacles."""
    assert plan.mask is not None
    return lay_box(plan.mask, plan.grid, plan.axes)


class ReferenceParts:
    """Parts of a `Reference`.

    Attributes
    ----------
    apart : bool                    whether `rates` leaves sub-cells as deviations from their cell's average
    """

    apart = False

    def __init__(self, ops: Reference) -> None:
        self.ops, self.xp, self.box, self._a = ops, ops.xp, box_of(ops.plan), 1.0
        table = ops.plan.mask.operator  # type: ignore[union-attr]
        self._cells = self.put(table.cells, np.int64)
        self._rows = (self.put(table.index4, np.int64), self.put(table.fourth))
        box = self.box
        self._left = (
            (self.put(box.index, np.int64), self.put(box.weight)),
            (self.put(box.inner_index, np.int64), self.put(box.inner_weight)),
        )
        self._bare, self._extra = self.put(box.bare), self.put(box.extra)
        self._asked, self._place = self.put(box.asked, np.int64), self.put(box.place, np.int64)
        self._vectors, self._inverse = [self.put(a) for a in box.vectors], [self.put(a) for a in box.inverse]
        self._rates = self.put(box.rates)
        self._next: Any = None

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """An array where the backend computes."""
        return self.xp.asarray(np.ascontiguousarray(a, dtype=float if dtype is None else dtype))

    def host(self, a: Any) -> np.ndarray:
        """An array on the host."""
        return self.ops.host(a)

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""
        return [(0, self.ops.plan.members)]

    def add_rows(self, factor: np.ndarray, rest: np.ndarray, u: Any, out: Any) -> None:
        """Add factor[m, s] times the obstacles' 4th-order rows on u - rest to what moves in `out`."""
        species = factor.shape[1]
        some = species * self.ops.plan.grid.cells
        read, into = (a[:, :some].reshape(len(u), species, -1) for a in (u, out))
        index, weight = self._rows
        for m, s in np.ndindex(factor.shape):
            change = ((read[m, s][index] - float(rest[m, s])) * weight).sum(axis=1)
            into[m, s, self._cells] += float(factor[m, s]) * change

    def fold(self, f: PartFactor, r: Any) -> Any:
        """A copy of r, bound forms that do not move eliminated, sub-cells made ready for `finish`."""
        return reference_solve.fold(self.ops, f.bare, r)

    def rates(self, f: PartFactor, y: Any, near: Any, blob: np.ndarray, scale: np.ndarray, plus: Any) -> Any:
        """scale F(y) + plus without obstacles, folded."""
        return self.fold(f, self.ops.advance(y, near, blob, scale, plus))

    def factor(self, bare: Any, g: np.ndarray, a: float) -> PartFactor:
        """Prepare the solve."""
        self._a = a
        return PartFactor(bare, self.put((-a * g[:, None]) * self.ops.plan.D[: self.ops.plan.carried]))

    # -- steps of the solve --------------------------------------------------------------------

    def lay_parts(
        self, weights: np.ndarray, mask: Any, kept: np.ndarray, rank: np.ndarray, local: int
    ) -> None:
        """Keep the groups' weights (group, cells), and which part and group each cell belongs to."""
        self._weights, self._fluid = self.put(weights), self.put((mask.component >= 0).astype(float))
        self._part, self._group, self._many = *places(mask, kept, rank), local + 2

    def source(self, first: int, last: int, r: Any, means: Any) -> tuple[Any, Any]:
        """v_0 = r less the means of its parts, and its squares (m, group)."""
        v = self._fluid * (r - and_none(self.xp, means)[:, :, self._part])
        return v, self.xp.matmul((v * v).sum(axis=1), self._weights.T)

    def begin(self, f: PartFactor, first: int, last: int, v: Any) -> Any:
        """Residuals in the cells asked for, [m, n, s, count], of which v_0 is there; v becomes d v."""
        u = self.xp.empty((*v.shape[:1], self._many, v.shape[1], self.box.asked.size))
        u[:, 0] = v[..., self._asked]
        touched = self._asked[: self.box.touched]
        v[..., touched] = v[..., touched] * self._handed(f)[..., : self.box.touched]
        return u

    def _handed(self, f: PartFactor) -> Any:
        """d in the cells asked for, 0 on the ring."""
        by = f.pull[:, :, None]
        out = (1.0 + by * self._bare) / (1.0 + by * (self._bare + self._extra))
        out[..., self.box.touched :] = 0.0
        return out

    def modes(self, f: PartFactor, first: int, last: int, v: Any) -> Any:
        """Solve the bare diffusion factor for what moves."""
        shape = (*v.shape[:2], *self.ops.plan.grid.shape)
        return reference_solve.modes(self.ops, f.bare, v.reshape(shape)).reshape(v.shape)

    def leave(self, f: PartFactor, first: int, last: int, k: int, z: Any, u: Any) -> None:
        """v_k+1 = v_k - A z_k in the cells asked for, and what the next solve in the box is handed."""
        index, weight = self._left[k > 0]
        share = self._handed(f)
        if k == 0:
            # The whole grid was handed all of the ring.
            share[..., self.box.touched :] = 1.0
        rows = (z[..., index] * weight).sum(axis=-1)
        u[:, k + 1] = u[:, k] - share * u[:, k] - f.pull[:, :, None] * rows
        self._next = self.xp.zeros((*z.shape[:2], self.box.cells.size))
        self._next[..., self._place] = (share * u[:, k + 1])[..., : self.box.touched]

    def inner(self, f: PartFactor, first: int, last: int, k: int) -> Any:
        """Solve the bare factor of the box."""
        xp, hat = self.xp, self._next.reshape(*self._next.shape[:2], *self.box.shape)
        for axis in range(3):
            hat = reference_solve.along(self._inverse[2 - axis], hat, axis, xp)
        hat = self._arrow(f, hat.reshape(self._next.shape), self._a, self._rates).reshape(hat.shape)
        for axis in range(3):
            hat = reference_solve.along(self._vectors[2 - axis], hat, axis, xp)
        return hat.reshape(self._next.shape)

    def levels(self, f: PartFactor, first: int, last: int, means: Any) -> Any:
        """Solve for what is uniform in closed parts, means [m, s, part]: the binding alone."""
        return self._arrow(f, means, 0.0, self.xp.zeros(means.shape[2]))

    def _arrow(self, f: PartFactor, r: Any, a: float, rates: Any) -> Any:
        bare = f.bare
        numbers = (bare.g[:, 0, 0, 0, 0], bare.pbar[..., 0, 0, 0], bare.qbar[..., 0, 0, 0])
        return arrow(self.ops.plan, bare.bars, *numbers, self.ops.uptake[..., 0, 0, 0], r, a, rates)

    def end(self, first: int, last: int, c: list[Any], shift: Any, fields: list[Any]) -> Any:
        """sum_k c_k z_k and the shifts of its parts, in the fluid; c_k (m, group), shift [m, s, part]."""
        z = fields[0] * c[0][:, None, self._group]
        mine, cells = self._group[self.box.cells], self.put(self.box.cells, np.int64)
        for k, field in enumerate(fields[1:], 1):
            z[..., cells] += c[k][:, None, mine] * field
        return self._fluid * (z + and_none(self.xp, shift)[:, :, self._part])

    def finish(self, f: PartFactor, first: int, last: int, z: Any, out: Any) -> None:
        """From what moves to k, in the folded `out`; `solved` gives the result."""
        shape = (*z.shape[:2], *self.ops.plan.grid.shape)
        reference_solve.unfold(self.ops, f.bare, z.reshape(shape), out)

    def solved(self, f: PartFactor, out: Any) -> tuple[Any, Any]:
        """k and z."""
        return reference_solve.solve_reaction(self.ops, f.bare, out), out


def followed(plan: Any, y: Any) -> Any:
    """A copy of y whose followers are what the others say, so that the obstacles' rows leave sums alone.

    Of their own values round-off in a sum would meet those rows but not the grid's, and grow.
    """
    out, places_ = y.copy(), [*range(plan.ions), *plan.forms]
    coarse = plan.coarse(out)
    for m, (f, terms) in itertools.product(range(plan.members), plan.network.followers):
        level = plan.rest[m, places_[f]] + sum(w * plan.rest[m, places_[v]] for v, w in terms)
        coarse[m, places_[f]] = float(level) - sum(w * coarse[m, places_[v]] for v, w in terms)
    return out


def places(mask: Any, kept: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of every cell's part among those kept, or how many they are; and its group."""
    number = np.full(mask.free.size + 1, kept.size)
    number[kept] = np.arange(kept.size)
    return number[mask.component], np.where(mask.component >= 0, rank[mask.component], 0)


def and_none(xp: Any, a: Any) -> Any:
    """[m, s, part] with a part that has nothing."""
    return xp.concatenate([a, xp.zeros((*a.shape[:2], 1), a.dtype)], axis=2)
