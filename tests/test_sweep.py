"""Sweeps: axes, plans, engines, failures, what was changed behind the plan's back."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from microdomain import sweep
from microdomain.cli import cli
from microdomain.scenario import ScenarioError

from .sweeps import SIX, TINY, marks


@pytest.fixture
def files(tmp_path):
    """A folder with a scenario and a sweep of six points."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "six.toml").write_text(SIX)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Six points, done in this process."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "six.toml").write_text(SIX)
    sweep.plan(folder / "six.toml", folder / "six")
    assert sweep.run(folder / "six").done == 6
    return folder / "six"


def call(*words):
    return CliRunner().invoke(cli, ["sweep", *map(str, words)])


# -- plans -----------------------------------------------------------------------------------------


def test_a_plan_has_a_line_per_point_keyed_by_its_scenario(files):
    planned = sweep.plan(files / "six.toml", files / "six")
    lines = [json.loads(line) for line in (files / "six" / "manifest.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert len({line["key"] for line in lines}) == 6
    assert planned.scenario(planned.points[3]).hash == lines[3]["key"]
    assert lines[3]["changes"] == {"model.buffers.b.total": "100 uM", "model.channels.cav.current": "0.1 pA"}
    assert len({line["group"] for line in lines}) == 1  # one grid, so all may be members of one run
    before = (files / "six" / "sweep.json").stat().st_mtime_ns
    sweep.plan(files / "six.toml", files / "six")
    assert (files / "six" / "sweep.json").stat().st_mtime_ns == before


def test_points_of_other_grids_or_ends_are_of_other_groups(files):
    (files / "six.toml").write_text(
        'scenario = "tiny.toml"\n[[axis]]\nname = "place"\nkey = "model.channels.cav.positions"\n'
        'values = [[[0, 0]], [[0.05, 0]]]\n[[axis]]\nkey = "run.until"\nvalues = ["20 us", "10 us"]\n'
    )
    assert len({p.group for p in sweep.plan(files / "six.toml", files / "six").points}) == 4


def test_another_plan_does_not_take_a_folder(files):
    sweep.plan(files / "six.toml", files / "six")
    (files / "six.toml").write_text(SIX.replace("200 uM", "300 uM"))
    with pytest.raises(FileExistsError, match="holds another sweep"):
        sweep.plan(files / "six.toml", files / "six")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[axis]]", "[[axes]]", "unknown key 'axes'; a sweep file has title"),
        (
            'scenario = "tiny.toml"',
            'scenario = "none.toml"',
            "beside it, nor an example of that name",
        ),
        ('scenario = "tiny.toml"', "", "name the scenario to vary"),
        ('"200 uM"', '"-200 uM"', "the point with model.buffers.b.total = '-200 uM'"),
        ("buffers.b.total", "buffers.b.totl", "totl"),
        ("title", "batch = 0\ntitle", "batch = 0; give how many"),
        ("[[axis]]", "[[axis]", "is not valid TOML"),
    ],
)
def test_a_wrong_sweep_file_is_explained_and_nothing_is_planned(files, old, new, words):
    (files / "six.toml").write_text(SIX.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        sweep.plan(files / "six.toml", files / "six")
    assert words in str(caught.value)
    assert not (files / "six").exists()


def test_a_thousand_points_plan_and_report_in_a_second(files):
    """Processor time, so that a busy machine does not fail it; the best of three."""
    values = ", ".join(f'"{k + 1} uM"' for k in range(1000))
    text = f'scenario = "tiny.toml"\n[[axis]]\nkey = "model.buffers.b.total"\nvalues = [{values}]\n'
    (files / "many.toml").write_text(text)
    planning, reporting = [], []
    for n in range(3):
        began = time.process_time()
        planned = sweep.plan(files / "many.toml", files / f"many{n}")
        planning.append(time.process_time() - began)
        for p in planned.points[:900]:
            planned.mark("done", p.key, {"index": p.index, "summary": {}})
        began = time.process_time()
        assert sweep.status(files / f"many{n}").waiting == 100
        reporting.append(time.process_time() - began)
    assert min(planning) < 1.0
    assert min(reporting) < 1.0


# -- runs ------------------------------------------------------------------------------------------


def test_a_finished_sweep_does_nothing_and_says_so(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    answer = call("run", finished)
    assert answer.exit_code == 0
    assert answer.output.strip() == "Nothing to do: 6 of 6 points are done."
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before
    assert call("status", finished).output.strip() == "6 points: 6 done, 0 failed, 0 waiting"


def test_points_alone_and_as_members_are_the_same_to_the_bit(finished, files):
    (files / "six.toml").write_text("batch = 6\n" + SIX)
    planned = sweep.plan(files / "six.toml", files / "six")
    assert [len(batch) for batch in planned.batches()] == [6]
    sweep.run(files / "six")
    assert len(list((files / "six" / "results").iterdir())) == 1
    assert marks(files / "six") == marks(finished)


@pytest.mark.parametrize("on", ["local", "dask"])
def test_every_engine_gives_the_same_numbers(finished, files, on):
    if on == "dask":
        pytest.importorskip("distributed")
    sweep.plan(files / "six.toml", files / "six")
    # In a process of its own: Dask's threads and loops would outlive the test.
    code = f"print(sweep.run('six', {on!r}, 2).done)"
    (files / "go.py").write_text(f"from microdomain import sweep\nif __name__ == '__main__':\n    {code}\n")
    done = subprocess.run(
        [sys.executable, "go.py"], cwd=files, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "6"
    assert marks(files / "six") == marks(finished)


def test_any_executor_will_do(finished, files):
    sweep.plan(files / "six.toml", files / "six")
    with ThreadPoolExecutor(1) as pool:
        assert sweep.run(files / "six", pool).done == 6
    assert marks(files / "six") == marks(finished)


def test_shards_share_the_points(finished, files):
    sweep.plan(files / "six.toml", files / "six")
    assert [sweep.run(files / "six", shard=(k, 4)).done for k in range(4)] == [2, 2, 1, 1]
    assert marks(files / "six") == marks(finished)


def test_a_point_that_fails_is_written_down_and_the_others_collect(files, monkeypatch):
    from microdomain.batch import Batch

    attempt = Batch._attempt

    def spoilt(self, active, dt):
        trial = attempt(self, active, dt)
        trial.error[[self.plan.models[k].buffers[0].total == 200 for k in active]] = 1e6
        return trial

    (files / "six.toml").write_text("batch = 6\n" + SIX)
    sweep.plan(files / "six.toml", files / "six")
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "_attempt", spoilt)
        answer = call("run", files / "six")
    assert answer.exit_code == 1
    assert "2 points failed, 4 are done." in answer.output
    assert "point 4 failed: Needs steps below 1e-12 ms" in answer.output
    found = sweep.status(files / "six")
    assert (found.done, found.failed, found.waiting) == (4, 2, 0)
    assert "point 5 failed: Needs steps" in str(found)
    data = sweep.collect(files / "six")
    assert np.isfinite(data["peak_uM"].values).tolist() == [[True, True], [True, True], [False, False]]
    assert sweep.run(files / "six").done == 0  # not tried again unless asked
    assert "2 failed before (--retry tries them again)" in call("run", files / "six").output
    assert sweep.run(files / "six", retry=True).done == 2
    assert sweep.status(files / "six").done == 6


def test_a_stopped_sweep_leaves_75_and_goes_on(finished, files, monkeypatch):
    from microdomain.batch import Batch

    step, count = Batch._step, [0]

    def counted(self, *arguments):
        step(self, *arguments)
        count[0] += 1
        if count[0] == 20:
            os.kill(os.getpid(), signal.SIGUSR1)

    sweep.plan(files / "six.toml", files / "six")
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "_step", counted)
        answer = call("run", files / "six")
    assert answer.exit_code == 75
    assert "Stopped by a signal. Every run is saved" in answer.output
    assert sweep.status(files / "six").stopped == 1
    assert "1 batches were begun" in call("status", files / "six").output
    assert call("run", files / "six").exit_code == 0
    assert marks(files / "six") == marks(finished)


def test_a_pool_passes_a_signal_on(files):
    """Every process of the pool saves its batch; the sweep leaves 75 and goes on later."""
    (files / "tiny.toml").write_text(TINY.replace('until = "20 us"', 'until = "2 ms"\nrtol = 1e-5'))
    (files / "six.toml").write_text("batch = 3\n" + SIX)
    sweep.plan(files / "six.toml", files / "six")
    words = [
        sys.executable,
        "-m",
        "microdomain.cli",
        "sweep",
        "run",
        "six",
        "--on",
        "local",
        "--workers",
        "2",
    ]
    words += ["--checkpoint-every", "1000 s"]
    process = subprocess.Popen(words, cwd=files, env=_environment(), stderr=subprocess.PIPE, text=True)
    try:
        while len(list(files.glob("six/results/*.zarr/mouths/time"))) < 2 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 75, told
    assert sweep.status(files / "six").stopped == 2


def _environment():
    root = str(Path(__file__).parents[1])
    return os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def test_two_processes_at_one_batch(files):
    from microdomain.checkpoint import Lock
    from microdomain.sweep_run import _place

    planned = sweep.plan(files / "six.toml", files / "six")
    point = planned.points[0]
    with Lock(_place(planned, [(point, planned.scenario(point))])):
        outcome = sweep.run(files / "six")
    assert (outcome.done, outcome.skipped, outcome.failed) == (5, 1, {})
    assert sweep.run(files / "six").done == 1


# -- what was changed ------------------------------------------------------------------------------


def test_a_manifest_edited_by_hand_is_refused(files):
    sweep.plan(files / "six.toml", files / "six")
    manifest = files / "six" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("200 uM", "300 uM"))
    for word in ("run", "status"):
        answer = call(word, files / "six")
        assert answer.exit_code == 2
        assert "was changed by hand" in answer.output


