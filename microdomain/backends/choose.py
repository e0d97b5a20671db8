"""Which backend runs: a named device or the best one that works here.

A named device never falls back silently.  ``"auto"`` tries CUDA, then the compiled kernels, then
NumPy, and says which of them runs and why a faster one does not.
"""

from __future__ import annotations

from collections.abc import Callable

from microdomain.backends.base import Operations, Unavailable
from microdomain.plan import Plan

#: What users may write, and what it means.
DEVICES = {"auto": "auto", "numpy": "numpy", "compiled": "compiled", "cpu": "compiled", "cuda": "cuda"}

Factory = Callable[[Plan], Operations]
Log = Callable[[str], None]


def choose(device: str = "auto", log: Log | None = None, precision: str = "float64") -> Factory:
    """Choose a backend.

    Parameters
    ----------
    device : str                    "auto", "numpy", "cpu" or "compiled", "cuda"
    log : callable, optional        takes one sentence at a time
    precision : str                 of states and tables: "float64", or "float32" where kernels run

    Returns
    -------
    callable                        factory(plan) gives the `Operations` of a plan

    Raises
    ------
    ValueError
        If the name is not one of these.
    Unavailable
        If a named device cannot be used here; the text says why.
    """
    if device not in DEVICES:
        raise ValueError(f"device={device!r} is not known; give one of {', '.join(map(repr, DEVICES))}.")
    if precision not in ("float64", "float32"):
        raise ValueError(f"precision={precision!r} is not known; give 'float64' or 'float32'.")
    say = log if log is not None else _silent
    kind = DEVICES[device]
    if kind == "auto":
        return _best(say, precision)
    try:
        return maker(kind, precision)
    except Unavailable as reason:
        raise Unavailable(
            f"device={device!r} was named, but {reason} Use device='auto' to fall back to the CPU."
        ) from None


def _silent(_: str) -> None:
    return None


def _best(say: Log, precision: str) -> Factory:
    try:
        make = maker("cuda", precision)
        say("device='auto': CUDA.")
        return make
    except Unavailable as reason:
        no_gpu = str(reason)
    try:
        make = maker("compiled", precision)
    except Unavailable as reason:
        say(f"device='auto': NumPy, for {no_gpu} Neither do compiled kernels run: {reason}")
        return maker("numpy", "float64")
    say(f"device='auto': compiled kernels on the CPU, for {no_gpu}")

    def make_or_fall_back(plan: Plan) -> Operations:
        try:
            return make(plan)
        except Unavailable as reason:
            say(f"device='auto': NumPy, for {reason}")
            return maker("numpy", "float64")(plan)

    return make_or_fall_back


def maker(kind: str, precision: str = "float64") -> Factory:
    """The factory of one kind; each backend is imported only when it is wanted.

    Parameters
    ----------
    kind : {"numpy", "compiled", "cuda"}
    precision : {"float64", "float32"}

    Returns
    -------
    callable                        factory(plan)

    Raises
    ------
    Unavailable
        If it cannot be used here.
    """
    if kind == "numpy":
        from microdomain.backends.masked import beside_obstacles
        from microdomain.backends.reference import Reference

        if precision != "float64":
            raise Unavailable("NumPy runs in float64 only.")
        return lambda plan: beside_obstacles(Reference(plan))
    if kind == "compiled":
        from microdomain.backends.compiled import prepare

        return prepare(precision)
    from microdomain.backends.cuda import prepare as prepare_cuda

    return prepare_cuda(precision)
