"""Errors that no other test meets: each names the thing and the mend."""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import microdomain as md
from microdomain import checkpoint, electro, store, surfaces, sweep
from microdomain.backends import sources
from microdomain.backends.base import Unavailable
from microdomain.cli import cli
from microdomain.history import flux_of
from microdomain.model import Model
from microdomain.model.given import Taken
from microdomain.presets_sensors import from_table
from microdomain.scenario import ScenarioError, load, loads
from microdomain.units import flux_per_pA
from microdomain.view.fields import field_of
from microdomain.view.guard import Shelf
from microdomain.view.page import opened

from .sweeps import SIX, TINY

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))


def channel(**kind):
    model = Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)], **kind))
    return model.resolved_channels[0]


def call(*words):
    return CliRunner().invoke(cli, [*map(str, words)])


# -- files ---------------------------------------------------------------------------------------------


def test_a_surface_that_cannot_be_read(tmp_path):
    pytest.importorskip("pyvista")
    (tmp_path / "cell.stl").write_bytes(b"")
    with pytest.raises(ValueError, match=r"^Surface '.*cell.xyzw' cannot be read: "):
        surfaces.read((tmp_path / "cell.stl").rename(tmp_path / "cell.xyzw"))


def test_a_checkpoint_of_another_version(tmp_path):
    about = np.frombuffer(json.dumps({"format": 1}).encode(), dtype=np.uint8)
    np.savez(tmp_path / "old.npz", about=about)
    with pytest.raises(ValueError, match=r"old.npz' was written by another version. Remove it to start the"):
        checkpoint.load(tmp_path / "old.npz")


def test_a_store_without_a_result(tmp_path):
    with store.create(tmp_path / "it.zarr"):
        pass
    with pytest.raises(ValueError, match=r"it.zarr' is a store without a result in it \(no group 'solver'\)"):
        md.open(tmp_path / "it.zarr")


def test_a_store_without_frames_has_no_page(tmp_path, monkeypatch):
    (tmp_path / "it.zarr").mkdir()
    (tmp_path / "it.zarr" / "zarr.json").write_text("{}")
    empty = SimpleNamespace(dataset=SimpleNamespace(sizes={"time": 0}))
    monkeypatch.setattr("microdomain.results.open", lambda path: empty)
    with pytest.raises(ValueError, match=r"'it.zarr' holds no frames yet\."):
        opened(Shelf(tmp_path / "it.zarr"), "it.zarr")


def test_kernels_that_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sources, "__file__", str(tmp_path / "site" / "microdomain" / "backends" / "sources.py")
    )
    with pytest.raises(Unavailable, match=r"the kernels are missing beside .*; install the package again\."):
        sources.folder.__wrapped__()


# -- scenarios and sweeps ------------------------------------------------------------------------------


def test_a_scenario_that_there_is_not():
    with pytest.raises(ScenarioError, match=r"'clutser' does not exist, and no built-in example has that"):
        load("clutser")


def test_members_twice():
    with pytest.raises(ScenarioError, match=r"give either members \(a count\) or \[\[run.member\]\] tables"):
        loads(TINY.replace("[run]", "[run]\nmembers = 2") + '[[run.member]]\nname = "a"\n')


def test_a_step_that_binds_several_has_a_plain_number():
    steps = [{"from": "A", "to": "B", "k": "0.1 /uM/ms", "n": 2}, {"from": "B", "to": "A", "k": 4.0}]
    table = {"kind": "scheme", "states": ["A", "B"], "steps": steps, "fusion": {"B": 6.0}}
    with pytest.raises(ValueError, match=r"k = '0.1 /uM/ms' of a step with n = 2; give a plain number, in"):
        from_table(table)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "six.toml").write_text(SIX)
    return tmp_path


def test_a_sweep_ends_somewhere(files):
    (files / "tiny.toml").write_text(TINY.replace('until = "20 us"\n', ""))
    with pytest.raises(ScenarioError, match=r"how long\? The scenario has no run.until; give it there or on"):
        sweep.plan(files / "six.toml", files / "six")


def test_a_sweep_of_another_version(files):
    sweep.plan(files / "six.toml", files / "six")
    about = json.loads((files / "six" / "sweep.json").read_text())
    (files / "six" / "sweep.json").write_text(json.dumps(about | {"format": 0}))
    with pytest.raises(ValueError, match=r"six' was planned by another version; plan it again\."):
        sweep.status(files / "six")


