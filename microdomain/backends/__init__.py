"""Where a plan runs: NumPy (the definition of right), compiled C, CUDA; `choose` picks one."""

from __future__ import annotations


def missing(name: str) -> str:
    """Why a backend cannot be used here; empty where it can.

    Parameters
    ----------
    name : {"numpy", "cpu", "compiled", "cuda"}

    Returns
    -------
    str
    """
    from microdomain.backends.base import Unavailable
    from microdomain.backends.choose import DEVICES, maker

    try:
        maker(DEVICES[name])
    except Unavailable as reason:
        return str(reason)
    return ""
