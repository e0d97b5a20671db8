"""Operations from 32^3 to 200^3 cells against a copy and a triad of the same footprint."""

import time
from itertools import cycle

import numpy as np
import pytest

from microdomain.backends import missing
from microdomain.backends.choose import choose
from microdomain.devices_cases import random_state, uniform_plan
from microdomain.weights import Fluxes

EDGES = (32, 64, 128, 200)
#: State vectors and near fields that an operation reads or writes, each counted once.
MOVED = {"rhs": (2, 1), "mix": (5, 0), "norm": (3, 1), "lowest": (1, 1), "close": (5, 1)}
DEVICES = [("numpy", "float64"), ("compiled", "float64"), ("compiled", "float32"), ("cuda", "float64")]


def best(function, wait, least=0.2):
    """Seconds of the fastest call."""
    function()
    found, spent = np.inf, 0.0
    while spent < least:
        start = time.perf_counter()
        function()
        wait()
        took = time.perf_counter() - start
        found, spent = min(found, took), spent + took
    return found


def triad(ops, plan):
    """Bytes per second of out = y + c v over state vectors, through the backend's own pass."""
    y, v = (ops.vector(np.ones((1, plan.size))) for _ in range(2))
    item = ops.device.real.itemsize if hasattr(ops, "device") else 8
    return 3 * item * plan.size / best(lambda: ops.combine(y, [(0.5, v)]), ops.wait)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(("device", "precision"), DEVICES)
@pytest.mark.parametrize("operation", [*MOVED, "stage"])
def test_operation(benchmark, operation, device, precision, edge):
    if missing(device):
        pytest.skip(missing(device))
    if edge > 64 and (benchmark.disabled or (device == "numpy" and edge > 128)):
        pytest.skip("too long for a smoke run, or for NumPy")
    plan = uniform_plan(edge)
    ops = choose(device, precision=precision)(plan)
    y, t, g = ops.vector(random_state(plan, 1)), np.array([0.5]), np.array([0.01])
    fluxes = Fluxes(plan)
    near, blob = ops.near(fluxes.weights(t)), fluxes.blob(t, t, g)
    rate = ops.rhs(y, near, blob)
    new = ops.combine(y, [(1e-5, rate)])
    factor = ops.factor(ops.linearise(y, near), g, 1.2)
    a, b = np.array([0.1, -0.2, 0.3]), np.array([0.3, 0.4, -0.3])
    # A backend remembers the last two answers about extremes.
    others = cycle([y, new, rate])
    function = {
        "rhs": lambda: ops.rhs(y, near, blob),
        "mix": lambda: ops.mix(y, [rate, new, rate], a, b),
        "norm": lambda: ops.norm(rate, y, new, near, near, 1e-2),
        "lowest": lambda: ops.lowest(next(others), near),
        "close": lambda: ops.close_step(y, [rate, new, rate], a, b, 0.0 * blob, None, near, near, 1e-2),
        "stage": lambda: ops.stage(factor, y, near, blob, g),
    }[operation]

    def timed():
        function()
        ops.wait()

    timed()
    benchmark(timed)
    if benchmark.disabled:
        return
    seconds, cells = benchmark.stats.stats.min, plan.grid.cells
    benchmark.extra_info["Mcell/s"] = round(cells / seconds / 1e6, 1)
    if operation in MOVED:
        vectors, fields = MOVED[operation]
        item = 4 if precision == "float32" else 8
        moved = item * (vectors * plan.size + fields * plan.ions * cells)
        benchmark.extra_info["bytes per cell"] = round(moved / cells, 1)
        benchmark.extra_info["of triad"] = round(moved / seconds / triad(ops, plan), 3)
