"""The closing report: its numbers, and its words where there is no number."""

import math
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import xarray

import microdomain as md
from microdomain import report, report_decay
from microdomain.report_text import concentration, duration, milliseconds, millivolts, table
from microdomain.units import flux_per_pA

D, REST = 0.22, 0.1


class HalfSpace:
    """A result without a run: open channels on the floor of an unbuffered half-space, long after opening.

    c = rest + sum of i flux_per_pA / (2 pi D r); Hille, Ion Channels of Excitable Membranes (2001).
    """

    partial = False
    provenance: ClassVar = {
        "backend": "numpy",
        "scheme": "ROS34PW2",
        "wall_s": 1.4,
        "backend_why": "NumPy, for a reason.",
    }
    _parts: ClassVar = {}  # no sensors
    grid = SimpleNamespace(shape=(16, 32, 34))
    budget = "Error budget  in space not estimated"

    def __init__(self, models, member_names=None, means=None, times=(0.0, 1.0)):
        self.models, self.members = tuple(models), len(models)
        self.model, self.member_names = self.models[0], member_names
        self.times = np.array(times, float)
        steps = np.full(self.members, 52)
        self.ledger = SimpleNamespace(warnings=list, steps=steps)
        most = max(len(m.resolved_channels) for m in models)
        held = np.full((self.members, self.times.size, most), np.nan)
        volts = held.copy()
        for m, model in enumerate(models):
            for k, c in enumerate(model.resolved_channels):
                mouth = np.array(c.position) + c.pore * np.array(c.normal)
                held[m, :, k] = self._at(m, mouth[None], self.times)[:, 0]
                if model.ions[0].outside:
                    volts[m, :, k] = md.electro.nernst(held[m, :, k], model.ions[0].outside, 2)
        means = np.full(self.times.size, REST) if means is None else means
        names = {"member": list(member_names)} if member_names else {}
        self.mouths = xarray.Dataset(
            {
                "concentration": (("member", "time", "channel"), held),
                "reversal": (("member", "time", "channel"), volts),
                "mean_Ca": (("member", "time"), np.tile(means, (self.members, 1))),
            },
            coords={"time": self.times, "channel": [c.name for c in model.resolved_channels] or [], **names},
        )

    def _at(self, m, points, times):
        c = np.full(len(points), REST)
        for channel in self.models[m].resolved_channels:
            r = np.linalg.norm(points - np.array(channel.position), axis=1)
            c = c + channel.current.i * flux_per_pA(2) / (2 * np.pi * D * r)
        return np.array([c if t > 0 else np.full(len(points), REST) for t in times])

    def at(self, points, times=None, ion=None):
        times = self.times if times is None else np.atleast_1d(times)
        values = [self._at(m, np.array(points, float), times) for m in range(self.members)]
        return xarray.DataArray(np.array(values), dims=("member", "time", "point"), coords={"time": times})


def model(*currents, outside=2000.0, uptake=None, walls=None, gate=None, volume_pumps=()):
    ion = md.Ion("Ca", z=2, D=D, rest=REST, outside=outside)
    clusters = [
        md.Cluster([(0.0, 0.2 * k)], current=md.Fixed(i), name=f"c{k}", gate=gate or md.Open())
        for k, i in enumerate(currents)
    ]
    box = ((-5, 5), (-5, 5), (0, 5))
    given = {"uptake": uptake or {}, "walls": walls or md.Walls(), "volume_pumps": volume_pumps}
    return md.Model(box=box, ions=[ion], channels=clusters, **given)


def lines(text):
    return text.splitlines()


def test_profile_and_peaks_of_a_tenth_of_a_picoampere():
    """E_Ca at 5 to 100 nm from 0.1 pA without buffers: 43.863, 53.108, 62.336, 74.474, 83.562 mV."""
    text = report.report(HalfSpace([model(0.1)]), "One channel")
    assert lines(text)[0] == "One channel"
    assert "1 ms, 1 channel, 34 x 32 x 16 cells, computed by numpy" in text
    assert "rest 100.0 nM, where E_Ca is +132.3 mV (2 mM outside)" in text
    for distance, E in ((5, "+43.86"), (10, "+53.11"), (20, "+62.34"), (50, "+74.47"), (100, "+83.56")):
        assert any(
            line.split()[0] == str(distance) and line.split()[-1] == E for line in lines(text) if line
        ), E
    assert "Along the normal of c0[0] at 1 ms" in text
    assert "E_Ca passes +36 mV (135.2 uM): not reached at 5 nm or beyond" in text
    peak = next(line for line in lines(text) if line.startswith("c0[0]"))
    assert peak.split() == ["c0[0]", "5", "75.08", "uM", "1", "ms", "+43.86", "mV"]
    assert "52 steps of ROS34PW2, 1.4 s of wall time" in text
    assert "NumPy, for a reason." in text


