"""The compiled backend: the kernels of `kernels/` through the C compiler, called with ctypes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from microdomain.backends import build, sources
from microdomain.backends.base import Operations
from microdomain.backends.fused import Fused
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.pool import Pool
from microdomain.plan import Plan

#: Below this many cells one thread is faster: a pass is shorter than waking a second one.
CELLS_FOR_THREADS = 50_000

_TYPES = {"int": ctypes.c_int, "wide": ctypes.c_longlong, "double": ctypes.c_double}


def prepare(precision: str = "float64") -> Callable[[Plan], Operations]:
    """The factory of compiled operations, or `Unavailable` where no compiler or cache is.

    Parameters
    ----------
    precision : str                 "float64" or "float32"

    Returns
    -------
    callable                        factory(plan)
    """
    build.compiler()
    build.cache_folder()

    # One pool for all plans of a run: members that wait hold their states only.
    pool = Pool()

    def make(plan: Plan) -> Operations:
        return beside_obstacles(Fused(plan, Processor(plan, precision, pool)))

    return make


def threads() -> int:
    """Threads this process may use: OMP_NUM_THREADS, SLURM_CPUS_PER_TASK, or its processors."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Library:
    """A compiled text: its kernels, whose arguments follow the C signatures, and their thread count."""

    def __init__(self, text: str) -> None:
        loaded = build.build(text)
        self.threads, self._use = 1, getattr(loaded, "use_threads", None)
        self.kernels: dict[str, Any] = {}
        for name, arguments in sources.signatures().items():
            function = getattr(loaded, name)
            function.restype = None
            function.argtypes = [ctypes.c_void_p if a.pointer else _TYPES[a.kind] for a in arguments]
            self.kernels[name] = function

    def use(self, threads: int) -> None:
        """Set the number of threads, where the compiler has OpenMP."""
        self.threads = threads
        if self._use is not None:
            self._use(threads)


@cache
def _load(text: str) -> Library:
    return Library(text)


class Processor:
    """The processor as a `fused.Device`: NumPy arrays and C functions.

    Parameters
    ----------
    plan : Plan
    precision : str                 "float64" or "float32"
    pool : Pool, optional           where arrays come from
    """

    def __init__(self, plan: Plan, precision: str = "float64", pool: Pool | None = None) -> None:
        self.name, self.xp = "compiled", np
        self.real = np.dtype(precision)
        self._library = _load(sources.text(plan, precision))
        self._pool = Pool() if pool is None else pool
        self._threads = threads() if plan.grid.cells >= CELLS_FOR_THREADS else 1

    def put(self, a: np.ndarray, dtype: Any = None) -> np.ndarray:
        """A contiguous array of `dtype` (default: the backend's precision)."""
        return self._pool.know(np.ascontiguousarray(a, dtype=self.real if dtype is None else dtype))

    def get(self, a: np.ndarray) -> np.ndarray:
        """The array on the host."""
        return a

    def blocks(self, members: int) -> list[tuple[int, int]]:
        """Members one by one: all that a stage touches of one member stays in the cache."""
        return [(m, m + 1) for m in range(members)]

    def order(self, uses: np.ndarray) -> np.ndarray:
        """Uses of the near field, by member."""
        return uses

    def rounds(self, uses: np.ndarray, first: int, last: int) -> list[tuple[int, int]]:
        """Uses of the near field that one call may hold: all, for it works them off in order."""
        lower, upper = np.searchsorted(uses[:, 0], [first, last])
        return [(int(lower), int(upper))]

    def empty(self, *shape: int) -> np.ndarray:
        """An uninitialised array of the backend's precision."""
        return self._pool.empty(shape, self.real)

    def parts(self, length: int) -> int:
        """Partial results per plane of a reduction over so many elements each."""
        return 1

    def wait(self) -> None:
        """Nothing to wait for."""

    def call(self, name: str, planes: int, length: int, *arguments: Any) -> None:
        """Run a kernel; arrays go as pointers, None as a null pointer.

        Arrays made by `put` or `empty` are twenty times faster to pass than others.
        """
        if self._threads != self._library.threads:
            self._library.use(self._threads)
        known, kernel = self._pool.addresses, self._library.kernels[name]
        try:
            kernel(*[known.get(id(a), a) for a in arguments])
        except ctypes.ArgumentError:
            kernel(*[self._address(a) for a in arguments])

    def _address(self, a: Any) -> Any:
        """The address of an array that neither `put` nor `empty` made."""
        if not isinstance(a, np.ndarray):
            return a
        if not a.flags.c_contiguous or a.dtype not in (self.real, np.float64, np.int64):
            raise TypeError(f"A kernel takes contiguous arrays of {self.real}, got {a.dtype} in {a.strides}.")
        return a.__array_interface__["data"][0]
