"""Members that advance together: own clocks, own steps, own events; nobody waits but at records.

A step call advances every member that has not arrived by its own dt.  A rejected member repeats
while the others go on.  Steps end where a member's own gates jump and where fields are recorded;
mouths and probes are interpolated between step ends, so they never shorten a step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from microdomain.backends.base import Operations
from microdomain.batch_pacing import Planned, change
from microdomain.batch_trace import Trace
from microdomain.begin import events, initial_state, is_among, last_before, longest_share, next_stop
from microdomain.feedback import Feedback
from microdomain.feedback_gates import LOCATED
from microdomain.ledger import Ledger
from microdomain.plan import Plan
from microdomain.reading import Watch
from microdomain.step_faults import culprit, too_short
from microdomain.steppers.base import Standing, Stepper, Trial, per_ion, taken_up
from microdomain.weights import Fluxes

log = logging.getLogger("microdomain")

#: First step after a jump in units of the window's age, by the order of the scheme.
RESTART = {2: 1.0, 3: 0.5}
#: A first step without channels (ms), and the shortest step that is tried.
FIRST_STEP, SHORTEST = 1e-3, 1e-12

Factory = Callable[[Plan], Operations]


class StepError(RuntimeError):
    """A run of which no member can go on; the text says when, why, and what to try."""


class Batch:
    """Some members of a run on one device.

    Parameters
    ----------
    plan : Plan                     of these members only
    factory : callable              plan -> Operations
    stepper : Stepper
    rtol : float
    watch : Watch                   points whose grid part is traced
    asked : array or None, ms       times at which they will be asked for; None: at any

    Attributes
    ----------
    failed : list of str            per member why it cannot go on, "" while it can
    left_behind : bool array        which of them cannot
    """

    def __init__(
        self, plan: Plan, factory: Factory, stepper: Stepper, rtol: float, watch: Watch,
        asked: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.factory, self.stepper, self.rtol, self.watch = plan, factory, stepper, rtol, watch
        m = plan.members
        self.live = [Feedback(plan, k) if plan.live[k] else None for k in range(m)]
        self._ops: Operations | None = factory(plan)
        self._kept: tuple[np.ndarray, np.ndarray] | None = None
        self.fluxes = Fluxes(plan, self.live)
        self.standing = Standing.at(self.ops, self.fluxes, np.zeros(m), self.ops.vector(initial_state(plan)))
        age = min((w.tau for w in plan.windows), default=0.0)
        self._restart = RESTART[stepper.order] * age if plan.sites else FIRST_STEP
        self.dt = np.full(m, self._restart)
        times = [events(plan, k, stepper.order) for k in range(m)]
        self.jumps, self.stops = [e[0] for e in times], [e[1] for e in times]
        # Where a gate that follows the concentration will jump, once a step has passed the place.
        self.aim = np.full(m, np.inf)
        self._share = longest_share(plan)
        # Where a species rests at zero the smooth blob's tail may dip below it by less than the
        # absolute tolerance; everywhere else nothing negative is accepted.
        at_zero = (plan.rest <= 0).any(axis=1) | (initial_state(plan) <= 0).any(axis=1)
        self._floor = np.where(at_zero, -0.1 * rtol, 0.0)
        self.start = self._totals()
        shape = (m, plan.ions)
        self.influx, self.walls, self.uptake, self.corrections = (np.zeros(shape) for _ in range(4))
        self.pumped = np.zeros((m, len(plan.pumps.names), plan.ions))
        self.steps, self.rejected, self.negative = (np.zeros(m, dtype=int) for _ in range(3))
        self.lowest = np.asarray(self.ops.lowest(self.standing.y, self.standing.near))
        self.largest_error = np.zeros(m)
        self.failed: list[str] = [""] * m
        self.left_behind = np.zeros(m, dtype=bool)
        self._trace = Trace(plan, watch, asked)
        self._parts: dict[bytes, tuple[Operations, Fluxes]] = {}
        self._trace.note(self.ops, self.fluxes, self.standing, np.arange(m), self.dt)

    @property
    def ops(self) -> Operations:
        """Operations on the device, to which states that had left it come back."""
        if self._ops is None:
            self._ops, s = self.factory(self.plan), self.standing
            y, self._kept = self._ops.vector(self.state()), None
            self.standing = Standing(s.t, y, self._ops.near(s.weights, self.fluxes.law(s.t, s.t)), s.weights)
        return self._ops

    @property
    def away(self) -> bool:
        """Whether the states have left the device."""
        return self._ops is None

    def leave_device(self) -> None:
        """Keep the states on the host, bit for bit, and let go of all that is on the device."""
        if self._ops is not None:
            self._kept, s = (self.state(), self.hidden()), self.standing
            self._ops = None
            self.standing = Standing(s.t, None, None, s.weights)
            self._parts.clear()

    def state(self) -> np.ndarray:
        """State vectors (member, size) on the host."""
        return self.ops.host(self.standing.y) if self._kept is None else self._kept[0]

    def hidden(self) -> np.ndarray:
        """Sources in sub-cells on the host, see `reading_cusps.Sources`."""
        s = self.standing
        return self.fluxes.sources.at(self.ops, s.y, s.near) if self._kept is None else self._kept[1]

    @property
    def trace(self) -> list[list[tuple[float, np.ndarray, np.ndarray]]]:
        """Per member what was read at its step ends: time, grid part at the watched points, means."""
        return self._trace.rows

    @property
    def t(self) -> np.ndarray:
        """Time of each member, ms."""
        return self.standing.t

    def advance(
        self, until: float, beat: Callable[[Batch], None] | None = None, forgiving: bool = False
    ) -> None:
        """Bring every member to `until` (ms); `beat` is called after every step.

        `forgiving` leaves members behind whose numbers break down, and says so in `failed`.
        """
        while True:
            active = np.flatnonzero((self.t < until) & ~self.left_behind)
            if active.size == 0:
                return
            try:
                self._step(active, until)
            except (ArithmeticError, LookupError, ValueError) as error:
                if not forgiving:
                    raise
                self._leave(active, error) if active.size == 1 else self._step_apart(active, until)
            if beat is not None:
                beat(self)

    def _step_apart(self, active: np.ndarray, until: float) -> None:
        """One by one, so that a member that breaks down takes nobody with it."""
        for k in active:
            try:
                self._step(np.array([k]), until)
            except (ArithmeticError, LookupError, ValueError) as error:
                self._leave(np.array([k]), error)

    def _leave(self, active: np.ndarray, error: Exception) -> None:
        for k in active:
            log.error("A member broke down at t = %g ms.", self.t[k], exc_info=error)
            self.failed[k] = f"broke down at t = {self.t[k]:g} ms ({type(error).__name__}: {error})."
            self.left_behind[k] = True

    def step(self, until: float) -> None:
        """One step, or attempt, of every member that is not yet at `until` (ms)."""
        active = np.flatnonzero((self.t < until) & ~self.left_behind)
        if active.size:
            self._step(active, until)

    def _step(self, active: np.ndarray, until: float) -> None:
        steps = [self._planned(int(k), until) for k in active]
        trial = self._attempt(active, np.array([step.dt for step in steps]))
        error = np.where(np.isfinite(trial.error), trial.error, 1e9)
        judged = zip(
            active.tolist(), steps, error.tolist(), change(error, self.stepper.exponent).tolist(),
            trial.lowest.tolist(), strict=True,
        )  # fmt: skip
        good = np.array([self._judged(*one) for one in judged])
        for i in np.flatnonzero(self.left_behind[active] & (trial.lowest < self._floor[active])):
            last = (self.ops.host(trial.y)[i], self.ops.host(trial.near.average)[i])
            self.failed[active[i]] += culprit(self.plan, int(active[i]), *last)
        if good.any():
            self._accept(active, good, steps, trial, error)
            for i in np.flatnonzero(good):
                self._follow(int(active[i]), steps[i])

    def _planned(self, k: int, until: float) -> Planned:
        """The step that a member tries next."""
        t = float(self.t[k])
        age = t - last_before(self.jumps[k], t)
        wanted = min(float(self.dt[k]), max(float(self._share[k]) * age, self._restart))
        return Planned.to(min(next_stop(self.stops[k], t, until), float(self.aim[k])), t, wanted)

    def _judged(self, k: int, step: Planned, error: float, factor: float, lowest: float) -> bool:
        """Whether an attempt is accepted; notes it, and how long the member's next step shall be."""
        positive = lowest >= self._floor[k]
        good = error <= 1.0 and positive
        early = good and self._passed(k, step.end)
        if early:
            good, self.dt[k] = False, step.wanted
        elif good:
            self.steps[k] += 1
            self.dt[k] = step.following(factor)
        else:
            self.rejected[k] += 1
            self.negative[k] += error <= 1.0
            self.dt[k] = step.retried(error, factor)
        if good and self._jumps(k, step):
            self.dt[k] = min(self.dt[k], self._restart)
        if self.dt[k] < SHORTEST:
            self.failed[k] = too_short(SHORTEST, step.t, error, lowest)
            self.left_behind[k] = True
        return good

    def _jumps(self, k: int, step: Planned) -> bool:
        """Whether a gate or the voltage of a member jumps at the end of a step, as was known."""
        return step.arrives and is_among(self.jumps[k], step.end)

    def _passed(self, k: int, now: float) -> bool:
        """Whether a gate jumps before `now`, the end of its member's step; then the next one ends there."""
        live = self.live[k]
        if live is None or not live.follows:
            return False
        hit = live.crossing()
        if hit >= now - LOCATED:
            return False
        self.aim[k] = max(hit, self.t[k] + LOCATED)
        return bool(self.aim[k] < now)

    def _follow(self, k: int, step: Planned) -> None:
        """Hand an accepted step to a member's live channels; a gate of theirs may jump at its end."""
        self.aim[k], now = np.inf, step.end
        live = self.live[k]
        if live is not None and live.accept(now, self._jumps(k, step)):
            self.jumps[k] = np.union1d(self.jumps[k], [now])
            later = [now + w.tau for w in self.plan.windows]
            self.stops[k] = np.union1d(self.stops[k], [now, *later])
            self.dt[k] = min(self.dt[k], self._restart)

    def _attempt(self, active: np.ndarray, dt: np.ndarray) -> Trial:
        here = self.ops  # first of all: states that had left come back
        if active.size == self.plan.members:
            return self.stepper.attempt(here, self.fluxes, self.standing, dt, self.rtol)
        ops, fluxes = self._part(active)
        s = self.standing
        pairs = np.isin(self.plan.pair_member, active)
        weights, t = s.weights[pairs], s.t[active]
        at = Standing(t, self.ops.select(s.y, active), ops.near(weights, fluxes.law(t, t)), weights)
        return self.stepper.attempt(ops, fluxes, at, dt, self.rtol)

    def _part(self, active: np.ndarray) -> tuple[Operations, Fluxes]:
        key = active.tobytes()
        if key not in self._parts:
            if len(self._parts) > 8:
                self._parts.clear()
            plan = self.plan.take(active.tolist())
            self._parts[key] = (self.factory(plan), Fluxes(plan, [self.live[k] for k in active]))
        return self._parts[key]

    def _accept(
        self, active: np.ndarray, good: np.ndarray, steps: list[Planned], trial: Trial, error: np.ndarray
    ) -> None:
        part = self.fluxes if active.size == self.plan.members else self._part(active)[1]
        s, chosen, flows = self.standing, active[good], trial.flows
        everyone = chosen.size == self.plan.members
        now, entered = np.array([step.end for step in steps]), trial.entered
        if any(step.end != step.t + step.dt for step in steps):  # a stop is met to the bit
            entered = part.influx(s.t[active], now)
        rows, some = (slice(None), slice(None)) if everyone else (chosen, good)
        self.influx[rows] += part.per_ion(entered)[some]
        self.walls[rows] += (flows.walls + part.per_ion(flows.loss))[some]
        self.uptake[rows] += flows.uptake[some]
        self.pumped[rows] += flows.pumps.transpose(1, 0, 2)[some]
        self.corrections[rows] += part.per_ion(np.abs(trial.correction))[some]
        self.lowest[rows] = np.minimum(self.lowest[rows], trial.lowest[some])
        self.largest_error[rows] = np.maximum(self.largest_error[rows], error[some] * self.rtol)
        if everyone:
            self.standing = Standing(now, trial.y, trial.near, trial.weights)
        else:
            t, weights, y = s.t.copy(), s.weights.copy(), s.y
            t[chosen] = now[good]
            kept = np.isin(self.plan.pair_member, chosen)
            mine = np.isin(self.plan.pair_member[np.isin(self.plan.pair_member, active)], chosen)
            weights[kept] = trial.weights[mine]
            y = self.ops.select(y, np.arange(self.plan.members))
            self.ops.assign(y, chosen, self.ops.select(trial.y, np.flatnonzero(good)))
            self.standing = Standing(t, y, self.ops.near(weights, self.fluxes.law(t, t)), weights)
        self._trace.note(self.ops, self.fluxes, self.standing, chosen, self.dt)

    def _totals(self) -> np.ndarray:
        """Free, bound and near-field ions (member, ion), uM um^3."""
        inside = per_ion(self.plan, self.ops.amounts(self.standing.y))
        return inside + self.fluxes.per_ion(self.fluxes.mass(self.standing.weights))

    def ledger(self) -> Ledger:
        """The account up to now."""
        away, end = self.away, self._totals()
        taken = taken_up(self.plan, self.ops.amounts(self.standing.y))
        if away:
            self.leave_device()
        return Ledger(
            self.plan.names[: self.plan.ions], self.start, self.influx.copy(), self.walls.copy(),
            self.uptake + taken, end, self.corrections.copy(), self.steps.copy(),
            self.rejected.copy(), self.negative.copy(), self.lowest.copy(), self.largest_error.copy(),
            pumps=self.plan.pumps.names, pumped=self.pumped.copy(),
        )  # fmt: skip

    def forget(self, before: float) -> None:
        """Drop what was traced before a time (ms), as far as nothing can ask for it any more."""
        self._trace.forget(before)