@pytest.mark.parametrize("name", ["tiny.toml", "six.toml"])
def test_a_scenario_changed_after_planning_is_refused(files, name):
    sweep.plan(files / "six.toml", files / "six")
    (files / name).write_text((files / name).read_text() + "# a word more\n")
    answer = call("run", files / "six")
    assert answer.exit_code == 2
    assert "has changed since the sweep was planned" in answer.output
    assert not (files / "six" / "results").exists()


def test_a_file_that_a_scenario_names_changed_after_planning(files):
    (files / "tiny.toml").write_text(
        TINY.replace('current = "0.1 pA"', 'current = { kind = "table", file = "i.csv" }')
    )
    (files / "i.csv").write_text("0,0\n0.005,0.1\n0.01,0\n")
    (files / "six.toml").write_text(SIX[: SIX.rindex("[[axis]]")])
    sweep.plan(files / "six.toml", files / "six")
    (files / "i.csv").write_text("0,0\n0.005,0.2\n0.01,0\n")
    assert (
        "is not what was planned: a file that the scenario names has changed"
        in call("run", files / "six").output
    )


def test_a_folder_without_a_plan(tmp_path):
    answer = call("run", tmp_path)
    assert answer.exit_code == 2
    assert "No sweep was planned in" in answer.output


def test_a_full_disk_is_no_point_s_fault(files, monkeypatch):
    import errno

    from microdomain import checkpoint

    def full(*_):
        raise OSError(errno.ENOSPC, "The disk that holds it was full")

    sweep.plan(files / "six.toml", files / "six")
    monkeypatch.setattr(checkpoint, "save", full)
    assert call("run", files / "six", "--checkpoint-every", "0").exit_code == 1
    assert sweep.status(files / "six").failed == 0


