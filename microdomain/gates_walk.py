"""The jumps of Markov schemes whose rates follow the voltage at most: drawn before the run begins.

Constant rates give exact exponential waiting times.  Where the voltage moves, each rate is a quadratic
in panels of half a millivolt, its integral is followed to the hazard that was drawn, and the root
located (thinning would need a bound that is tight).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microdomain.gates import BEFORE, GAUSS, PIECEWISE, STEP_MV, Stream, breaks, inside
from microdomain.model import Markov, Voltage


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A scheme between two breaks of the voltage, in panels within which rates are quadratics in time.

    Attributes
    ----------
    edges : array (K + 1,), ms
    hazard : array (K + 1, n)       integral of the rate out of every state from the first edge
    rates : array (K, 3, n, n)      coefficients of the rate matrix in powers of (t - edge) / width
    """

    edges: np.ndarray
    hazard: np.ndarray
    rates: np.ndarray

    def panel(self, t: float) -> tuple[int, float]:
        """The panel that holds at t, and where in it t lies, 0 to 1."""
        k = min(max(int(np.searchsorted(self.edges, t, side="right")) - 1, 0), self.edges.size - 2)
        return k, (t - float(self.edges[k])) / float(self.edges[k + 1] - self.edges[k])

    def integral(self, state: int, t: float) -> float:
        """Integral of the rate out of a state from the first edge to t."""
        k, x = self.panel(t)
        a, b, c = (-float(r) for r in self.rates[k, :, state, state])
        width = float(self.edges[k + 1] - self.edges[k])
        return float(self.hazard[k, state]) + width * x * (a + x * (b / 2 + x * c / 3))

    def reached(self, state: int, level: float) -> float:
        """When that integral reaches a level: Newton, kept inside its panel."""
        k = int(np.searchsorted(self.hazard[:, state], level, side="left")) - 1
        k = min(max(k, 0), self.edges.size - 2)
        width = float(self.edges[k + 1] - self.edges[k])
        want = (level - float(self.hazard[k, state])) / width
        a, b, c = (-float(r) for r in self.rates[k, :, state, state])
        low, high, x = 0.0, 1.0, 0.5
        for _ in range(60):
            miss = x * (a + x * (b / 2 + x * c / 3)) - want
            low, high = (x, high) if miss < 0 else (low, x)
            slope = a + x * (b + x * c)
            new = x - miss / slope if slope > 0 else 0.5 * (low + high)
            new = new if low <= new <= high else 0.5 * (low + high)
            if abs(new - x) <= 1e-15:
                break
            x = new
        return float(self.edges[k]) + x * width

    def column(self, state: int, t: float) -> np.ndarray:
        """Rates out of a state at t."""
        k, x = self.panel(t)
        return np.asarray(
            self.rates[k, 0, :, state] + x * (self.rates[k, 1, :, state] + x * self.rates[k, 2, :, state])
        )


class Walk:
    """The jumps of a scheme whose rates follow the voltage at most.

    Constant rates give exact exponential waiting times; where the voltage moves, the hazard is
    integrated along it and the root located where it reaches the one drawn.

    Parameters
    ----------
    gate : Markov
    voltage : Voltage
    until : float, ms
    """

    def __init__(self, gate: Markov, voltage: Voltage, until: float) -> None:
        self.gate, self.voltage, self.until = gate, voltage, until
        self._open = frozenset(gate.states.index(s) for s in gate.open)
        self._stretches = [self._prepare(s) for s in breaks(voltage, until)]

    def _prepare(self, stretch: tuple[float, float]) -> _Stretch:
        a, b = stretch
        panels = 1
        if self.gate.follows_voltage and not isinstance(self.voltage, PIECEWISE):
            moved = np.abs(np.diff(inside(self.voltage, np.linspace(a, b, 201), stretch))).sum()
            panels = math.ceil(max(50.0, moved / STEP_MV))
        edges = np.linspace(a, b, panels + 1)
        nodes = edges[:-1, None] + np.diff(edges)[:, None] * GAUSS
        Q = self.gate.matrix(inside(self.voltage, nodes, stretch), 0.0)
        rates = np.einsum("pg,kgij->kpij", np.linalg.inv(np.vander(GAUSS, 3, increasing=True)), Q)
        if panels == 1:
            rates[:, 1:] = 0.0
            rates[:, 0] = Q[:, 0]
        out = -np.diagonal(rates, axis1=-2, axis2=-1)
        each = np.einsum("kpn,p->kn", out, 1.0 / np.arange(1, 4)) * np.diff(edges)[:, None]
        return _Stretch(edges, np.concatenate([0 * each[:1], np.cumsum(each, axis=0)]), rates)

    @cached_property
    def _settled(self) -> np.ndarray:
        """Occupancies of the states before the start."""
        return np.asarray(self.gate.occupancies(float(self.voltage.value(BEFORE)), 0.0))

    def draw(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """One trial: times of entry (ms, the first 0) and the states entered.

        Parameters
        ----------
        stream : Stream

        Returns
        -------
        (array (K,), int array (K,))
        """
        gate = self.gate
        state = gate.states.index(gate.start) if gate.start is not None else _chosen(self._settled, stream)
        times, states = [0.0], [state]
        level = stream.waiting()
        for s in self._stretches:
            t = float(s.edges[0])
            while True:
                before = s.integral(state, t)
                left = float(s.hazard[-1, state]) - before
                if level >= left:
                    level -= left
                    break
                if s.edges.size == 2:
                    t += level / -float(s.rates[0, 0, state, state])
                else:
                    t = s.reached(state, before + level)
                state = next_state(s.column(state, t), state, stream)
                times.append(t)
                states.append(state)
                level = stream.waiting()
        return np.array(times), np.array(states)

    def openings(self, stream: Stream) -> tuple[tuple[float, float], ...]:
        """One trial as open intervals (on, off), ms; the last may be infinite."""
        times, states = self.draw(stream)
        return intervals(times, [int(s) in self._open for s in states])


def intervals(times: Any, opened: Any) -> tuple[tuple[float, float], ...]:
    """Open intervals from times of entry and whether the state entered is open.

    >>> intervals([0.0, 1.0, 2.0], [False, True, False])
    ((1.0, 2.0),)
    """
    out: list[tuple[float, float]] = []
    on: float | None = None
    for t, is_open in zip(times, opened, strict=True):
        if is_open and on is None:
            on = float(t)
        elif not is_open and on is not None:
            out.append((on, float(t)))
            on = None
    return (*out, (on, math.inf)) if on is not None else tuple(out)


def first_state(gate: Markov, V: float, c: float, stream: Stream) -> int:
    """The state at t = 0: the one named, or drawn from the occupancies at V (mV) and c (uM)."""
    if gate.start is not None:
        return gate.states.index(gate.start)
    return _chosen(gate.occupancies(V, c), stream)


def next_state(column: np.ndarray, state: int, stream: Stream) -> int:
    """Where a jump out of a state leads, by the rates of its column."""
    rates = np.where(np.arange(column.size) == state, 0.0, column)
    return int(np.flatnonzero(rates)[0]) if np.count_nonzero(rates) == 1 else _chosen(rates, stream)


def _chosen(weights: np.ndarray, stream: Stream) -> int:
    cumulative = np.cumsum(weights)
    k = int(np.searchsorted(cumulative, stream.uniform() * cumulative[-1], side="left"))
    return min(k, int(np.flatnonzero(weights)[-1]))
