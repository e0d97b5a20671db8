"""What release sensors see: the concentration at their points, as finely as the run stepped.

Records are made at common times, which may be far apart; a sensor must not miss what lies between.
So its points are sampled at every accepted step of its own member and between: the grid part follows a
monotone cubic from step to step, the near field is exact at every time.  Steps differ from member to
member, hence each has times of its own; shorter lists are filled up with their last sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from microdomain.batch import Batch
from microdomain.begin import is_among
from microdomain.mask_fill import check_fluid
from microdomain.model.obstacles import Obstacle
from microdomain.reading import Near, between
from microdomain.record import Record

#: Samples within a step, in parts of it; the first step behind a jump, where the near field rises
#: from nothing, has more.
WITHIN = (0.25, 0.5, 0.75, 1.0)
RISING = (
    *(1e-4, 3e-4, 1e-3, 3e-3, 6e-3, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.037, 0.045, 0.052, 0.06),
    *(0.075, 0.09, 0.107, 0.125, 0.15, 0.18, 0.215, 0.25, 0.3, 0.36, 0.43, 0.5, 0.6, 0.75, 1.0),
)


def check_places(record: Record, obstacles: Sequence[Obstacle]) -> None:
    """Refuse a probe or sensor in an obstacle, naming both."""
    named = [("Probe", name, at) for name, at in record.points]
    named += [("Sensor", name, at) for name, _, at in record.sensors]
    for what, name, at in named:
        try:
            check_fluid(tuple(obstacles), np.array([at], dtype=float))
        except ValueError as error:
            raise ValueError(f"{what} {name!r}: {error}") from None


class SensorSamples:
    """Samples at the sensors' points while a run goes on.

    Parameters
    ----------
    record : Record

    Attributes
    ----------
    since : float, ms             everything up to here has been handed over
    """

    def __init__(self, record: Record) -> None:
        self.points = np.array([at for _, _, at in record.sensors], dtype=float).reshape(-1, 3)
        self.names = [name for name, _, _ in record.sensors]
        self.schemes = [sensor.to_dict() for _, sensor, _ in record.sensors]
        self.since = -np.inf

    def head(self, names: dict[str, Any]) -> dict[str, Any]:
        """Coordinates (with those in `names`) and attributes of the group of a store."""
        coords: dict[str, Any] = {"sensor": ("sensor", np.array(self.names))}
        coords |= {a: ("sensor", self.points[:, k], {"units": "um"}) for k, a in enumerate("xyz")}
        return {"coords": coords | names, "attrs": {"schemes": self.schemes}}

    def taken(self, batches: Sequence[Batch], until: float) -> tuple[dict[str, Any], np.ndarray]:
        """Samples behind `since` up to `until` (ms): variables of the group, and times in common.

        The times in common are those of the member that is farthest; `sample_time` has everyone's.
        """
        own = [[self._times(b, k, until) for k in range(b.plan.members)] for b in batches]
        rows = max((t.size for part in own for t in part), default=0)
        ions = batches[0].plan.names[: batches[0].plan.ions]
        members = sum(len(part) for part in own)
        clock = np.full((rows, members), np.nan)
        seen = np.full((rows, members, len(ions), len(self.points)), np.nan)
        first = 0
        for b, part in zip(batches, own, strict=True):
            mine = slice(first, first + len(part))
            for k, t in enumerate(part):
                last = t[-1] if t.size else b.trace[k][-1][0]
                clock[:, first + k] = np.append(t, np.full(rows - t.size, last))
            if rows:
                seen[:, mine] = self._seen(b, clock[:, mine])
            stuck = [first + k for k, t in enumerate(part) if not t.size]
            clock[:, stuck], seen[:, stuck] = np.nan, np.nan
            first += len(part)
        table: dict[str, Any] = {
            "sample_time": (("member",), clock, {"units": "ms", "long_name": "each member's own times"})
        }
        for i, name in enumerate(ions):
            about = {"units": "uM", "long_name": f"[{name}] at the sensors"}
            table[name] = (("member", "sensor"), seen[:, :, i], about)
        self.since = until
        return table, np.nanmax(clock, axis=1) if rows else np.empty(0)

    def _times(self, b: Batch, k: int, until: float) -> np.ndarray:
        """Times of one member's samples: its steps, divided."""
        ends = np.array([row[0] for row in b.trace[k]])
        out: list[float] = [] if np.isfinite(self.since) else [0.0]
        for begin, end in pairwise(ends):
            if self.since < end <= until:
                parts = RISING if begin == 0 or is_among(b.jumps[k], begin) else WITHIN
                out += [end if part == 1.0 else begin + part * (end - begin) for part in parts]
        return np.array([t for t in out if t > self.since])

    def _seen(self, b: Batch, now: np.ndarray) -> np.ndarray:
        """Concentrations at times ``now[row, member]`` (ms): array [row, member, ion, sensor], uM."""
        count, near = len(self.points), Near(b.plan)
        kernels = near.kernels(self.points)
        out = np.empty((*now.shape, b.plan.ions, count))
        for k in range(b.plan.members):
            t = np.array([row[0] for row in b.trace[k]])
            u = np.array([row[1][:, len(row[1][0]) - count :] for row in b.trace[k]])
            out[:, k] = between(t, u, now[:, k], b.jumps[k])
        for n, t in enumerate(now):
            out[n] += near.at_points(t, kernels, count)
        return out
