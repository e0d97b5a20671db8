"""The table of the validation page: cases with known answers, each with the error measured here and now.

    python docs/validation_table.py            prints it
    python docs/validation_table.py TABLE.md   writes it

The build of the documentation runs this, and a test asserts that every error stays under its bound.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from validation_formulas import Case, closed_forms, potentials, worst
from validation_parts import cylinder, flash, release, slab

import microdomain as md

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
BOX = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0))
HEIGHTS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
ABOVE = [(0.0, 0.0, z) for z in HEIGHTS]
TIMES = (0.001, 0.01, 0.1, 1.0, 1.1)

#: One channel of 0.1 pA for 1 ms, a fixed buffer and BAPTA, at HEIGHTS and TIMES: a radial spectral code in
#: r c on the half-space, two resolutions equal to 2e-7; a radial finite-volume code agrees to 3e-5.
P1 = (
    (23.3689975, 6.26646405, 1.92746089, 0.221859775, 0.100006577, 0.1),
    (30.9333044, 12.6699897, 6.86845233, 2.66426803, 0.420704149, 0.102732545),
    (31.9656632, 13.5904182, 7.70353073, 3.35335729, 0.79410554, 0.162376604),
    (33.1871101, 14.6468019, 8.59967608, 3.99014678, 1.06619771, 0.214680883),
    (0.83912819, 0.786587162, 0.720792497, 0.585838079, 0.337705912, 0.151129037),
)
#: One channel of 0.1 pA in the half-space, one mobile buffer, steady: an ODE in ln r, collocation, to 5e-11.
STEADY = {
    "BAPTA 1 mM": (
        (1000, 0.4, 0.22, 0.2),
        10,
        (26.50159, 9.393744, 4.461207, 1.396363, 0.2128528, 0.1025879),
    ),
    "BAPTA 0.1 mM": (
        (100, 0.4, 0.22, 0.2),
        10,
        (33.73252, 15.18521, 9.121070, 4.454766, 1.364660, 0.3159131),
    ),
    "EGTA 2 mM": (
        (2000, 0.0105, 0.18, 0.22),
        10,
        (34.76735, 16.12894, 9.981596, 5.169966, 1.814127, 0.4919324),
    ),
    "ATP 0.65 mM": ((650, 0.5, 200, 0.22), 40, (27.46981, 10.51194, 5.630454, 2.517397, 1.021727, 0.5423763)),
}
#: First-order uptake k (1/ms), i = 0.1 pA, after 1 ms in the half-space: excess over rest at HEIGHTS.
#: J/(4 pi D r) [e^(-r/l) erfc(r/sqrt(4Dt) - sqrt(kt)) + e^(r/l) erfc(r/sqrt(4Dt) + sqrt(kt))], l = sqrt(D/k).
UPTAKE = {
    10.0: (35.04500, 16.38007, 10.20809, 5.352238, 1.910314, 0.4867129),
    100.0: (30.29105, 12.23749, 6.591879, 2.582122, 0.4446182, 0.02636564),
}
#: EGTA 2 mM and ATP 0.65 mM, 1e-4 pA: excess over rest at 10, 20, 50, 100 nm by the linearised theory, which
#: is exact in the limit of a small current (Naraghi and Neher 1997).
LINEAR_AT = (0.01, 0.02, 0.05, 0.1)
LINEAR = (0.02673822, 9.873807e-3, 2.023234e-3, 6.118393e-4)
#: No buffers, a box of 0.5 x 0.5 x 0.25 um, the channel off its middle: image sums at three points, t = 1 ms.
SMALL_BOX = ((-0.25, 0.25), (-0.25, 0.25), (0.0, 0.25))
CORNERS = ((0.1, 0.05, 0.02), (0.0, 0.0, 0.05), (-0.25, -0.25, 0.25), (0.25, 0.25, 0.0))
IMAGES = (25.47648, 9.317195, 6.860346, 9.684552)
#: 50 uM free calcium meets 100 uM of empty BAPTA, well mixed: free calcium at 0.01, 0.1 and 1 ms (Riccati).
MIXED_AT, MIXED = (0.01, 0.1, 1.0), (34.66092, 3.759403, 0.2180892)


def _model(
    buffers: Sequence[md.Buffer] = (),
    box: Any = BOX,
    current: float = 0.1,
    gate: Any = None,
    place: Sequence[float] = (0.0, 0.0),
    **more: Any,
) -> md.Model:
    gate = md.Pulse(0, 1.0) if gate is None else gate
    channels = md.Cluster([place], current=md.Fixed(current), gate=gate)
    return md.Model(box=box, ions=[CALCIUM], buffers=list(buffers), channels=channels, **more)


def _run(model: md.Model, times: Sequence[float], **keywords: Any) -> md.Results:
    return md.simulate(model, until=max(times), record=md.Record(times=list(times)), **keywords)


def _settled(buffers: Sequence[md.Buffer], half: float, current: float = 0.1) -> md.Results:
    """The steady state in a box so wide that its held walls do not matter near the channel."""
    walls = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
    box = ((-half, half), (-half, half), (0.0, half))
    return md.steady_state(_model(buffers, box, current, md.Open(), walls=walls))


def nanodomain() -> list[Case]:
    """P1, and its ledger."""
    what = "One channel, a fixed buffer and BAPTA, 10 to 200 nm, 1 us to 1.1 ms"
    radial = "radial spectral code"
    made = _run(_model([FIXED, BAPTA]), TIMES)
    fine = _run(_model([FIXED, BAPTA]), TIMES, accuracy="high")
    return [
        Case("field", f"{what}; defaults", radial, 30, worst(made.at(ABOVE), P1), 0.011),
        Case("field", f'{what}; `accuracy="high"`', radial, 30, worst(fine.at(ABOVE), P1), 0.004),
        Case("field", "Ions of that run: in, stored, bound", "balance", 1, _closure(made), 1e-12),
    ]


def _closure(results: md.Results) -> float:
    return float(np.max(np.abs(results.ledger.closure)))


def linear() -> list[Case]:
    """P3 and other problems without buffers."""
    free = _model()
    known = np.array([md.oracles.images_at(free, ABOVE, t) for t in TIMES])
    cases = [
        Case(
            "field",
            "One channel, no buffers, same points",
            "image sums in the box",
            30,
            worst(_run(free, TIMES).at(ABOVE), known),
            0.011,
        )
    ]
    tight = _model(box=SMALL_BOX, gate=md.Open(), place=(0.1, 0.05))
    found = _run(tight, (1.0,)).at(list(CORNERS)).values[-1]
    cases.append(
        Case(
            "field",
            "Small box, channel off its middle, 1 ms",
            "image sums",
            4,
            worst(found, IMAGES, 0.1),
            0.011,
        )
    )
    for k, excess in UPTAKE.items():
        model = _model(gate=md.Open(), uptake={"Ca": k})
        found = _run(model, (1.0,)).at(ABOVE).values[-1]
        cases.append(
            Case(
                "field",
                f"Uptake at {k:g} /ms, 1 ms",
                "closed form (erfc)",
                6,
                worst(found, excess, 0.1),
                0.011,
            )
        )
    return cases


def mixing() -> list[Case]:
    """The reaction alone."""
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=50)
    empty = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2, bound=0)
    model = md.Model(box=((0, 1), (0, 1), (0, 1)), ions=[ion], buffers=[empty])
    found = _run(model, MIXED_AT, grid=md.Grid.uniform(model, 0.25), rtol=1e-3)
    values = found.dataset.Ca.isel(x=0, y=0, z=0).values
    what = "50 uM meets 100 uM of empty BAPTA, well mixed"
    return [Case("field", what, "closed form (Riccati)", 3, worst(values, MIXED), 0.01)]


def steady() -> list[Case]:
    """Single channels with a mobile buffer, at rest in their own field."""
    cases = []
    for name, (numbers, half, known) in STEADY.items():
        total, k_on, K_d, D = numbers
        found = _settled([md.Buffer("B", total=total, k_on=k_on, K_d=K_d, D=D)], half).at(ABOVE).values[0]
        bound = 0.02 if name.startswith("ATP") else 0.01
        cases.append(
            Case("steady", f"{name}, 0.1 pA, 10 to 200 nm", "collocation", 6, worst(found, known), bound)
        )
    pair = [md.Buffer("EGTA", 2000, 0.0105, 0.18, 0.22), md.Buffer("ATP", 650, 0.5, 200, 0.22)]
    points = [(0.0, 0.0, z) for z in LINEAR_AT]
    excess = _settled(pair, 20.0, 1e-4).at(points).values[0] - CALCIUM.rest
    what = "EGTA 2 mM and ATP 0.65 mM, 0.1 fA, excess at 10 to 100 nm"
    cases.append(Case("steady", what, "linearised theory", 4, worst(excess, LINEAR), 0.01))
    return cases


PARTS: dict[str, str] = {
    "field": "The field in time",
    "steady": "The steady state around an open channel",
    "parts": "Reactions, pumps, obstacles and sensors",
    "oracle": "Closed forms",
    "electro": "Electrochemistry",
}
BEYOND = (flash, slab, cylinder, release)
CASES: tuple[Callable[[], list[Case]], ...] = (
    nanodomain, linear, mixing, steady, *BEYOND, closed_forms, potentials,
)  # fmt: skip


def measure() -> list[Case]:
    """All cases, run."""
    return [case for group in CASES for case in group()]


def text(cases: Sequence[Case]) -> str:
    """The tables in Markdown."""
    lines = []
    for part, title in PARTS.items():
        lines += [f"## {title}", ""]
        lines += [
            "| question | against | points | largest error | bound |",
            "| --- | --- | ---: | ---: | ---: |",
        ]
        lines += [case.row() for case in cases if case.part == part] + [""]
    return "\n".join(lines)


def table() -> str:
    """The tables of a fresh measurement."""
    return text(measure())


if __name__ == "__main__":
    started = time.perf_counter()
    made = table()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(made, encoding="utf-8")
    else:
        print(made)
    print(f"{time.perf_counter() - started:.1f} s", file=sys.stderr)
