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
    plan = near.plan
    out = np.zeros((plan.members, times.size, plan.ions, points))
    for site, (there, kernel) in zip(plan.sites, kernels, strict=True):
        if not there.size:
            continue
        window, history = near.windows[site.ion], plan.history
        for m, pair in zip(site.members, site.pairs, strict=True):
            row, kappa = plan.pair_row[pair], near.kappa[pair]
            some = np.flatnonzero(flows_within(history, row, times - window.tau, times))
            for first in range(0, some.size, GROUP):
                n = some[first : first + GROUP]
                # Rows that grow with a run are folded for one time at once.
                parts = [n] if history.group[row] < 0 else n[:, None]
                w = np.concatenate(
                    [
                        window.fold(history, np.full(p.size, row), times[p], np.full(p.size, kappa))
                        for p in parts
                    ]
                )
                out[m, n[:, None], site.ion, there] += summed(w, kernel)
    return out


def flows_within(history: History, row: int, since: np.ndarray, until: np.ndarray) -> np.ndarray:
    """Whether a flux may differ from 0 between some times (ms): bool array."""
    starts = history.starts[row]
    flowing = history.coefficients[row].any(axis=1)
    first = np.maximum(np.searchsorted(starts, since, side="right") - 1, 0)
    last = np.maximum(np.searchsorted(starts, until, side="right") - 1, 0)
    sums = np.concatenate([[0], np.cumsum(flowing)])
    return np.asarray(sums[last + 1] > sums[first])
