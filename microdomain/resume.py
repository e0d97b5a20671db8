"""Runs that are stopped and go on: when a checkpoint is written, and where a run begins.

A checkpoint holds where every member stands between two steps, and how many frames of the store
belong to it.  Whoever goes on from it cuts the store back to these frames and repeats the steps
that were taken since, bit for bit; nothing about a checkpoint reaches a step.
"""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from microdomain import checkpoint, store
from microdomain.batch import Batch
from microdomain.checkpoint import Stopped
from microdomain.recorder import Recorder
from microdomain.resume_live import captured_live, restore_live
from microdomain.steppers.base import Standing
from microdomain.store_place import clear_leftovers

log = logging.getLogger("microdomain")

#: Signals that ask for a checkpoint and an end: what schedulers send before they take a machine away.
SIGNALS = ("SIGUSR1", "SIGTERM")


#: Attributes of a batch that change from step to step, beside where it stands and its traces.
CARRIED = (
    "dt", "start", "influx", "walls", "uptake", "pumped", "corrections", "steps", "rejected", "negative",
    "lowest", "largest_error", "left_behind",
)  # fmt: skip


def captured(batch: Batch) -> dict[str, np.ndarray]:
    """All that changes while the members of a batch advance, as arrays of the host.

    Bits are kept, so whoever is restored from it goes on as if nothing had happened.

    Parameters
    ----------
    batch : Batch

    Returns
    -------
    dict                          name -> array
    """
    here = batch.standing
    out = {name: np.array(getattr(batch, name)) for name in CARRIED}
    out |= {"t": here.t, "y": batch.state(), "weights": here.weights}
    out["failed"] = np.array(batch.failed)
    for k, rows in enumerate(batch.trace):
        for n, part in enumerate(("t", "readings", "means")):
            out[f"trace_{k}_{part}"] = np.array([row[n] for row in rows])
    return out | captured_live(batch)


def restore(batch: Batch, saved: Mapping[str, np.ndarray]) -> None:
    """Put a new batch where `captured` was called; plan, scheme and tolerance must be the same.

    Parameters
    ----------
    batch : Batch
    saved : dict                  from `captured`
    """
    away = batch.away
    for name in CARRIED:
        setattr(batch, name, np.array(saved[name]))
    batch.failed = saved["failed"].tolist()
    restore_live(batch, saved)
    t, weights, y = np.array(saved["t"]), np.array(saved["weights"]), batch.ops.vector(np.array(saved["y"]))
    batch.standing = Standing(t, y, batch.ops.near(weights, batch.fluxes.law(t, t)), weights)
    if away:
        batch.leave_device()
    for k in range(batch.plan.members):
        t, readings, means = (saved[f"trace_{k}_{part}"] for part in ("t", "readings", "means"))
        batch.trace[k] = [(float(t[n]), readings[n], means[n]) for n in range(t.size)]


