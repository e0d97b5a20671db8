"""The one loop: keywords, events, records, schemes, refusals."""

import numpy as np
import pytest

import microdomain as md
from microdomain.setting import blurred, setting

ION = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
BOX = ((-0.15, 0.15), (-0.15, 0.15), (0.0, 0.15))
CHANNEL = md.Cluster([(0, 0)], current=md.Fixed(0.1), gate=md.Pulse(0.05, 0.15))
MODEL = md.Model(box=BOX, ions=[ION], buffers=[BAPTA], channels=CHANNEL)
GRID = md.Grid.graded(MODEL, near=0.04)


def run(**keywords):
    keywords = {"grid": GRID, "until": 0.3, "device": "numpy"} | keywords
    return md.simulate(MODEL, **keywords)


def test_fields_by_default_at_start_edges_and_end():
    results = run()
    np.testing.assert_allclose(results.dataset.time, [0, 0.05, 0.15, 0.3])
    assert results.dataset.Ca.dims == ("time", "z", "y", "x")
    assert results.mouths.sizes["time"] > 100
    np.testing.assert_array_equal(results.dataset.Ca.values[0], np.full(GRID.shape, 0.1))


def test_steps_end_at_every_edge():
    """Influx and mouth change at the edge and not before."""
    times = [0.0499, 0.0501, 0.1499, 0.1501]
    results = run(record=md.Record(times=times))
    # Mouths are seen at the edges and at the end, too.
    assert set(results.mouths.time.values) > {*times, 0.05, 0.15}
    mouths = results.mouths.sel(time=times)
    mouth = mouths.concentration.values[:, 0]
    assert mouth[0] == pytest.approx(0.1, rel=1e-6)
    assert mouth[1] > 30
    assert mouth[2] > 60
    # erf(5 nm / sqrt(4 D 0.1 us)) = 0.55 of it is left, without buffers
    assert 0.45 < mouth[3] / mouth[2] < 0.56
    np.testing.assert_allclose(mouths.influx.values[:, 0], [0, 0.1, 0.1, 0])


@pytest.mark.parametrize(
    ("keywords", "scheme"),
    [
        ({}, "ROS34PW2"),
        ({"rtol": 3e-2}, "ROS2"),
        ({"rtol": 1e-3}, "ROS34PW2"),
        ({"scheme": "rkc2"}, "RKC2"),
        ({"scheme": "ROS2"}, "ROS2"),
    ],
)
def test_the_scheme(keywords, scheme):
    results = run(until=0.06, **keywords)
    assert results.provenance["scheme"] == scheme
    assert results.provenance["rtol"] == keywords.get("rtol", 1e-2)
    assert results.provenance["backend"] == "numpy"


def test_accuracy_picks_grid_and_tolerance():
    small = md.Model(box=((-0.1, 0.1), (-0.1, 0.1), (0, 0.1)), ions=[ION], channels=CHANNEL)
    default = md.simulate(small, until=0.01, device="numpy")
    high = md.simulate(small, until=0.01, device="numpy", accuracy="high")
    assert high.grid.cells > 3 * default.grid.cells
    assert high.budget.rtol < default.budget.rtol
    chosen = md.simulate(small, until=0.01, device="numpy", accuracy="high", rtol=5e-3, grid=default.grid)
    assert chosen.grid == default.grid
    assert chosen.budget.rtol == 5e-3


def test_the_provenance_says_what_was_not_left_to_the_accuracy():
    one, grid = MODEL, GRID
    said = [
        setting(one, g, 0.1, None, rtol, accuracy, 1, None, None, 0).accuracy
        for g, rtol, accuracy in (
            (None, None, "high"),
            (grid, None, "default"),
            (None, 0.01, "high"),
            (grid, 0.01, "default"),
        )
    ]
    assert said == ["high", "default, own grid", "high, own rtol", "own grid and rtol"]


