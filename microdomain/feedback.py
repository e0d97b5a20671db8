"""Channels that feel what they let in: fluxes found inside each stage, and gates that follow them.

In a stage at t of a step from t_n the fluxes up to t_n are known.  On (t_n, t] each live flux is the
quadratic through its last two nodes and its value at t (a straight line right after a jump), so that
the mouths are linear in the values at t::

    c_k(t) = A_k + sum_l B_kl J_l(t)

A: the grid part at the mouth, and all known pieces of all channels folded with the kernel there;
B: the fold of the last piece's basis function.  `laws.Law.solve` closes the loop.  No derivative
enters the implicit side: the window's own field is exact, and the grid feels a flux a tau later.

Right after a jump the channel's own field builds within r^2/4D (0.03 us at 5 nm), and its current
falls with it: nodes spaced geometrically in the time since the jump follow that (two nodes alone are
5 % wrong after 1 us).  The nodes of an accepted step enter the history, so that the near field, the
blob, the ledger and every reading see one and the same flux.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.feedback_gates import Gate, Node
from microdomain.laws import BEFORE, law, piece_values
from microdomain.mask_fill import seen
from microdomain.plan import Plan
from microdomain.reading import Near, Watch, reach_of
from microdomain.reading_cusps import Cusps
from microdomain.sites import Site
from microdomain.window import POINTS, Window

#: First node after a jump in units of r^2/4D, ratio of the times of nodes since the jump.
FIRST, RATIO = 0.1, 1.6
#: A quadratic reaches at most this many times its last interval ahead.
AHEAD = 5.0


class Feedback:
    """The live channels of one member.

    Parameters
    ----------
    plan : Plan
    member : int                      its number in the plan
    """

    def __init__(self, plan: Plan, member: int) -> None:
        self.model, self.live = plan.models[member], plan.live[member]
        self.history = plan.history
        self.number = {one.index: n for n, one in enumerate(self.live)}
        self.rows = np.array([one.row for one in self.live])
        self.ion = np.array([plan.names.index(one.channel.ion) for one in self.live])
        self.mouths = np.array(
            [
                np.array(one.channel.position) + one.channel.pore * np.array(one.channel.normal)
                for one in self.live
            ]
        )
        windows = [Window.of(w.D, w.tau, POINTS) for w in plan.windows]
        pairs = np.flatnonzero(plan.pair_member == member)
        number = {int(p): k for k, p in enumerate(pairs)}
        kernel = np.zeros((pairs.size, windows[0].nodes.size, len(self.live)))
        for site in plan.sites:
            mine = site.pairs[site.members == member]
            if mine.size:
                felt = Near.kernel(site, windows[site.ion], self.mouths) * self._reached(
                    site, windows[site.ion]
                )
                felt *= seen(plan.mask, plan.grid, site.position, self.mouths)
                for p in mine:
                    kernel[number[int(p)]] += felt
        own = [number[int(p)] for one in self.live for p in pairs if plan.pair_row[p] == one.row]
        of_own = kernel[own]
        # Per ion: its window, its pairs' rows, its live channels, kernels of both at the mouths, screening.
        self._ions = []
        for i in np.unique(plan.pair_ion[pairs]):
            some = plan.pair_ion[pairs] == i
            mine = np.flatnonzero(self.ion == i)
            kernels = (
                kernel[some].reshape(-1, len(self.live)),
                of_own[mine].transpose(1, 0, 2).reshape(windows[i].nodes.size, -1),
            )
            rows = plan.pair_row[pairs[some]]
            self._ions.append((windows[i], rows, mine, *kernels, float(plan.kappa[member, i])))
        pores = [one.channel.pore**2 / (4 * windows[i].D) for one, i in zip(self.live, self.ion, strict=True)]
        self._soon = FIRST * min(pores)
        start = np.array([self.model.initial_ion(one.channel.ion) for one in self.live], dtype=float)
        V = float(self.model.voltage.value(-1e-9))
        self.gates = [
            Gate.of(one, V, c) if one.stream is not None else None
            for one, c in zip(self.live, start, strict=True)
        ]
        self.count = 1
        self._u, self._jump = start, 0.0
        self._before: tuple[float, np.ndarray, np.ndarray] | None = None
        self._stage: tuple[list[Node], np.ndarray] = ([], start)
        self._key: tuple[float, float] | None = None
        self._nodes: list[Node] = []
        self._tail: tuple[np.ndarray, np.ndarray] = (np.zeros(len(self.live)), start)
        self._begin(0.0, start)

    def _reached(self, site: Site, window: Window) -> np.ndarray:
        """Which mouths are of a site's ion, and within the reach of its window."""
        away = np.abs(self.mouths - np.array(site.position)).max(axis=1)
        return np.asarray((self.ion == site.ion) & (away < reach_of(site, window)))

    @property
    def follows(self) -> bool:
        """Whether a gate follows the concentration."""
        return any(gate is not None for gate in self.gates)

    # -- laws ----------------------------------------------------------------------------------

    def _law(self, t: float) -> Any:
        p, wave = np.zeros(len(self.live)), np.zeros(len(self.live))
        known: dict[int, float] = {}
        for n, (one, gate) in enumerate(zip(self.live, self.gates, strict=True)):
            if gate is not None:
                p[n] = float(gate.open)
            else:
                key = id(one.opened)
                if key not in known:
                    known[key] = float(piece_values(one.opened, t))  # type: ignore[arg-type]
                p[n] = known[key]
            if one.wave is not None:
                wave[n] = float(piece_values(one.wave, t))
        return law(self.live, self.model, p, float(self.model.voltage.value(t)), wave)

    def opened(self, n: int, times: np.ndarray) -> np.ndarray:
        """Open fraction of live channel n at times (ms); at a jump the one after it."""
        gate, known = self.gates[n], self.live[n].opened
        if known is not None:
            return piece_values(known, times)
        assert gate is not None
        return gate.openness(times)

    # -- nodes ---------------------------------------------------------------------------------

    def solve(self, t: float, start: float, dt: float, u: np.ndarray) -> None:
        """Find the fluxes at a stage and lay their pieces into the history.

        Parameters
        ----------
        t, start, dt : float, ms      time of the stage, begin and length of the step
        u : array (L,), uM            grid part of the stage at the mouths
        """
        if self._key != (start, dt):
            self._key, self._nodes = (start, dt), []
        age, since = t - self._jump, start - self._jump
        steps = np.arange(60) if age > self._soon else np.empty(0)
        due = self._soon * RATIO**steps
        due = self._jump + due[(due > 1.25 * since) & (due < 0.8 * age)]
        nodes = [n for n in self._nodes if n.t < t - 1e-3 * (t - start)]
        for moment in due:
            if not any(abs(n.t - moment) < 1e-12 for n in nodes) and (not nodes or moment > nodes[-1].t):
                part = (moment - start) / (t - start)
                nodes.append(self._node(float(moment), start, nodes, self._u + part * (u - self._u)))
                self._nodes = nodes.copy()
        nodes.append(self._node(t, start, nodes, u))
        self._write(start, nodes)
        self._stage = (nodes, u)

    def _node(self, t: float, start: float, nodes: list[Node], u: np.ndarray) -> Node:
        a, J, c = (nodes[-1].t, nodes[-1].J, nodes[-1].c) if nodes else (start, *self._tail)
        basis, shares = (
            np.array([0.0, 1.0 / (t - a), 0.0, 0.0]),
            [(np.array([1.0, -1.0 / (t - a), 0, 0]), J, c)],
        )
        before = self._preceding(start, nodes)
        if before is not None and t - a <= AHEAD * (a - before[0]):
            H, g = t - a, a - before[0]
            basis = np.array([0.0, g / (H * (H + g)), 1.0 / (H * (H + g)), 0.0])
            shares = [
                (np.array([1.0, (H - g) / (H * g), -1.0 / (H * g), 0.0]), J, c),
                (np.array([0.0, -H / ((H + g) * g), 1.0 / ((H + g) * g), 0.0]), before[1], before[2]),
            ]
        known = sum(y[:, None] * share for share, y, _ in shares)
        self._write(start, [*nodes, Node(t, J, c, known, known)])
        A, B = u.copy(), np.empty((len(self.live),) * 2)
        for window, rows, mine, felt, own, kappa in self._ions:
            folded = window.fold(self.history, rows, np.full(rows.size, t), np.full(rows.size, kappa))
            A += folded.ravel() @ felt
            B[:, mine] = (window.fold_piece(a, basis, t, kappa) @ own).reshape(mine.size, -1).T
        J, c = self._law(t - BEFORE * (1.0 + abs(t))).solve(A, B, J)
        mouth = sum(z[:, None] * share for share, _, z in shares) + c[:, None] * basis
        return Node(t, J, c, known + J[:, None] * basis, mouth)

    def _preceding(self, start: float, nodes: list[Node]) -> tuple[float, np.ndarray, np.ndarray] | None:
        """The node before the last one, if no jump lies between them."""
        if len(nodes) > 1:
            return nodes[-2].t, nodes[-2].J, nodes[-2].c
        return (start, *self._tail) if nodes else self._before

    def _write(self, start: float, nodes: list[Node]) -> None:
        """Pieces of the nodes, then what the fluxes would do if they went on alike."""
        last, begin = nodes[-1], nodes[-2].t if len(nodes) > 1 else start
        a, H = last.flux, last.t - begin
        tail = np.zeros_like(a)
        tail[:, 0] = a[:, 0] + H * (a[:, 1] + H * a[:, 2])
        if last.t - self._jump > 4 * self._soon / FIRST:
            tail[:, 1] = a[:, 1] + 2 * H * a[:, 2]
        starts = np.array([start, *(n.t for n in nodes)])
        rows = np.stack([*(n.flux for n in nodes), tail], axis=1)
        self.history.write(self.rows, self.count, starts, rows)

    def _begin(self, t: float, c: np.ndarray) -> None:
        """Start anew after a jump at t: fluxes as the mouths, which have not moved yet, have them."""
        J = self._law(t).flux(c)
        self._jump, self._before, self._tail = t, None, (J, c)
        rows = np.zeros((self.rows.size, 1, 4))
        rows[:, 0, 0] = J
        self.history.write(self.rows, self.count, np.array([t]), rows)

    def accept(self, now: float, jumped: bool) -> bool:
        """Take the step that was solved last, which ends at `now`; whether a gate jumped there.

        Parameters
        ----------
        now : float, ms
        jumped : bool                 a gate or the voltage of this member jumps at `now`, as was known
        """
        assert self._key is not None
        nodes, u = self._stage
        start, last = self._key[0], nodes[-1]
        fired = self._fire(start, now)
        last.t = now
        self._write(start, nodes)
        self.count += len(nodes)
        self._before = self._preceding(start, nodes)
        self._tail = (last.J, last.c)
        self._u, self._key, self._nodes = u, None, []
        if jumped or fired.size:
            if fired.size:
                self.history.add_jump(fired, now)
            self._begin(now, last.c)
        return bool(fired.size)

    # -- gates that follow the concentration ---------------------------------------------------

    def crossing(self) -> float:
        """When the first gate jumps in the step that was solved last; infinity where none does (ms)."""
        assert self._key is not None
        gates = [(n, gate) for n, gate in enumerate(self.gates) if gate is not None]
        hits = [gate.reach(n, self._key[0], self._stage[0], self.model.voltage)[0] for n, gate in gates]
        return min(hits, default=np.inf)

    def _fire(self, start: float, now: float) -> np.ndarray:
        """Use up the step's hazards; move the gates that jump at `now`; rows whose flux jumps with them."""
        nodes, voltage = self._stage[0], self.model.voltage
        moved = [
            gate.live.row
            for n, gate in enumerate(self.gates)
            if gate is not None and gate.use(n, start, now, nodes, voltage)
        ]
        return np.array(moved, dtype=int)


