"""How far a run is, said about ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microdomain.batch import Batch

#: Seconds between two reports.
BETWEEN = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a run is: simulated time `t` of `until` (ms, mean over members), steps, wall times (s)."""

    t: float
    until: float
    steps: int
    members: int
    wall: float

    @property
    def rate(self) -> float:
        """Simulated ms per second."""
        return self.t / self.wall if self.wall > 0 else 0.0

    @property
    def left(self) -> float:
        """Seconds left, if it goes on like this."""
        return (self.until - self.t) / self.rate if self.rate > 0 else float("inf")


def heart(
    told: Callable[[Progress], None] | None, started: float, until: float, batches: Sequence[Batch]
) -> Callable[[], None]:
    """A function to call after every step, which reports now and then.

    Parameters
    ----------
    told : callable or None         takes a `Progress`
    started : float, s              of `time.perf_counter`
    until : float, ms
    batches : sequence of Batch

    Returns
    -------
    callable
    """
    last = [0.0]
    members = sum(b.plan.members for b in batches)

    def beat() -> None:
        now = time.perf_counter()
        if told is not None and now - last[0] >= BETWEEN:
            last[0] = now
            t = sum(float(b.t.sum()) for b in batches) / members
            steps = sum(int(b.steps.sum()) for b in batches)
            told(Progress(t, until, steps, members, now - started))

    return beat
