"""What this machine can compute on, and proof that it computes right: `microdomain devices --check`.

Every operation runs on the user's own device against the NumPy reference on fresh random input,
then a single channel against its reference concentrations, then a batch.  The seed is printed, so
that a disagreement can be repeated.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from microdomain.backends import missing
from microdomain.backends.choose import choose
from microdomain.backends.reference import Reference
from microdomain.devices_cases import REFERENCE, random_plan, random_state, single_channel, uniform_plan
from microdomain.plan import Plan
from microdomain.record import Record
from microdomain.simulate import simulate
from microdomain.weights import Fluxes

#: Largest difference from the reference, of an array's largest value, and of [Ca] from its known value.
CLOSE, ACCURATE = 1e-13, 0.011
#: Cells per edge of the timed grid, and members of the timed batch.
EDGE, BATCH = 64, 8
WORDS = {"numpy": "NumPy", "compiled": "compiled kernels", "cuda": "CUDA through CuPy"}


@dataclass(frozen=True)
class Row:
    """One operation on one device.

    Attributes
    ----------
    operation : str
    difference : float      largest difference from the reference, relative to the largest value
    rate : float            Gcell/s on the timed grid
    share : float           of the measured copy bandwidth; nan where bytes do not bound it
    """

    operation: str
    difference: float
    rate: float
    share: float


@dataclass(frozen=True)
class Check:
    """The outcome on one device.

    Attributes
    ----------
    device : str
    seed : int
    rows : tuple of Row
    copy : float            measured copy bandwidth, GB/s, read and written bytes
    error : float           largest relative error of [Ca] over a single channel
    single : float          seconds of a single-channel run of 2 ms, the second in the process
    trials : float          such runs per second in a batch
    """

    device: str
    seed: int
    rows: tuple[Row, ...]
    copy: float
    error: float
    single: float
    trials: float

    @property
    def passed(self) -> bool:
        """True if every operation agrees and the run is accurate."""
        return all(r.difference <= CLOSE for r in self.rows) and self.error <= ACCURATE

    def __str__(self) -> str:
        lines = [
            f"{self.device}: {'agrees' if self.passed else 'DISAGREES'} with the reference"
            f" (seed {self.seed})",
            f"  {'operation':<10} {'difference':>10} {'Gcell/s':>8} {'of copy':>8}",
        ]
        for r in self.rows:
            share = "" if np.isnan(r.share) else f"{100 * r.share:.0f} %"
            mark = "" if r.difference <= CLOSE else f"  above {CLOSE:g}"
            lines.append(f"  {r.operation:<10} {r.difference:>10.1e} {r.rate:>8.3g} {share:>8}{mark}")
        lines.append(f"  copy {self.copy:.3g} GB/s")
        lines.append(
            f"  one channel, 2 ms: {self.single:.3g} s, within {100 * self.error:.2g} % (at most"
            f" {100 * ACCURATE:.2g}); {self.trials:.3g} trials per second in a batch of {BATCH}"
        )
        return "\n".join(lines)


def check(device: str, seed: int | None = None, edge: int = EDGE, until: float = 2.0) -> Check:
    """Run every operation of a device against the reference, then time it.

    Parameters
    ----------
    device : str                    as `backends.choose.choose` takes it
    seed : int, optional            of the random input; fresh if left out
    edge : int                      cells per edge of the timed grid
    until : float, ms               of the single-channel run; at least 1.1 to reach all known values

    Returns
    -------
    Check
    """
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    make = choose(device)
    worst = _differences(random_plan(seed), make, seed)
    plan = uniform_plan(edge)
    copy = _copy_rate(make(plan), plan)
    rates = _rates(plan, make)
    rows = []
    for name, difference in worst.items():
        vectors, fields = MOVED.get(name, (0, 0))
        moved = 8 * (vectors * plan.size + fields * plan.ions * plan.grid.cells)
        seconds = rates[name]
        share = moved / seconds / copy if moved else float("nan")
        rows.append(Row(name, difference, plan.grid.cells / seconds / 1e9, share))
    error, single, trials = _single_channel(device, until)
    return Check(device, seed, tuple(rows), copy / 1e9, error, single, trials)


def _difference(expected: Any, got: Any) -> float:
    expected, got = np.asarray(expected, dtype=float), np.asarray(got, dtype=float)
    scale = float(np.abs(expected).max(initial=0.0))
    return float(np.abs(expected - got).max(initial=0.0)) / (scale if scale > 0 else 1.0)


def _operations(ops: Any, plan: Plan, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Every operation on one state, as functions without arguments."""
    t = np.linspace(0.3, 0.6, plan.members)
    fluxes, g = Fluxes(plan), np.linspace(0.003, 0.03, plan.members)
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, g)
    here, near = ops.vector(y), ops.near(weights)
    rate = ops.rhs(here, near, blob)
    factor = ops.factor(ops.linearise(here, near), g, 1.2)
    new, error = ops.combine(here, [(1e-4, rate)]), ops.combine(here, [(-1.0, here), (1e-5, rate)])
    a, b = np.array([0.1, -0.2]), np.array([0.3, 0.4])
    again, copies = iter(range(10**9)), cycle([ops.vector(y) for _ in range(3)])

    def fresh_near() -> Any:
        # Weights that differ from the last ones, or a backend may answer from memory.
        return ops.near(weights * (1.0 + (next(again) % 2) * 1e-16 * 4)).average

    return {
        "near": fresh_near,
        "rhs": lambda: ops.rhs(here, near, blob),
        "stage": lambda: ops.stage(factor, here, near, blob, g)[0],
        "factor": lambda: ops.solve(ops.factor(ops.linearise(here, near), g, 1.2), rate)[0],
        "mix": lambda: ops.mix(here, [rate, error], a, b)[0],
        "norm": lambda: ops.norm(error, here, new, near, near, 1e-2),
        # The same of other vectors: a backend remembers the last two answers.
        "lowest": lambda: ops.lowest(next(copies), near),
        "close": lambda: ops.close_step(here, [rate, error], a, b, blob, None, near, near, 1e-2)[0],
        "speed": lambda: ops.speed(here, near),
        "amounts": lambda: ops.amounts(here),
    }