class Mouths:
    """Reads the grid part of states at the mouths of all live channels.

    Parameters
    ----------
    watch : Watch                     the distinct mouths
    cusps : Cusps                     of the same points
    rest : array (member, ion), uM
    picks : list of (member, ions, points)
    """

    def __init__(
        self, watch: Watch, cusps: Cusps, rest: np.ndarray, picks: list[tuple[int, np.ndarray, np.ndarray]]
    ) -> None:
        self._watch, self._rest, self._picks = watch, rest, picks
        self._cusps, self.hides = cusps, cusps.any

    @classmethod
    def of(cls, plan: Plan, live: Sequence[tuple[int, Feedback]]) -> Mouths:
        """Mouths of members (number in the plan, its live channels)."""
        every = np.concatenate([one.mouths for _, one in live])
        points, which = np.unique(every, axis=0, return_inverse=True)
        picks, first = [], 0
        for m, one in live:
            stop = first + len(one.live)
            picks.append((m, one.ion, which.ravel()[first:stop]))
            first = stop
        return cls(Watch.of(plan, points), Cusps(plan, points), plan.rest[:, : plan.ions], picks)

    def read(
        self, ops: Any, y: Any, hidden: np.ndarray | None = None, slopes: Sequence[np.ndarray] = ()
    ) -> list[np.ndarray]:
        """Grid part (uM) at each member's mouths, from state vectors.

        Where `hides`, `hidden` are the sources in sub-cells, as `reading_cusps.Sources` has them;
        `slopes` are those at pumped walls, as `wall_reading` has them.
        """
        values = self._watch.read(ops, y, self._rest, slopes)
        if hidden is not None:
            values = values + self._cusps.added(hidden)
        return [values[m, ions, points] for m, ions, points in self._picks]
