"""Copies from a card to the host: through pinned memory, on a stream of their own.

The driver copies ordinary memory piece by piece through a small pinned buffer of its own; straight into
pinned memory a frame comes several times faster, and the card can work on the next launches meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

#: Arrays of fewer bytes are copied plainly: starting a copy costs more than they do.
LEAST = 1 << 16


class Copies:
    """Copies to the host, each begun at once and waited for later.

    Parameters
    ----------
    cupy : module                   CuPy; its pool keeps pinned memory, which is dear to allocate
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._stream: Any = None

    def begin(self, a: Any) -> Callable[[], np.ndarray]:
        """Begin to copy an array as it is after what has been launched.

        Parameters
        ----------
        a : CuPy array              contiguous; it must not be changed before the copy is there

        Returns
        -------
        callable                    waits for the copy and returns it, an array on the host
        """
        if a.nbytes < LEAST or not a.flags.c_contiguous:
            there = np.asarray(self._cupy.asnumpy(a))
            return lambda: there
        cuda = self._cupy.cuda
        if self._stream is None:
            self._stream = cuda.Stream(non_blocking=True)
        pinned = cuda.alloc_pinned_memory(a.nbytes)
        out = np.ndarray(a.shape, a.dtype, pinned)
        # The copy must not overtake what computes the array.
        self._stream.wait_event(cuda.get_current_stream().record())
        a.get(stream=self._stream, out=out, blocking=False)
        return partial(_arrived, self._stream.record(), out, a)


def _arrived(done: Any, out: np.ndarray, a: Any) -> np.ndarray:
    """The copy, once it is there; until then `a` is held, or its memory would be given out again."""
    done.synchronize()
    return out
