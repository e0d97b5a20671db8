"""A real Slurm of one node with two pretend GPUs: arrays, a task sent away and coming back, submitit."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import microdomain as md
from microdomain import sweep

from .sweeps import SIX, TINY, marks

HERE = Path(__file__).parent
MISSING = [name for name in ("sbatch", "slurmctld", "slurmd", "munged") if shutil.which(name) is None]
REASON = (
    f"{', '.join(MISSING)} missing: apt-get install slurm-wlm munge"
    if MISSING
    else "a Slurm of the test's own needs root"
    if os.geteuid() != 0
    else ""
)
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment of commands that reach the Slurm of this test."""
    folder = tmp_path_factory.mktemp("slurm")
    script = str(HERE / "slurm_up.sh")
    up = subprocess.run(
        ["bash", script, str(folder)], capture_output=True, text=True, check=False, timeout=90
    )
    try:
        assert up.returncode == 0, up.stderr
        yield os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PYTHONPATH": str(HERE.parent),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
    finally:
        subprocess.run(["bash", script, str(folder), "down"], check=False, timeout=30)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The sweep of these tests, done in this process: a dear one, whose last point cannot be done."""
    folder = tmp_path_factory.mktemp("known")
    return planned(folder), sweep.run(folder / "six")


def planned(folder):
    (folder / "tiny.toml").write_text(TINY.replace('until = "20 us"', 'until = "1 ms"\nrtol = 1e-5'))
    # The last point takes ions out where there are none.
    (folder / "six.toml").write_text(SIX.replace('"0.05 pA", "0.1 pA"', '"0.05 pA", "-5 pA"'))
    return sweep.plan(folder / "six.toml", folder / "six")


def command(slurm, *words):
    done = subprocess.run(words, env=slurm, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait(slurm, job, what, seconds=120):
    """Wait until `what()` or the job is gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return
        time.sleep(0.3)
    pytest.fail(f"Slurm's job {job} did not come there: {command(slurm, 'squeue')}")


def test_an_array_shares_the_points_and_a_failing_one_leaves_the_others(slurm, known, tmp_path):
    planned(tmp_path)
    folder = tmp_path / "six"
    told = command(
        slurm, sys.executable, "-m", "microdomain.cli", "sweep", "submit", str(folder), "--tasks", "6",
        "--memory", "500M",
    )  # fmt: skip
    job = told.split()[-1]
    wait(slurm, job, lambda: not command(slurm, "squeue", "-h", "-j", job))
    found = sweep.status(folder)
    assert (found.done, found.failed, found.waiting) == (3, 3, 0)
    assert "Needs steps below" in found.errors[5]
    assert marks(folder) == marks(known[0].folder)
    states = command(slurm, "scontrol", "show", "job", job)
    assert states.count("JobState=COMPLETED") == 3
    assert states.count("JobState=FAILED") == 3
    assert "gpu:1" in states


def test_a_task_that_is_sent_away_comes_back_and_goes_on(slurm, tmp_path):
    """USR1 two minutes before the end of its time; here after the first frame."""
    text = TINY.replace('until = "20 us"', 'until = "4 ms"\nrtol = 1e-6')
    (tmp_path / "tiny.toml").write_text(text)
    (tmp_path / "one.toml").write_text(
        'scenario = "tiny.toml"\n[[axis]]\nkey = "model.buffers.b.total"\nvalues = ["50 uM"]\n'
    )
    folder = tmp_path / "one"
    sweep.plan(tmp_path / "one.toml", folder)
    sweep.plan(tmp_path / "one.toml", tmp_path / "here")
    told = command(
        slurm, sys.executable, "-m", "microdomain.cli", "sweep", "submit", str(folder), "--memory", "500M",
        "--options", '--checkpoint-every "1 h"',
    )  # fmt: skip
    job = told.split()[-1]
    wait(slurm, job, lambda: list(folder.glob("results/*.zarr/mouths/time/c/0")))
    command(slurm, "scancel", "--signal=USR1", "--batch", f"{job}_0")
    log = folder / "logs" / f"{job}_0.log"
    wait(slurm, job, lambda: log.exists() and "is queued again" in log.read_text())
    assert sweep.status(folder).done == 0
    assert sweep.status(folder).stopped == 1
    wait(slurm, job, lambda: "PENDING" in command(slurm, "squeue", "-h", "-j", job, "-o", "%T"))
    command(slurm, "scontrol", "update", f"JobId={job}_0", "StartTime=now")  # not the two minutes' pause
    wait(slurm, job, lambda: sweep.status(folder).done == 1)
    (run,) = folder.glob("results/*.zarr")
    assert md.open(run).provenance["restarts"] == 1
    sweep.run(tmp_path / "here")
    assert marks(folder) == marks(tmp_path / "here")


def test_submitit_takes_the_same_sweep(slurm, known, tmp_path):
    pytest.importorskip("submitit")
    planned(tmp_path)
    words = [sys.executable, "-m", "microdomain.cli", "sweep", "run", str(tmp_path / "six"), "--on", "slurm"]
    done = subprocess.run(
        [*words, "--set", "mem_gb=1", "--set", "gpus_per_node=1"],
        env=slurm, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "3 points failed, 3 are done." in done.stderr
    assert marks(tmp_path / "six") == marks(known[0].folder)
