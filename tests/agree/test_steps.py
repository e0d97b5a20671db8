"""Whole steps agree too, and threads change no bit."""

import numpy as np
import pytest
from plans import random_plan, random_state

from microdomain.backends.reference import Reference
from microdomain.devices_cases import uniform_plan
from microdomain.steppers.base import Standing
from microdomain.steppers.rkc import RKC2
from microdomain.steppers.rosenbrock import ROS2, ROS34PW2
from microdomain.weights import Fluxes


def after(ops, plan, scheme, steps=3):
    """State, error estimates and flows after some steps of 2 us."""
    fluxes = Fluxes(plan)
    at = Standing.at(ops, fluxes, np.full(plan.members, 0.1), ops.vector(random_state(plan, 2)))
    found = []
    for _ in range(steps):
        trial = scheme.attempt(ops, fluxes, at, np.full(plan.members, 2e-3), 1e-2)
        at = Standing(at.t + 2e-3, trial.y, trial.near, trial.weights)
        found.append([trial.error, trial.lowest, trial.flows.walls, trial.flows.uptake])
    return ops.host(at.y), found


@pytest.mark.parametrize("scheme", [ROS2, ROS34PW2, RKC2], ids=lambda s: s.name)
def test_steps(device, scheme):
    plan = random_plan("slow buffer, cluster", 1)
    expected, numbers = after(Reference(plan), plan, scheme)
    got, found = after(device("float64")(plan), plan, scheme)
    assert np.abs(got - expected).max() < 1e-11 * np.abs(expected).max()
    for theirs, mine in zip(numbers, found, strict=True):
        for a, b in zip(theirs, mine, strict=True):
            assert np.allclose(b, a, rtol=1e-8, atol=1e-14)


def test_threads_change_no_bit(monkeypatch):
    from microdomain.backends import compiled, missing

    if missing("compiled"):
        pytest.skip(missing("compiled"))
    plan = uniform_plan(40)
    assert plan.grid.cells > compiled.CELLS_FOR_THREADS
    results = []
    for count in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        results.append(after(compiled.prepare()(plan), plan, ROS34PW2, steps=1)[0])
    assert results[0].tobytes() == results[1].tobytes()