#: Calls of which the last answer counts: what a device is asked again it replays, e.g. from CUDA graphs.
AGAIN = 5
#: State vectors and near fields that an operation bound by memory reads or writes, each counted once.
MOVED = {"rhs": (2, 1), "mix": (5, 0), "norm": (3, 1), "lowest": (1, 1), "close": (4, 1)}


def _differences(plan: Plan, make: Callable[[Plan], Any], seed: int) -> dict[str, float]:
    y = random_state(plan, seed)
    ops = make(plan)
    expected, got = (_operations(o, plan, y) for o in (Reference(plan), ops))
    worst = {}
    for name in expected:
        a, b = expected[name](), None
        for _ in range(AGAIN):
            b = got[name]()
        if isinstance(a, np.ndarray) and a.shape == (plan.members, plan.size):
            b = ops.host(b)
            pairs = [(plan.coarse(a)[:, s], plan.coarse(b)[:, s]) for s in range(plan.species)]
            worst[name] = max(_difference(*p) for p in [*pairs, (plan.fine(a), plan.fine(b))])
        else:
            worst[name] = _difference(a, ops.host(b))
    return worst


def _best(function: Callable[[], Any], wait: Callable[[], None], least: float = 0.05) -> float:
    """Seconds of one call, the best of several."""
    best, spent = np.inf, 0.0
    while spent < least:
        start = time.perf_counter()
        function()
        wait()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return float(best)


def _copy_rate(ops: Any, plan: Plan) -> float:
    """Bytes per second read and written by copying a state vector."""
    a = ops.vector(np.ones((plan.members, plan.size)))
    b = ops.vector(np.ones((plan.members, plan.size)))
    return (
        16.0 * plan.members * plan.size / _best(lambda: ops.assign(a, np.arange(plan.members), b), ops.wait)
    )


def _rates(plan: Plan, make: Callable[[Plan], Any]) -> dict[str, float]:
    ops = make(plan)
    found = {}
    for name, function in _operations(ops, plan, random_state(plan, 1)).items():
        function()
        found[name] = _best(function, ops.wait)
    return found


def _single_channel(device: str, until: float) -> tuple[float, float, float]:
    """Largest error over the known values, seconds of the second run, trials per second in a batch."""
    model = single_channel()
    times = tuple(t for t in REFERENCE["t"] if t <= until)
    points = {f"{z:g} nm": (0.0, 0.0, 1e-3 * z) for z in REFERENCE["z"]}
    for _ in range(2):
        start = time.perf_counter()
        results = simulate(model, until=until, device=device, record=Record(times=times, points=points))
        single = time.perf_counter() - start
    probes = results.probes
    # The end of the run is among the recorded times.
    found = probes["Ca"].sel(time=list(times)).transpose("time", "point").values
    known = np.array(REFERENCE["Ca"])[: len(times)]
    start = time.perf_counter()
    simulate(model, until=until, device=device, members=BATCH, record=Record(times=(until,)))
    trials = BATCH / (time.perf_counter() - start)
    return float(np.abs(found / known - 1.0).max()), single, trials


def report(check: bool = False) -> tuple[str, bool]:
    """What `microdomain devices` prints.

    Parameters
    ----------
    check : bool                    also run `check` on every device that works

    Returns
    -------
    text : str
    passed : bool                   False if a device disagrees with the reference
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines, passed, working = [], True, []
    for name, word in WORDS.items():
        reason = missing(name)
        lines.append(f"{name:<9} {word}: {reason or 'works'}")
        if not reason:
            working.append(name)
    lines.append(f"{cores} cores; device='auto' takes {working[-1]}")
    for name in working if check else ():
        outcome = _check(name)
        passed = passed and outcome.passed
        lines += ["", str(outcome)]
    return "\n".join(lines), passed


_check = check
