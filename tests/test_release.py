"""Release sensors in a run: sampled finely enough, each member's own, the same from a store."""

import dataclasses
import warnings

import numpy as np
import pytest

import microdomain as md
from microdomain import presets, recorder_sensors, sensors, simulate
from microdomain.release import release_times
from microdomain.scenario import ScenarioError, loads, to_toml
from microdomain.scenario_run import record_of

FELMY = presets.sensor("Felmy-2003")
NEAR, FAR = (0.02, 0.0, 0.01), (0.1, 0.0, 0.01)


def model_of(current=0.2, gate=None):
    return md.Model(
        box=((-0.6, 0.6), (-0.6, 0.6), (0, 0.6)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)],
        buffers=[md.Buffer("endogenous", total=400, k_on=0.1, K_d=10)],
        channels=md.Cluster([(0, 0), (0.06, 0)], current=md.Fixed(current), gate=gate or md.Pulse(0, 0.5)),
    )


PLACED = {"near": (FELMY, NEAR), "far": (FELMY, FAR)}
RECORD = md.Record(sensors=PLACED)


@pytest.fixture(scope="module")
def results():
    return md.simulate(model_of(), until=1.0, record=RECORD)


def test_what_is_answered(results):
    found = results.release()
    assert found.sensor.values.tolist() == ["near", "far"]
    assert found.probability.dims == ("time", "sensor")
    np.testing.assert_allclose(found.released, found.probability.isel(time=-1))
    assert (np.diff(found.probability, axis=0) >= 0).all()
    np.testing.assert_allclose(found.concentration.isel(time=0), 0.1)
    assert (found.released[0] > 10 * found.released[1]).item()
    assert 0.1 < found.peak_time[0] < 0.6
    slope = np.gradient(found.probability.values[:, 0], found.time.values)
    late = (found.time.values > 0.2) & (found.time.values < 1.0)
    np.testing.assert_allclose(slope[late], found.rate.values[late, 0], rtol=0.1)


def test_the_samples_are_the_probes(results):
    """The same points as probes; between two samples of the first microsecond's rise within 0.02 uM."""
    probed = md.simulate(model_of(), until=1.0, record=md.Record(points={"near": NEAR, "far": FAR}))
    found = results.release(times=probed.probes.time.values)
    np.testing.assert_allclose(found.concentration, probed.probes["Ca"], rtol=4e-3, atol=0.02)


@pytest.mark.parametrize("gate", [md.Pulse(0, 0.5), md.Train(0.05, 0.1, 0.3, 3)], ids=["pulse", "train"])
def test_denser_samples_change_nothing(gate, monkeypatch):
    """Sixteen times as many samples move a probability by far less than 1e-3."""
    found = md.simulate(model_of(gate=gate), until=1.0, record=RECORD).release()
    monkeypatch.setattr(recorder_sensors, "WITHIN", tuple(np.arange(1, 65) / 64))
    monkeypatch.setattr(recorder_sensors, "RISING", tuple(np.geomspace(1e-4, 1, 128)))
    dense = md.simulate(model_of(gate=gate), until=1.0, record=RECORD).release()
    assert dense.released[0] > 0.1
    assert float(np.abs(dense.probability - found.probability).max()) < 2e-5
    np.testing.assert_allclose(found.released, dense.released, rtol=2e-3)


def test_a_current_between_two_records_is_not_missed():
    """A Gaussian current has no edges, so the record knows nothing of it; the steps do."""
    current = md.Gaussian(charge=0.08, at=20.0, fwhm=0.36)
    model = dataclasses.replace(
        model_of(), channels=md.Cluster([(0, 0)], current=md.Fixed(current)), uptake={"Ca": 0.4}
    )
    sensor = {"near": (FELMY, NEAR)}
    coarse = md.simulate(model, until=30.0, record=md.Record(times=[0, 10, 30], sensors=sensor)).release()
    dense = md.Record(times=np.append(np.linspace(0, 19, 20), np.linspace(19.05, 30, 600)), sensors=sensor)
    fine = md.simulate(model, until=30.0, record=dense).release()
    assert fine.released[0] > 0.1
    assert float(coarse.released[0]) == pytest.approx(float(fine.released[0]), abs=2e-3)
    assert float(coarse.peak_time[0]) == pytest.approx(float(fine.peak_time[0]), abs=5e-3)


