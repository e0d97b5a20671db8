"""What kernels read of a plan, on one device: numbers per member, rows, eigenbases, site tables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from microdomain.plan import Plan

#: Rows of a site's x table are padded with zeros to this many cells (PAD in near.c).
PAD = 16


class Device(Protocol):
    """Where kernels run.

    Attributes
    ----------
    name : str                      "compiled" or "cuda"
    real : dtype                    of states and tables
    """

    name: str
    real: np.dtype[Any]

    @property
    def xp(self) -> Any:
        """The array module."""

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """Bring an array to the device, contiguous."""

    def send(self, a: np.ndarray, into: Any) -> Any:
        """Bring an array to one that is there already, and give that back."""

    def get(self, a: Any) -> np.ndarray:
        """Bring an array to the host."""

    def blocks(self, members: int) -> list[tuple[int, int]]:
        """Ranges of members that one pass takes."""

    def order(self, uses: np.ndarray) -> np.ndarray:
        """Uses (member, site, pair), sorted by member, in the order that `rounds` speaks of."""

    def rounds(self, uses: np.ndarray, first: int, last: int) -> list[tuple[int, int]]:
        """Ranges of uses of some members that one call may take."""

    def parts(self, length: int) -> int:
        """Partial results per plane of a reduction over so many elements each."""

    def empty(self, *shape: int) -> Any:
        """An uninitialised array of the backend's precision."""

    def wait(self) -> None:
        """Return when all that was asked for is done."""

    def call(self, name: str, planes: int, length: int, *arguments: Any) -> None:
        """Run a kernel over planes of some length."""

    def product(self, a: Any, b: Any, out: Any) -> None:
        """out = a b, matrix by matrix; an `a` or `b` of two dimensions serves all."""

    def replay(self, key: Hashable, arrays: Sequence[Any], record: Callable[[], None]) -> None:
        """Do what `record` asks of `call` and `product`, which it may do by heart and must do alone.

        Parameters
        ----------
        key : hashable              what the asking depends on besides absent arrays
        arrays : sequence           arrays, or None, of the same shapes every time, that may be others next
                                    time; all that is asked for lies in them or stays for good
        record : callable           asks; what it computes by itself it computes only now and then
        """


@dataclass(frozen=True, eq=False)
class Tables:
    """A plan on a device; see plan.h and near.c for the layouts.

    Attributes
    ----------
    params : array (member, PARAMETERS), float64
    bands : three arrays (5, n)         4th-order rows along x, y, z, one offset after the other
    rates : array (cells,), 1/um^2      sum of the axes' eigenvalues
    to, back : three arrays (n, n)      to modes and back along x (transposed), y, z
    cell, mixing                        refined cells and their rates of evening out
    sites : array (site, 12)            ion, begin z y x, count y x, rows, four offsets, refined cells
    zy, across, ripples, slots          site tables end to end
    order : int array (use, 3)          (member, site, pair) on the host, in the device's order
    uses : the same on the device
    nodes, longest : int                ages of the window; cells of the largest patch
    """

    params: Any
    bands: tuple[Any, ...]
    rates: Any
    to: tuple[Any, ...]
    back: tuple[Any, ...]
    cell: Any
    mixing: Any
    sites: Any
    zy: Any
    across: Any
    ripples: Any
    slots: Any
    order: np.ndarray
    uses: Any
    nodes: int
    longest: int


@dataclass(frozen=True, eq=False)
class Views:
    """Two work arrays of some members, shaped for matrix products along x, y and z."""

    a_x: Any
    a: Any
    a_z: Any
    b_x: Any
    b: Any
    b_z: Any


def lay_tables(plan: Plan, device: Device) -> Tables:
    """Bring a plan to a device.

    Parameters
    ----------
    plan : Plan
    device : Device

    Returns
    -------
    Tables
    """
    put = device.put
    members = [plan.k_on, plan.k_off, plan.total, plan.rest, np.tile(plan.D, (plan.members, 1)), plan.uptake]
    rx, ry, rz = (a.rates for a in plan.axes)
    ax, ay, az = plan.axes
    rows, zy, across, ripples, slots = _sites(plan)
    uses = [(m, k, p) for k, s in enumerate(plan.sites) for m, p in zip(s.members, s.pairs, strict=True)]
    order = device.order(np.array(sorted(uses), dtype=np.int64).reshape(-1, 3))
    return Tables(
        params=put(np.concatenate([*members, plan.kappa], axis=1), float),
        bands=tuple(put(a.band().T) for a in plan.axes),
        rates=put((rz[:, None, None] + ry[:, None] + rx).ravel()),
        to=(put(ax.inverse.T), put(ay.inverse), put(az.inverse)),
        back=(put(ax.vectors.T), put(ay.vectors), put(az.vectors)),
        cell=put(plan.cells, np.int64),
        mixing=put(plan.mixing),
        sites=put(rows, np.int64),
        zy=put(zy),
        across=put(across),
        ripples=put(ripples),
        slots=put(slots, np.int64),
        order=order,
        uses=put(order, np.int64),
        nodes=plan.pair_loss.shape[1],
        longest=int((rows[:, 5] * rows[:, 6]).max(initial=0)),
    )


def _sites(plan: Plan) -> tuple[np.ndarray, ...]:
    """Rows of numbers of every site, and its tables laid end to end."""
    rows: list[list[int]] = []
    laid: list[list[np.ndarray]] = [[np.empty(0)], [np.empty(0)], [np.empty(0)], [np.empty(0, int)]]
    at = [0, 0, 0, 0]
    for s in plan.sites:
        nz, ny, nx = s.patch.shape
        padded = np.zeros((s.patch.x.shape[0], -(-nx // PAD) * PAD))
        padded[:, :nx] = s.patch.x
        begin = [w.start for w in s.patch.where]
        rows.append([s.ion, *begin, ny, nx, nz * ny, *at, s.cells.size])
        for k, table in enumerate((s.patch.zy.T, padded, s.ripple, s.cells)):
            laid[k].append(table.ravel())
            at[k] += table.size
    return (np.array(rows, dtype=np.int64).reshape(-1, 12), *(np.concatenate(parts) for parts in laid))
