"""The near field's numbers at a stage: folded fluxes, blobs, deposits, masses, per pair.

A pair is (member, flux, ion); all channels of a member that carry the same flux share it.  Its
near-field mass M, what it deposits on the grid and what held walls take obey, exactly in time,

    dM/dt = J - [kappa M + blob] - loss,     M = sum_q W_q mass_q,   loss = sum_q W_q loss_q.

The steppers integrate deposit and loss with their own quadrature; the ledger's correction is what
that quadrature missed.
"""

from __future__ import annotations

import numpy as np

from microdomain.plan import Plan


class Fluxes:
    """Fluxes of a plan's pairs, folded when asked.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._kappa = plan.kappa[plan.pair_member, plan.pair_ion]
        self._tau = np.array([w.tau for w in plan.windows])[plan.pair_ion]
        self._screen = np.exp(-self._kappa * self._tau)

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
        out = np.zeros(plan.pair_loss.shape)
        for i, window in enumerate(plan.windows):
            p = np.flatnonzero(plan.pair_ion == i)
            if p.size:
                folded = window.fold(plan.history, plan.pair_row[p], t[plan.pair_member[p]], self._kappa[p])
                out[p, : folded.shape[1]] = folded
        return out

    def blob(self, t: np.ndarray, start: np.ndarray, dt: np.ndarray) -> np.ndarray:
        """Blob amplitude J(t - tau) exp(-kappa tau) of each pair at a stage of a step.

        Where J jumps between start - tau and start + dt - tau, the mean over the step stands for
        all its stages: no step needs to end at (jump + tau).

        Parameters
        ----------
        t, start, dt : array (member,), ms      stage time, begin and length of the step

        Returns
        -------
        array (pair,), uM um^3/ms
        """
        plan = self.plan
        rows, m = plan.pair_row, plan.pair_member
        value = plan.history.value(rows, t[m] - self._tau)
        begin, end = start[m] - self._tau, start[m] + dt[m] - self._tau
        for p in np.flatnonzero(~plan.history.single_piece(rows, begin, end)):
            if plan.history.jumps_within(rows[p], begin[p] - 1e-12, end[p] + 1e-12).size:
                amount = plan.history.integral(rows[p : p + 1], np.array([[begin[p], end[p]]]))[0]
                value[p] = (amount[1] - amount[0]) / dt[m[p]]
        return np.asarray(value * self._screen)

    def mass(self, weights: np.ndarray) -> np.ndarray:
        """Near-field amount M of each pair, over all its channels: array (pair,), uM um^3."""
        return np.asarray(np.einsum("pq,pq->p", weights, self.plan.pair_mass[:, :-1]))

    def deposit(self, weights: np.ndarray, blob: np.ndarray) -> np.ndarray:
        """What the window hands to the grid, kappa M + blob: array (pair,), uM um^3/ms."""
        return np.asarray(self._kappa * self.mass(weights) + blob * self.plan.pair_mass[:, -1])

    def loss(self, weights: np.ndarray) -> np.ndarray:
        """What the window loses through held walls: array (pair,), uM um^3/ms."""
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
