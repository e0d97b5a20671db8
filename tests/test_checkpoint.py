"""Runs that are stopped, killed or refused, and go on to the same bits."""

import errno
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import microdomain as md
from microdomain import checkpoint, store
from microdomain.batch import Batch
from microdomain.checkpoint import Lock, Stopped

sys.path.insert(0, str(Path(__file__).parent))  # the killed processes import it by name
from kills import UNTIL, go, grid, killed, tiny


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The run that nobody stopped."""
    out = tmp_path_factory.mktemp("reference") / "a.zarr"
    go(str(out), resume=False)
    return out


def assert_same_bits(one, other):
    assert store.groups(one) == store.groups(other)
    for group in ("/", *store.groups(one)):
        a, b = store.read(one, group), store.read(other, group)
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            assert a[name].values.tobytes() == b[name].values.tobytes(), (group, name)
    assert md.open(one).ledger.to_dict() == md.open(other).ledger.to_dict()


def signal_after(monkeypatch, steps, number=signal.SIGUSR1):
    """Send this process a signal after so many steps."""
    step, count = Batch._step, [0]

    def counted(self, *arguments):
        step(self, *arguments)
        count[0] += 1
        if count[0] == steps:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Batch, "_step", counted)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_saves_and_stops_and_the_run_goes_on_to_the_same_bits(
    reference, tmp_path, monkeypatch, number
):
    out = tmp_path / "a.zarr"
    stops = 0
    while True:
        with monkeypatch.context() as patch:
            signal_after(patch, 3, number)
            try:
                results = go(str(out))
                break
            except Stopped as error:
                stopped = error
        stops += 1
        assert stopped.signal == number
        assert f"Stopped by {number.name}. Where the run stood is saved beside" in str(stopped)
        assert md.open(out).partial
    assert stops >= 3
    assert results.provenance["restarts"] == stops
    assert not results.partial
    assert "partial_because" not in store.read(out).attrs
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]  # no checkpoint, lock or leftover
    assert_same_bits(reference, out)


def test_checkpoints_by_the_clock_change_nothing(reference, tmp_path, monkeypatch):
    saved = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *a: (saved.append(1), save(*a)))
    go(str(tmp_path / "a.zarr"), checkpoint_every=0.0)
    assert len(saved) > 5
    assert_same_bits(reference, tmp_path / "a.zarr")


def test_a_finished_run_is_not_repeated(reference, monkeypatch, caplog):
    monkeypatch.setattr(Batch, "_step", lambda *_: pytest.fail("a step was taken"))
    with caplog.at_level("INFO", "microdomain"):
        assert not go(str(reference)).partial
    assert "holds this run already, complete" in caplog.text


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"rtol": 2e-3}, {"record": md.Record(every=0.02)}, {"members": [tiny(), tiny(0.06)]}],
    ids=lambda change: next(iter(change)),
)
def test_another_run_does_not_go_on_with_a_store(reference, change):
    before = sorted((p, p.stat().st_mtime_ns) for p in reference.rglob("*"))
    with pytest.raises(ValueError, match="holds another run"):
        go(str(reference), **change)
    assert sorted((p, p.stat().st_mtime_ns) for p in reference.rglob("*")) == before


def test_checkpoints_need_a_store():
    for keywords in ({"resume": True}, {"checkpoint_every": 1.0}):
        with pytest.raises(ValueError, match="need a store"):
            md.simulate(tiny(), grid(), until=UNTIL, device="numpy", **keywords)


def test_a_checkpoint_of_another_store_is_not_used(reference, tmp_path, monkeypatch):
    """A run that was begun again has fewer frames than the old one's checkpoint says."""
    out = tmp_path / "a.zarr"
    for steps, keywords in ((9, {}), (2, {"resume": False, "overwrite": True, "checkpoint_every": 100.0})):
        with monkeypatch.context() as patch:
            signal_after(patch, steps)
            with pytest.raises(Stopped):
                go(str(out), **keywords)
        if not keywords:
            old = checkpoint.place(out).read_bytes()
    checkpoint.place(out).write_bytes(old)
    go(str(out))
    assert_same_bits(reference, out)


def test_a_spoilt_checkpoint_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    out = tmp_path / "a.zarr"
    signal_after(monkeypatch, 5)
    with pytest.raises(Stopped):
        go(str(out))
    checkpoint.place(out).write_bytes(b"PK spoilt")
    with pytest.raises(ValueError, match="is no checkpoint that can be read"):
        go(str(out))
    checkpoint.place(out).unlink()
    assert not go(str(out)).partial


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "was full while a checkpoint"), (errno.EROFS, "may not be written")]
)
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, number, words):
    path = tmp_path / "a.checkpoint"
    checkpoint.save(path, {"y": np.arange(3.0)}, {"key": "old"})

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=words) as caught:
        checkpoint.save(path, {"y": np.zeros(3)}, {"key": "new"})
    assert caught.value.errno == number
    arrays, about = checkpoint.load(path)
    assert about == {"key": "old"}
    assert arrays["y"].tolist() == [0, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["a.checkpoint"]


def test_a_second_process_is_refused_and_a_dead_one_is_not_waited_for(tmp_path):
    out = tmp_path / "a.zarr"
    with Lock(out):
        with pytest.raises(BlockingIOError, match=f"is being written by process {os.getpid()}"):
            md.simulate(tiny(), grid(), until=UNTIL, device="numpy", out=out)
        assert not out.exists()
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.zarr.lock").write_text("process 1 on another, long dead")
    md.simulate(tiny(), grid(), until=UNTIL, device="numpy", out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def kill_often(reference, folder, count, seconds):
    """Kill runs until `count` died; give how many, and how many came to their end between."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kills", "microdomain.simulate", "xarray", "zarr", "scipy.interpolate"])

    def launch(*arguments):
        process = context.Process(target=killed, args=arguments)
        process.start()
        process.join()
        return process.exitcode

    told = folder / "told"
    began = time.monotonic()
    assert launch(str(folder / "whole.zarr"), None, None, str(told)) == 0
    whole = time.monotonic() - began
    changes = int(told.read_text())
    assert changes > 100
    chance = random.Random(7)
    died = finished = number = 0
    until = time.monotonic() + seconds
    while died < count and time.monotonic() < until:
        out = folder / f"{number}.zarr"
        if chance.random() < 0.8:
            code = launch(str(out), chance.randint(1, int(1.3 * changes)), None)
        else:
            code = launch(str(out), None, chance.uniform(0.0, whole))
        assert code in (0, -signal.SIGKILL)
        died += code != 0
        if out.exists():
            assert "Results" in repr(md.open(out))
        if code == 0:
            assert_same_bits(reference, out)
            left = [p.name for p in folder.iterdir() if p.name.startswith(f"{number}.zarr")]
            assert left == [out.name]
            number, finished = number + 1, finished + 1
    out = folder / f"{number}.zarr"
    go(str(out))
    assert_same_bits(reference, out)
    return died, finished


def test_kill_9_at_any_moment_loses_nothing(reference, tmp_path):
    died, _ = kill_often(reference, tmp_path, 40, 60)
    assert died >= 15  # fewer than 40 only where the machine is slow


@pytest.mark.slow
def test_kill_9_two_hundred_times(reference, tmp_path):
    died, finished = kill_often(reference, tmp_path, 200, 900)
    assert died == 200
    assert finished > 5
