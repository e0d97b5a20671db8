"""Gating by chance: occupancies in the mean, the same trial everywhere, and jumps where their hazard says."""

import math
import os
import signal
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import microdomain as md
from microdomain.batch import Batch
from microdomain.checkpoint import Stopped
from microdomain.gates import Stream
from microdomain.gates_walk import Walk
from microdomain.model.rates import Calcium, Exp

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BUFFERS = (
    md.Buffer("endogenous", total=400, k_on=0.1, K_d=10),
    md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
)
RATES = [("C", "O", 0.5), ("O", "C", 1.5)]
TRIALS = 10_000


def small(channels, voltage=None):
    return md.Model(
        box=((-0.3, 0.3), (-0.3, 0.3), (0, 0.3)),
        ions=[CALCIUM],
        buffers=BUFFERS,
        channels=channels,
        voltage=voltage or md.Hold(0),
    )


def final_states(walk, trials, seed=1, channel=0):
    return np.array([walk.draw(Stream(seed, k, channel))[1][-1] for k in range(trials)])


def test_a_two_state_channel_in_ten_thousand_trials():
    """a = 0.5, b = 1.5 /ms from closed: P_o(1 ms) = 0.2161662, exactly 0.25 (1 - e^-2)."""
    walk = Walk(md.Markov(("C", "O"), ("O",), RATES, start="C"), md.Hold(0), 1.0)
    found = final_states(walk, TRIALS)
    p = 0.2161662
    assert p == pytest.approx(0.25 * (1 - math.exp(-2)), rel=1e-6)
    assert found.mean() == pytest.approx(p, abs=3 * math.sqrt(p * (1 - p) / TRIALS))
    # The variance of a variance of ones and zeros.
    spread = math.sqrt(p * (1 - p) * (1 - 4 * p * (1 - p)) / TRIALS)
    assert found.var() == pytest.approx(p * (1 - p), abs=3 * spread)


def test_sixteen_channels_are_binomial():
    """Occupancies in the steady state: mean 4, variance 3."""
    walk = Walk(md.Markov(("C", "O"), ("O",), RATES), md.Hold(0), 0.3)
    trials = TRIALS // 16
    found = sum(final_states(walk, trials, channel=k) for k in range(16))
    assert found.mean() == pytest.approx(4, abs=3 * math.sqrt(3 / trials))
    assert found.var() == pytest.approx(3, abs=3 * 3 * math.sqrt(2 / trials))


def test_sojourns_are_exponential():
    walk = Walk(md.Markov(("C", "O"), ("O",), RATES, start="C"), md.Hold(0), 4000.0)
    times, states = walk.draw(Stream(5, 0, 0))
    stays = np.diff(times)
    for state, rate in ((0, 0.5), (1, 1.5)):
        mine = stays[states[:-1] == state]
        assert mine.mean() == pytest.approx(1 / rate, abs=3 / rate / math.sqrt(mine.size))
        assert np.median(mine) == pytest.approx(math.log(2) / rate, abs=3 / rate / math.sqrt(mine.size))


def test_rates_that_follow_an_action_potential():
    wave = md.ActionPotential(-80, 40, 0.2, 0.15, 0.25)
    gate = md.Markov(("C", "O"), ("O",), [("C", "O", Exp(1.78, 23.3)), ("O", "C", Exp(0.14, -15))])

    def slope(t, x):
        V = float(wave.value(t))
        return 1.78 * math.exp(V / 23.3) * (1 - x) - 0.14 * math.exp(-V / 15) * x

    start = [gate.occupancies(-80.0, 0.0)[1]]
    p = solve_ivp(slope, (0, 0.5), start, rtol=1e-9, atol=1e-12, max_step=0.005).y[0, -1]
    found = final_states(Walk(gate, wave, 0.5), 4000)
    assert found.mean() == pytest.approx(p, abs=3 * math.sqrt(p * (1 - p) / 4000))


