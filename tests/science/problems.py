"""The reference problems, their buffers and their known numbers (units um, ms, uM, pA)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import microdomain as md

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
P1_BUFFERS = (FIXED, BAPTA)
BOX = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0))

HEIGHTS = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
ABOVE = np.column_stack([0 * HEIGHTS, 0 * HEIGHTS, HEIGHTS])

#: P1: one channel, 0.1 pA for 1 ms.  A radial spectral code in r c, two resolutions equal to 2.4e-7.
P1_TIMES = (0.001, 0.01, 0.1, 1.0, 1.1)
P1 = np.array(
    [
        [23.3689975, 6.26646405, 1.92746089, 0.221859775, 0.100006577, 0.1],
        [30.9333044, 12.6699897, 6.86845233, 2.66426803, 0.420704149, 0.102732545],
        [31.9656632, 13.5904182, 7.70353073, 3.35335729, 0.79410554, 0.162376604],
        [33.1871101, 14.6468019, 8.59967608, 3.99014678, 1.06619771, 0.214680883],
        [0.83912819, 0.786587162, 0.720792497, 0.585838079, 0.337705912, 0.151129037],
    ]
)
#: The same at 5 nm, the mouth.
P1_MOUTH = np.array([60.267, 68.172, 69.285, 70.571, 0.85523])


def cell(
    positions: Sequence[Sequence[float]] = ((0.0, 0.0),),
    current: Any = 0.1,
    gate: Any = None,
    buffers: Sequence[md.Buffer] = P1_BUFFERS,
    box: Any = BOX,
    face: str | None = "z-",
    ion: md.Ion = CALCIUM,
    **model: Any,
) -> md.Model:
    """P1 with changes: channels of one current (pA or a waveform), open for the first ms unless said."""
    gate = md.Pulse(0, 1.0) if gate is None else gate
    channels = md.Cluster(list(positions), current=md.Fixed(current), gate=gate, face=face)
    return md.Model(box=box, ions=[ion], buffers=list(buffers), channels=channels, **model)


def run(model: md.Model, times: Sequence[float], **keywords: Any) -> md.Results:
    """Simulate on the reference backend up to the last of `times`, fields recorded at all of them."""
    keywords.setdefault("record", md.Record(times=list(times)))
    return md.simulate(model, until=max(times), device="numpy", **keywords)


def worst(found: Any, known: Any) -> float:
    """Largest relative difference."""
    return float(np.max(np.abs(np.asarray(found) / np.asarray(known) - 1.0)))
