"""The near field at points over many times at once: what traces of mouths and probes are made of."""

from __future__ import annotations

import numpy as np

from microdomain.history import History
from microdomain.reading import GROUP, Near, summed


def at_times(
    near: Near, times: np.ndarray, kernels: list[tuple[np.ndarray, np.ndarray]], points: int
) -> np.ndarray:
    """Near field at points and many times, the same for all members.

    Parameters
    ----------
    near : Near
    times : array (T,), ms
    kernels : list                  as `near.kernels` gave them
    points : int                    how many points

    Returns
    -------
    array [member, T, ion, point], uM
    """
    if times.size > GROUP:
        parts = [times[first : first + GROUP] for first in range(0, times.size, GROUP)]
        return np.concatenate([at_times(near, part, kernels, points) for part in parts], axis=1)
    plan = near.plan
    out = np.zeros((plan.members, times.size, plan.ions, points))
    # Channels of one flux share its weights.
    known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for site, (there, kernel) in zip(plan.sites, kernels, strict=True):
        if not there.size:
            continue
        for m, pair in zip(site.members.tolist(), site.pairs.tolist(), strict=True):
            if pair not in known:
                known[pair] = _weights(near, pair, times)
            some, w = known[pair]
            out[m, some[:, None], site.ion, there] += summed(w, kernel)
    return out


def _weights(near: Near, pair: int, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At which of some times a pair's flux is felt, and its folded weights (n, Q) there."""
    plan, row, kappa = near.plan, near.plan.pair_row[pair], near.kappa[pair]
    window, history = near.windows[plan.pair_ion[pair]], plan.history
    some = np.flatnonzero(flows_within(history, row, times - window.tau, times))
    # Rows that grow with a run are folded for one time at once.
    parts = [some] if history.group[row] < 0 else list(some[:, None])
    none = np.empty((0, window.nodes.size))
    folded = [window.fold(history, np.full(p.size, row), times[p], np.full(p.size, kappa)) for p in parts]
    return some, np.concatenate([none, *folded])


def flows_within(history: History, row: int, since: np.ndarray, until: np.ndarray) -> np.ndarray:
    """Whether a flux may differ from 0 between some times (ms): bool array."""
    starts = history.starts[row]
    flowing = history.coefficients[row].any(axis=1)
    first = np.maximum(np.searchsorted(starts, since, side="right") - 1, 0)
    last = np.maximum(np.searchsorted(starts, until, side="right") - 1, 0)
    sums = np.concatenate([[0], np.cumsum(flowing)])
    return np.asarray(sums[last + 1] > sums[first])
