"""Ensembles: statistics over members without loading all, one that fails, trial numbers, cost."""

import resource
import subprocess
import sys
import time

import numpy as np
import pytest

import microdomain as md
from microdomain import batch
from microdomain.batch import Batch, StepError

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
CURRENTS = (0.05, 0.1, 0.15, 0.2, 0.25)


def cell(current=0.1):
    buffer = md.Buffer("fixed", total=100, k_on=0.1, K_d=1)
    channel = md.Cluster([(0, 0)], current=md.Fixed(current), gate=md.Pulse(0, 0.01))
    box = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))
    return md.Model(box=box, ions=[CALCIUM], buffers=[buffer], channels=channel)


def run(models, **keywords):
    grid = md.Grid.uniform(models[0], spacing=0.04)
    record = md.Record(every=0.01, points={"nose": (0, 0, 0.03)})
    settings = {"until": 0.02, "record": record, "device": "numpy", "members": models, "rtol": 1e-3}
    return md.simulate(models[0], grid, **(settings | keywords))


@pytest.fixture(scope="module")
def ensemble():
    return run([cell(i) for i in CURRENTS])


@pytest.mark.parametrize(("name", "part"), [("Ca", None), ("concentration", None), ("Ca", "probes")])
def test_statistics_are_those_of_all_members(ensemble, name, part):
    found = ensemble.statistics(name, quantiles=(0.25, 0.5), part=part)
    source = {None: ensemble.dataset, "probes": ensemble.probes}[part]
    whole = (ensemble.mouths if name == "concentration" else source)[name]
    np.testing.assert_allclose(found["mean"], whole.mean("member"), rtol=1e-14)
    np.testing.assert_allclose(found["sd"], whole.std("member", ddof=1), rtol=1e-12)
    np.testing.assert_allclose(found["quantile"].sel(level=0.5), whole.median("member"), rtol=1e-14)
    assert (found["count"] == 5).all()
    assert found["mean"].dims == tuple(d for d in whole.dims if d != "member")
    assert found["mean"].attrs["units"] == "uM"


def test_statistics_hold_one_frame_at_a_time(tmp_path, monkeypatch):
    import xarray

    run([cell(i) for i in CURRENTS], out=tmp_path / "a.zarr")
    results = md.open(tmp_path / "a.zarr")
    largest = []
    values = xarray.DataArray.values
    monkeypatch.setattr(
        xarray.DataArray, "values", property(lambda self: (largest.append(self.size), values.fget(self))[1])
    )
    results.statistics("Ca")
    assert max(largest) == results.dataset["Ca"].isel(time=0).size


def test_statistics_refuse_what_is_not_there(ensemble):
    with pytest.raises(ValueError, match="No variable 'K'; there are Ca, concentration"):
        ensemble.statistics("K")
    with pytest.raises(ValueError, match="between 0 and 1"):
        ensemble.statistics("Ca", quantiles=[50])


def failing(monkeypatch, which, after=2):
    """Members of these influxes cannot go on after some steps: every error is beyond the tolerance."""
    attempt = Batch._attempt

    def spoilt(self, active, dt):
        trial = attempt(self, active, dt)
        for i, k in enumerate(active):
            current = self.plan.models[k].channels[0].current.i
            if current in which and self.steps[k] >= after:
                trial.error[i] = 1e6
        return trial

    monkeypatch.setattr(Batch, "_attempt", spoilt)


def test_a_member_that_fails_is_reported_and_the_rest_go_on(ensemble, tmp_path, monkeypatch, caplog):
    failing(monkeypatch, [0.15])
    results = run([cell(i) for i in CURRENTS], out=tmp_path / "a.zarr")
    assert list(results.failures) == [2]
    assert "Member 2 needs steps below 1e-12 ms at t =" in results.failures[2]
    assert "Refine the grid near the channels" in results.failures[2]
    assert "Member 2 needs steps" in caplog.text
    others = [0, 1, 3, 4]
    for name in ("Ca",):
        mine, known = results.dataset[name], ensemble.dataset[name]
        assert mine.isel(member=others).values.tobytes() == known.isel(member=others).values.tobytes()
        assert np.isnan(mine.isel(member=2, time=-1)).all()
    held = results.mouths["concentration"].isel(member=2)
    assert np.isfinite(held.isel(time=0)).all()
    assert np.isnan(held.isel(time=-1)).all()
    assert (results.statistics("Ca")["count"].isel(time=-1) == 4).all()
    assert not results.partial
    assert md.open(tmp_path / "a.zarr").failures == results.failures


