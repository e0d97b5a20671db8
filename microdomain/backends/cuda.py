"""The CUDA backend: the same kernels through NVRTC; the only file that imports CuPy.

States, near fields and factors stay on the card; per step a few numbers per member come back.  The
kernels between two matrix products of a stage are captured in a CUDA graph once the same arrays come
again.  (The products stay outside: CuPy refuses cuBLAS while a stream is captured, CuPy issue 6290.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from microdomain.backends import sources
from microdomain.backends.base import Operations, Unavailable
from microdomain.backends.copies import Copies
from microdomain.backends.fused import Fused
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.tape import Recent
from microdomain.plan import Plan

log = logging.getLogger("microdomain")

#: Rows of launches that are kept as graphs; arrays come from a pool, so that their addresses recur.
GRAPHS = 256
#: Threads of a block.
BLOCK = 256
#: A reduction takes one block per plane and leaves a partial result per thread: each has several elements,
#: or there would be as many partial results as elements.
FEWEST, ELEMENTS = 32, 8
REDUCTIONS = frozenset(
    {
        *("extremes", "extremes_refined", "worst_ratio", "fastest", "fastest_refined"),
        *("close_step", "close_refined", "thin", "mask_source"),
    }
)
#: Blocks that a grid may have along y; longer loops go on with a stride.
MOST = 65535
#: State vectors that a member needs at once: state, stages, sums, factors, near field, work arrays.
VECTORS = 16
#: Part of the free memory that a block of members may fill.
SHARE = 0.9
#: More of them beside obstacles: work arrays of the implicit solves.
BESIDE = 9

_SCALARS = {"int": np.int32, "wide": np.int64, "double": np.float64}


def prepare(precision: str = "float64") -> Callable[[Plan], Operations]:
    """The factory of CUDA operations, or `Unavailable` where CuPy or a GPU is missing.

    Parameters
    ----------
    precision : str                 "float64" or "float32"

    Returns
    -------
    callable                        factory(plan); raises MemoryError where the members do not fit.
                                    Its attributes `room` and `bytes_each` are callables of a plan:
                                    how many of its members fit, and the bytes of each
    """
    try:
        import cupy
    except ImportError:
        raise Unavailable('CuPy is not installed; pip install "microdomain[cuda12]" or "[cuda13]".') from None
    if not _works(cupy):
        raise Unavailable("CuPy finds no GPU.")

    def make(plan: Plan) -> Operations:
        _check_fits(cupy, plan, np.dtype(precision))
        return beside_obstacles(Fused(plan, Card(cupy, plan, precision)))

    real = np.dtype(precision)
    make.bytes_each = lambda plan: _bytes_each(plan, real)  # type: ignore[attr-defined]
    make.room = lambda plan: int(SHARE * _free(cupy) // _bytes_each(plan, real))  # type: ignore[attr-defined]
    return make


def _works(cupy: Any) -> bool:
    try:
        return bool(cupy.cuda.is_available())
    except Exception:  # a broken driver raises whatever it likes; all of it means the same
        return False


def _free(cupy: Any) -> int:
    """Bytes that are free on the card, those included that CuPy holds for later."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    return int(free) + int(cupy.get_default_memory_pool().free_bytes())


def _bytes_each(plan: Plan, real: np.dtype[Any]) -> int:
    """Bytes that a member needs on the card."""
    return plan.size * (VECTORS + (BESIDE if plan.mask is not None else 0)) * real.itemsize


def _check_fits(cupy: Any, plan: Plan, real: np.dtype[Any]) -> None:
    """Refuse before anything is allocated what cannot fit."""
    free, each = _free(cupy), _bytes_each(plan, real)
    if each * plan.members > free:
        raise MemoryError(
            f"{plan.members} members of {plan.grid.cells} cells need about"
            f" {each * plan.members / 1e9:.3g} GB, but {free / 1e9:.3g} GB are free on the GPU;"
            f" at most {free // each} members fit at a time."
        )


