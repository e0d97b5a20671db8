"""The compiled backend: the kernels of `kernels/` through the C compiler, called with ctypes."""

from __future__ import annotations

from collections.abc import Callable

from microdomain.backends.base import Operations, Unavailable
from microdomain.plan import Plan


def prepare() -> Callable[[Plan], Operations]:
    """The factory of compiled operations, or `Unavailable`."""
    raise Unavailable("this version has no compiled kernels.")
