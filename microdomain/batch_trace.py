"""What a batch traces at the watched points from step to step: the grid part and the means of its ions.

A reading serves the times that are asked for between it and its neighbours: a monotone cubic on the step
that holds such a time takes the two step ends before it and the two behind it.  Steps whose ends serve
none, as where only the end of a run is asked for, are not read.
"""

from __future__ import annotations

import numpy as np

from microdomain.backends.base import Operations
from microdomain.batch_pacing import GROW
from microdomain.plan import Plan
from microdomain.reading import Watch
from microdomain.reading_cusps import Cusps
from microdomain.steppers.base import Standing
from microdomain.weights import Fluxes


class Trace:
    """Readings of the members of a batch at the ends of their steps.

    Parameters
    ----------
    plan : Plan
    watch : Watch                   points whose grid part is read
    asked : array or None, ms       times that will be asked for, increasing; None: at any

    Attributes
    ----------
    rows : list of lists            per member (time, readings [ion, P], means [ion]) in order, uM
    """

    def __init__(self, plan: Plan, watch: Watch, asked: np.ndarray | None) -> None:
        self.plan, self.watch, self._asked = plan, watch, asked
        self.rows: list[list[tuple[float, np.ndarray, np.ndarray]]] = [[] for _ in range(plan.members)]
        self._cusps, self._volume = Cusps(plan, watch.points), plan.volume
        self._rest = plan.rest[:, : plan.ions]
        # The last two step ends of each member; a member that goes on after a restart has read its own.
        self._ends = [(-np.inf, -np.inf)] * plan.members

    def note(
        self, ops: Operations, fluxes: Fluxes, s: Standing, members: np.ndarray, ahead: np.ndarray
    ) -> None:
        """Read where some members stand.

        Parameters
        ----------
        ops : Operations
        fluxes : Fluxes
        s : Standing                    of all members
        members : int array
        ahead : array (member,), ms     the longest that a member's next step can be
        """
        some = [int(k) for k in members if self._serves(k, float(s.t[k]), float(ahead[k]))]
        if not some:
            return
        slopes = ops.walls.slopes(s.y, s.near) if ops.walls is not None else ()
        readings = self.watch.read(ops, s.y, self._rest, slopes)
        if self._cusps.any:
            readings = readings + self._cusps.added(fluxes.sources.at(ops, s.y, s.near))
        means = (ops.free(s.y) + fluxes.per_ion(fluxes.mass(s.weights))) / self._volume
        for k in some:
            self.rows[k].append((float(s.t[k]), readings[k], means[k]))

    def _serves(self, k: int, t: float, ahead: float) -> bool:
        """Whether a time is asked for from two step ends before t to two behind it."""
        since, last = self._ends[k]
        self._ends[k] = (last, t)
        if self._asked is None:
            return True
        i = int(self._asked.searchsorted(since))
        # The step after the next is at most GROW times as long.
        return i < self._asked.size and bool(self._asked[i] <= t + (1.0 + GROW) * ahead)

    def forget(self, before: float) -> None:
        """Drop what was traced before a time (ms), but the last row before it and its neighbour."""
        for k, rows in enumerate(self.rows):
            keep = max(sum(row[0] < before for row in rows) - 2, 0)
            self.rows[k] = rows[keep:]
