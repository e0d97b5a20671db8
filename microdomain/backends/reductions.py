"""Numbers per member from whole fields: extremes, norms, speeds, and the end of a step in one sweep.

Kernels leave partial results, the device brings them down to a few numbers per member, and these come to
the host in one small copy: at the end of a step the error, and the extremes that say whether the new state
is positive and what the next step's least binding rates are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.backends.reference import Near
from microdomain.backends.reference_reductions import ATOL_BUFFER, ATOL_ION, DIP, DIP_PART
from microdomain.backends.tables import Device, Tables
from microdomain.plan import SUB, Plan

#: Least and greatest c and b per member and species; least c, b and greatest b [refined] on sub-cells.
Extremes = tuple[np.ndarray, np.ndarray, np.ndarray]


class Reductions:
    """The reducing operations of one plan on one device.

    Parameters
    ----------
    plan : Plan
    device : Device
    tables : Tables
    """

    def __init__(self, plan: Plan, device: Device, tables: Tables) -> None:
        self._plan, self._device, self._t = plan, device, tables
        nz, ny, nx = plan.grid.shape
        m, area = plan.members, ny * nx
        self._planes, self._area = m * nz, area
        self._grid, self._flat = (0, m, nz, area, plan.size), (0, m, plan.grid.cells, plan.size)
        self._tail = plan.size - plan.species * plan.grid.cells
        self._count = int(plan.cells.size) if plan.refined else 0
        self._tested = np.array([*range(plan.ions), *plan.bound])
        self._bound, self._binds = np.array(plan.bound, dtype=int), np.array(plan.binds, dtype=int)
        self._refined = np.array(plan.refined if self._count else (), dtype=int)
        # Partial results: one per plane and part in cells, one per part on sub-cells.
        self._rows, self._fine_rows = 1 + 2 * plan.species, 1 + 3 * self._refined.size
        self._parts, self._fine_parts = device.parts(area), device.parts(self._count * SUB**3)
        self._cells = device.empty(m, self._rows, nz * self._parts)
        self._fine = device.empty(m, self._fine_rows, self._fine_parts)
        self._worst = device.empty(m, 1, (nz + 1) * self._parts)
        self._fastest = device.empty(m, 1, nz * self._parts)
        self._fastest_fine = device.empty(m, 1, device.parts(self._count))
        self._few: dict[tuple[int, int], tuple[Any, Any]] = {}
        # Where a step began and where it ended: the end of one is the begin of the next, if it is accepted.
        self._known: deque[tuple[Any, Near, Extremes]] = deque(maxlen=2)
        narrow = sum(1.0 / float(a.widths.min()) ** 2 for a in plan.axes)
        self._diffusion = 16.0 / 3.0 * float(plan.D.max()) * narrow + plan.uptake.max(axis=1, initial=0.0)

    def forget(self) -> None:
        """A vector is about to be changed in place."""
        self._known.clear()

    def _settled(self, cells: Any, fine: Any = None) -> np.ndarray:
        """Partial results [member, row, part] to the greatest of each row, [member, row], on the host.

        The first row of both is one number; the other rows of `fine` follow those of `cells`.
        """
        m, rows, count = cells.shape
        fine_rows, fine_count = (0, 0) if fine is None else fine.shape[1:]
        if (rows, fine_rows) not in self._few:
            made = (device := self._device).empty(m, rows, device.parts(count))
            self._few[rows, fine_rows] = made, device.empty(m, rows + max(fine_rows - 1, 0))
        thinned, out = self._few[rows, fine_rows]
        if thinned.shape[2] > 1:
            self._device.call("thin", m * rows, count, 0, m * rows, count, cells, thinned)
            cells, count = thinned, thinned.shape[2]
        few = (rows, count, cells, fine_rows, fine_count, fine, out)
        self._device.call("settle", m, out.shape[1], 0, m, *few)
        return np.array(self._device.get(out), dtype=float)

    def _read(self, numbers: np.ndarray) -> Extremes:
        """Extremes from the numbers of `extremes` or `close_step`."""
        cells, fine = numbers[:, 1 : self._rows], numbers[:, self._rows :]
        sub = fine.reshape(len(fine), -1, 3) * (-1.0, -1.0, 1.0)
        return -cells[:, ::2], cells[:, 1::2], sub

    # -- the state -----------------------------------------------------------------------------

    def extremes(self, y: Any, near: Near) -> Extremes:
        """Least and greatest c and b per member and species; least c, b and greatest b on sub-cells."""
        for vector, field, found in self._known:
            if vector is y and field is near:
                return found
        call = self._device.call
        call("extremes", self._planes, self._area, *self._grid, y, near.average, self._cells)
        if self._count:
            fields, length = (y, near.average, near.ripple, self._count, self._t.cell), self._count * SUB**3
            call("extremes_refined", self._plan.members, length, *self._flat, *fields, self._fine)
        found = self._read(self._settled(self._cells, self._fine if self._count else None))
        self._known.append((y, near, found))
        return found

    def bars(self, y: Any, near: Near, g: np.ndarray) -> np.ndarray:
        """Least p and q of every buffer, 1 / (1 + g q) and g, per member: see plan.h."""
        plan = self._plan
        low, high, fine = self.extremes(y, near)
        b_high, c_low = high[:, self._bound], low[:, self._binds]
        if self._count:
            c_low[:, self._refined] = np.minimum(c_low[:, self._refined], fine[..., 0])
            b_high[:, self._refined] = np.maximum(b_high[:, self._refined], fine[..., 2])
        p = np.maximum(plan.k_on * (plan.total - b_high), 0.0)
        q = np.maximum(plan.k_on * c_low + plan.k_off, 0.0)
        plain = [p, q, 1.0 / (1.0 + g[:, None] * q), g[:, None]]
        if plan.network is not None:
            places = [*range(plan.ions), *plan.forms]
            plain.append(plan.network.bars(near.law, low[:, places], high[:, places], g))
        return np.concatenate(plain, axis=1)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        """See `backends.base`."""
        plan = self._plan
        low, high, fine = self.extremes(y, near)
        out = low[:, self._tested].min(axis=1)
        for s in plan.positive:
            slack = DIP + DIP_PART * high[:, s]
            out = np.minimum(out, np.where((low[:, s] < 0) & (low[:, s] >= -slack), 0.0, low[:, s]))
        if plan.buffers:
            out = np.minimum(out, (plan.total - high[:, self._bound]).min(axis=1))
        if self._count:
            free = plan.total[:, self._refined] - fine[..., 2]
            out = np.minimum(out, np.minimum(fine[..., 1], free).min(axis=1))
        return np.asarray(out)

    # -- a step --------------------------------------------------------------------------------

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        """See `backends.base`."""
        _, m, nz, area, size = self._grid
        self._device.call(
            "worst_ratio", m * (nz + 1), area, 0, m, nz, area, size, self._tail, error, old, new,
            near_old.average, near_new.average, rtol, ATOL_ION * rtol, ATOL_BUFFER * rtol, self._worst,
        )  # fmt: skip
        return self._settled(self._worst)[:, 0]

    def close_step(
        self, y: Any, vectors: Sequence[Any], a: np.ndarray, b: np.ndarray, plus: int, near_old: Near,
        near_new: Near, rtol: float, out: Any,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """See `backends.base`; what is added stands in `out`: 0 nothing, 1 of ions, 2 of all species."""
        call, none = self._device.call, [0.0] * (4 - len(vectors))
        terms = (plus, *map(float, a), *none, *map(float, b), *none, y, *vectors, *[y] * len(none))
        ion, buffer = ATOL_ION * rtol, ATOL_BUFFER * rtol
        cells = (near_old.average, near_new.average, rtol, ion, buffer, out, self._cells)
        call("close_step", self._planes, self._area, *self._grid, *terms, *cells)
        if self._count:
            field = (near_new.average, near_new.ripple, self._count, self._t.cell)
            fine = (*field, rtol, buffer, out, self._fine)
            call("close_refined", self._plan.members, self._count * SUB**3, *self._flat, *terms, *fine)
        numbers = self._settled(self._cells, self._fine if self._count else None)
        self._known.append((out, near_new, self._read(numbers)))
        return numbers[:, 0], self.lowest(out, near_new)

    def speed(self, y: Any, near: Near) -> np.ndarray:
        """See `backends.base`."""
        plan, call, params = self._plan, self._device.call, self._t.params
        reacting = np.zeros(plan.members)
        if plan.network is not None:
            high = self.extremes(y, near)[1]
            reacting = plan.network.fastest(near.law, high[:, [*range(plan.ions), *plan.forms]])
        if not plan.buffers:
            return np.asarray(self._diffusion + reacting)
        fields = (params, y, near.average)
        call("fastest", self._planes, self._area, *self._grid, *fields, self._fastest)
        if self._count:
            fine = (near.ripple, self._count, self._t.cell, self._fastest_fine)
            call("fastest_refined", plan.members, self._count, *self._flat, *fields, *fine)
        out = self._settled(self._fastest, self._fastest_fine if self._count else None)[:, 0]
        return np.asarray(self._diffusion + out + reacting)