def test_any_sensor_at_any_point_from_the_recorded_fields():
    often = md.simulate(model_of(), until=1.0, record=md.Record(every=0.005, sensors={"near": (FELMY, NEAR)}))
    from_fields = often.release(FELMY, at=[NEAR, FAR])
    assert from_fields.sensor.values.tolist() == ["point 0", "point 1"]
    assert float(from_fields.released[0]) == pytest.approx(float(often.release("near").released[0]), abs=1e-3)
    other = often.release(presets.sensor("Lou-2005"), at="near")
    assert other.sensor.values.tolist() == ["near"]
    assert abs(float(other.released[0]) - float(from_fields.released[0])) > 0.01


def test_fields_far_apart_are_warned_of():
    seldom = md.simulate(model_of(), until=1.0, record=md.Record(times=np.linspace(0, 1, 6)))
    with pytest.warns(UserWarning, match="leaving out every other one changes a probability by 0"):
        seldom.release(FELMY, at=NEAR)


def test_members_are_their_own(monkeypatch):
    """A member's samples and numbers do not depend on who runs beside it, alone or in lock-step."""
    models = [model_of(i, md.Pulse(0, off)) for i, off in ((0.2, 0.5), (0.1, 0.2), (0.4, 0.7))]
    grid, record = md.Grid.graded(models), md.Record(times=[0, 0.5, 1], sensors=PLACED)
    alone = [md.simulate(m, grid, until=1.0, record=record) for m in models]
    for cells in (1, 10**9):
        monkeypatch.setattr(simulate_module(), "BLOCK_CELLS", cells)
        beside = md.simulate(models[0], grid, until=1.0, members=models, record=record)
        found = beside.release(times=[0.5, 1.0])
        assert found.probability.dims == ("member", "time", "sensor")
        for m, one in enumerate(alone):
            np.testing.assert_array_equal(
                found.probability.values[m], one.release(times=[0.5, 1.0]).probability
            )


def simulate_module():
    import sys

    assert callable(simulate)
    return sys.modules["microdomain.simulate"]


def test_every_backend_answers_the_same(results, backend):
    device = {"numpy": "numpy", "compiled": "cpu", "cuda": "cuda"}[backend]
    other = md.simulate(model_of(), until=1.0, record=RECORD, device=device)
    np.testing.assert_allclose(
        other.release().probability, results.release().probability, rtol=1e-9, atol=1e-15
    )


def test_a_store_answers_the_same(results, tmp_path):
    streamed = md.simulate(model_of(), until=1.0, record=RECORD, out=tmp_path / "a.zarr")
    results.save(tmp_path / "b.zarr")
    for other in (streamed, md.open(tmp_path / "a.zarr"), md.open(tmp_path / "b.zarr")):
        assert other.release().identical(results.release())
        assert other.coupling().identical(results.coupling())


def test_trials_agree_with_the_probability(results):
    drawn = release_times(results, "near", 20_000)
    p = float(results.release("near").released[0])
    assert np.isfinite(drawn).mean() == pytest.approx(p, abs=4 * 0.5 / np.sqrt(2e4))
    np.testing.assert_array_equal(drawn[:50], release_times(results, "near", 50))
    assert (release_times(results, "far", 2000) != drawn[:2000]).any()


def test_coupling_distances(results):
    found = results.coupling()
    apart = [[np.hypot(0.02, 0.01), np.hypot(0.04, 0.01)], [np.hypot(0.1, 0.01), np.hypot(0.04, 0.01)]]
    np.testing.assert_allclose(found.distance, apart)
    np.testing.assert_allclose(found.nearest, np.min(apart, axis=1))
    np.testing.assert_allclose(found["mean"], np.mean(apart, axis=1))
    assert int(found.opened) == 2
    np.testing.assert_allclose(results.coupling(at=NEAR).nearest, [np.hypot(0.02, 0.01)])


