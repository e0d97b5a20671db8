"""A tiny run that is killed at a chosen moment; executed in processes of its own by test_checkpoint.py."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import microdomain as md

EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
UNTIL, SENSOR = 0.02, md.Sensor.sequential(5, k_on=0.1, k_off=8, gamma=6, b=0.25)
RECORD = md.Record(every=0.01, sensors={"vesicle": (SENSOR, (0.02, 0, 0.01))})


def tiny(current: float = 0.1) -> md.Model:
    """One channel above 500 cells."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
    buffer = md.Buffer("fixed", total=100, k_on=0.1, K_d=1)
    channel = md.Cluster([(0, 0)], current=md.Fixed(current), gate=md.Pulse(0, 0.01))
    box = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))
    return md.Model(box=box, ions=[calcium], buffers=[buffer], channels=channel)


def grid() -> md.Grid:
    """A uniform grid of 40 nm."""
    return md.Grid.uniform(tiny(), spacing=0.04)


def go(out: str, **keywords: object) -> md.Results:
    """Run, or go on."""
    settings = {"record": RECORD, "device": "numpy", "members": [tiny(), tiny(0.05)]}
    settings |= {"resume": True, "rtol": 1e-4}
    return md.simulate(tiny(), grid(), until=UNTIL, out=out, **(settings | keywords))


def killed(out: str, event: int | None, after: float | None, told: str | None = None) -> None:
    """Run with a checkpoint every few steps, and die by kill -9.

    Before the n-th change of a file below the store's folder where `event` is given, else after a
    time.  The number of changes is written to `told` if the run comes to its end first.
    """
    folder, count = str(Path(out).parent), [0]

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if name not in EVENTS or not str(arguments[0]).startswith(folder):
            return
        if name == "open" and not (
            isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            return
        count[0] += 1
        if count[0] == event:
            os.kill(os.getpid(), signal.SIGKILL)

    # What a killed process wrote is kept by the system; forcing it to the disk is for power cuts.
    os.fsync = lambda _: None
    sys.addaudithook(watch)
    if after is not None:
        timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
    go(out, checkpoint_every=0.05)
    if told is not None:
        counted = count[0]
        Path(told).write_text(str(counted), encoding="ascii")
