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
        # Numbers of a state are all maxima: columns of minus the least and of the greatest of every species,
        # then of minus least c, minus least b and the greatest b of every refined buffer.
        self._refined = plan.refined if self._count else ()
        low, high = 1 + 2 * np.arange(plan.species), 2 + 2 * np.arange(plan.species)
        fine = 1 + 2 * plan.species + 3 * np.arange(len(self._refined))
        bound, refined = np.array(plan.bound, int), np.array(self._refined, int)
        # Nothing is below zero: free ions, bound and free buffers, in cells and on sub-cells.
        self._tested = np.concatenate([low[: plan.ions], low[bound], high[bound], fine + 1, fine + 2])
        none = np.zeros((m, plan.ions + plan.buffers))
        totals = (none, plan.total, none[:, : refined.size], plan.total[:, refined])
        self._most = np.concatenate(totals, axis=1)
        self._forms = [*range(plan.ions), *plan.forms]
        self._low, self._high, self._positive = low, high, plan.positive
        # Of every buffer, where its ion is least and it is fullest: in cells, and on sub-cells.
        self._least_c, self._most_b = (
            np.stack([k, k]) for k in (low[np.array(plan.binds, int)], high[bound])
        )
        self._least_c[1, refined], self._most_b[1, refined] = fine, fine + 2
        # Partial results: one per plane and part in cells, one per part on sub-cells.
        self._rows, self._fine_rows = 1 + 2 * plan.species, 1 + 3 * len(self._refined)
        self._parts, self._fine_parts = device.parts(area), device.parts(self._count * SUB**3)
        self._cells = device.empty(m, self._rows, nz * self._parts)
        self._fine = device.empty(m, self._fine_rows, self._fine_parts)
        self._worst = device.empty(m, 1, (nz + 1) * self._parts)
        self._fastest = device.empty(m, 1, nz * self._parts)
        self._fastest_fine = device.empty(m, 1, device.parts(self._count))
        self._few: dict[tuple[int, int, int], tuple[Any, Any]] = {}
        # Where a step began and where it ended: the end of one is the begin of the next, if it is accepted.
        self._known: deque[tuple[Any, Near, np.ndarray]] = deque(maxlen=2)
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
        if (rows, count, fine_rows) not in self._few:
            thinned = self._device.empty(m, rows, self._device.parts(count))
            out = self._device.empty(m, rows + max(fine_rows - 1, 0))
            self._few[rows, count, fine_rows] = thinned, out
        thinned, out = self._few[rows, count, fine_rows]
        if thinned.shape[2] > 1:
            self._device.call("thin", m * rows, count, 0, m * rows, count, cells, thinned)
            cells, count = thinned, thinned.shape[2]
        few = (rows, count, cells, fine_rows, fine_count, fine, out)
        self._device.call("settle", m, out.shape[1], 0, m, *few)
        return np.array(self._device.get(out), dtype=float)

    # -- the state -----------------------------------------------------------------------------

    def _numbers(self, y: Any, near: Near) -> np.ndarray:
        """Extremes of a state, [member, column], see `__init__`; the first column means nothing."""
        for vector, field, found in self._known:
            if vector is y and field is near:
                return found
        call = self._device.call
        call("extremes", self._planes, self._area, *self._grid, y, near.average, self._cells)
        if self._count:
            fields, length = (y, near.average, near.ripple, self._count, self._t.cell), self._count * SUB**3
            call("extremes_refined", self._plan.members, length, *self._flat, *fields, self._fine)
        found = self._settled(self._cells, self._fine if self._count else None)
        self._known.append((y, near, found))
        return found

    def _extremes(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest c and forms of a network, per member."""
        return -numbers[:, self._low[self._forms]], numbers[:, self._high[self._forms]]

    def bars(self, y: Any, near: Near, g: np.ndarray) -> np.ndarray:
        """Least p and q of every buffer, 1 / (1 + g q) and g, per member: see plan.h."""
        plan, numbers, g = self._plan, self._numbers(y, near), g[:, None]
        p = np.maximum(plan.k_on * (plan.total - numbers[:, self._most_b].max(axis=1)), 0.0)
        q = np.maximum(plan.k_off - plan.k_on * numbers[:, self._least_c].max(axis=1), 0.0)
        plain = [p, q, 1.0 / (1.0 + g * q), g]
        if plan.network is not None:
            plain.append(plan.network.bars(near.law, *self._extremes(numbers), g[:, 0]))
        return np.concatenate(plain, axis=1)

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        """See `backends.base`."""
        return self._least(self._numbers(y, near))

    def _least(self, numbers: np.ndarray) -> np.ndarray:
        out = (self._most - numbers[:, self._tested]).min(axis=1)
        for s in self._positive:
            least, slack = -numbers[:, self._low[s]], DIP + DIP_PART * numbers[:, self._high[s]]
            out = np.minimum(out, np.where((least < 0) & (least >= -slack), 0.0, least))
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
        self._known.append((out, near_new, numbers))
        return numbers[:, 0], self._least(numbers)

    def speed(self, y: Any, near: Near) -> np.ndarray:
        """See `backends.base`."""
        plan, call, params = self._plan, self._device.call, self._t.params
        reacting = np.zeros(plan.members)
        if plan.network is not None:
            reacting = plan.network.fastest(near.law, self._extremes(self._numbers(y, near))[1])
        if not plan.buffers:
            return np.asarray(self._diffusion + reacting)
        fields = (params, y, near.average)
        call("fastest", self._planes, self._area, *self._grid, *fields, self._fastest)
        if self._count:
            fine = (near.ripple, self._count, self._t.cell, self._fastest_fine)
            call("fastest_refined", plan.members, self._count, *self._flat, *fields, *fine)
        out = self._settled(self._fastest, self._fastest_fine if self._count else None)[:, 0]
        return np.asarray(self._diffusion + out + reacting)