def test_a_channel_that_never_opened_is_no_neighbour():
    gates = (md.Pulse(0, 0.2), md.Pulse(5, 6))
    channels = md.Cluster([(0, 0), (0.02, 0)], current=md.Fixed(0.2), gate=gates)
    run = md.simulate(dataclasses.replace(model_of(), channels=channels), until=0.3, record=RECORD)
    found = run.coupling()
    assert int(found.opened) == 1
    assert np.isnan(found.distance.values[:, 1]).all()
    assert float(found.nearest[0]) == pytest.approx(np.hypot(0.02, 0.01))


def test_where_the_sensor_waited(results):
    """A sensor that waited at 1 uM has ions bound already."""
    assert results.release("near", rest=1.0).released[0] > 1.005 * results.release("near").released[0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda r: r.release("nera"), "No sensor 'nera'. Did you mean 'near'"),
        (lambda r: r.release("near", at=NEAR), "at = a point needs a Sensor"),
        (lambda r: r.release(FELMY, at=(5, 0, 0)), "outside the box"),
        (lambda r: r.release(times=[2.0]), "the run is from 0 to 1 ms"),
    ],
)
def test_refusals(results, call, text):
    few = md.Record(every=0.25, sensors=PLACED)
    target = md.simulate(model_of(), until=1.0, record=few) if "box" in text else results
    with pytest.raises(ValueError, match=text):
        call(target)


def test_a_result_without_sensors_says_how_to_have_some():
    bare = md.simulate(model_of(), until=0.1)
    with pytest.raises(ValueError, match="This result has no sensors; ask for them with Record"):
        bare.release()
    with pytest.raises(ValueError, match="this result has fields at 2 times, from 0 ms on"):
        bare.release(FELMY, at=NEAR)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"a": FELMY}, r"sensor 'a' = .*; give a pair \(Sensor, \(x, y, z\)\)"),
        ({"a": (FELMY, (0, 0))}, "give three coordinates"),
    ],
)
def test_a_record_refuses(given, text):
    with pytest.raises(ValueError, match=text):
        md.Record(sensors=given)


def test_a_steady_state_has_no_release():
    """A scenario's sensors ask for a course in time; its steady state leaves them out."""
    asked = loads(SCENARIO)
    assert [name for name, _, _ in record_of(asked, 1.0).sensors] == ["near", "own", "mine"]
    assert record_of(asked, None) is None
    still = dataclasses.replace(model_of(gate=md.Open()), uptake={"Ca": 0.4})
    with pytest.raises(
        ValueError, match="sensor 'near' is in the record, but release needs a course in time"
    ):
        md.steady_state(still, record=RECORD)


SCENARIO = """
[model]
box = [["-600 nm", "600 nm"], ["-600 nm", "600 nm"], ["0 nm", "600 nm"]]
ions.Ca = { z = 2, D = "220 um^2/s", rest = "100 nM", outside = "2 mM" }
buffers.endogenous = { total = "400 uM", k_on = "0.1 /uM/ms", K_d = "10 uM" }
[[model.channels]]
positions = [["0 nm", "0 nm"], ["60 nm", "0 nm"]]
current = "0.2 pA"
gate = { kind = "pulse", on = "0 ms", off = "0.5 ms" }
[sensors.near]
preset = "Felmy-2003"
at = ["20 nm", "0 nm", "10 nm"]
[sensors.own]
kind = "scheme"
at = ["50 nm", "0 nm", "0 nm"]
states = ["free", "bound"]
steps = [
  { from = "free", to = "bound", k = 0.01, n = 2 },
  { from = "bound", to = "free", k = "4 /ms" },
]
fusion = { bound = "6 /ms" }
start = "free"
[sensors.mine]
preset = "Syt1"
gamma = "2000 /s"
at = [0.02, 0, 0.01]
"""


def test_a_scenario_places_sensors(results):
    asked = loads(SCENARIO)
    record = record_of(asked, 1.0)
    (name, scheme, at), own, mine = record.sensors
    assert (name, scheme, at) == ("near", FELMY, NEAR)
    assert own[1] == md.Sensor(
        ("free", "bound"), [("free", "bound", 0.01, 2), ("bound", "free", 4.0)], {"bound": 6.0}, "free"
    )
    assert mine[1] == presets.sensor("Syt1", gamma=2.0)
    run = md.simulate(asked.model, until=1.0, record=record)
    assert run.release("near").probability.identical(results.release("near").probability)


