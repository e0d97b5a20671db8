"""The near field's numbers at a stage: folded fluxes, blobs, deposits, masses, per pair.

A pair is (member, flux, ion); all channels of a member that carry the same flux share it.  Its
near-field mass M, what it deposits on the grid and what held walls take obey, exactly in time,

    dM/dt = J - [kappa M + blob] - loss,     M = sum_q W_q mass_q,   loss = sum_q W_q loss_q.

The steppers integrate deposit and loss with their own quadrature; the ledger's correction is what
that quadrature missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.feedback import Feedback, Mouths
from microdomain.plan import Plan


class Remembered:
    """An answer that depends on the fluxes alone, and the times between which they are steady."""

    def __init__(self) -> None:
        self._answer: tuple[np.ndarray, np.ndarray, int, np.ndarray] | None = None

    def within(self, begin: np.ndarray, end: np.ndarray, revision: int) -> np.ndarray | None:
        """The answer, where it holds from `begin` to `end` (ms, per pair); else None."""
        if self._answer is None:
            return None
        since, until, made, value = self._answer
        if made == revision and bool((since <= begin).all()) and bool((end < until).all()):
            return value
        return None

    def keep(self, value: np.ndarray, plan: Plan, begin: np.ndarray, end: np.ndarray) -> None:
        """Keep an answer read between `begin` and `end`, if one constant piece per pair spans them."""
        since, until, constant = plan.history.steady(plan.pair_row, begin)
        self._answer = None
        if constant.all() and (end < until).all():
            value.setflags(write=False)
            self._answer = (since, until, plan.history.revision, value)


class Fluxes:
    """Fluxes of a plan's pairs, folded when asked.

    Parameters
    ----------
    plan : Plan
    live : sequence of Feedback or None     per member, where channels feel their own field

    Attributes
    ----------
    walls_open, takes_up : bool     whether anything can leave through held walls or be taken up
    """

    def __init__(self, plan: Plan, live: Sequence[Feedback | None] = ()) -> None:
        self.plan = plan
        self.live = [(m, one) for m, one in enumerate(live) if one is not None]
        self._mouths = Mouths.of(plan, self.live) if self.live else None
        self.walls_open = plan.leaks
        self.takes_up = bool(plan.uptake.any())
        self._kappa = plan.kappa[plan.pair_member, plan.pair_ion]
        self._tau = np.array([w.tau for w in plan.windows])[plan.pair_ion]
        self._screen = np.exp(-self._kappa * self._tau)
        self._held = bool(plan.pair_loss.any())
        # While every flux is steady over what a fold or a blob reads, the last answer holds.
        self._weights, self._blob = Remembered(), Remembered()
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
        plan = self.plan
        now = t[plan.pair_member]
        known = self._weights.within(now - self._tau, now, plan.history.revision)
        if known is not None:
            return known
        out = np.zeros(plan.pair_loss.shape)
        for i, window in enumerate(plan.windows):
            p = np.flatnonzero(plan.pair_ion == i)
            if p.size:
                folded = window.fold(plan.history, plan.pair_row[p], now[p], self._kappa[p])
                out[p, : folded.shape[1]] = folded
        self._weights.keep(out, plan, now - self._tau, now)
        return out

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
            read = self._mouths.read(ops.host(self.plan.coarse(y)[:, : self.plan.ions]))
            for (m, one), u in zip(self.live, read, strict=True):
                one.solve(float(t[m]), float(start[m]), float(dt[m]), u)
        return self.weights(t)

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
        plan = self.plan
        rows, m = plan.pair_row, plan.pair_member
        begin, end = start[m] - self._tau, start[m] + dt[m] - self._tau
        known = self._blob.within(begin, end, plan.history.revision)
        if known is not None:
            return known
        value = plan.history.value(rows, t[m] - self._tau)
        for p in np.flatnonzero(~plan.history.single_piece(rows, begin, end)):
            if plan.history.jumps_within(rows[p], begin[p] - 1e-12, end[p] + 1e-12).size:
                amount = plan.history.integral(rows[p : p + 1], np.array([[begin[p], end[p]]]))[0]
                value[p] = (amount[1] - amount[0]) / dt[m[p]]
        value = np.asarray(value * self._screen)
        self._blob.keep(value, plan, begin, end)
        return value

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
        if not self._held:
            return np.zeros(weights.shape[0])
        return np.asarray(np.einsum("pq,pq->p", weights, self.plan.pair_loss))

    def influx(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Exact amount that entered between two times per member: array (pair,), uM um^3."""
        m = self.plan.pair_member
        times = np.stack([start[m], end[m]], axis=1)
        amount = self.plan.history.integral(self.plan.pair_row, times)
        return np.asarray((amount[:, 1] - amount[:, 0]) * self.plan.pair_count)

    def per_ion(self, pairs: np.ndarray) -> np.ndarray:
        """Sum of a pair quantity over each member's ions: array (member, ion)."""
        out = np.zeros((self.plan.members, self.plan.ions))
        np.add.at(out, (self.plan.pair_member, self.plan.pair_ion), pairs)
        return out
