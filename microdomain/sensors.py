"""Release sensors driven by [Ca](t): occupancies, release rate, and how much has been released.

The occupancies p of a sensor, fused vesicles included, follow

    dp/dt = A(c(t)) p,     A(c) = sum_n A_n c^n,     1' A_n = 0 for every n.

At constant c the matrix exponential is exact.  Where c moves, a step of length h takes the fourth-order
Magnus exponent of the two Gauss nodes (Blanes, Casas, Oteo & Ros, Phys Rep 470:151, 2009, eq. 254),

    p(t + h) = exp( h/2 (A1 + A2) - sqrt(3) h^2/12 [A1, A2] ) p(t),     A_i = A(c(t + (1/2 -+ sqrt(3)/6) h)),

whose columns sum to those of the identity, so probability is conserved to rounding whatever the step.
Steps are halved until the occupancies change by less than `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microdomain.model import Chain, Sensor
from microdomain.sensors_matrices import exponentials, rates_at

__all__ = ["Chain", "Release", "Sensor", "equilibrium", "release"]

#: Halving the steps changes no occupancy by more; the error of the halved steps is a sixteenth of it.
TOLERANCE = 1e-7
#: Halvings at most, and the least number of steps in a course, which finds the peak of the rate.
HALVINGS, LEAST = 12, 256
#: Exponentials are made in groups of about this many numbers.
GROUP = 2_000_000
_GAUSS = np.sqrt(3.0) / 6.0

Drive = Callable[[np.ndarray], np.ndarray]


def equilibrium(sensor: Sensor, c: float) -> np.ndarray:
    """Occupancies at a constant concentration as if nothing fused.

    Parameters
    ----------
    sensor : Sensor
    c : float, uM

    Returns
    -------
    array (S,)                    in the order of `sensor.states`; they sum to 1

    Raises
    ------
    ValueError                    more than one state could be the end of it all

    >>> equilibrium(Sensor.sequential(1, k_on=0.1, k_off=1, gamma=6), 10.0).tolist()
    [0.5, 0.5]
    """
    A = rates_at(sensor.matrices(fusion=False), np.array([_level(c)]))[0]
    size = len(A)
    if size == 1:
        return np.ones(1)
    # Grassmann, Taksar & Heyman, Oper Res 33:1107 (1985): no subtraction, so the smallest occupancy
    # has as many digits as the largest.
    R, out = A.T - np.diag(np.diag(A)), np.zeros(size)
    for k in range(size - 1, 0, -1):
        total = R[k, :k].sum()
        if total <= 0:
            return _drained(sensor, A)
        R[:k, k] /= total
        R[:k, :k] += np.outer(R[:k, k], R[k, :k])
    out[0] = 1.0
    for k in range(1, size):
        out[k] = out[:k] @ R[:k, k]
    return out / out.sum()


def _drained(sensor: Sensor, A: np.ndarray) -> np.ndarray:
    """The equilibrium where some states cannot be left or reached, as at c = 0."""
    system = np.vstack([A, np.ones(len(A))])
    if np.linalg.matrix_rank(system) < len(A):
        raise ValueError(
            f"Sensor with states {', '.join(sensor.states)}: it comes to rest in more than one state; "
            "say where it starts (start=)."
        )
    p = np.clip(np.linalg.lstsq(system, np.append(np.zeros(len(A)), 1.0), rcond=None)[0], 0.0, None)
    return np.asarray(p / p.sum())


def initial(sensor: Sensor, rest: float) -> np.ndarray:
    """Occupancies at the start, the fused state (empty) last: array (S + 1,).

    Parameters
    ----------
    sensor : Sensor
    rest : float, uM              where the sensor waited, unless it names a state to start in

    >>> initial(Sensor.sequential(1, k_on=0.1, k_off=1, gamma=6, start="S0"), 10.0).tolist()
    [1.0, 0.0, 0.0]
    """
    out = np.zeros(len(sensor.states) + 1)
    if sensor.start is None:
        out[:-1] = equilibrium(sensor, rest)
    else:
        out[sensor.states.index(sensor.start)] = 1.0
    return out


@dataclass(frozen=True, eq=False)
class Release:
    """A sensor's answer to one course of the concentration.

    Attributes
    ----------
    sensor : Sensor
    times : array (T,), ms
    c : array (T,), uM
    occupancy : array (T, S)      of the states, fused vesicles not among them
    probability : array (T,)      cumulative: how much of the vesicle has fused since the first time
    """

    sensor: Sensor
    times: np.ndarray
    c: np.ndarray
    occupancy: np.ndarray
    probability: np.ndarray
    _course: _Course

    @property
    def rate(self) -> np.ndarray:
        """Release rate d(probability)/dt, array (T,), /ms."""
        return np.asarray(self.occupancy @ np.array(self.sensor.fuses))

    @property
    def steps(self) -> np.ndarray:
        """Ends of the steps (ms) that the answer took; they contain `times`."""
        return self._course.t

    @cached_property
    def peak(self) -> tuple[float, float]:
        """Highest release rate (/ms) and its time (ms), between the recorded times, too."""
        return self._course.peak()

    @cached_property
    def latency(self) -> float:
        """Time (ms) by which half of all that is released by the end is released; NaN if nothing is."""
        return self._course.passes(0.5)


def release(sensor: Sensor, times: Any, c: Any, rest: float | None = None) -> Release:
    """Drive a sensor with a concentration.

    Parameters
    ----------
    sensor : Sensor
    times : array (T,), ms        increasing; the answer is given at these
    c : float, array (T,) or callable, uM    clamped; at these times (a monotone cubic between them); or a
                                  function of an array of times
    rest : float, uM              where the sensor waited before; c at the first time unless given

    Returns
    -------
    Release

    Raises
    ------
    ValueError                    times that do not increase, a concentration that is negative or no number

    >>> answer = release(Sensor.sequential(5, 0.09, 9.5, 6, b=0.25, start="S0"), [0, 0.5, 1, 5], 50.0)
    >>> answer.probability.round(4).tolist()
    [0.0, 0.2557, 0.7708, 1.0]
    """
    t = np.asarray(times, dtype=float)
    if t.ndim != 1 or t.size < 2 or not np.isfinite(t).all() or not (np.diff(t) > 0).all():
        raise ValueError("release: times must be at least two, increasing, in ms.")
    drive, constant = driven(t, c)
    waited = float(drive(t[:1])[0]) if rest is None else _level(rest)
    course = _Course(sensor, t, drive, initial(sensor, waited), constant)
    p = course.p[course.nodes]
    return Release(sensor, t, drive(t), p[:, :-1], p[:, -1], course)


def driven(t: np.ndarray, c: Any) -> tuple[Drive, bool]:
    """A concentration as a function of time, and whether it is constant."""
    if callable(c):

        def asked(s: np.ndarray) -> np.ndarray:
            return _levels(np.broadcast_to(np.asarray(c(s), dtype=float), s.shape))

        return asked, False
    values = np.asarray(c, dtype=float)
    if values.ndim == 0 or (values.shape == t.shape and (values == values[0]).all()):
        level = _level(float(values.ravel()[0]))
        return (lambda s: np.full(s.shape, level)), True
    if values.shape != t.shape:
        raise ValueError(f"release: {values.shape} concentrations for {t.size} times; give one for each.")
    from scipy.interpolate import PchipInterpolator

    cubic = PchipInterpolator(t, _levels(values))
    return (lambda s: np.asarray(cubic(s))), False


def _level(c: float) -> float:
    return float(_levels(np.array([c], dtype=float))[0])


def _levels(c: np.ndarray) -> np.ndarray:
    wrong = ~(np.isfinite(c) & (c >= 0))
    if wrong.any():
        raise ValueError(f"release: a concentration is {c[wrong][0]:g} uM; it must be a number, 0 or more.")
    return c


class _Course:
    """The occupancies at the ends of all steps of one answer.

    Attributes
    ----------
    t : array (N,), ms            ends of steps
    p : array (N, S + 1)
    nodes : int array             which of them were asked for
    """

    def __init__(self, sensor: Sensor, t: np.ndarray, drive: Drive, p0: np.ndarray, constant: bool) -> None:
        self._A, self._drive = sensor.matrices(), drive
        self._fuses = np.append(sensor.fuses, 0.0)
        # Long intervals are divided, so that the peak of the rate is seen.
        parts = np.maximum(np.ceil(np.diff(t) / (t[-1] - t[0]) * LEAST - 1e-9), 1).astype(int)
        found = self._followed(t, parts, p0)
        for _ in range(HALVINGS):
            if constant:
                break
            before = found
            parts = 2 * parts
            found = self._followed(t, parts, p0)
            if np.abs(found[1][found[2]] - before[1][before[2]]).max() < TOLERANCE:
                break
        else:
            if not constant:
                raise ArithmeticError(
                    f"release: {2**HALVINGS} steps between two times do not settle the occupancies; "
                    "give the concentration at more times."
                )
        self.t, self.p, self.nodes = found

    def _followed(
        self, t: np.ndarray, parts: np.ndarray, p0: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Occupancies with every interval of t in so many parts; where in them t is."""
        nodes = np.concatenate([[0], np.cumsum(parts)])
        fine = np.interp(np.arange(nodes[-1] + 1), nodes, t)
        fine[nodes] = t
        p = np.empty((fine.size, p0.size))
        p[0] = p0
        group = max(GROUP // p0.size**2, 1)
        for first in range(0, fine.size - 1, group):
            ends = fine[first : first + group + 1]
            for k, E in enumerate(self._propagators(ends[:-1], np.diff(ends)), first):
                p[k + 1] = E @ p[k]
        return fine, p, nodes

    def _propagators(self, t: np.ndarray, h: np.ndarray) -> np.ndarray:
        """exp of the Magnus exponent of every step: array (n, S + 1, S + 1)."""
        A1, A2 = (rates_at(self._A, self._drive(t + (0.5 + s * _GAUSS) * h)) for s in (-1, 1))
        wide = h[:, None, None]
        swap = A1 @ A2 - A2 @ A1
        return exponentials(0.5 * wide * (A1 + A2) - np.sqrt(3.0) / 12.0 * wide**2 * swap)

    def _to(self, k: int, t: float) -> np.ndarray:
        """Occupancies a little after the end of step k."""
        if t <= self.t[k]:
            return self.p[k]
        return np.asarray(self._propagators(self.t[k : k + 1], np.array([t - self.t[k]]))[0] @ self.p[k])

    def peak(self) -> tuple[float, float]:
        """Highest rate and its time: d(rate)/dt = gamma' A p vanishes between two ends of steps."""
        from scipy.optimize import brentq

        k = int(np.argmax(self.p @ self._fuses))
        low, high = max(k - 1, 0), min(k + 1, self.t.size - 1)

        def slope(t: float) -> float:
            A = rates_at(self._A, self._drive(np.array([t])))[0]
            at = k if t >= self.t[k] else low
            return float(self._fuses @ A @ self._to(at, t))

        t = float(self.t[k])
        if slope(self.t[low]) > 0 > slope(self.t[high]):
            t = float(brentq(slope, self.t[low], self.t[high], xtol=1e-13 * max(self.t[-1], 1.0)))
        return float(self._to(k if t >= self.t[k] else low, t) @ self._fuses), t

    def passes(self, share: float) -> float:
        """When the released probability passes a share of its last value."""
        from scipy.optimize import brentq

        released = self.p[:, -1]
        wanted = share * released[-1]
        if wanted <= 0:
            return float("nan")
        k = int(np.searchsorted(released, wanted)) - 1
        found = brentq(lambda t: self._to(k, t)[-1] - wanted, self.t[k], self.t[k + 1], xtol=1e-13)
        return float(found)
