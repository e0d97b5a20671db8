"""The implicit side on kernels: M of one step prepared, and solved for some members at a time.

What moves is solved in modal space, between two work arrays; the pointwise factor and what binds follow in
one pass over the cells.  The formulas stand in `reference_solve`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microdomain.backends.reductions import Reductions
from microdomain.backends.reference import Near
from microdomain.backends.tables import Device, Tables, Views
from microdomain.backends.walls import Walls
from microdomain.plan import SUB, Plan


@dataclass(frozen=True, eq=False)
class Linearised:
    """Where a Jacobian is taken; its entries follow from the state."""

    y: Any
    near: Near


@dataclass(frozen=True, eq=False)
class Factor:
    """A prepared M: bars per member (see plan.h), reciprocals per mode and per cell.

    A solver holds one at a time: the next one overwrites it.
    """

    bars: Any
    modal: Any
    inverse: Any
    share: Any
    inverse_ion: Any
    fine_inverse: Any
    fine_share: Any
    y: Any
    near: Near
    a: float
    walls: Any = None

    @property
    def taken_at(self) -> tuple[Any, ...]:
        """What kernels read of where it was taken; all else stays in its place."""
        return (self.y, self.near.average, self.near.laid)


class Solver:
    """The implicit side of one plan on one device.

    Parameters
    ----------
    plan : Plan
    device : Device
    tables : Tables
    reductions : Reductions
    walls : Walls or None

    Attributes
    ----------
    params : array                  numbers per member, see plan.h
    moved : array or None           what the ledger reads of z, as the last solve left it; None where nothing
                                    leaks
    """

    def __init__(
        self, plan: Plan, device: Device, tables: Tables, reductions: Reductions, walls: Walls | None
    ) -> None:
        self._plan, self._device, self._call, self._t = plan, device, device.call, tables
        self.params = tables.params
        self._reductions, self._walls = reductions, walls
        nz, ny, nx = plan.grid.shape
        self._shape, self._nz, self._area = (nz, ny, nx), nz, ny * nx
        self._cells, self._size = plan.grid.cells, plan.size
        self._count = int(plan.cells.size) if plan.refined else 0
        block = max(last - first for first, last in device.blocks(plan.members))
        self._a, self._b = (device.empty(block * plan.carried, nz, ny, nx) for _ in range(2))
        # Beyond held walls the ledger asks for all that moves, else for ions.
        self._told = plan.carried if plan.leaks else plan.ions
        self._seen: dict[tuple[int, int], Views] = {}
        self._kept = device.empty(plan.members, plan.buffers + len(plan.forms), self._count)
        self._prepared: Factor | None = None
        # What moves is copied out only where the ledger will read it.
        leaks = plan.uptake.any() or plan.leaks or walls is not None
        self.moved = device.empty(plan.members, plan.size) if leaks else None
        if self.moved is not None:
            self.moved[...] = 0.0

    def factor(self, jacobian: Linearised, g: np.ndarray, a: float) -> Factor:
        """Prepare M for one step, in the arrays of the last one."""
        plan, t, m = self._plan, self._t, self._plan.members
        y, near, planes = jacobian.y, jacobian.near, self._plan.members * self._nz
        f = self._sent(self._reductions.bars(y, near, g), y, near, a)
        bars = f.bars
        grid = (0, m, self._nz, self._area)
        self._call("modes", planes, self._area, *grid, t.params, bars, a, t.rates, f.modal)
        state = (self._size, t.params, bars, y, near.average)
        self._call("points", planes, self._area, *grid, *state, f.inverse, f.share, f.inverse_ion)
        if self._count:
            out = (f.share, f.fine_inverse, f.fine_share, f.inverse_ion)
            fields = (*state, near.ripple, self._count, t.cell)
            self._call("points_refined", m, self._count, 0, m, self._cells, *fields, *out)
        if self._walls is None:
            return f

        def divided(hat: Any) -> Any:
            self._call("divide", planes, self._area, *grid, t.params, bars, a, t.rates, f.modal, hat)
            return hat

        by_cell = f.inverse_ion.reshape(m, plan.ions, *self._shape)
        return replace(f, walls=self._walls.prepare(self._walls.crossings(y, near), g, by_cell, divided))

    def _sent(self, bars: np.ndarray, y: Any, near: Near, a: float) -> Factor:
        """A factor in the arrays of the last one, its bars filled in."""
        plan, empty, m = self._plan, self._device.empty, self._plan.members
        if self._prepared is None:
            cells, fine = (m, plan.buffers, self._cells), (m, len(plan.refined), self._count, SUB**3)
            modal, ion = empty(m, plan.ions + plan.movers, self._cells), empty(m, plan.ions, self._cells)
            laid = self._device.put(np.zeros(bars.shape), float)
            each = (laid, modal, empty(*cells), empty(*cells), ion, empty(*fine), empty(*fine))
            self._prepared = Factor(*each, None, Near(None, None), a)
        self._device.send(bars, self._prepared.bars)
        return replace(self._prepared, y=y, near=near, a=a)

    def fold(self, f: Factor, out: Any) -> None:
        """In place, right-hand sides to folded ones and sub-cells to deviations."""
        plan = self._plan
        coarse, fine = plan.coarse(out), plan.fine(out)
        for k, j in enumerate(plan.refined if self._count else ()):
            fine[:, k] -= coarse[:, plan.at(j)].reshape(plan.members, -1)[:, self._t.cell][..., None]
        for first, last in self._device.blocks(plan.members):
            grid = (first, last, self._nz, self._area, self._size)
            self._call("fold", (last - first) * self._nz, self._area, *grid, f.bars, out)

    def finish(self, first: int, last: int, f: Factor, out: Any) -> None:
        """In `out`, from folded right-hand sides with sub-cells as deviations, to k."""
        self.modes(first, last, f, out[first:last, : self._plan.carried * self._cells])
        self.react(first, last, f, out)

    def modes(self, first: int, last: int, f: Factor, source: Any) -> Any:
        """What moves, solved in modal space: the work array that holds it."""
        t, m, nz, area = self._t, last - first, self._nz, self._area
        v, product = self._views(first, last), self._device.product
        product(source.reshape(v.b_x.shape), t.to[0], v.a_x)
        product(t.to[1], v.a, v.b)
        product(t.to[2], v.b_z, v.a_z)
        grid = (first, last, nz, area, t.params, f.bars, f.a, t.rates)
        self._call("divide", m * nz, area, *grid, f.modal, self._a)
        if self._walls is not None:
            self._walls.relieve(v.a.reshape(m, -1, *self._shape), f.walls, first, last)
        product(t.back[2], v.a_z, v.b_z)
        product(t.back[1], v.b, v.a)
        product(v.a_x, t.back[0], v.b_x)
        return v.b_x

    def react(self, first: int, last: int, f: Factor, out: Any, hat: Any = None) -> None:
        """From what moves, in the work array or given, to k."""
        t, m, nz, area, size = self._t, last - first, self._nz, self._area, self._size
        v = self._views(first, last)
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
        if self.moved is not None:
            told, each = self._told * self._cells, self._plan.carried * self._cells
            self._call("keep_moved", m, told, first, last, told, each, size, self._b, self.moved)

    def _views(self, first: int, last: int) -> Views:
        """The shapes in which products along x, y and z see some members."""
        if (first, last) not in self._seen:
            m, s, (nz, ny, nx) = last - first, self._plan.carried, self._shape
            a, b = self._a[: m * s], self._b[: m * s]
            # Many small products: a library's kernels for small matrices beat one tall product along x.
            flat, deep = (m, s * nz, ny, nx), (m * s, nz, ny * nx)
            self._seen[first, last] = Views(
                a.reshape(flat), a, a.reshape(deep), b.reshape(flat), b, b.reshape(deep)
            )
        return self._seen[first, last]