def test_a_jump_falls_where_its_hazard_is_used_up():
    """O to C at 0.5 /(uM ms) of what the mouth sees: the integral up to the jump is the number drawn."""
    gate = md.Markov(("O", "C"), ("O",), [("O", "C", Calcium(0.5))], start="O")
    model = small(md.Cluster([(0, 0)], current=md.Fixed(0.05), gate=gate))
    waiting = Stream(0, 2, 0).waiting()
    times = np.unique(np.r_[0, np.geomspace(1e-6, 0.01, 40), np.linspace(0.01, 0.3, 30)])
    results = md.simulate(
        model, until=0.3, record=md.Record(times=times.tolist()), members=range(2, 3), rtol=1e-3
    )
    closed = results._parts["solver"]["flux_starts"].values[0]
    flowing = results._parts["solver"]["flux_pieces"].values[0, :, 0] > 0
    closed = closed[np.flatnonzero(flowing)[-1] + 1]
    assert 0.02 < closed < 0.25
    mine = times <= closed
    t = np.r_[times[mine], closed]
    c = results.mouths.concentration.values[0, : mine.sum(), 0]
    c = np.r_[c, c[-1]]
    hazard = np.sum(0.25 * (c[1:] + c[:-1]) * np.diff(t))
    assert hazard == pytest.approx(waiting, rel=3e-3)


@pytest.mark.parametrize(
    "current", [md.Fixed(0.1), md.GHK(2.6e-4), md.Ohmic(0.75)], ids=lambda c: type(c).__name__
)
@pytest.mark.parametrize("follows", [False, True], ids=["voltage", "calcium"])
def test_the_same_trial_alone_in_a_batch_and_on_any_backend(current, follows, monkeypatch):
    inactivation = Calcium(0.1) if follows else 2.0
    rates = [("C", "O", 20.0), ("O", "C", 5.0), ("O", "I", inactivation), ("I", "C", 5.0)]
    gate = md.Markov(("C", "O", "I"), ("O",), rates)
    model = small(md.Cluster([(0, 0), (0.05, 0)], current=current, gate=gate))
    grid = md.Grid.graded(model, near=0.04)
    record = md.Record(every=0.02)

    def mouths(trials, device="numpy"):
        results = md.simulate(
            model, grid, until=0.2, record=record, members=trials, seed=3, device=device, rtol=2e-2
        )
        assert abs(results.ledger.closure).max() < 1e-12
        return results.mouths

    alone = mouths(range(2, 3))
    assert alone.influx.values.max() > 0
    several = mouths(range(4))
    monkeypatch.setattr(sys.modules[md.simulate.__module__], "BLOCK_CELLS", 10**9)
    together = mouths(range(4))
    for name in ("concentration", "influx"):
        want = alone[name].values[0]
        assert several[name].values[2] == pytest.approx(want, rel=1e-9)
        assert together[name].values[2] == pytest.approx(want, rel=1e-9)
    assert alone.concentration.values[0] != pytest.approx(several.concentration.values[1], rel=1e-3)


def test_the_same_jumps_on_every_backend(backend):
    gate = md.Markov(("C", "O"), ("O",), [("C", "O", 20.0), ("O", "C", Calcium(0.5))])
    model = small(md.Cluster([(0, 0), (0.05, 0)], current=md.GHK(2.6e-4), gate=gate))
    grid = md.Grid.graded(model, near=0.04)
    flips = []
    for device in ("numpy", {"compiled": "cpu"}.get(backend, backend)):
        results = md.simulate(model, grid, until=0.2, record=md.Record(times=[0.2]), device=device, seed=5)
        starts = results._parts["solver"]["flux_starts"].values
        pieces = results._parts["solver"]["flux_pieces"].values[..., 0]
        flips.append([s[1:][(p[1:] == 0) != (p[:-1] == 0)] for s, p in zip(starts, pieces, strict=True)])
    for a, b in zip(*flips, strict=True):
        assert a.size > 2
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        assert np.abs(a - b).max() < 1e-9


