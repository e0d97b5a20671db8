"""How long a member's next step is, and which of its steps are read."""

from importlib import import_module

import numpy as np
import pytest

import microdomain as md
from microdomain.batch_pacing import Planned, change
from microdomain.begin import is_among, last_before
from microdomain.recorder import Recorder

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))


@pytest.mark.parametrize(
    ("wanted", "dt", "end", "arrives"),
    [(2.0, 1.0, 3.0, True), (1.0, 1.0, 3.0, True), (0.7, 0.5, 2.5, False), (0.3, 0.3, 2.3, False)],
)
def test_a_step_ends_at_a_stop_or_leaves_no_sliver_before_it(wanted, dt, end, arrives):
    step = Planned.to(3.0, 2.0, wanted)
    assert (step.dt, step.end, step.wanted, step.arrives) == (dt, end, wanted, arrives)


def test_a_stop_that_is_met_is_met_to_the_bit():
    """The sum of begin and length may miss it by a rounding."""
    t, stop = next((t, 0.3) for t in np.arange(1, 99) * 1e-3 if t + (0.3 - t) != 0.3)
    assert Planned.to(stop, t, 1.0).end == stop


def test_a_step_cut_short_says_nothing_against_the_longer_one():
    cut, whole = Planned.to(1.0, 0.9, 0.4), Planned.to(9.0, 0.9, 0.4)
    assert cut.following(1.5) == 0.4
    assert cut.following(0.5) == 0.5 * cut.dt
    assert whole.following(1.5) == pytest.approx(0.6)


def test_a_failed_step_is_tried_shorter():
    step = Planned.to(9.0, 0.0, 1.0)
    assert step.retried(error=1.01, factor=0.99) == 0.9
    assert step.retried(error=9.0, factor=0.4) == 0.4
    assert step.retried(error=0.5, factor=3.0) == 0.5  # something fell below zero


def test_the_controller_aims_below_the_tolerance():
    np.testing.assert_allclose(change(np.array([1.0, 0.85**2, 0.0, 1e9]), 0.5), [0.85, 1.0, 3.0, 0.3])


def test_the_last_jump_and_whether_there_is_one_now():
    jumps = np.array([0.0, 0.25, 1.0])
    assert [last_before(jumps, t) for t in (-1.0, 0.0, 0.3, 5.0)] == [-np.inf, 0.0, 0.0 + 0.25, 1.0]
    assert is_among(jumps, 0.25)
    assert not is_among(jumps, np.nextafter(0.25, 1))
    assert not is_among(np.empty(0), 0.25)


RECORDS = {
    "default": None,
    "frames": md.Record(times=(0.3,)),
    "often": md.Record(every=0.03, points={"up": (0.0, 0.03, 0.05)}),
}


@pytest.mark.parametrize("record", RECORDS)
def test_only_steps_that_serve_a_time_are_read_and_nothing_changes(record, monkeypatch):
    """Bit for bit what a reading of every step gives."""
    channels = md.Cluster([(0, 0), (0.05, 0)], current=md.Fixed(0.1), gate=md.Pulse(0.02, 0.2))
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=[FIXED], channels=channels)
    watch, reads = import_module("microdomain.reading").Watch, []
    read = watch.read
    monkeypatch.setattr(watch, "read", lambda *a: reads.append(1) or read(*a))

    def run():
        reads.clear()
        found = md.simulate(model, md.Grid.graded(model, near=0.04), until=0.3, record=RECORDS[record])
        return found._parts, len(reads), int(found.ledger.steps[0])

    some, few, steps = run()
    monkeypatch.setattr(Recorder, "asked", property(lambda self: None))
    every, all_of_them, _ = run()
    assert all_of_them == steps + 1
    assert few < 0.8 * steps if record == "frames" else few <= all_of_them
    for part, name in (("mouths", "concentration"), ("mouths", "mean_Ca"), ("probes", "Ca")):
        if part in every:
            np.testing.assert_array_equal(some[part][name], every[part][name])
