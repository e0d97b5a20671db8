"""A backend's implicit solve in its parts, for `masked`, which puts them together in another way.

Arrays of what moves stand as [member, species, cells]; `first` and `last` are the members of a block.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from microdomain.backends import reference_solve
from microdomain.backends.fused import Fused
from microdomain.backends.reference import Reference
from microdomain.backends.reference_network import solve_modes


class ReferenceParts:
    """Parts of a `Reference`."""

    def __init__(self, ops: Reference) -> None:
        self.ops, self.xp, table = ops, ops.xp, ops.plan.mask.operator  # type: ignore[union-attr]
        self._cells, pairs = (
            ops.xp.asarray(table.cells),
            ((table.index4, table.fourth), (table.index2, table.second)),
        )
        self._rows = {
            k: tuple(ops.xp.asarray(a) for a in pair) for k, pair in zip((4, 2), pairs, strict=True)
        }

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """An array where the backend computes."""
        return self.xp.asarray(np.ascontiguousarray(a, dtype=float if dtype is None else dtype))

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""
        return [(0, self.ops.plan.members)]

    def add_rows(self, order: int, factor: np.ndarray, rest: np.ndarray | None, u: Any, out: Any) -> None:
        """Add factor[m, s] times the rows of the obstacles' operator on u - rest to what moves in `out`."""
        species, plan = factor.shape[1], self.ops.plan
        some = species * plan.grid.cells
        read, into = u.reshape(len(u), -1)[:, :some], out.reshape(len(u), -1)[:, :some]
        read, into = (a.reshape(len(u), species, -1) for a in (read, into))
        index, weight = self._rows[order]
        for m, s in np.ndindex(factor.shape):
            level = 0.0 if rest is None else float(rest[m, s])
            change = ((read[m, s][index] - level) * weight).sum(axis=1)
            into[m, s, self._cells] += float(factor[m, s]) * change

    def fold(self, f: Any, r: Any) -> Any:
        """A copy of r, bound forms that do not move eliminated, sub-cells made ready for `finish`."""
        return reference_solve.fold(self.ops, f, r)

    def modes(self, f: Any, first: int, last: int, hat: Any) -> Any:
        """Solve the bare diffusion factor for what moves."""
        shape = (*hat.shape[:2], *self.ops.plan.grid.shape)
        return reference_solve.modes(self.ops, f, hat.reshape(shape)).reshape(hat.shape)

    def levels(self, f: Any, first: int, last: int, means: Any) -> Any:
        """The same for what is uniform in closed parts, means [m, s, part]: the binding alone."""
        return _levels(self.ops.plan, f.bars, f.g[:, 0, 0, 0], f.pbar[..., 0, 0, 0], f.qbar[..., 0, 0, 0],
                       self.ops.uptake[..., 0, 0, 0], means)  # fmt: skip

    def finish(self, f: Any, first: int, last: int, hat: Any, out: Any) -> None:
        """From what moves to k, in the folded `out`; `solved` gives the result."""
        shape = (*hat.shape[:2], *self.ops.plan.grid.shape)
        reference_solve.unfold(self.ops, f, hat.reshape(shape), out)

    def solved(self, f: Any, out: Any) -> tuple[Any, Any]:
        """k and z."""
        return reference_solve.solve_reaction(self.ops, f, out), out


