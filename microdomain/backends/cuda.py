"""The CUDA backend: the same kernels through NVRTC; the only file that imports CuPy.

States, near fields and factors stay on the card; per step a few numbers per member come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microdomain.backends import sources
from microdomain.backends.base import Operations, Unavailable
from microdomain.backends.fused import Fused
from microdomain.backends.masked import beside_obstacles
from microdomain.plan import Plan

#: Threads of a block; a reduction takes one block per plane, so it leaves this many partial results.
BLOCK = 256
REDUCTIONS = frozenset(
    {"extremes", "extremes_refined", "worst_ratio", "fastest", "fastest_refined", "mask_source"}
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
        # The text is complete: CuPy's cache key does not see included files.
        module = cupy.RawModule(code=sources.text(plan, precision), options=("--std=c++17",))
        self._kernels = {
            name: (module.get_function(name), arguments) for name, arguments in sources.signatures().items()
        }

    def put(self, a: np.ndarray, dtype: Any = None) -> Any:
        """A contiguous array on the card."""
        return self.xp.asarray(np.ascontiguousarray(a, dtype=self.real if dtype is None else dtype))

    def get(self, a: Any) -> np.ndarray:
        """The array on the host."""
        return np.asarray(self.xp.asnumpy(a))

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

    def parts(self) -> int:
        """Partial results per plane of a reduction: one per thread of its block."""
        return BLOCK

    def wait(self) -> None:
        """Wait for the card."""
        self.xp.cuda.get_current_stream().synchronize()

    def call(self, name: str, planes: int, length: int, *arguments: Any) -> None:
        """Launch a kernel, a thread per element of a plane."""
        if planes <= 0 or length <= 0:
            return
        kernel, declared = self._kernels[name]
        across = 1 if name in REDUCTIONS else -(-length // BLOCK)
        values = tuple(_argument(a, d) for a, d in zip(arguments, declared, strict=True))
        kernel((across, min(planes, MOST)), (BLOCK,), values)


def _argument(value: Any, declared: sources.Argument) -> Any:
    """A value as the C signature wants it; None is a null pointer."""
    if not declared.pointer:
        return _SCALARS[declared.kind](value)
    return np.intp(0) if value is None else value
