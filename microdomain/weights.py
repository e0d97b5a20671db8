"""The near field's numbers at a stage: folded fluxes, blobs, deposits, masses, per pair.

A pair is (member, flux, ion); all channels of a member that carry the same flux share it.  Its
near-field mass M, what it deposits on the grid and what held walls take obey, exactly in time,

    dM/dt = J - [kappa M + blob] - loss,     M = sum_q W_q mass_q,   loss = sum_q W_q loss_q.

The steppers integrate deposit and loss with their own quadrature; the ledger's correction is what
that quadrature missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from microdomain.feedback import Feedback, Mouths
from microdomain.plan import Plan
from microdomain.reading_cusps import Sources

#: The part of the tolerance that the ledger's correction of a step may be, where fluxes are found.
MISSED = 0.08


class Remembered:
    """Rows of an answer, one per pair, that depend on the fluxes alone, and when each of them holds.

    Attributes
    ----------
    value : array (pair, ...)       the last answer; not to be written to
    """

    def __init__(self, value: np.ndarray) -> None:
        value.setflags(write=False)
        self.value = value
        self._since, self._until = np.full(len(value), np.inf), np.full(len(value), -np.inf)
        self._revision = -1

    def stale(self, begin: np.ndarray, end: np.ndarray, revision: int) -> np.ndarray:
        """Pairs whose row must be found anew to hold from `begin` to `end` (ms, per pair): bool array."""
        if revision != self._revision:
            return np.ones(len(self.value), dtype=bool)
        return np.asarray((self._since > begin) | (self._until <= end))

    def keep(
        self, value: np.ndarray, found: np.ndarray, plan: Plan, begin: np.ndarray, end: np.ndarray
    ) -> None:
        """Keep an answer whose rows `found` (bool) were read between `begin` and `end`.

        A row holds as long as one constant piece of its pair's flux spans what it reads.
        """
        value.setflags(write=False)
        if plan.history.revision != self._revision:
            found = np.ones(len(value), dtype=bool)
        p = np.flatnonzero(found)
        since, until, constant = plan.history.steady(plan.pair_row[p], begin[p])
        steady = constant & (end[p] < until)
        self._since[p] = np.where(steady, since, np.inf)
        self._until[p] = np.where(steady, until, -np.inf)
        self.value, self._revision = value, plan.history.revision


class Fluxes:
    """Fluxes of a plan's pairs, folded when asked.

    Parameters
    ----------
    plan : Plan
    live : sequence of Feedback or None     per member, where channels feel their own field

    Attributes
    ----------
    walls_open, takes_up : bool     whether anything can leave through held walls or be taken up
    held : bool                     whether a window loses anything through held walls
    moves : bool                    whether rate constants of the network change in time
    """

    def __init__(self, plan: Plan, live: Sequence[Feedback | None] = ()) -> None:
        self.plan = plan
        self.live = [(m, one) for m, one in enumerate(live) if one is not None]
        self._mouths = Mouths.of(plan, self.live) if self.live else None
        self.sources = Sources(plan)
        self.walls_open = plan.leaks
        self.takes_up = bool(plan.uptake.any())
        self.moves = plan.network is not None and plan.network.varies
        self._kappa = plan.kappa[plan.pair_member, plan.pair_ion]
        self._place = plan.pair_member * plan.ions + plan.pair_ion
        self._tau = np.array([w.tau for w in plan.windows])[plan.pair_ion]
        self._screen = np.exp(-self._kappa * self._tau)
        self.held = bool(plan.pair_loss.any())
        # While every flux is steady over what a fold or a blob reads, the last answer holds.
        self._weights = Remembered(np.zeros(plan.pair_loss.shape))
        self._blob = Remembered(np.zeros(len(plan.pair_row)))
        # Pairs that jump, in the order of (member, time), for fluxes that are known.
        known = np.flatnonzero(plan.history.group[plan.pair_row] < 0)
        sizes = [plan.history.jumps[r].size for r in plan.pair_row[known]]
        times = np.concatenate([np.empty(0), *(plan.history.jumps[r] for r in plan.pair_row[known])])
        who = np.repeat(known, sizes)
        order = np.lexsort((who, times))
        self._jump_times, self._jump_pairs = times[order], who[order]
        self._mass: tuple[np.ndarray, np.ndarray] | None = None

    def weights(self, t: np.ndarray) -> np.ndarray:
        """Folded weights W at one time per member.

        Parameters
        ----------
        t : array (member,), ms

        Returns
        -------
        array (pair, Q), uM um^3
        """
        return self.weights_at([t])[0]

    def weights_at(self, times: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Folded weights at several times per member, the latest of which comes last.

        Parameters
        ----------
        times : sequence of arrays (member,), ms

        Returns
        -------
        list of arrays (pair, Q), uM um^3    not to be written to
        """
        plan, count = self.plan, len(times)
        now = np.stack(times)[:, plan.pair_member]
        stale = self._weights.stale(now.min(axis=0) - self._tau, now[-1], plan.history.revision)
        if not stale.any():
            return [self._weights.value] * count
        out = np.repeat(self._weights.value[None], count, axis=0)
        for i, window in enumerate(plan.windows):
            p = np.flatnonzero(stale & (plan.pair_ion == i))
            if p.size:
                each = np.tile(p, count)
                folded = window.fold(plan.history, plan.pair_row[each], now[:, p].ravel(), self._kappa[each])
                out[:, p, : folded.shape[1]] = folded.reshape(count, p.size, -1)
        out.setflags(write=False)
        self._weights.keep(out[-1], stale, plan, now[-1] - self._tau, now[-1])
        return [*out[:-1], self._weights.value]

    def law(self, t: np.ndarray, since: np.ndarray) -> np.ndarray | None:
        """The network's rate constants at t for steps begun at `since` (ms): array (member, ..) or None."""
        return None if self.plan.network is None else self.plan.network.law_at(t, since)

    def fresh(self, start: np.ndarray, dt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs whose flux jumps at the begin of a step, and their weights' means over the step.

        In that step the near field rises faster than any quadrature of a few stages can follow; its
        mean in every stage makes what it feeds exact to the order of the scheme.  The fluxes of
        live channels are not known that far ahead: they are left out.

        Parameters
        ----------
        start, dt : array (member,), ms

        Returns
        -------
        pairs : int array (F,)
        weights : array (F, Q), uM um^3
        """
        plan = self.plan
        rows, m = plan.pair_row, plan.pair_member
        first, last = (self._jump_times.searchsorted(start, side=side) for side in ("left", "right"))
        hits = [np.empty(0, int)]
        for k in np.flatnonzero(first < last):
            mine = self._jump_pairs[first[k] : last[k]]
            hits.append(mine[m[mine] == k])
        if len(hits) == 1:
            return hits[0], self._weights.value[:0]
        pairs = np.concatenate(hits)
        out = np.zeros((pairs.size, plan.pair_loss.shape[1]))
        for i, window in enumerate(plan.windows):
            mine = np.flatnonzero(plan.pair_ion[pairs] == i)
            if mine.size:
                p = pairs[mine]
                folded = window.fold_mean(
                    plan.history, rows[p], start[m[p]], (start + dt)[m[p]], self._kappa[p]
                )
                out[mine, : folded.shape[1]] = folded
        return pairs, out

    def stage(self, ops: Any, y: Any, t: np.ndarray, start: np.ndarray, dt: np.ndarray) -> np.ndarray:
        """Folded weights at a stage; live channels find their fluxes from the stage's own state first.

        Parameters
        ----------
        ops : Operations
        y : vectors                             the stage's state
        t, start, dt : array (member,), ms      stage time, begin and length of the step

        Returns
        -------
        array (pair, Q), uM um^3
        """
        if self._mouths is not None:
            # What sub-cells bind and walls pump follows the near field, as if the fluxes went on alike.
            hidden = self.sources.at(ops, y, ops.near(self.weights(t))) if self._mouths.hides else None
            slopes = self._slopes(ops, y, t) if ops.walls is not None else ()
            for (m, one), u in zip(self.live, self._mouths.read(ops, y, hidden, slopes), strict=True):
                one.solve(float(t[m]), float(start[m]), float(dt[m]), u)
        return self.weights(t)

    def _slopes(self, ops: Any, y: Any, t: np.ndarray) -> list[np.ndarray]:
        """J/D at every pumped wall, see `wall_reading`, with the near field of the fluxes as they stand."""
        slopes: list[np.ndarray] = ops.walls.slopes(y, SimpleNamespace(wall=ops.walls.near(self.weights(t))))
        return slopes

    def blob(self, t: np.ndarray, start: np.ndarray, dt: np.ndarray) -> np.ndarray:
        """Blob amplitude J(t - tau) exp(-kappa tau) of each pair at a stage of a step.

        Steps end at (jump + tau), see `begin`.  Where J still jumps between start - tau and
        start + dt - tau, the mean over the step stands for all its stages.

        Parameters
        ----------
        t, start, dt : array (member,), ms      stage time, begin and length of the step

        Returns
        -------
        array (pair,), uM um^3/ms
        """
        return self.blobs_at([t], start, dt)[0]

    def blobs_at(self, times: Sequence[np.ndarray], start: np.ndarray, dt: np.ndarray) -> list[np.ndarray]:
        """The same at several stage times of one step."""
        plan = self.plan
        rows, m = plan.pair_row, plan.pair_member
        begin = start[m] - self._tau
        end = start[m] + dt[m] - self._tau
        stale = self._blob.stale(begin, end, plan.history.revision)
        if not stale.any():
            return [self._blob.value] * len(times)
        p = np.flatnonzero(stale)
        value = plan.history.value(rows[p], (np.stack(times, axis=1)[m] - self._tau[:, None])[p])
        for n in np.flatnonzero(~plan.history.single_piece(rows[p], begin[p], end[p])):
            q = p[n]
            if plan.history.jumps_within(rows[q], begin[q] - 1e-12, end[q] + 1e-12).size:
                amount = plan.history.integral(rows[q : q + 1], np.array([[begin[q], end[q]]]))[0]
                value[n] = (amount[1] - amount[0]) / dt[m[q]]
        out = np.repeat(self._blob.value[None], len(times), axis=0)
        out[:, p] = (value * self._screen[p, None]).T
        self._blob.keep(out[-1], stale, plan, begin, end)
        return list(out)

    def mass(self, weights: np.ndarray) -> np.ndarray:
        """Near-field amount M of each pair, over all its channels: array (pair,), uM um^3."""
        if self._mass is None or self._mass[0] is not weights:
            mass = np.asarray(np.einsum("pq,pq->p", weights, self.plan.pair_mass[:, :-1]))
            if weights.flags.writeable:
                return mass
            self._mass = (weights, mass)
        return self._mass[1]

    def deposit(self, weights: np.ndarray, blob: np.ndarray) -> np.ndarray:
        """What the window hands to the grid, kappa M + blob: array (pair,), uM um^3/ms.

        Before an obstacle the grid also gets back what the near field loses into it.
        """
        out = self._kappa * self.mass(weights) + blob * self.plan.pair_mass[:, -1]
        if self.plan.mask is not None:
            out += np.einsum("pq,pq->p", weights, self.plan.pair_back)
        return np.asarray(out)

    def loss(self, weights: np.ndarray) -> np.ndarray:
        """What the window loses through held walls: array (pair,), uM um^3/ms."""
        if not self.held:
            return np.zeros(weights.shape[0])
        return np.asarray(np.einsum("pq,pq->p", weights, self.plan.pair_loss))

    def influx(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Exact amount that entered between two times per member: array (pair,), uM um^3."""
        m = self.plan.pair_member
        times = np.stack([start[m], end[m]], axis=1)
        amount = self.plan.history.integral(self.plan.pair_row, times)
        return np.asarray((amount[:, 1] - amount[:, 0]) * self.plan.pair_count)

    def doubt(self, missed: np.ndarray, start: np.ndarray, end: np.ndarray, rtol: float) -> np.ndarray:
        """Error of the live fluxes in a step in units of the tolerance: array (member,).

        No error of the state shows a step that outruns a voltage or a gate: what the quadrature of the
        deposits missed does.  MISSED of `rtol` times what entered in the step, or a tenth of what has
        entered since the start, may be.
        """
        plan, out = self.plan, np.zeros(self.plan.members)
        if self.live:
            m, none = plan.pair_member, np.zeros(plan.pair_member.size)
            times = np.stack([none, start[m], end[m]], axis=1)
            entered = plan.history.integral(plan.pair_row, times) * plan.pair_count[:, None]
            scale = np.abs(entered[:, 2] - entered[:, 1]) + 0.1 * np.abs(entered[:, 2] - entered[:, 0])
            part = np.abs(missed) / np.where(scale > 0, MISSED * rtol * scale, np.inf)
            for k, _ in self.live:
                out[k] = part[m == k].max(initial=0.0)
        return out

    def per_ion(self, pairs: np.ndarray) -> np.ndarray:
        """Sum of a pair quantity over each member's ions: array (member, ion)."""
        plan = self.plan
        sums = np.bincount(self._place, weights=pairs, minlength=plan.members * plan.ions)
        return sums.reshape(plan.members, plan.ions)