class FusedParts:
    """Parts of a `Fused`; see `ReferenceParts` for what they do."""

    def __init__(self, ops: Fused) -> None:
        self.ops, self.xp, self.put = ops, ops.device.xp, ops.device.put
        table = ops.plan.mask.operator  # type: ignore[union-attr]
        self._cells = self.put(table.cells, np.int64)
        pairs = {4: (table.index4, table.fourth), 2: (table.index2, table.second)}
        self._rows = {
            k: (i.shape[1], self.put(i.T.ravel(), np.int64), self.put(w.T.ravel()))
            for k, (i, w) in pairs.items()
        }
        self._count = table.cells.size
        self._uptake = self.put(ops.plan.uptake, float)

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""
        return self.ops.device.blocks(self.ops.plan.members)

    def add_rows(self, order: int, factor: np.ndarray, rest: np.ndarray | None, u: Any, out: Any) -> None:
        """Add the rows of the obstacles' operator; see `ReferenceParts.add_rows`."""
        m, plan = len(u), self.ops.plan
        width, *rows = self._rows[order]
        species = factor.shape[1]
        lengths = (self._count, width, species, plan.grid.cells, u.size // m, out.size // m)
        level = None if rest is None else self.put(rest, float)
        tables = (self._cells, *rows, self.put(factor, float), level)
        self.ops.device.call("mask_rows", m * species, self._count, 0, m, *lengths, *tables, u, out)

    def fold(self, f: Any, r: Any) -> Any:
        """A copy of r, folded."""
        return self.ops.folded(f, r)

    def modes(self, f: Any, first: int, last: int, hat: Any) -> Any:
        """Solve the bare diffusion factor for what moves; the next call overwrites it."""
        return self.ops.solver.modes(first, last, f, hat).reshape(hat.shape)

    def levels(self, f: Any, first: int, last: int, means: Any) -> Any:
        """The same for what is uniform in closed parts."""
        n, bars = self.ops.plan.buffers, f.bars[first:last]
        p, q, g = bars[:, :n], bars[:, n : 2 * n], bars[:, 3 * n : 3 * n + 1]
        return _levels(self.ops.plan, bars[:, 3 * n + 1 :], g, p, q, self._uptake[first:last], means)

    def finish(self, f: Any, first: int, last: int, hat: Any, out: Any) -> None:
        """From what moves to k, in the folded `out`."""
        self.ops.solver.react(first, last, f, out, hat)

    def solved(self, f: Any, out: Any) -> tuple[Any, Any]:
        """k and z."""
        return out, self.ops.solver.moved


def followed(plan: Any, y: Any) -> Any:
    """A copy of y whose followers are what the others say, so that the obstacles' rows leave sums alone.

    Of their own values round-off in a sum would meet those rows but not the grid's, and grow.
    """
    out, places = y.copy(), [*range(plan.ions), *plan.forms]
    coarse = plan.coarse(out)
    for m, (f, terms) in itertools.product(range(plan.members), plan.network.followers):
        level = plan.rest[m, places[f]] + sum(w * plan.rest[m, places[v]] for v, w in terms)
        coarse[m, places[f]] = float(level) - sum(w * coarse[m, places[v]] for v, w in terms)
    return out


def _levels(plan: Any, bars: Any, g: Any, p: Any, q: Any, uptake: Any, means: Any) -> Any:
    """Solve (I - g Jbar) x = means [m, s, part]: least rates p, q [m, buffer], g [m, 1], uptake [m, ion]."""
    out, diagonal, g = means.copy(), 1.0 + g * uptake, g[:, 0]
    for j, i in enumerate(plan.binds):
        share = g * q[:, j] / (1.0 + g * q[:, j])
        diagonal[:, i] += g * p[:, j] * (1.0 - share)
        if j < plan.movers:
            out[:, i] += share[:, None] * means[:, plan.at(j)]
    if plan.network is None:
        out[:, : plan.ions] /= diagonal[..., None]
    else:
        moving = [*range(plan.ions), *range(plan.ions + plan.movers, plan.carried)]
        x = [out[:, s].reshape(len(out), 1, 1, -1) for s in moving]
        ones = [diagonal[:, i].reshape(-1, 1, 1, 1) for i in range(plan.ions)]
        solve_modes(plan.network, bars, ones + [1.0] * (len(moving) - plan.ions), x)
        for s, value in zip(moving, x, strict=True):
            out[:, s] = value[:, 0, 0]
    for j in range(plan.movers):
        s = plan.at(j)
        gained = (g * p[:, j])[:, None] * out[:, plan.binds[j]]
        out[:, s] = (means[:, s] + gained) / (1.0 + g * q[:, j])[:, None]
    return out
