"""Gates in time: which part of a channel is open, as far as the voltage alone decides.

A timed gate, a Hodgkin-Huxley gate and a Markov scheme whose rates do not follow the concentration
know nothing of the field, so their whole course is known before the run begins: an open fraction
p(t) in pieces (`history.Pieces`), 0 or 1 for a molecule.  With a prescribed current the flux is then
prescribed as well, and costs the run nothing more than its jumps.

Random numbers are counter-based (Philox; Salmon, Moraes, Dror and Shaw, SC11, 2011), keyed by seed,
trial and channel: draw n of a channel is the same number alone, in any batch and after a restart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.history import Pieces
from microdomain.model import HH, Hold, Markov, Pulses, Steps, Voltage

#: Knots per time constant of a Hodgkin-Huxley gate (a Hermite error of 1e-8), and time constants
#: after which a gate at a constant voltage has settled to the last bit.
KNOTS, SETTLED = 32, 30.0
#: A knot at least for every so many mV of a moving voltage, and at most this many between two breaks.
STEP_MV, MOST_KNOTS = 0.5, 20_000
#: Gates are settled at the voltage just before the start, ms.
BEFORE = -1e-9
_PIECEWISE = (Hold, Steps, Pulses)


class Stream:
    """The random numbers of one channel of one trial, uniform in (0, 1].

    Parameters
    ----------
    seed, trial, channel : int
    draws : int                   how many have been drawn already: where a restart goes on

    >>> a = Stream(7, trial=17, channel=3)
    >>> first, second = a.uniform(), a.uniform()
    >>> Stream(7, trial=17, channel=3, draws=1).uniform() == second
    True
    """

    def __init__(self, seed: int, trial: int, channel: int, draws: int = 0) -> None:
        self.key = (seed % 2**64, (trial % 2**32) * 2**32 + channel)
        self.draws = draws
        self._bits = np.random.Philox(key=np.array(self.key, dtype=np.uint64), counter=draws // 4)
        for _ in range(draws % 4):
            self._bits.random_raw()

    def uniform(self) -> float:
        """The next number; never 0, so that its logarithm exists."""
        self.draws += 1
        return ((int(self._bits.random_raw()) >> 11) + 1) * 2.0**-53

    def waiting(self) -> float:
        """An exponential number of mean 1: the hazard that is survived before the next jump."""
        return -math.log(self.uniform())


def breaks(voltage: Voltage, until: float) -> list[tuple[float, float]]:
    """Stretches from 0 to `until` (ms) within which the voltage is smooth."""
    edges = {0.0, until} | {t for t in (*voltage.jumps(), *voltage.kinks()) if 0 < t < until}
    ordered = sorted(edges)
    return list(zip(ordered[:-1], ordered[1:], strict=True))


def inside(voltage: Voltage, t: Any, stretch: tuple[float, float]) -> Any:
    """The voltage at t as the stretch's inside has it: at its ends the limit from within."""
    a, b = stretch
    rim = 1e-9 * (b - a)
    return voltage.value(np.clip(t, a + rim, b - rim))