def test_where_the_landmark_is_passed():
    """135.2 uM stands 8.32 nm from 0.3 pA in an unbuffered half-space: +36 mV."""
    text = report.report(HalfSpace([model(0.3)]))
    assert "E_Ca passes +36 mV (135.2 uM) at 8.3 nm" in text


def test_the_landmark_beyond_the_last_point():
    text = report.report(HalfSpace([model(60.0)]))
    assert "E_Ca passes +36 mV (135.2 uM): farther than 1000 nm" in text


def test_without_an_outside_concentration_there_is_no_potential():
    text = report.report(HalfSpace([model(0.1, outside=None)]))
    assert "rest 100.0 nM\n" in text
    assert "mV" not in text.split("Error budget")[0]


def test_the_channel_that_sees_most_gives_the_profile():
    text = report.report(HalfSpace([model(0.1, 0.3, 0.2)]))
    assert "Along the normal of c1[0] at 1 ms" in text


def test_many_channels_are_summarised():
    few = report.report(HalfSpace([model(*[0.1] * report.MANY_CHANNELS)]))
    assert "c15[0]" in few
    assert "highest" not in few
    currents = [0.1 + 0.01 * k for k in range(21)]
    text = report.report(HalfSpace([model(*currents)]))
    assert "21 channels" in text
    assert [word for word in ("highest: c20[0]", "median: c10[0]", "lowest: c0[0]") if word not in text] == []
    assert "c5[0]" not in text


def test_every_member_has_its_own_section_and_name():
    results = HalfSpace([model(0.1), model(0.3)], member_names=("weak", "strong"))
    text = report.report(results)
    weak, strong = text.split("--- weak")[1].split("--- strong")
    assert "not reached at 5 nm or beyond" in weak
    assert "at 8.3 nm" in strong
    assert "104 steps over 2 members" in text
    assert "--- eins" in report.report(results, names=("eins", "zwei"))


def test_members_may_have_fewer_channels_than_others():
    text = report.report(HalfSpace([model(0.1), model(0.1, 0.3)]))
    first, second = text.split("--- member 0")[1].split("--- member 1")
    assert "c1[0]" not in first
    assert "c1[0]" in second


def test_many_members_get_a_line_each():
    count = report.MANY_MEMBERS + 3
    text = report.report(HalfSpace([model(0.1)] * count))
    assert sum(line.startswith("member ") for line in lines(text)) == count + 1  # and the heading
    assert "Along the normal" not in text


def test_no_channels():
    assert "no channels" in report.report(HalfSpace([model()]))


T = np.linspace(0.0, 500.0, 101)
SLOW = REST + 0.5 * np.exp(-T / 110.5)


def test_decay_is_the_time_constant_of_the_last_half():
    early = SLOW + 3.0 * np.exp(-T / 8.0)
    assert report_decay.decay(T, early, REST) == pytest.approx(110.5, abs=1e-6)
    uneven = np.unique(np.concatenate([T, 250 + np.geomspace(1e-4, 1, 50)]))
    curved = REST + np.exp(-uneven / 100) + np.exp(-uneven / 50)
    assert report_decay.decay(uneven, curved, REST) == pytest.approx(
        report_decay.decay(T, np.interp(T, uneven, curved), REST), rel=1e-2
    )


def test_decay_needs_a_fall_toward_rest():
    assert report_decay.decay(T, np.full(T.size, REST), REST) is None
    assert report_decay.decay(T, REST + 0.001 * (1 + T), REST) is None
    assert report_decay.decay(T[:2], SLOW[:2], REST) is None


AFTER = {"uptake": {"Ca": 0.4}, "gate": md.Pulse(0, 1)}


