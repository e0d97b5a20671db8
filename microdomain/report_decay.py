"""How the bulk returns to rest once no current flows: the slow tail that buffers and uptake share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from microdomain.model.gating import TIMED
from microdomain.report_text import milliseconds

if TYPE_CHECKING:
    from microdomain.model import Ion, Model


def decay_line(model: Model, ion: Ion, t: np.ndarray, mean: np.ndarray) -> str:
    """The decay in a line, or why there is none.

    Parameters
    ----------
    model : Model
    ion : Ion
    t : array, ms
    mean : array, uM              volume mean of the free concentration

    Returns
    -------
    str                           begins with "decay"
    """
    pumped = ion.name in {*(p.ion for p in model.pumps), *(p.ion for p in model.volume_pumps)}
    if not model.leaks and not pumped and model.uptake_rate(ion.name) == 0.0:
        return "decay none: no uptake, and closed walls keep every ion"
    half = 0.5 * float(t[-1])
    if flows_after(model, ion.name, half, float(t[-1])):
        return "decay not fitted: current flows in the last half of the run"
    tau = decay(t, mean, ion.rest)
    if tau is None:
        return "decay not fitted: the volume mean does not fall toward rest in the last half of the run"
    return (
        f"decay {tau:.1f} ms (volume mean, fitted from {milliseconds(half)} to {milliseconds(float(t[-1]))})"
    )


def flows_after(model: Model, ion: str, start: float, stop: float) -> bool:
    """Whether any channel of the ion carries current between two times (ms)."""
    for channel in model.resolved_channels:
        if channel.ion != ion:
            continue
        # A law of feedback carries something whenever its gate is open.
        first, last = (
            channel.current.support() if hasattr(channel.current, "support") else (-math.inf, math.inf)
        )
        # Only a gate that is a rule in time says when it is shut.
        gate = channel.gate
        for on, off in gate.intervals() if isinstance(gate, TIMED) else ((0.0, math.inf),):
            if max(on, first, start) < min(off, last, stop):
                return True
    return False


def decay(t: np.ndarray, mean: np.ndarray, rest: float) -> float | None:
    """Time constant of a return to rest: log(mean - rest) against t, over the last half of the run.

    Parameters
    ----------
    t : array, ms
    mean : array, uM              volume mean of the free concentration
    rest : float, uM

    Returns
    -------
    float, ms, or None            None where fewer than three values lie above rest, or they do not fall

    >>> t = np.linspace(0, 400, 41)
    >>> round(decay(t, 0.1 + np.exp(-t / 111), 0.1), 6)
    111.0
    """
    late = (t >= 0.5 * t[-1]) & (mean > rest * (1 + 1e-9))
    if late.sum() < 3:
        return None
    # Each reading stands for the time around it, so that dense ones after an edge do not weigh more.
    weight = np.sqrt(np.gradient(t[late]))
    slope = float(np.polyfit(t[late], np.log(mean[late] - rest), 1, w=weight)[0])
    return -1.0 / slope if slope < 0 else None