def test_a_member_that_breaks_down_takes_nobody_with_it(ensemble, monkeypatch):
    attempt = Batch._attempt

    def broken(self, active, dt):
        if any(self.plan.models[k].channels[0].current.i == 0.15 and self.steps[k] >= 2 for k in active):
            raise FloatingPointError("overflow")
        return attempt(self, active, dt)

    monkeypatch.setattr(Batch, "_attempt", broken)
    results = run([cell(i) for i in CURRENTS])
    assert list(results.failures) == [2]
    assert "broke down at t =" in results.failures[2]
    assert "(FloatingPointError: overflow)" in results.failures[2]
    others = [0, 1, 3, 4]
    mine, known = results.dataset["Ca"], ensemble.dataset["Ca"]
    assert mine.isel(member=others).values.tobytes() == known.isel(member=others).values.tobytes()


def test_a_run_of_which_nobody_is_left_is_an_error(monkeypatch):
    failing(monkeypatch, CURRENTS)
    with pytest.raises(StepError, match="Member 0 needs steps below"):
        run([cell(i) for i in CURRENTS])
    assert batch.SHORTEST == 1e-12


def test_a_member_that_failed_stays_behind_after_a_restart(tmp_path, monkeypatch):
    import os
    import signal

    from microdomain.checkpoint import Stopped

    failing(monkeypatch, [0.05])
    step, count = Batch._step, [0]

    def counted(self, *arguments):
        step(self, *arguments)
        count[0] += self.left_behind.any()
        if count[0] == 1:
            os.kill(os.getpid(), signal.SIGUSR1)

    monkeypatch.setattr(Batch, "_step", counted)
    with pytest.raises(Stopped):
        run([cell(i) for i in CURRENTS], out=tmp_path / "a.zarr", resume=True)
    results = run([cell(i) for i in CURRENTS], out=tmp_path / "a.zarr", resume=True)
    assert list(results.failures) == [0]
    assert results.provenance["restarts"] == 1


def test_a_member_may_fail_before_the_first_time_that_is_asked_for(monkeypatch):
    failing(monkeypatch, [0.15], after=0)
    late = md.Record(times=[0.015, 0.02], points={"nose": (0, 0, 0.03)})
    results = run([cell(i) for i in CURRENTS], record=late)
    which = CURRENTS.index(0.15)
    assert list(results.failures) == [which]
    told = results.probes["Ca"].transpose("member", ...).values
    assert np.isnan(told[which]).all()
    assert np.isfinite(np.delete(told, which, axis=0)).all()


def test_trials_number_the_members_of_a_list():
    assert run([cell(), cell()], trials=[7, 3]).provenance["trials"] == [7, 3]
    with pytest.raises(ValueError, match="1 numbers for 2 members"):
        run([cell(), cell()], trials=[7])


P1 = """
import sys, time
sys.path.insert(0, {tests!r})
from science.problems import P1_BUFFERS, cell
import microdomain as md
models = [cell(current=0.1 + 1e-4 * k) for k in range(256)]
keywords = dict(until=0.02, record=md.Record(times=[0.01, 0.02]), device={device!r})
md.simulate(models[0], **keywords)
import tempfile
with tempfile.TemporaryDirectory() as folder:
    began = time.process_time()
    for k in range({single}):
        md.simulate(models[k], out=folder + f"/{{k}}.zarr", **keywords)
    alone = (time.process_time() - began) * 256 / {single}
    began = time.process_time()
    md.simulate(models[0], members=models, out=folder + "/all.zarr", **keywords)
    print(alone, time.process_time() - began)
"""


@pytest.mark.slow
def test_256_members_cost_less_than_256_calls():
    """P1 on its default grid, set-up and storing counted; memory is read by the parent process."""
    from pathlib import Path

    device = "cpu" if not __import__("microdomain.backends").backends.missing("compiled") else "numpy"
    code = P1.format(tests=str(Path(__file__).parent), device=device, single=16)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    alone, together = map(float, done.stdout.split())
    print(f"256 calls {alone:.1f} s, 256 members {together:.1f} s, all {time.monotonic() - began:.0f} s")
    assert together <= 0.8 * alone
    peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
    assert peak < 3e9
