"""Arrays that are used again: aligned to cache lines, staggered, and never given back to the system.

A fresh array of half a megabyte costs a hundred page faults, more than the pass that fills it; and
arrays that all begin at the same offset of a page fight for the same lines of the cache wherever a
grid has a power of two of cells.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np

#: Bytes of a cache line, the stride from one array's offset to the next, and the span they cycle in.
LINE, STAGGER, SPAN = 64, 77 * 64, 1 << 17


class Pool:
    """Hands out arrays over buffers that nobody uses any more.

    A NumPy view keeps the buffer that it looks into alive, so a buffer whose only references are
    the pool's own is free.

    Attributes
    ----------
    addresses : dict                where the data of known arrays begin, by id, 0 for None: reading it
                                    from the array costs a microsecond, twenty times per kernel
    """

    def __init__(self) -> None:
        self.addresses: dict[int, int] = {id(None): 0}
        self._known: dict[int, weakref.ref[np.ndarray]] = {}
        self._buffers: dict[int, list[tuple[np.ndarray, int]]] = {}
        self._made = 0

    def know(self, a: np.ndarray) -> np.ndarray:
        """Remember an array's address for as long as it lives; returns the array."""
        key = id(a)
        if key not in self._known:
            self.addresses[key] = a.__array_interface__["data"][0]

            def forget(_: object) -> None:
                del self.addresses[key], self._known[key]

            self._known[key] = weakref.ref(a, forget)
        return a

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """An uninitialised array.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype

        Returns
        -------
        array
        """
        count = 1
        for n in shape:
            count *= n
        length = count * dtype.itemsize
        known = self._buffers.setdefault(length, [])
        for index in range(len(known)):
            # Two references: the tuple's and the argument's.
            if sys.getrefcount(known[index][0]) == 2:
                buffer, start = known[index]
                return self.know(buffer[start : start + length].view(dtype).reshape(shape))
        buffer = np.empty(length + SPAN + LINE, np.uint8)
        start = -buffer.__array_interface__["data"][0] % LINE + self._made * STAGGER % SPAN
        self._made += 1
        known.append((buffer, start))
        return self.know(buffer[start : start + length].view(dtype).reshape(shape))