def test_names_of_tables_and_data_sets(files, monkeypatch):
    sweep.plan(files / "six.toml", files / "six")
    answer = call("sweep", "collect", files / "six", "-o", files / "it.txt")
    assert answer.exit_code == 2
    assert "it.txt': give a name that ends with .csv, .parquet, .zarr or .nc." in answer.output
    with pytest.raises(ValueError, match=r"it.txt': a table ends with .csv or .parquet\."):
        sweep.write_table(files / "six", files / "it.txt")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'A Parquet file needs `pip install "microdomain\[batch\]"`; CSV'):
        sweep.write_table(files / "six", files / "it.parquet")


def test_a_refusal_of_slurm_is_passed_on(files, monkeypatch):
    sweep.plan(files / "six.toml", files / "six")
    answer = call("sweep", "run", files / "six", "--on", "slurm", "--set", "partition")
    assert "--set partition: give KEY=VALUE, such as partition=gpu." in answer.output
    refused = subprocess.CompletedProcess([], 1, "", "sbatch: error: invalid partition\n")
    monkeypatch.setattr("subprocess.run", lambda *a, **k: refused)
    answer = call("sweep", "submit", files / "six")
    assert answer.exit_code == 1
    assert "sbatch refused '" in answer.output
    assert "job.sh': sbatch: error: invalid partition" in answer.output


def test_ctrl_c_is_a_sentence_and_130(monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("microdomain.scenario.load", pressed)
    answer = call("run", "single-channel", "-o", "never.zarr")
    assert answer.exit_code == 130
    assert "Stopped by Ctrl-C." in answer.output


# -- numbers -------------------------------------------------------------------------------------------


def test_what_no_table_in_time_describes():
    with pytest.raises(TypeError, match=r"^Channel 'channels\[0\]': a GHK current is not prescribed in"):
        flux_of(channel(current=md.GHK(1e-4)), 2)
    gate = md.Markov(["C", "O"], ["O"], [("C", "O", 1.0), ("O", "C", 1.0)])
    with pytest.raises(TypeError, match=r"^Channel 'channels\[0\]': a Markov gate is no rule in time\."):
        flux_of(channel(gate=gate), 2)


def test_a_current_of_what_has_no_charge():
    with pytest.raises(
        ValueError, match=r"^z = 0: a particle without charge carries no current; give a flux"
    ):
        flux_per_pA(0)


def test_a_field_of_types_is_never_made():
    for use in (lambda: Taken().__get__(None), lambda: Taken().__set__(None, ())):
        with pytest.raises(NotImplementedError, match="Taken is a note for type checkers"):
            use()


def test_a_driving_force_where_the_voltage_moves():
    model = Model(box=BOX, ions=[CALCIUM], voltage=md.Ramp(-80, 40, 0, 1))
    with pytest.raises(ValueError, match=r"^V-E_Ca: the voltage of this model moves; give V= in mV\."):
        field_of(model, "V-E_Ca")


def test_a_pump_leak_cell_that_the_integrator_gives_up(monkeypatch):
    import scipy.integrate

    stopped = SimpleNamespace(status=-1, t=np.array([0.0, 2.5]), message="step size too small")
    monkeypatch.setattr(scipy.integrate, "solve_ivp", lambda *a, **k: stopped)
    with pytest.raises(RuntimeError, match=r"the integrator stopped at 2.5 ms: step size too small"):
        electro.evolve(electro.PumpLeak(), 10.0, Na=15e3)


def test_arrays_that_a_kernel_cannot_take():
    compiled = pytest.importorskip("microdomain.backends.compiled")
    real = SimpleNamespace(real=np.dtype("float64"))
    with pytest.raises(TypeError, match=r"A kernel takes contiguous arrays of float64, got float64 in"):
        compiled.Processor._address(real, np.zeros((4, 8))[:, ::2])


def test_a_map_of_another_shape():
    model = Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)))
    results = md.simulate(model, md.Grid.uniform(model, spacing=0.05), until=1e-3, device="numpy")
    E = results.reversal("Ca")
    with pytest.raises(ValueError, match=r"outside does not fit the map over .*: depth is no dimension"):
        results.reversal("Ca", outside=E.isel(time=0).rename(z="depth"))