@pytest.mark.parametrize(
    ("asked", "means", "words"),
    [
        (AFTER, SLOW, "decay 110.5 ms (volume mean, fitted from 250 ms to 500 ms)"),
        ({"walls": md.Walls(x=md.Held()), "gate": md.Pulse(0, 1)}, SLOW, "decay 110.5 ms ("),
        ({"volume_pumps": [md.VolumePump("Ca", 1, 0.3)], "gate": md.Pulse(0, 1)}, SLOW, "decay 110.5 ms ("),
        ({"gate": md.Pulse(0, 1)}, SLOW, "decay none: no uptake, and closed walls keep every ion"),
        ({"uptake": {"Ca": 0.4}}, SLOW, "decay not fitted: current flows in the last half of the run"),
        (AFTER, 2 * SLOW[::-1], "decay not fitted: the volume mean does not fall toward rest"),
    ],
)
def test_the_line_of_the_decay(asked, means, words):
    text = report.report(HalfSpace([model(0.1, **asked)], means=means, times=T))
    assert any(line.startswith(words) for line in lines(text)), text


def test_current_flows_where_a_gate_is_open_and_the_waveform_is_not_over():
    bell = md.Gaussian(peak=1.0, at=2.0, fwhm=0.36)
    ion = md.Ion("Ca", z=2, D=D, rest=REST)
    box = ((-1, 1), (-1, 1), (0, 1))
    for gate, current, flows in (
        (md.Open(), md.Fixed(bell), False),
        (md.Open(), md.Fixed(0.1), True),
        (md.Train(start=0, width=1, period=20, count=10), md.Fixed(0.1), True),
        (md.Train(start=0, width=1, period=20, count=2), md.Fixed(0.1), False),
    ):
        one = md.Model(box=box, ions=[ion], channels=md.Cluster([(0, 0)], gate=gate, current=current))
        assert report_decay.flows_after(one, "Ca", 50.0, 100.0) is flows, gate


def test_a_partial_result_says_so_and_has_no_ledger():
    results = HalfSpace([model(0.1)])
    results.partial, results.ledger = True, None
    text = report.report(results)
    assert "PARTIAL: the run stopped at 1 ms" in text
    assert "Error budget" not in text


def test_a_result_without_a_single_reading_is_a_sentence():
    results = HalfSpace([model(0.1)])
    for empty in (results.mouths.drop_vars("time"), results.mouths.isel(time=[])):
        results.mouths = empty
        with pytest.raises(ValueError, match="This result is empty: its run was stopped before anything"):
            report.report(results)


def test_a_steady_state_has_no_times():
    text = report.report(HalfSpace([model(0.1)], times=(1e9,)))
    assert "steady state, 1 channel" in text
    assert "Along the normal of c0[0], steady state" in text
    assert "decay" not in text
    assert "1e+09" not in text


def test_two_ions_are_told_apart():
    ions = [md.Ion("Ca", z=2, D=D, rest=REST), md.Ion("Na", z=1, D=1.0, rest=12000.0)]
    results = HalfSpace([model(0.1)])
    results.models = (md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=ions, channels=md.Cluster([(0, 0)])),)
    results.model = results.models[0]
    results.mouths["mean_Na"] = results.mouths["mean_Ca"]
    text = report.report(results)
    assert "Ca: rest 100.0 nM" in text
    assert "Na: rest 12000000.0 nM" in text


def test_numbers_in_words():
    assert [concentration(c) for c in (0.0682, 1.0, 135.228, 2000.0, 0.0)] == [
        "68.2 nM",
        "1 uM",
        "135.2 uM",
        "2 mM",
        "0 nM",
    ]
    assert [milliseconds(t) for t in (0.0, 1e-5, 0.001, 0.1, 2.0, 500.0)] == [
        "0 ms",
        "10 ns",
        "1 us",
        "0.1 ms",
        "2 ms",
        "500 ms",
    ]
    assert [duration(s) for s in (0.04, 61.0, 100.0, 7322.0)] == ["0.04 s", "61 s", "1 min 40 s", "2 h 2 min"]
    assert [millivolts(E) for E in (-4.984, math.nan)] == ["-4.98 mV", "-"]


def test_a_table_is_never_cut():
    long = "x" * 500
    assert table(("name", "n"), [(long, "1")]).splitlines()[1] == f"{long}  1"
