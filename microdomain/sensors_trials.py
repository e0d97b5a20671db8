"""Release times by chance: every trial is a molecule that jumps from state to state until it fuses.

Between two ends of steps the rates stand at those of the mean concentration.  A jump out of state s
comes when the hazard H_s(t), the integral of the rate out of s, has grown by an exponential number;
H_s is a straight line in each step, so the waiting times are exact for these rates.

Random numbers are counter-based (Philox; Salmon, Moraes, Dror & Shaw, SC11, 2011): draw n of trial k
stands at counter (k, n) of the key (seed, member, sensor), whoever asks for it and with how many others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.model import Sensor
from microdomain.sensors import Drive, driven, initial, release

#: Trials that jump together: their arrays stay in cache.  A multiple of four, the numbers of one counter.
TOGETHER = 65_536
#: Kept apart from the keys of a channel's gate (`gates.Stream`).
_SENSOR = 2**31


def release_times(
    sensor: Sensor,
    times: Any,
    c: Any,
    trials: int,
    seed: int = 0,
    member: int = 0,
    number: int = 0,
    rest: float | None = None,
) -> np.ndarray:
    """When each of many vesicles fuses, by chance.

    Parameters
    ----------
    sensor : Sensor
    times, c, rest : as in `sensors.release`
    trials : int                  how many vesicles
    seed, member, number : int    which random streams: of the run, its member, the sensor's number

    Returns
    -------
    array (trials,), ms           inf where a vesicle has not fused by the last time

    >>> sensor = Sensor.sequential(5, 0.09, 9.5, 6, b=0.25, start="S0")
    >>> few = release_times(sensor, [0, 5], 50.0, trials=4, seed=1)
    >>> bool((few == release_times(sensor, [0, 5], 50.0, trials=1000, seed=1)[:4]).all())
    True
    """
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ValueError(f"release_times: trials = {trials!r}; give a whole number, at least 1.")
    answer = release(sensor, times, c, rest)  # checks the arguments, and finds steps that are fine enough
    t = answer.times
    drive, constant = driven(t, c)
    edges = t[[0, -1]] if constant else answer.steps
    walk = _Walk(sensor, edges, drive)
    start = initial(sensor, float(answer.c[0]) if rest is None else rest)
    key = np.array([seed % 2**64, (member % 2**32) * 2**32 + _SENSOR + number], dtype=np.uint64)
    parts = [
        walk.draw(start, key, first, min(TOGETHER, trials - first)) for first in range(0, trials, TOGETHER)
    ]
    return np.concatenate(parts)


def uniforms(key: np.ndarray, draw: int, first: int, count: int) -> np.ndarray:
    """Draw number `draw` of trials `first` and on: array (count,), in (0, 1).

    Parameters
    ----------
    key : uint64 array (2,)
    draw, first, count : int      `first` is a multiple of four

    >>> key = np.array([7, 1], dtype=np.uint64)
    >>> bool((uniforms(key, 3, 4, 8) == uniforms(key, 3, 0, 12)[4:]).all())
    True
    """
    counter = np.array([first // 4, draw, 0, 0], dtype=np.uint64)
    raw = np.random.Philox(key=key, counter=counter).random_raw(count)
    return ((raw >> np.uint64(11)) + 0.5) * 2.0**-53


class _Walk:
    """A sensor with the rates of every step, ready to be drawn from.

    Parameters
    ----------
    sensor : Sensor
    edges : array (N + 1,), ms    ends of steps
    drive : callable              uM at times
    """

    def __init__(self, sensor: Sensor, edges: np.ndarray, drive: Drive) -> None:
        self.edges = edges
        A = sensor.matrices()
        self.fused = A.shape[1] - 1
        h = np.diff(edges)
        low, high = (drive(edges[:-1] + (0.5 + s * np.sqrt(3.0) / 6.0) * h) for s in (-1, 1))
        # Means of c, c^2, ... over each step, by two Gauss nodes.
        means = np.stack([0.5 * (low**n + high**n) for n in range(len(A))])
        rates = np.einsum("pN,pij->Nij", means, A)
        leaving = -np.diagonal(rates, axis1=1, axis2=2).T
        self.hazard = np.concatenate([np.zeros((self.fused + 1, 1)), np.cumsum(leaving * h, axis=1)], axis=1)
        # Where a jump leads: cumulative shares of the rates out of each state, array [from, N, to].
        into = np.cumsum(np.where(np.eye(self.fused + 1, dtype=bool), 0.0, rates), axis=1)
        total = into[:, -1:, :]
        self.shares = (
            np.divide(into, total, out=np.ones_like(into), where=total > 0).transpose(2, 0, 1).copy()
        )
        self.constant = h.size == 1

    def draw(self, start: np.ndarray, key: np.ndarray, first: int, count: int) -> np.ndarray:
        """Release times of trials `first` and on, inf where none came."""
        out = np.full(count, np.inf)
        u = uniforms(key, 0, first, count)
        cumulative = np.cumsum(start)
        state = np.minimum(np.searchsorted(cumulative / cumulative[-1], u), self.fused - 1)
        t = np.full(count, self.edges[0])
        who = np.arange(count)
        n = 1
        while who.size:
            waiting = -np.log(uniforms(key, n, first, count)[who])
            choice = uniforms(key, n + 1, first, count)[who]
            t, step = self._later(state, t, waiting)
            stays = np.isfinite(t)
            who, t, state, step, choice = who[stays], t[stays], state[stays], step[stays], choice[stays]
            state = (choice[:, None] > self.shares[state, step]).sum(axis=1)
            gone = state == self.fused
            out[who[gone]] = t[gone]
            who, t, state = who[~gone], t[~gone], state[~gone]
            n += 2
        return out

    def _later(self, state: np.ndarray, t: np.ndarray, waiting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Times of the next jumps, inf behind the last edge, and the steps that they fall in."""
        later = np.full(t.size, np.inf)
        if self.constant:
            rate = self.hazard[state, 1] / (self.edges[1] - self.edges[0])
            np.divide(waiting, rate, out=later, where=rate > 0)
            later += t
            later[later > self.edges[1]] = np.inf
            return later, np.zeros(t.size, dtype=int)
        step = np.zeros(t.size, dtype=int)
        for s in np.unique(state):
            mine = np.flatnonzero(state == s)
            H = self.hazard[s]
            level = np.interp(t[mine], self.edges, H) + waiting[mine]
            reached = level < H[-1]
            at = mine[reached]
            k = np.searchsorted(H, level[reached], side="right") - 1
            part = (level[reached] - H[k]) / (H[k + 1] - H[k])
            later[at] = self.edges[k] + part * (self.edges[k + 1] - self.edges[k])
            step[at] = k
        return later, step
