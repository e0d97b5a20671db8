"""What is recorded and when."""

import numpy as np
import pytest

import microdomain as md


def test_multiples():
    times, dense = md.Record(every=0.3).schedule(1.0, np.array([0.5]))
    np.testing.assert_allclose(times, [0, 0.3, 0.6, 0.9, 1.0])
    np.testing.assert_array_equal(times, dense)


def test_ten_microseconds_for_two_milliseconds():
    times, _ = md.Record(every=0.01).schedule(2.0, np.empty(0))
    assert times.size == 201
    assert times[-1] == 2.0


def test_exact_times_are_sorted_and_unique():
    record = md.Record(times=[0.5, 0.1, 0.5])
    assert record.times == (0.1, 0.5)
    np.testing.assert_array_equal(record.schedule(1.0, np.empty(0))[0], [0.1, 0.5])


def test_by_default_edges_and_the_time_after_them():
    """Fields at start, edges and end; mouths at 50 logarithmically spaced times after each edge."""
    times, dense = md.Record().schedule(2.0, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(times, [0, 1, 2])
    assert dense.size == 2 * 49 + 3
    assert dense[1] == pytest.approx(1e-4)
    assert np.all(np.diff(dense) > 0)
    assert set(times) <= set(dense)


def test_many_edges_stay_within_bounds():
    _, dense = md.Record().schedule(100.0, np.linspace(0, 99, 1001))
    assert dense.size < 6000


def test_restless_gates_are_recorded_evenly():
    """Few edges are kept beside the even times; of many, none: sixty frames would end sixty steps."""
    times, dense = md.Record().schedule(1.0, np.linspace(0.01, 0.99, 60), restless=True)
    np.testing.assert_allclose(times, np.linspace(0, 1, 11))
    assert 501 <= dense.size <= 551
    times, dense = md.Record().schedule(1.0, np.array([0.25]), restless=True)
    assert 0.25 in times
    assert times.size == 12
    assert set(times) <= set(dense)


def test_points_and_fields():
    record = md.Record(times=[1], points={"nose": (0, 0, 0.01)}, fields="BAPTA")
    assert record.points == (("nose", (0.0, 0.0, 0.01)),)
    assert record.fields == ("BAPTA",)
    assert record == md.Record(times=[1.0], points={"nose": [0, 0, 0.01]}, fields=["BAPTA"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"every": 0.1, "times": [1]}, "give `every` or `times`, not both"),
        ({"every": 0}, "every = 0; give a positive time in ms"),
        ({"every": float("nan")}, "every = nan; give a positive time"),
        ({"times": []}, "give at least one time, none negative"),
        ({"times": [-1.0]}, "give at least one time, none negative"),
        ({"points": {"p": (0, 0)}}, "point 'p' = .0, 0.; give three coordinates in um"),
    ],
)
def test_refusals(arguments, text):
    with pytest.raises(ValueError, match=text):
        md.Record(**arguments)


def test_times_beyond_the_end():
    with pytest.raises(ValueError, match="time 3 ms is later than the end of the run, 2 ms"):
        md.Record(times=[1, 3]).schedule(2.0, np.empty(0))


def test_mouths_at_given_times_are_also_seen_at_edges_and_the_end():
    times, dense = md.Record(times=[0.1, 0.5]).schedule(2.0, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(times, [0.1, 0.5])
    np.testing.assert_array_equal(dense, [0.1, 0.5, 1.0, 2.0])