class Checkpoints:
    """The checkpoints of one run into one store.

    Parameters
    ----------
    out : path or None              the store; None for a run in memory, which has no checkpoints
    key : str                       of the run, from `key_of`
    every : float or None, s        wall time between two checkpoints; None writes them on signals only
    resume : bool                   go on with what stands there

    Attributes
    ----------
    finished : bool                 the store holds this very run, complete
    counts : dict or None           frames of the store that belong to the checkpoint; None: begin anew
    identity : dict                 texts to keep with the store

    Raises
    ------
    ValueError                      the store holds another run
    """

    def __init__(self, out: str | Path | None, key: str, every: float | None, resume: bool) -> None:
        if out is None and (resume or every is not None):
            raise ValueError("Checkpoints and resume=True need a store: give out='...'.")
        self.out = None if out is None else Path(out)
        self.key, self.every, self.active = key, every, resume or every is not None
        self.finished = False
        self.counts: dict[str, int] | None = None
        # Two runs of one key are told apart, so that a checkpoint belongs to one store only.
        self.identity = {"key": key, "begun": secrets.token_hex(8)}
        self._saved: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None
        self._signal = 0
        self._last = time.monotonic()
        self._changed = time.time()
        self._restarts = 0
        self._wall = 0.0
        self._started = time.monotonic()
        self._old: dict[int, Any] = {}
        self._batches: Sequence[Batch] = ()
        self._recorder: Recorder | None = None
        if resume and self.out is not None and self.out.exists():
            self._look(self.out)

    def _look(self, out: Path) -> None:
        about = store.read(out, "solver").attrs if "solver" in store.groups(out) else {}
        if about.get("key") != self.key:
            raise ValueError(
                f"'{out}' holds another run (another scenario, grid, tolerance, record or seed), so this one "
                "cannot go on with it. Choose another name; nothing was changed."
            )
        if store.read(out).attrs["complete"]:
            self.finished = True
            return
        saved = checkpoint.load(checkpoint.place(out))
        if saved is None or saved[1]["begun"] != about.get("begun"):
            log.info("'%s' has no checkpoint; the run begins anew.", out)
            return
        self._saved = saved
        self.identity["begun"] = str(about["begun"])
        self.counts = {str(k): int(n) for k, n in saved[1]["counts"].items()}

    @property
    def wall(self) -> float:
        """Wall time of this run and of those that it continues, s."""
        return self._wall + time.monotonic() - self._started

    @property
    def restarts(self) -> int:
        """How often the run was begun again."""
        return self._restarts

    def join(self, batches: Sequence[Batch], recorder: Recorder) -> None:
        """Say who is to be saved; they are put where the checkpoint left them."""
        self._batches, self._recorder = batches, recorder
        if self._saved is None:
            return
        arrays, about = self._saved
        for n, batch in enumerate(batches):
            mark = f"{n}/"
            mine = {k.removeprefix(mark): v for k, v in arrays.items() if k.startswith(mark)}
            restore(batch, mine)
        recorder.skip(int(about["done"]), float(about["last_frame"]))
        self._restarts, self._wall = int(about["restarts"]) + 1, float(about["wall"])
        log.info("Going on from t = %g ms.", min(float(b.t.min()) for b in batches))
        self._saved = None

    def beat(self) -> None:
        """Call between steps: saves when it is time, and stops the run after a signal.

        Raises
        ------
        Stopped                     a signal came, and the state is saved
        """
        if self._signal:
            self.save()
            name = signal.Signals(self._signal).name
            raise Stopped(
                f"Stopped by {name}. Where the run stood is saved beside '{self.out}'; start it again with "
                "resume=True (--resume), and it goes on.",
                self._signal,
            )
        if self.every is not None and time.monotonic() - self._last >= self.every:
            self.save()

    def save(self) -> None:
        """Write a checkpoint now."""
        if self.out is None or self._recorder is None:
            return
        position = self._recorder.position()
        checkpoint.force_changed(self.out, self._changed - 2.0)
        self._changed = time.time()
        arrays = {f"{n}/{k}": v for n, b in enumerate(self._batches) for k, v in captured(b).items()}
        about = {
            **self.identity,
            **position,
            "restarts": self._restarts,
            "wall": self.wall,
        }
        checkpoint.save(checkpoint.place(self.out), arrays, about)
        self._last = time.monotonic()

    def remove(self) -> None:
        """The run is complete, and its checkpoint is not needed any more."""
        if self.out is not None:
            checkpoint.place(self.out).unlink(missing_ok=True)
            clear_leftovers(self.out)

    def __enter__(self) -> Checkpoints:
        if self.active and threading.current_thread() is threading.main_thread():
            for name in SIGNALS:
                number = getattr(signal, name)
                self._old[number] = signal.signal(number, self._noted)
        return self

    def _noted(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)
        self._old.clear()


def both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[Batch], None]:
    """What `Batch.advance` calls after every step: two functions in turn."""

    def beat(_: Batch) -> None:
        first()
        second()

    return beat
