"""Before a run starts: how large it is, whether it fits, and about how long it will take.

Seconds come from a few steps of the very run, taken and thrown away.  The number of steps is a
guess from what limits them: after every jump of a gate a step may be as long as `begin.AGE` of the time
since, beginning with `batch.RESTART` of the near field's window, so a stretch of length T takes about
ln(T / first) / ln(1 + AGE) steps; every recorded frame ends one; and tight tolerances take more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends.choose import choose
from microdomain.batch import RESTART, Batch
from microdomain.begin import events, longest_share
from microdomain.estimate import bytes_needed, free_memory
from microdomain.grid import Grid
from microdomain.model import Model
from microdomain.pace import LOOSE
from microdomain.plan import Plan
from microdomain.reading import Watch
from microdomain.record import Record
from microdomain.setting import setting

#: Steps that are timed, after one that is not.
TIMED = 4
#: Members whose jumps are counted.
LOOKED_AT = 8
#: Tolerance, by the order of the scheme, down to which the age of a microdomain limits the steps;
#: below it the error does, and their number grows with its root.
FOLLOWS = {2: LOOSE, 3: 1e-2}


@dataclass(frozen=True)
class Forecast:
    """What a run will need.

    Attributes
    ----------
    cells, species, members : int
    bytes_host, bytes_store : float   memory while it runs; a store's size before compression
    free : float or None              memory that is free, bytes
    steps : int                       about how many, per member
    seconds : float                   about how long
    backend : str
    bytes_device : float or None      memory of all members on a graphics card; None on a processor
    members_on_device : int           how many of them fit there at a time; blocks of so many take turns
    """

    cells: int
    species: int
    members: int
    bytes_host: float
    bytes_store: float
    free: float | None
    steps: int
    seconds: float
    backend: str
    bytes_device: float | None = None
    members_on_device: int = 0

    @property
    def fits(self) -> bool:
        """Whether it fits in the memory that is free."""
        return self.free is None or self.bytes_host <= 0.9 * self.free

    @property
    def members_that_fit(self) -> int:
        """About how many members would."""
        share = 1.0 if self.free is None else 0.9 * self.free / self.bytes_host
        return max(int(self.members * min(share, 1.0)), 0)

    def __str__(self) -> str:
        free = "" if self.free is None else f" of {_bytes(self.free)} that are free"
        lines = [
            f"{self.cells} cells, {self.species} species, {self.members} member"
            f"{'s' if self.members > 1 else ''}, on {self.backend}",
            f"memory about {_bytes(self.bytes_host)}{free}",
            f"stored about {_bytes(self.bytes_store)} before compression",
            f"about {self.steps} steps a member and {_duration(self.seconds)}",
        ]
        if self.bytes_device is not None:
            lines.insert(
                2,
                f"on the card about {_bytes(self.bytes_device)}; {self.members_on_device} of {self.members}"
                " members fit at a time",
            )
        if not self.fits:
            lines.append(
                f"It does not fit: about {self.members_that_fit} of {self.members} members would. Use a "
                "coarser grid, fewer members, or a machine with more memory."
            )
        return "\n".join(lines)


def forecast(
    model: Model,
    grid: Grid | None = None,
    *,
    until: float,
    record: Record | None = None,
    rtol: float | None = None,
    accuracy: str = "default",
    members: int | range | Sequence[Model] = 1,
    device: str = "auto",
    scheme: str | None = None,
    seed: int = 0,
    precision: str = "float64",
    in_memory: bool = False,
    **_: Any,
) -> Forecast:
    """Forecast what `simulate` with the same arguments will need.

    Parameters
    ----------
    model, grid, until, record, rtol, accuracy, members, device, scheme, seed, precision
        As in `simulate`.
    in_memory : bool                  frames are kept in memory, not in a store
    **_                               other arguments of `simulate`, which change nothing here

    Returns
    -------
    Forecast
    """
    asked = setting(model, grid, until, record, rtol, accuracy, members, None, scheme, seed, precision)
    plan, frames, _dense = asked.laid()
    factory = choose(device, precision=precision)
    fields = 2 * plan.ions + len(asked.record.fields)
    stored = 8.0 * frames.size * plan.members * fields * plan.grid.cells
    host = bytes_needed(plan, frames.size if in_memory else 0, asked.record)
    free = free_memory()
    pace = asked.paces[0]
    steps = expected_steps(plan, frames, until, pace.stepper.order, pace.rtol)
    room = getattr(factory, "room", None)
    each, name = 0.0, "no device (it does not fit)"
    if free is None or host <= 0.9 * free:
        one = plan.take([0])
        batch = Batch(
            one, factory, asked.paces[0].stepper, asked.paces[0].rtol, Watch.of(one, np.empty((0, 3)))
        )
        batch.step(until)
        began = time.perf_counter()
        for _n in range(TIMED):
            batch.step(until)
        each, name = (time.perf_counter() - began) / TIMED, batch.ops.name
    return Forecast(
        plan.grid.cells, plan.species, plan.members, host, stored, free, steps,
        each * steps * plan.members, name,
        None if room is None else float(factory.bytes_each(plan) * plan.members),  # type: ignore[attr-defined]
        0 if room is None else min(room(plan), plan.members),
    )  # fmt: skip


def expected_steps(plan: Plan, frames: np.ndarray, until: float, order: int, rtol: float) -> int:
    """About how many steps a member takes; see the text above.

    Parameters
    ----------
    plan : Plan
    frames : array, ms            times of fields
    until : float, ms
    order : int                   of the stepper
    rtol : float

    Returns
    -------
    int
    """
    first = RESTART[order] * min((w.tau for w in plan.windows), default=1e-3)
    shares = longest_share(plan)
    # A few members stand for all: trials of one model have as many jumps in the mean.
    some = range(min(plan.members, LOOKED_AT))
    counts = []
    for k in some:
        jumps, stops = events(plan, k, order)
        edges = np.unique(np.concatenate([[0.0], jumps[(jumps > 0) & (jumps < until)], [until]]))
        lengths = np.maximum(np.diff(edges), first)
        ends = np.unique(np.concatenate([stops, frames]))
        steps = (1.0 + np.log(lengths / first) / np.log1p(shares[k])).sum()
        # Half a step is lost at every other end.
        counts.append(steps + 0.5 * ((ends > 0) & (ends < until)).sum())
    return int(np.ceil(np.mean(counts) * max(1.0, (FOLLOWS[order] / rtol) ** (1.0 / order))))


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