@pytest.mark.parametrize("shard", ["3", "3/3", "a/b", "-1/3"])
def test_a_wrong_shard_is_explained(finished, shard):
    answer = call("run", finished, f"--shard={shard}")
    assert answer.exit_code == 2
    assert "give I/N with I from 0 to N - 1" in answer.output


def test_an_engine_that_there_is_not(files):
    sweep.plan(files / "six.toml", files / "six")
    with pytest.raises(ValueError, match="give one of here, local, dask"):
        sweep.run(files / "six", "cloud")
    with pytest.raises(ValueError, match="has no `submit`"):
        sweep.run(files / "six", object())


# -- what it came to -------------------------------------------------------------------------------


def test_a_sweep_collects_into_one_dataset_and_one_table(finished, tmp_path):
    data = sweep.collect(finished)
    assert dict(data.sizes) == {"b.total": 3, "current": 2, "time": 5, "channel": 1, "point": 1}
    assert data["b.total"].attrs["units"] == "uM"
    # Twice the current brings about twice the concentration to the mouth; more buffer, a little less.
    ratio = (data["peak_uM"].sel(current=0.1) - 0.1) / (data["peak_uM"].sel(current=0.05) - 0.1)
    np.testing.assert_allclose(ratio, 2, rtol=0.01)
    assert (data["peak_uM"].diff("b.total") < 0).all()
    np.testing.assert_allclose(data["concentration"].max(["time", "channel"]), data["peak_uM"], rtol=1e-14)
    np.testing.assert_allclose(data["influx_Ca_uM_um3"].sel(current=0.1), 0.1 * 0.01 * 5.1821348, rtol=1e-7)
    for name in ("t.csv", "t.parquet", "t.zarr"):
        if name == "t.parquet":
            pytest.importorskip("pyarrow")
        assert call("collect", finished, "-o", tmp_path / name).exit_code == 0
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model.buffers.b.total"] for row in rows] == ["50 uM"] * 2 + ["100 uM"] * 2 + ["200 uM"] * 2
    assert [float(row["peak_uM"]) for row in rows] == data["peak_uM"].values.ravel().tolist()
    import pandas
    import xarray

    frame = pandas.read_parquet(tmp_path / "t.parquet")
    assert frame["peak_uM"].tolist() == data["peak_uM"].values.ravel().tolist()
    with xarray.open_zarr(tmp_path / "t.zarr", consolidated=False) as stored:
        assert (stored["peak_uM"] == data["peak_uM"]).all()
    assert call("collect", finished, "-o", tmp_path / "t.zarr").exit_code == 2
    assert call("collect", finished, "-o", tmp_path / "t.xyz").exit_code == 2


def test_the_slurm_script_is_plain(finished):
    answer = call("submit", finished, "--print", "--tasks", 3, "--at-once", 2, "--partition", "gpu")
    assert answer.exit_code == 0
    for line in (
        "#SBATCH --array=0-2%2",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --open-mode=append",
        "#SBATCH --partition=gpu",
    ):
        assert line in answer.output.splitlines()
    assert '--shard "$SLURM_ARRAY_TASK_ID/3"' in answer.output
    checked = subprocess.run(["bash", "-n"], input=answer.output, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_submit_without_slurm_leaves_the_script(finished, files, monkeypatch):
    shutil.copytree(finished, files / "copy")
    monkeypatch.setenv("PATH", "")
    answer = call("submit", files / "copy")
    assert answer.exit_code == 1
    assert "There is no sbatch here. The script is in" in answer.output
    assert (files / "copy" / "job.sh").exists()