def hermite(t: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Coefficients (K - 1, 4) of the cubics through values and slopes at K knots."""
    d = np.diff(t)
    secant = np.diff(y) / d
    a, b = slope[:-1], slope[1:]
    return np.stack([y[:-1], a, (3 * secant - 2 * a - b) / d, (a + b - 2 * secant) / d**2], axis=1)


# -- Hodgkin-Huxley ------------------------------------------------------------------------------


def _knots(gate: HH, voltage: Voltage, stretch: tuple[float, float]) -> np.ndarray:
    a, b = stretch
    V = np.asarray(inside(voltage, np.linspace(a, b, 201), stretch), dtype=float)
    taus = np.array([np.broadcast_to(p.settles(V)[1], V.shape) for p in gate.particles])
    last = b
    if isinstance(voltage, _PIECEWISE):
        last = min(b, a + SETTLED * float(taus.max()))
    count = max((last - a) / (float(taus.min()) / KNOTS), np.abs(np.diff(V)).sum() / STEP_MV, 4.0)
    if not isinstance(voltage, _PIECEWISE):
        count = max(count, 200.0)
    knots = np.linspace(a, last, min(math.ceil(count), MOST_KNOTS) + 1)
    return knots if last == b else np.append(knots, b)


_GAUSS, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_GAUSS, _WEIGHTS = 0.5 * (_GAUSS + 1.0), 0.5 * _WEIGHTS
#: Integrals of the Lagrange polynomials of the three nodes from each node to 1.
_REST = _WEIGHTS - np.array(
    [
        [
            sum(c[k] * x ** (k + 1) / (k + 1) for k in range(3))
            for c in np.linalg.inv(np.vander(_GAUSS, 3, True)).T
        ]
        for x in _GAUSS
    ]
)


def open_fraction(gate: HH, voltage: Voltage, until: float) -> Pieces:
    """The open fraction of a Hodgkin-Huxley gate that is settled at t = 0.

    Each particle obeys a linear equation, solved from knot to knot by its exponential with Gauss
    quadrature of order 6 (exact where the voltage is constant).

    Parameters
    ----------
    gate : HH
    voltage : Voltage
    until : float, ms

    Returns
    -------
    Pieces, dimensionless
    """
    values = [float(p.settles(float(voltage.value(BEFORE)))[0]) for p in gate.particles]
    # Nothing flows before the run begins.
    starts, rows = [np.array([-np.inf])], [np.zeros((1, 4))]
    for stretch in breaks(voltage, until):
        t = _knots(gate, voltage, stretch)
        d = np.diff(t)
        nodes = t[:-1, None] + d[:, None] * _GAUSS
        x, slopes = np.empty((len(values), t.size)), np.empty((len(values), t.size))
        for k, particle in enumerate(gate.particles):
            inf, tau = (
                np.broadcast_to(v, nodes.shape) for v in particle.settles(inside(voltage, nodes, stretch))
            )
            rest = d[:, None] * ((1.0 / tau) @ _REST.T)
            weight = _WEIGHTS / tau * np.exp(-rest)
            toward = (weight * inf).sum(axis=1) / weight.sum(axis=1)
            decay = np.exp(-d * ((1.0 / tau) @ _WEIGHTS))
            x[k, 0] = values[k]
            for n in range(d.size):
                x[k, n + 1] = toward[n] + (x[k, n] - toward[n]) * decay[n]
            inf, tau = particle.settles(inside(voltage, t, stretch))
            slopes[k] = (inf - x[k]) / tau
            values[k] = float(x[k, -1])
        powers = [p.power for p in gate.particles]
        p = np.prod([v**n for v, n in zip(x, powers, strict=True)], axis=0)
        slope = np.zeros(t.size)
        for k, n in enumerate(powers):
            others = [v**m for j, (v, m) in enumerate(zip(x, powers, strict=True)) if j != k]
            slope += n * x[k] ** (n - 1) * slopes[k] * np.prod(others, axis=0)
        starts.append(t[:-1])
        rows.append(hermite(t, p, slope))
    starts.append(np.array([until]))
    rows.append(np.array([[_product(gate, values), 0.0, 0.0, 0.0]]))
    return Pieces(
        np.concatenate(starts), np.concatenate(rows), np.zeros(1),
        np.array(sorted({*voltage.jumps(), *voltage.kinks()})),
    )  # fmt: skip


def _product(gate: HH, values: list[float]) -> float:
    return math.prod(x**p.power for x, p in zip(values, gate.particles, strict=True))


# -- Markov schemes ------------------------------------------------------------------------------


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
        if self.gate.follows_voltage and not isinstance(self.voltage, _PIECEWISE):
            moved = np.abs(np.diff(inside(self.voltage, np.linspace(a, b, 201), stretch))).sum()
            panels = math.ceil(max(50.0, moved / STEP_MV))
        edges = np.linspace(a, b, panels + 1)
        nodes = edges[:-1, None] + np.diff(edges)[:, None] * _GAUSS
        Q = self.gate.matrix(inside(self.voltage, nodes, stretch), 0.0)
        rates = np.einsum("pg,kgij->kpij", np.linalg.inv(np.vander(_GAUSS, 3, increasing=True)), Q)
        if panels == 1:
            rates[:, 1:] = 0.0
            rates[:, 0] = Q[:, 0]
        out = -np.diagonal(rates, axis1=-2, axis2=-1)
        each = np.einsum("kpn,p->kn", out, 1.0 / np.arange(1, 4)) * np.diff(edges)[:, None]
        return _Stretch(edges, np.concatenate([0 * each[:1], np.cumsum(each, axis=0)]), rates)

    def draw(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """One trial: times of entry (ms, the first 0) and the states entered.

        Parameters
        ----------
        stream : Stream

        Returns
        -------
        (array (K,), int array (K,))
        """
        state = first_state(self.gate, float(self.voltage.value(BEFORE)), 0.0, stream)
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
