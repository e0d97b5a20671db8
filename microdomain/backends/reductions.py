"""Numbers per member from whole fields: extremes, norms, speeds; kernels leave few partial results."""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.backends.reference import Near
from microdomain.backends.reference_reductions import ATOL_BUFFER, ATOL_ION, DIP, DIP_PART
from microdomain.backends.tables import Device, Tables
from microdomain.plan import Plan


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
        m, parts = plan.members, device.parts()
        self._planes, self._area = m * nz, ny * nx
        self._grid, self._flat = (0, m, nz, ny * nx, plan.size), (0, m, plan.grid.cells, plan.size)
        self._tail = plan.size - plan.species * plan.grid.cells
        self._count = int(plan.cells.size) if plan.refined else 0
        self._low, self._high = (device.empty(m, nz * parts, plan.species) for _ in range(2))
        self._fine = device.empty(m, parts, len(plan.refined), 3)
        self._worst = device.empty(m, (nz + 1) * parts)
        self._fastest, self._fastest_fine = device.empty(m, nz * parts), device.empty(m, parts)
        self._last: tuple[Any, Near, tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
        narrow = sum(1.0 / float(a.widths.min()) ** 2 for a in plan.axes)
        self._diffusion = 16.0 / 3.0 * float(plan.D.max()) * narrow + plan.uptake.max(axis=1, initial=0.0)

    def _host(self, a: Any) -> np.ndarray:
        return np.asarray(self._device.get(a), dtype=float)

    def extremes(self, y: Any, near: Near) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Least and greatest c and b per member and species; least c, b and greatest b on sub-cells.

        The end of a step is the begin of the next, so the last answer often serves twice.
        """
        if self._last is None or self._last[0] is not y or self._last[1] is not near:
            self._last = (y, near, self._extremes(y, near))
        return self._last[2]

    def forget(self) -> None:
        """A vector is about to be changed in place."""
        self._last = None

    def _extremes(self, y: Any, near: Near) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        m, call = self._plan.members, self._device.call
        call("extremes", self._planes, self._area, *self._grid, y, near.average, self._low, self._high)
        fine = np.empty((m, 0, 3))
        if self._count:
            fields = (y, near.average, near.ripple, self._count, self._t.cell)
            call("extremes_refined", m, self._count, *self._flat, *fields, self._fine)
            found = self._host(self._fine)
            fine = np.concatenate([found[..., :2].min(axis=1), found[..., 2:].max(axis=1)], axis=-1)
        return self._host(self._low.min(axis=1)), self._host(self._high.max(axis=1)), fine

    def bars(self, y: Any, near: Near, g: np.ndarray) -> np.ndarray:
        """Least p and q of every buffer, 1 / (1 + g q) and g, per member: see plan.h."""
        plan = self._plan
        low, high, fine = self.extremes(y, near)
        b_high, c_low = high[:, plan.bound], low[:, list(plan.binds)]
        for r, j in enumerate(plan.refined if self._count else ()):
            c_low[:, j] = np.minimum(c_low[:, j], fine[:, r, 0])
            b_high[:, j] = np.maximum(b_high[:, j], fine[:, r, 2])
        p = np.maximum(plan.k_on * (plan.total - b_high), 0.0)
        q = np.maximum(plan.k_on * c_low + plan.k_off, 0.0)
        plain = [p, q, 1.0 / (1.0 + g[:, None] * q), g[:, None]]
        if plan.network is not None:
            places = [*range(plan.ions), *plan.forms]
            plain.append(plan.network.bars(near.law, low[:, places], high[:, places], g))
        return np.concatenate(plain, axis=1)

    def norm(self, error: Any, old: Any, new: Any, near_old: Near, near_new: Near, rtol: float) -> np.ndarray:
        """See `backends.base`."""
        _, m, nz, area, size = self._grid
        self._device.call(
            "worst_ratio", m * (nz + 1), area, 0, m, nz, area, size, self._tail, error, old, new,
            near_old.average, near_new.average, rtol, ATOL_ION * rtol, ATOL_BUFFER * rtol, self._worst,
        )  # fmt: skip
        return self._host(self._worst.max(axis=1))

    def lowest(self, y: Any, near: Near) -> np.ndarray:
        """See `backends.base`."""
        plan = self._plan
        low, high, fine = self.extremes(y, near)
        out = low[:, [*range(plan.ions), *plan.bound]].min(axis=1)
        for s in plan.positive:
            slack = DIP + DIP_PART * high[:, s]
            out = np.minimum(out, np.where((low[:, s] < 0) & (low[:, s] >= -slack), 0.0, low[:, s]))
        if plan.buffers:
            out = np.minimum(out, (plan.total - high[:, plan.bound]).min(axis=1))
        for r, j in enumerate(plan.refined if self._count else ()):
            out = np.minimum(out, np.minimum(fine[:, r, 1], plan.total[:, j] - fine[:, r, 2]))
        return np.asarray(out)

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
        out = self._host(self._fastest.max(axis=1))
        if self._count:
            fine = (near.ripple, self._count, self._t.cell, self._fastest_fine)
            call("fastest_refined", plan.members, self._count, *self._flat, *fields, *fine)
            out = np.maximum(out, self._host(self._fastest_fine.max(axis=1)))
        return np.asarray(self._diffusion + out + reacting)
