"""The compiled backend: the kernels of `kernels/` through the C compiler, called with ctypes.

A launch is packed into a tape of one entry, which takes a third of the time of an argument by argument
call; what a stage launches is a tape that is replayed (see `tape`).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any

import numpy as np

from microdomain.backends import build, sources, tape
from microdomain.backends.base import Operations
from microdomain.backends.fused import Fused
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.pool import Pool
from microdomain.plan import Plan

#: Below this many cells one thread is faster: a pass is shorter than waking a second one.
CELLS_FOR_THREADS = 50_000
#: Multiplications of what a library may take for a small product.
SMALL = 1_000_000

#: Tapes that a device keeps: a few per operation; more mean that their keys do not recur.
TAPES = 64


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


def _product(precision: str) -> int:
    """The address of the BLAS routine for matrix products that SciPy hands out for C."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["dgemm" if precision == "float64" else "sgemm"]
    read, name = ctypes.pythonapi.PyCapsule_GetPointer, ctypes.pythonapi.PyCapsule_GetName
    read.restype, read.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return int(read(capsule, name(capsule)))


@cache
def pieces(rows: int, inner: int, columns: int) -> int:
    """In how many pieces the columns of a wide matrix are multiplied.

    OpenBLAS has kernels for products of up to 10^6 multiplications, which are half as fast again as the
    ones for large matrices where one side is as short as an axis.
    """
    most = SMALL // (rows * inner)
    fits = (p for p in range(1, columns // 8 + 1) if columns % p == 0 and columns // p <= most)
    return next(fits, 1) if columns > rows else 1


class Library:
    """A compiled text: the function that replays tapes of its kernels, and their thread count."""

    def __init__(self, text: str, precision: str) -> None:
        loaded = build.build(text + tape.text())
        loaded.use_product.argtypes = [ctypes.c_void_p]
        loaded.use_product(_product(precision))
        self.threads, self._use = 1, getattr(loaded, "use_threads", None)
        self.replay = loaded.replay
        self.replay.restype = None
        place, count = ctypes.c_void_p, ctypes.c_longlong
        self.replay.argtypes = [count, place, count, place, place]

    def use(self, threads: int) -> None:
        """Set the number of threads, where the compiler has OpenMP."""
        self.threads = threads
        if self._use is not None:
            self._use(threads)


@cache
def _load(text: str, precision: str) -> Library:
    return Library(text, precision)


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
        self._library = _load(sources.text(plan, precision), precision)
        self._pool = Pool() if pool is None else pool
        self._threads = threads() if plan.grid.cells >= CELLS_FOR_THREADS else 1
        self._writing: tape.Tape | None = None
        self._tapes: tape.Recent[tape.Tape] = tape.Recent(TAPES)

    def put(self, a: np.ndarray, dtype: Any = None) -> np.ndarray:
        """A contiguous array of `dtype` (default: the backend's precision)."""
        return self._pool.know(np.ascontiguousarray(a, dtype=self.real if dtype is None else dtype))

    def send(self, a: np.ndarray, into: np.ndarray) -> np.ndarray:
        """Bring an array to one that is there already."""
        into[...] = a
        return into

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
        """Run a kernel; arrays go as addresses, None as a null pointer.

        Arrays made by `put` or `empty` are twenty times faster to pass than others.
        """
        known = self._pool.addresses
        try:
            entry, pointers = tape.launch(name, [known.get(id(a), a) for a in arguments])
        except (struct.error, TypeError):
            entry, pointers = tape.launch(name, [self._address(a) for a in arguments])
        if self._writing is None:
            self._play(1, entry, 0, None, None)
        else:
            self._writing.add(entry, pointers, [arguments[k - 1] for k in pointers])

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """out = a b, matrix by matrix; an `a` or `b` of two dimensions serves all."""
        rows, inner, columns = *a.shape[-2:], b.shape[-1]
        count = out.size // (rows * columns)
        strides = [n * (x.ndim > 2) for x, n in ((a, rows * inner), (b, inner * columns))]
        places = [self._address(x) for x in (a, b, out)]
        shape = (rows, inner, columns)
        entry = tape.product(count, shape, places, strides, pieces(*shape))
        if self._writing is None:
            self._play(1, entry, 0, None, None)
        else:
            self._writing.add(entry, tape.PRODUCT_POINTERS, (a, b, out))
            self._writing.products.append((count, rows, inner, columns, *strides))

    def replay(self, key: Hashable, arrays: Sequence[Any], record: Callable[[], None]) -> None:
        """What `record` launches and multiplies, from a tape where one is kept; see `tables.Device`."""
        known = self._pool.addresses
        places = [0, *(known.get(id(a), a) for a in arrays)]
        if not all(type(place) is int for place in places):
            places = [0, *(self._address(a) for a in arrays)]
        # Which arrays are absent, and which are the same, is written into a tape.
        firsts: dict[int, int] = {}
        whole = (key, *[firsts.setdefault(place, k) for k, place in enumerate(places)])
        found = self._tapes.get(whole)
        if found is None:
            spans = [(p, 0 if a is None else a.nbytes) for p, a in zip(places, (None, *arrays), strict=True)]
            found = self._tapes.keep(whole, self._record(spans, record))
        self._play_tape(found, struct.pack(f"{len(places)}q", *places))

    def _record(self, spans: list[tuple[int, int]], record: Callable[[], None]) -> tape.Tape:
        self._writing = made = tape.Tape()
        try:
            record()
        finally:
            self._writing = None
        made.close(spans)
        return made

    def _play_tape(self, found: tape.Tape, places: bytes) -> None:
        self._play(found.entries, found.place, len(found.moved), found.changes, places)

    def _play(self, *given: Any) -> None:
        """Work off entries: how many, where, and what moved."""
        if self._threads != self._library.threads:
            self._library.use(self._threads)
        self._library.replay(*given)

    def _address(self, a: Any) -> Any:
        """The address of an array that neither `put` nor `empty` made; a number as it is."""
        if not isinstance(a, np.ndarray):
            return 0 if a is None else a
        if not a.flags.c_contiguous or a.dtype not in (self.real, np.float64, np.int64):
            raise TypeError(f"A kernel takes contiguous arrays of {self.real}, got {a.dtype} in {a.strides}.")
        return a.__array_interface__["data"][0]