def test_a_scenario_with_sensors_survives_its_text():
    asked = loads(SCENARIO)
    again = loads(to_toml(asked.model, "", asked.grid, asked.run, asked.record))
    assert again.record == asked.record
    assert again.hash == asked.hash
    assert loads(SCENARIO.partition("[sensors.own]")[0]).hash != asked.hash


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            'preset = "Felmy"\nat = [0, 0, 0]',
            r"sensors\.a: No sensor preset 'Felmy'\. Did you mean 'Felmy-2003'",
        ),
        ('preset = "Felmy-2003"', "a sensor needs a place"),
        ('preset = "Felmy-2003"\nat = [0, 0]', "a place has three coordinates"),
        ('preset = "Felmy-2003"\nat = ["20 mV", 0, 0]', "mV"),
        ('preset = "Felmy-2003"\nat = [0, 0, 9]', r"sensors\.a: \(0, 0, 9\) um lies outside the box"),
        ('preset = "Syt1"\nat = [0, 0, 0]', "needs gamma; it has sites"),
        (
            'preset = "Felmy-2003"\nkoff = "3 /ms"\nat = [0, 0, 0]',
            "unknown key 'koff' .* Did you mean 'k_off'",
        ),
        ('kind = "magic"\nat = [0, 0, 0]', "no sensor of kind 'magic'"),
        (
            'kind = "joint"\ngamma = 1\nchains = { X = { sites = 1 } }\nat = [0, 0, 0]',
            "chains.X = .*; expected a",
        ),
        ('kind = "joint"\ngamma = 1\nchains = 3\nat = [0, 0, 0]', "expected a table of names"),
        ('kind = "scheme"\nstates = ["A"]\nfusion = { A = 1 }\nsteps = [3]\nat = [0, 0, 0]', "3 is no step"),
        (
            'kind = "scheme"\nstates = ["A", "B"]\nfusion = { A = 1 }\nat = [0, 0, 0]\n'
            'steps = [{ from = "A", to = "B", k = "1 /ms", n = 2 }]',
            "of a step with n = 2; give a plain number",
        ),
    ],
)
def test_a_scenario_refuses(table, text):
    with pytest.raises(ScenarioError, match=text):
        loads(SCENARIO.partition("[sensors.near]")[0] + "[sensors.a]\n" + table)


def test_every_preset_runs_at_a_clamped_concentration():
    for name in presets.sensor_names():
        more = {"gamma": "6 /ms"} if presets.sensor_entry(name).get("needs") else {}
        answer = sensors.release(presets.sensor(name, **more), [0, 5], 50.0, rest=0.1)
        assert answer.probability[-1] > 1e-4, name


def test_fields_are_read_with_pumps_cusps_and_obstacles():
    """At the times of frames the sensor sees what `results.at` reads, and stands in no obstacle."""
    model = dataclasses.replace(
        model_of(0.5, md.Open()),
        pumps=md.Pump(md.LinearPump(P=0.2)),
        obstacles=md.Ball((0.2, 0, 0.2), 0.05, name="vesicle"),
    )
    often = md.simulate(model, until=0.1, record=md.Record(times=np.linspace(0, 0.1, 11)))
    assert "hidden" in often._parts["solver"]
    times = often._parts["solver"]["time"].values
    places = [(0, 0, 0.01), (0.03, 0.01, 0.002), (0.2, 0.05, 0.25)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few frames, which is not asked here
        seen = often.release(FELMY, at=places, times=times).concentration
    read = often.at(places).transpose(..., "time", "point").values
    np.testing.assert_allclose(seen.values, read.reshape(seen.shape), rtol=1e-9)
    with pytest.raises(ValueError, match="lies in obstacle 'vesicle'"):
        often.release(FELMY, at=(0.2, 0, 0.2))
    inside = md.Record(sensors={"deep": (FELMY, (0.2, 0, 0.2))})
    with pytest.raises(ValueError, match=r"Sensor 'deep': Point 0 .* lies in obstacle 'vesicle'"):
        md.simulate(model, until=0.1, record=inside)
