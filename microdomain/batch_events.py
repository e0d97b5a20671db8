"""When the steps of a member end: its jumps, its kinks, and the end of the window after a jump."""

from __future__ import annotations

import numpy as np

from microdomain.plan import Plan


def events_of(plan: Plan, member: int) -> tuple[np.ndarray, np.ndarray]:
    """Times at which a member starts anew, and at which its steps end."""
    mine = plan.pair_member == member
    jumps, stops = [np.empty(0)], [np.empty(0)]
    for row, ion in {(int(r), int(i)) for r, i in zip(plan.pair_row[mine], plan.pair_ion[mine], strict=True)}:
        jumps.append(plan.history.jumps[row])
        # The blob follows a jump after the window's age.
        stops += [plan.history.kinks[row], plan.history.jumps[row] + plan.windows[ion].tau]
    return np.unique(np.concatenate(jumps)), np.unique(np.concatenate(jumps + stops))


def next_stop(stops: np.ndarray, t: float, until: float) -> float:
    """The first stop behind t, but `until` at the latest (ms)."""
    i = int(np.searchsorted(stops, t, side="right"))
    return min(float(stops[i]), until) if i < stops.size else until


def is_one_of(times: np.ndarray, t: float) -> bool:
    """Whether t is one of some times, to the bit."""
    return bool((times == t).any())