def test_a_reach_shorter_than_a_cell_is_said(caplog):
    """sqrt(0.22 / (50 * 500)) = 3.0 nm; the default cells are never below 5 nm."""
    fast = md.Buffer("fast", total=500, k_on=50, K_d=500, D=0.2)
    one = md.Model(box=BOX, ions=[ION], buffers=[fast], channels=CHANNEL)
    asked = setting(one, None, 0.1, None, None, "default", 1, None, None, 0)
    said = blurred([one], asked.grid)
    assert said in caplog.text
    assert said.startswith("At rest the buffers bind what enters within 3 nm, less than a cell")
    assert "near=0.0012)" in said
    assert blurred([one], md.Grid.graded(one, near=0.0025, growth=1.4)) == ""
    assert blurred([MODEL], md.Grid.graded(MODEL)) == ""


def test_a_tighter_tolerance_takes_more_steps_and_tells_a_smaller_error():
    loose, tight = run(rtol=1e-2), run(rtol=1e-4)
    assert tight.ledger.steps[0] > 2 * loose.ledger.steps[0]
    assert tight.budget.temporal <= 1e-4 < loose.budget.temporal <= 1e-2


def test_a_companion_run_estimates_the_error_in_space():
    plain, checked = run(until=0.15), run(until=0.15, check=True)
    assert plain.budget.spatial is None
    assert "not estimated" in str(plain.budget)
    assert 1e-5 < checked.budget.spatial < 0.5
    np.testing.assert_array_equal(plain.dataset.Ca.values, checked.dataset.Ca.values)


def test_the_estimate_falls_with_the_grid():
    coarse = run(until=0.15, check=True, record=md.Record(times=[0.06, 0.15]))
    fine = run(
        until=0.15,
        check=True,
        grid=md.Grid.graded(MODEL, near=0.02, growth=1.15),
        record=md.Record(times=[0.06, 0.15]),
    )
    assert fine.budget.spatial < coarse.budget.spatial


def test_progress():
    seen = []
    run(rtol=1e-5, progress=seen.append)
    assert seen
    assert all(0 <= p.t <= p.until == 0.3 for p in seen)
    assert [p.steps for p in seen] == sorted(p.steps for p in seen)
    assert seen[0].members == 1
    assert seen[-1].rate > 0
    assert seen[-1].left >= 0


def test_without_channels_nothing_is_watched():
    model = md.Model(box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=2.0)], buffers=[BAPTA])
    results = md.simulate(model, md.Grid.uniform(model, 0.05), until=1.0, device="numpy")
    assert results.mouths.sizes["channel"] == 0
    assert results.dataset.sizes["time"] == 2
    assert results.ledger.influx[0, 0] == 0
    # bound is in equilibrium with the initial level, so nothing happens
    np.testing.assert_allclose(results.dataset.Ca.values, 2.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"until": 0}, r"until = 0: give a positive number"),
        ({"until": float("inf")}, r"until = inf: give a positive number"),
        ({"rtol": -1}, r"rtol = -1: give a positive number"),
        ({"accuracy": "best"}, r"accuracy = 'best': give 'default' or 'high'"),
        ({"scheme": "euler"}, r"scheme = 'euler': give one of 'ros2', 'ros34pw2', 'rkc2'"),
        ({"members": 0}, r"give at least one"),
        ({"members": []}, r"members: give a count, a range of trial numbers, or a list of Models"),
        ({"record": md.Record(times=[0.5])}, r"time 0\.5 ms is later than the end of the run, 0\.3 ms"),
        ({"record": md.Record(fields=["EGTA"])}, r"EGTA"),
        ({"record": md.Record(points={"far": (0, 0, 5)})}, r"outside the box"),
    ],
)
def test_refusals(keywords, text):
    with pytest.raises(ValueError, match=text):
        run(**keywords)


def test_a_run_that_cannot_fit_is_refused_before_it_starts():
    model = md.Model(box=((-50, 50), (-50, 50), (0, 50)), ions=[ION], channels=CHANNEL)
    grid = md.Grid.uniform(model, spacing=0.25)
    with pytest.raises(ValueError, match=r"This run needs about .* GiB .* are free. Use a coarser grid"):
        md.simulate(model, grid, until=1.0, device="numpy", members=100)
