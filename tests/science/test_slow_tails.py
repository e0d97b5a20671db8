"""After the pulse: long steps that keep the slow phases right."""

import numpy as np
import pytest

import microdomain as md

from .problems import ABOVE, BAPTA, CALCIUM, FIXED, cell, run, worst

#: Held walls drain this box in about 20 ms.
BOX = ((-0.3, 0.3), (-0.3, 0.3), (0.0, 0.3))
HELD = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
TIMES = (1.1, 2.0, 6.0, 11.0, 21.0)


@pytest.mark.parametrize("walls", [md.Walls(), HELD], ids=["closed", "held"])
@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2"])
def test_the_temporal_error_of_slow_phases(scheme, walls):
    """5, 10 and 20 ms after a pulse: rtol 1e-2 against 1e-4 on one grid, at most 0.5 %."""
    model = cell(box=BOX, walls=walls)
    grid = md.Grid.graded(model, near=0.025)
    loose = run(model, TIMES, grid=grid, scheme=scheme, rtol=1e-2)
    tight = run(model, TIMES, grid=grid, rtol=1e-4)
    points = np.vstack([ABOVE, [[0.1, 0.05, 0.0], [0.2, -0.2, 0.2]]])
    assert worst(loose.at(points).values[2:], tight.at(points).values[2:]) < 0.005
    assert worst(loose.at(points).values, tight.at(points).values) < 0.01
    assert loose.ledger.steps[0] < tight.ledger.steps[0]


def test_the_explicit_family_agrees_on_slow_phases():
    model = cell(box=BOX)
    grid = md.Grid.graded(model, near=0.03)
    w = run(model, TIMES, grid=grid).at(ABOVE).values
    rkc = run(model, TIMES, grid=grid, scheme="rkc2").at(ABOVE).values
    assert worst(rkc[2:], w[2:]) < 0.005


def test_uptake_and_capacity_give_the_residual_decay():
    """The closed form (1 + sum total/K) / k for unsaturated buffers: here at rest 0.1, all in equilibrium."""
    slow = md.Buffer("slow", total=400, k_on=0.1, K_d=100)
    atp = md.Buffer("ATP", total=650, k_on=0.5, K_d=200, D=0.22)
    model = cell(buffers=[slow, atp], box=BOX, uptake={"Ca": 0.4}, current=0.01)
    grid = md.Grid.graded(model, near=0.04)
    results = run(model, (40.0, 80.0), grid=grid)
    excess = results.mouths.mean_Ca.values - CALCIUM.rest
    capacity = sum(b.total * b.K_d / (b.K_d + CALCIUM.rest) ** 2 for b in (slow, atp))
    assert 40.0 / np.log(excess[0] / excess[1]) == pytest.approx((1 + capacity) / 0.4, rel=0.01)


def test_the_step_grows_when_nothing_happens():
    """One second after a millisecond's pulse costs few steps more than the pulse itself."""
    model = cell(box=BOX, buffers=[FIXED, BAPTA])
    grid = md.Grid.graded(model, near=0.03)
    short, long = run(model, (2.0,), grid=grid), run(model, (1000.0,), grid=grid)
    assert long.ledger.steps[0] < short.ledger.steps[0] + 40