@pytest.mark.slow
def test_thirty_gating_channels_over_a_square_micrometre():
    gate = md.Markov(("C", "O"), ("O",), [("C", "O", 1.5), ("O", "C", 4.5)])
    channels = md.Cluster.random(30, within=(1, 1), exclusion=0.03, seed=1, current=md.Fixed(0.1), gate=gate)
    model = md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[CALCIUM], buffers=BUFFERS, channels=channels)
    grid = md.Grid.graded(model, near=0.03)
    record = md.Record(every=0.05)
    loose = md.simulate(model, grid, until=0.5, record=record)
    tight = md.simulate(model, grid, until=0.5, record=record, rtol=2e-3, scheme="ros2")
    a, b = (r.mouths.concentration.values for r in (loose, tight))
    assert np.abs(a / b - 1).mean() < 0.002
    assert loose.provenance["scheme"] == "ROS2"
    history = loose._parts["solver"]["flux_starts"].values
    events = int((np.isfinite(history) & (history > 0) & (history < 0.5)).sum())
    assert events > 20
    # Frames end steps as well: ten of them, half a step each.
    assert loose.ledger.steps[0] - 5 < 4.5 * events


@pytest.mark.parametrize("follows", [False, True], ids=["voltage", "calcium"])
def test_a_trial_is_the_same_alone_among_sixty_four_and_after_a_restart(follows, tmp_path, monkeypatch):
    """Bit for bit on one backend, in lock-step as one by one; jump times on the other one to 1e-9 ms."""
    gate = md.Markov(("C", "O"), ("O",), [("C", "O", 100.0), ("O", "C", Calcium(6.0) if follows else 250.0)])
    channels = md.Cluster([(0, 0), (0.05, 0)], current=md.GHK(2.6e-4), gate=gate)
    model = md.Model(
        box=((-0.2, 0.2), (-0.2, 0.2), (0, 0.2)),
        ions=[CALCIUM],
        buffers=BUFFERS[:1],
        channels=channels,
        voltage=md.Hold(0),
    )
    grid, few = md.Grid.uniform(model, spacing=0.04), 64

    def go(trials, device="numpy", **how):
        record = md.Record(times=[0.004, 0.008])
        return md.simulate(
            model, grid, until=0.008, record=record, members=trials, seed=11, device=device, rtol=2e-2, **how
        )

    def jumps(results, member):
        """Times at which each channel's flux starts or stops."""
        found = []
        for row in results._parts["solver"].attrs["channel_rows"][member]:
            start = results._parts["solver"]["flux_starts"].values[row]
            open_ = results._parts["solver"]["flux_pieces"].values[row, :, 0] != 0
            found.append(start[1:][(open_[1:] != open_[:-1]) & np.isfinite(start[1:])])
        return found

    monkeypatch.setattr(sys.modules[md.simulate.__module__], "BLOCK_CELLS", 10**9)
    together = go(few)
    assert together.members == few
    assert sum(t.size for k in range(few) for t in jumps(together, k)) > 40
    monkeypatch.setattr(sys.modules[md.simulate.__module__], "BLOCK_CELLS", 1)
    stopped, step, count = 0, Batch._step, [0]

    def interrupted(self, *arguments):
        step(self, *arguments)
        count[0] += 1
        if count[0] == 7:
            os.kill(os.getpid(), signal.SIGUSR1)

    for trial in (17, 63):
        alone = go(range(trial, trial + 1))
        for name in ("concentration", "influx"):
            mine, everyone = alone.mouths[name], together.mouths[name].sel(time=alone.mouths.time)
            np.testing.assert_array_equal(mine.values[0], everyone.values[trial])
        monkeypatch.setattr(Batch, "_step", interrupted)
        while True:
            count[0] = 0
            try:
                again = go(range(trial, trial + 1), out=tmp_path / f"{trial}.zarr", resume=True)
                break
            except Stopped:
                stopped += 1
        monkeypatch.setattr(Batch, "_step", step)
        np.testing.assert_array_equal(again.mouths.influx.values, alone.mouths.influx.values)
        compiled = go(range(trial, trial + 1), device="cpu")
        for a, b in zip(jumps(alone, 0), jumps(compiled, 0), strict=True):
            assert a.size == b.size
            assert np.abs(a - b).max(initial=0.0) <= (1e-9 if follows else 0.0)
    assert stopped >= 2
