"""Where members begin and where their steps must end."""

from __future__ import annotations

import numpy as np

from microdomain.plan import Plan

#: No step is longer than this part of the time since the last jump.  A microdomain relaxes on its age;
#: far longer steps freeze what binds fast beside a channel, where no local estimate sees it (an open
#: channel followed to its steady state in 26 steps is 1.2 % off at 30 nm, in 42 steps 0.4 %).
AGE = 0.4
#: Where buffers at rest bind faster than this (1/ms) the part shrinks with the root of the rate, to no
#: less than a fortieth: 500 uM of a buffer with k_on = 10 leaves -9 % at 200 nm after 1 ms with 0.4, -2 %
#: with 0.1, and RKC2 0.1 %.  Physiological mixtures (40 to 700) are right to a fraction of rtol.
FAST, LEAST = 300.0, 0.025


def initial_state(plan: Plan) -> np.ndarray:
    """State vectors at t = 0 as the models say: array (member, size)."""
    y = np.zeros((plan.members, plan.size))
    coarse, fine = plan.coarse(y), plan.fine(y)
    for m, model in enumerate(plan.models):
        for s in range(plan.ions):
            coarse[m, s] = model.initial_ion(plan.names[s])
        for s in plan.bound:
            coarse[m, s] = model.initial_bound(plan.names[s])
        for k, s in enumerate(plan.forms):
            shape = plan.network.shapes[k] if plan.network else None
            coarse[m, s] = model.initial_forms[plan.names[s]] * (1.0 if shape is None else shape)
        for r, j in enumerate(plan.refined):
            fine[m, r] = coarse[m, plan.at(j), 0, 0, 0]
    return y


#: A jump's delayed blob ends a step where no other jump comes within this many ages of the window.
QUIET = 10.0


def events(plan: Plan, member: int, order: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Times at which a member starts anew, and at which its steps end.

    The blob follows a jump after the window's age, and a step ends there.  Between jumps that crowd,
    a scheme of order 2 takes the blob's mean over its step instead: no stage needs a kink there.

    Parameters
    ----------
    plan : Plan
    member : int
    order : int                     of the stepper

    Returns
    -------
    jumps, stops : arrays, ms
    """
    mine = plan.pair_member == member
    jumps, stops, delayed = [np.empty(0)], [np.empty(0)], []
    for row, ion in {(int(r), int(i)) for r, i in zip(plan.pair_row[mine], plan.pair_ion[mine], strict=True)}:
        jumps.append(plan.history.jumps[row])
        stops += [plan.history.kinks[row]]
        delayed.append((plan.history.jumps[row], plan.windows[ion].tau))
    for _, rate in plan.network.timed[member] if plan.network else ():
        jumps.append(np.array(rate.jumps()))
        stops.append(np.array(rate.kinks()))
    every = np.unique(np.concatenate(jumps))
    for mine_only, tau in delayed:
        quiet = mine_only if order > 2 else mine_only[is_quiet(every, mine_only, tau)]
        stops.append(quiet + tau)
    return every, np.unique(np.concatenate(jumps + stops))


def is_quiet(jumps: np.ndarray, at: np.ndarray, tau: float) -> np.ndarray:
    """Whether no jump follows soon after each of some times (ms)."""
    following = np.append(jumps, np.inf)[np.searchsorted(jumps, at, side="right")]
    return np.asarray(following - at > QUIET * tau)


def next_stop(stops: np.ndarray, t: float, until: float) -> float:
    """The first stop after t, but no later than `until` (ms)."""
    i = int(stops.searchsorted(t, side="right"))
    return min(float(stops[i]), until) if i < stops.size else until


def last_before(times: np.ndarray, t: float) -> float:
    """The last of some increasing times up to t; minus infinity before the first (ms)."""
    i = int(times.searchsorted(t, side="right"))
    return float(times[i - 1]) if i else -np.inf


def is_among(times: np.ndarray, t: float) -> bool:
    """True where t is one of some increasing times, to the bit."""
    return last_before(times, t) == t


def longest_share(plan: Plan) -> np.ndarray:
    """The longest step of each member as a part of the time since its last jump: array (member,)."""
    fastest = plan.kappa.max(axis=1, initial=1e-300)
    return np.asarray(np.clip(AGE * np.sqrt(FAST / np.maximum(fastest, FAST)), LEAST, AGE))