class Card:
    """A graphics card as a `fused.Device`: CuPy arrays and NVRTC kernels.

    Parameters
    ----------
    cupy : module
    plan : Plan
    precision : str                 "float64" or "float32"
    """

    def __init__(self, cupy: Any, plan: Plan, precision: str = "float64") -> None:
        self.name = "cuda"
        self.xp, self.real = cupy, np.dtype(precision)
        self._copies = Copies(cupy)
        # The text is complete: CuPy's cache key does not see included files.
        module = cupy.RawModule(code=sources.text(plan, precision), options=("--std=c++17",))
        self._kernels = {
            name: (module.get_function(name), arguments) for name, arguments in sources.signatures().items()
        }
        # By what was asked and where the arrays are: nothing when seen once, then graphs and products.
        self._tapes: Recent[list[Callable[[], Any]]] = Recent(GRAPHS)
        self._stream: Any = None
        self._writing: list[Callable[[], Any]] | None = None
        self._graphs = True

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """A contiguous array on the card."""
        return self.xp.asarray(np.ascontiguousarray(a, dtype=self.real if dtype is None else dtype))

    def send(self, a: np.ndarray, into: Any) -> Any:
        """Bring an array to one that is there already."""
        into.set(np.ascontiguousarray(a, dtype=into.dtype))
        return into

    def get(self, a: Any) -> np.ndarray:
        """The array on the host; large ones, such as frames, come through pinned memory."""
        return self._copies.begin(a)()

    def empty(self, *shape: int) -> Any:
        """An uninitialised array of the backend's precision."""
        return self.xp.empty(shape, self.real)

    def blocks(self, members: int) -> list[tuple[int, int]]:
        """All members at once: one run does not fill a card."""
        return [(0, members)]

    def order(self, uses: np.ndarray) -> np.ndarray:
        """Uses by round: the first of every member, then the second of every member, and so on."""
        turn = np.array([(uses[:k, 0] == m).sum() for k, m in enumerate(uses[:, 0])], dtype=int)
        self._rounds = np.concatenate([[0], np.cumsum(np.bincount(turn))]) if turn.size else np.zeros(1, int)
        return uses[np.lexsort((uses[:, 0], turn))]

    def rounds(self, uses: np.ndarray, first: int, last: int) -> list[tuple[int, int]]:
        """One launch per round: its uses belong to different members, so no two add to the same cell."""
        return [(int(a), int(b)) for a, b in zip(self._rounds[:-1], self._rounds[1:], strict=True)]

    def parts(self, length: int) -> int:
        """Partial results per plane of a reduction over so many elements each: the threads of its block."""
        block = FEWEST
        while block < BLOCK and block * ELEMENTS < length:
            block *= 2
        return block

    def wait(self) -> None:
        """Wait for the card."""
        self.xp.cuda.get_current_stream().synchronize()

    def call(self, name: str, planes: int, length: int, *arguments: Any) -> None:
        """Launch a kernel, a thread per element of a plane."""
        if planes <= 0 or length <= 0:
            return
        kernel, declared = self._kernels[name]
        across, block = (1, self.parts(length)) if name in REDUCTIONS else (-(-length // BLOCK), BLOCK)
        values = tuple(_argument(a, d) for a, d in zip(arguments, declared, strict=True))
        if self._writing is not None and not self._stream.is_capturing():
            self._stream.begin_capture()
        kernel((across, min(planes, MOST)), (block,), values)

    def product(self, a: Any, b: Any, out: Any) -> None:
        """out = a b, matrix by matrix; an `a` or `b` of two dimensions serves all."""
        if self._writing is None:
            self.xp.matmul(a, b, out=out)
            return
        self._end_graph()
        # What is kept must not hold an array, or its address would never be given out again.
        self._writing.append(partial(self.xp.matmul, self._bare(a), self._bare(b), out=self._bare(out)))

    def _bare(self, a: Any) -> Any:
        """The same array, without keeping its memory."""
        memory = self.xp.cuda.UnownedMemory(a.data.ptr, a.nbytes, None)
        return self.xp.ndarray(a.shape, a.dtype, self.xp.cuda.MemoryPointer(memory, 0), a.strides)

    def replay(self, key: Hashable, arrays: Sequence[Any], record: Callable[[], None]) -> None:
        """What `record` launches and multiplies, from graphs where they are kept; see `tables.Device`."""
        if not self._graphs:
            record()
            return
        whole = (key, *[0 if a is None else (a.data.ptr, a.size) for a in arrays])
        tape = self._tapes.get(whole)
        if tape == []:
            tape = self._tapes.keep(whole, self._captured(record))
        elif tape is None:
            self._tapes.keep(whole, [])
        for play in tape or [record]:
            play()

    def _captured(self, record: Callable[[], None]) -> list[Callable[[], Any]]:
        """Graphs and products in order, nothing of which has run yet; none where CuPy refuses."""
        if self._stream is None:
            self._stream = self.xp.cuda.Stream(non_blocking=True)
        written: list[Callable[[], Any]] = []
        self._writing = written
        try:
            with self._stream:
                record()
                self._end_graph()
        except RuntimeError as reason:  # CuPy's errors of the runtime and the driver are such
            self._graphs = False
            log.warning("Kernels are launched one by one, for CUDA graphs are refused: %s", reason)
            if self._stream.is_capturing():
                with suppress(RuntimeError):
                    self._stream.end_capture()
            return []
        finally:
            self._writing = None
        return written

    def _end_graph(self) -> None:
        if self._writing is not None and self._stream.is_capturing():
            self._writing.append(self._stream.end_capture().launch)


def _argument(value: Any, declared: sources.Argument) -> Any:
    """A value as the C signature wants it; None is a null pointer."""
    if not declared.pointer:
        return _SCALARS[declared.kind](value)
    return np.intp(0) if value is None else value
