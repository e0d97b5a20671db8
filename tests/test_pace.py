"""Which scheme a model calls for, what that costs in steps, and what a first step after a jump is worth."""

import math
from itertools import pairwise

import numpy as np
import pytest

import microdomain as md
from microdomain.begin import events, is_quiet
from microdomain.forecast import forecast
from microdomain.pace import CROWDED, LOOSE, gap_between_jumps, pace_of
from microdomain.plan import lay
from microdomain.weights import Fluxes

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BOX = ((-0.3, 0.3), (-0.3, 0.3), (0, 0.3))
RATES = [("C", "O", 1.5), ("O", "C", 4.5)]


def model(gate, channels=1):
    places = [(0.04 * (k % 8) - 0.14, 0.04 * (k // 8)) for k in range(channels)]
    return md.Model(
        box=BOX, ions=[CALCIUM], buffers=[FIXED],
        channels=md.Cluster(places, current=md.Fixed(0.1), gate=gate),
    )  # fmt: skip


def test_markov_gates_jump_at_the_rate_of_their_equilibrium():
    """1.5 and 4.5 /ms: open a quarter of the time, 2 x 1.125 jumps per ms of each channel."""
    gate = md.Markov(("C", "O"), ("O",), RATES)
    assert gap_between_jumps(model(gate, 4), 1.0) == pytest.approx(1 / 9)
    assert gap_between_jumps(model(gate, 8), 1.0) == pytest.approx(1 / 18)


def test_a_silent_transition_is_no_jump():
    gate = md.Markov(
        ("C", "D", "O"), ("O",), [("C", "D", 100.0), ("D", "C", 100.0), ("D", "O", 1), ("O", "D", 1)]
    )
    assert gap_between_jumps(model(gate), 1.0) == pytest.approx(3 / 2)


def test_rules_in_time_jump_when_they_say():
    assert gap_between_jumps(model(md.Pulse(0.1, 0.4), 3), 2.0) == 1.0
    assert gap_between_jumps(model(md.Open()), 2.0) == math.inf
    assert gap_between_jumps(model(md.Train(0, 0.005, 0.01, 100)), 1.0) < CROWDED


@pytest.mark.parametrize(
    ("channels", "rtol", "scheme", "tolerance"),
    [
        (2, None, "ROS34PW2", 1e-2), (15, None, "ROS2", LOOSE), (15, 1e-2, "ROS2", 1e-2),
        (15, 1e-3, "ROS34PW2", 1e-3), (2, 3e-2, "ROS2", 3e-2),
    ],
)  # fmt: skip
def test_crowded_runs_take_two_stages(channels, rtol, scheme, tolerance):
    pace = pace_of(model(md.Markov(("C", "O"), ("O",), RATES), channels), 1.0, rtol, 1e-2, rtol is None)
    assert (pace.stepper.name, pace.rtol) == (scheme, tolerance)


def test_high_accuracy_stays_with_order_three():
    pace = pace_of(model(md.Markov(("C", "O"), ("O",), RATES), 15), 1.0, None, 2e-3, False)
    assert (pace.stepper.name, pace.rtol) == ("ROS34PW2", 2e-3)


def test_members_keep_their_own_pace():
    """A member steps as it does alone, whoever runs beside it."""
    gate = md.Markov(("C", "O"), ("O",), RATES)
    models, record = [model(md.Pulse(0, 0.05), 15), model(gate, 15)], md.Record(times=[0.1])
    grid = md.Grid.graded(models, near=0.04)
    several = md.simulate(models[0], grid, until=0.1, members=models, record=record, device="numpy")
    assert several.provenance["scheme"] == "ROS34PW2, ROS2"
    for k, one in enumerate(models):
        alone = md.simulate(one, grid, until=0.1, members=[one], trials=[k], record=record, device="numpy")
        assert alone.ledger.steps[0] == several.ledger.steps[k]
        mine, theirs = alone.dataset.Ca.isel(member=0), several.dataset.Ca.isel(member=k)
        assert mine.values.tobytes() == theirs.values.tobytes()


def test_a_delayed_blob_ends_a_step_where_it_is_quiet():
    assert is_quiet(np.array([0.0, 0.1, 0.5]), np.array([0.0, 0.1, 0.5]), 0.02).tolist() == [
        False,
        True,
        True,
    ]
    plan = lay([model(md.Pulse(0, 0.01))], md.Grid.graded(model(md.Open()), near=0.04))
    tau = plan.windows[0].tau
    assert events(plan, 0)[1] == pytest.approx([0.0, 0.01, tau, 0.01 + tau])
    assert events(plan, 0, order=2)[1] == pytest.approx([0.0, 0.01, 0.01 + tau])


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.5005), (0.5, 0.52), (0.5015, 0.503), (0.5015, 0.51)])
def test_the_mean_of_a_fold_is_the_mean_of_its_folds(start, end):
    """Against Gauss quadrature over time, cut where a fold bends."""
    plan = lay([model(md.Pulse(0.5, 0.5015))], md.Grid.graded(model(md.Open())))
    window, kappa = plan.windows[0], plan.kappa[plan.pair_member, plan.pair_ion]
    bends = np.concatenate(
        [[start, end], *(j + window.edges for j in (0.5, 0.5015)), np.linspace(start, end, 40)]
    )
    cuts = np.unique(np.clip(bends, start, end))
    x, w = np.polynomial.legendre.leggauss(12)
    mean = np.zeros((1, window.nodes.size))
    for a, b in pairwise(cuts):
        for at, weight in zip(0.5 * (a + b) + 0.5 * (b - a) * x, 0.5 * (b - a) * w, strict=True):
            mean += weight * window.fold(plan.history, plan.pair_row, np.array([at]), kappa)
    found = window.fold_mean(plan.history, plan.pair_row, np.array([start]), np.array([end]), kappa)
    np.testing.assert_allclose(found, mean / (end - start), rtol=1e-9, atol=1e-12 * mean.max())


def test_means_are_of_the_pairs_that_jump():
    both = [model(md.Pulse(0, 0.1)), model(md.Pulse(0.05, 0.1))]
    fluxes = Fluxes(lay(both, md.Grid.graded(both, near=0.04)))
    pairs, weights = fluxes.fresh(np.zeros(2), np.full(2, 1e-3))
    assert pairs.tolist() == [0]
    assert weights.sum() > 0
    assert fluxes.fresh(np.array([0.1, 0.1]), np.full(2, 1e-3))[0].tolist() == [0, 1]
    assert fluxes.fresh(np.full(2, 0.02), np.full(2, 1e-3))[0].size == 0


@pytest.mark.parametrize("case", [{}, {"rtol": 1e-3}, {"scheme": "ros2"}], ids=str)
def test_a_forecast_counts_the_steps(case):
    one, record = model(md.Pulse(0, 0.5)), md.Record(times=[0.01, 0.5, 1.0])
    grid = md.Grid.graded(one, near=0.04)
    found = forecast(one, grid, until=1.0, record=record, device="numpy", **case)
    ledger = md.simulate(one, grid, until=1.0, record=record, device="numpy", **case).ledger
    assert 0.6 < found.steps / (ledger.steps + ledger.rejected)[0] < 1.5
    assert found.bytes_device is None
