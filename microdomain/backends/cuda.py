"""The CUDA backend; the only file that imports CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microdomain.backends.base import Operations, Unavailable
from microdomain.plan import Plan


def prepare() -> Callable[[Plan], Operations]:
    """The factory of CUDA operations, or `Unavailable`."""
    try:
        import cupy
    except ImportError:
        raise Unavailable('CuPy is not installed; pip install "microdomain[cuda12]" or "[cuda13]".') from None
    if not _works(cupy):
        raise Unavailable("CuPy finds no GPU.")
    raise Unavailable("this version has no CUDA kernels.")


def _works(cupy: Any) -> bool:
    try:
        return bool(cupy.cuda.is_available())
    except Exception:  # a broken driver raises whatever it likes; all of it means the same
        return False
