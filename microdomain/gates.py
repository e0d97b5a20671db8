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
from itertools import pairwise
from typing import Any

import numpy as np

from microdomain.history import Pieces
from microdomain.model import HH, Hold, Pulses, Steps, Voltage

#: Knots per time constant of a Hodgkin-Huxley gate (a Hermite error of 1e-8), and time constants
#: after which a gate at a constant voltage has settled to the last bit.
KNOTS, SETTLED = 32, 30.0
#: A knot at least for every so many mV of a moving voltage, and at most this many between two breaks.
STEP_MV, MOST_KNOTS = 0.5, 20_000
#: Gates are settled at the voltage just before the start, ms.
BEFORE = -1e-9
PIECEWISE = (Hold, Steps, Pulses)


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
        self.seek(draws)

    def seek(self, draws: int) -> None:
        """Go on behind so many numbers."""
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
    return list(pairwise(sorted(edges)))


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
    if isinstance(voltage, PIECEWISE):
        last = min(b, a + SETTLED * float(taus.max()))
    count = max((last - a) / (float(taus.min()) / KNOTS), np.abs(np.diff(V)).sum() / STEP_MV, 4.0)
    if not isinstance(voltage, PIECEWISE):
        count = max(count, 200.0)
    knots = np.linspace(a, last, min(math.ceil(count), MOST_KNOTS) + 1)
    return knots if last == b else np.append(knots, b)


#: Three Gauss nodes on [0, 1] and their weights.
GAUSS, WEIGHTS = np.polynomial.legendre.leggauss(3)
GAUSS, WEIGHTS = 0.5 * (GAUSS + 1.0), 0.5 * WEIGHTS
#: Integrals of the Lagrange polynomials of the three nodes from each node to 1.
_REST = WEIGHTS - np.array(
    [
        [
            sum(c[k] * x ** (k + 1) / (k + 1) for k in range(3))
            for c in np.linalg.inv(np.vander(GAUSS, 3, True)).T
        ]
        for x in GAUSS
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
        nodes = t[:-1, None] + d[:, None] * GAUSS
        x, slopes = np.empty((len(values), t.size)), np.empty((len(values), t.size))
        for k, particle in enumerate(gate.particles):
            inf, tau = (
                np.broadcast_to(v, nodes.shape) for v in particle.settles(inside(voltage, nodes, stretch))
            )
            rest = d[:, None] * ((1.0 / tau) @ _REST.T)
            weight = WEIGHTS / tau * np.exp(-rest)
            toward = (weight * inf).sum(axis=1) / weight.sum(axis=1)
            decay = np.exp(-d * ((1.0 / tau) @ WEIGHTS))
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
