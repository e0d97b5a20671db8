"""The voltage across the membrane over time: inside minus outside, mV, one for the whole model.

Steps of the solver end where a protocol jumps or bends.  A `Fixed` current does not ask for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from microdomain.model import checks
from microdomain.model.columns import TIMES, VOLTAGES, read_columns
from microdomain.model.given import Many, part


def _volts(value: Any, what: str) -> float:
    V = checks.number(value, what, "mV")
    if abs(V) > 1000:
        raise ValueError(f"{what} = {V:g} mV would break any membrane; voltages are in mV.")
    return V


def _check(protocol: Any, times: tuple[str, ...] = (), lasting: tuple[str, ...] = ()) -> None:
    """Keep every field as a float: voltages, times from 0 on, and durations above 0."""
    who = type(protocol).__name__
    for f in fields(protocol):
        value = getattr(protocol, f.name)
        if f.name in times:
            number = checks.number(value, f"{who}: {f.name}", "ms", least=0)
        elif f.name in lasting:
            number = checks.number(value, f"{who}: {f.name}", "ms", above=0)
        elif f.name == "count":
            number = checks.count(value, f"{who}: count")
        else:
            number = _volts(value, f"{who}: {f.name}")
        object.__setattr__(protocol, f.name, number)


def _series(protocol: Any, word: str) -> None:
    who = type(protocol).__name__
    times = tuple(checks.number(t, f"{who}: time", "ms") for t in protocol.times)
    values = tuple(_volts(v, f"{who}: value {k}") for k, v in enumerate(protocol.values))
    if len(times) != len(values) or len(times) < 1:
        raise ValueError(f"{who}: {len(times)} times and {len(values)} values; give as many of both.")
    for k, (a, b) in enumerate(pairwise(times)):
        if b <= a:
            raise ValueError(f"{who}: times must increase; {word} {k + 1} ({b:g} ms) follows {a:g} ms.")
    object.__setattr__(protocol, "times", times)
    object.__setattr__(protocol, "values", values)


@dataclass(frozen=True)
class Hold:
    """The membrane is clamped at one voltage.

    Parameters
    ----------
    V : float, mV                 inside relative to outside

    >>> Hold(-70.0).V
    -70.0
    """

    V: float = -70.0

    def __post_init__(self) -> None:
        _check(self)

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array); at a jump the one after it."""
        return self.V + 0.0 * t

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        return ()

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms."""
        return ()


@part()
class Steps:
    """One voltage after another.

    Parameters
    ----------
    times : sequence, ms          increasing; values[k] holds from times[k] on
    values : sequence, mV
    before : float, mV            until times[0]

    >>> float(Steps([1.0, 2.0], [0.0, -80.0], before=-80.0).value(1.5))
    0.0
    """

    times: Many[float]
    values: Many[float]
    before: float = -70.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", _volts(self.before, "Steps: before"))
        _series(self, "time")

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array); at a jump the one after it."""
        import numpy as np

        k = np.searchsorted(self.times, t, side="right")
        return np.array((self.before, *self.values))[k]

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        return self.times

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms."""
        return ()


@dataclass(frozen=True)
class Ramp:
    """A straight line from one voltage to another, held before and after.

    Parameters
    ----------
    low, high : float, mV         voltages at its begin and its end; `high` may lie below `low`
    start, stop : float, ms

    >>> float(Ramp(-80, 40, start=0, stop=2).value(1.0))
    -20.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __post_init__(self) -> None:
        _check(self, times=("start", "stop"))
        if self.stop <= self.start:
            raise ValueError(f"Ramp: stop = {self.stop:g} ms must be later than start = {self.start:g} ms.")

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array)."""
        import numpy as np

        return np.interp(t, (self.start, self.stop), (self.low, self.high))

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        return ()

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms."""
        return (self.start, self.stop)


@dataclass(frozen=True)
class Pulses:
    """A train of square pulses; one where `count` is 1.

    Parameters
    ----------
    base, to : float, mV          between and during the pulses
    start, width : float, ms      begin of the first, and how long each lasts
    period : float, ms            from begin to begin, longer than `width`
    count : int

    >>> Pulses(-80, 0, start=1, width=2).jumps()
    (1.0, 3.0)
    """

    base: float
    to: float
    start: float
    width: float
    period: float = 1e6
    count: int = 1

    def __post_init__(self) -> None:
        _check(self, times=("start",), lasting=("width", "period"))
        if self.width >= self.period:
            raise ValueError(
                f"Pulses: width = {self.width:g} ms must be shorter than period = {self.period:g} ms."
            )

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array); at a jump the one after it."""
        import numpy as np

        k = np.searchsorted(self.jumps(), t, side="right")
        return np.where(k % 2 == 1, self.to, self.base)

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        begins = (self.start + k * self.period for k in range(self.count))
        return tuple(edge for begin in begins for edge in (begin, begin + self.width))

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms."""
        return ()


@dataclass(frozen=True)
class ActionPotential:
    """A half cosine up and a half cosine down: smooth, of finite length, half-width (rise + fall) / 2.

    Parameters
    ----------
    rest, peak : float, mV
    start : float, ms             begin of the rise
    rise, fall : float, ms        from rest to peak, from peak to rest

    >>> float(ActionPotential(-80, 40, start=0.2, rise=0.15, fall=0.25).value(0.35))
    40.0
    """

    rest: float = -80.0
    peak: float = 40.0
    start: float = 0.2
    rise: float = 0.15
    fall: float = 0.25

    def __post_init__(self) -> None:
        _check(self, times=("start",), lasting=("rise", "fall"))

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array)."""
        import numpy as np

        top = self.start + self.rise
        t = np.asarray(t, dtype=float)
        phase = np.where(t < top, (t - self.start) / self.rise, 1.0 + (t - top) / self.fall)
        phase = np.clip(phase, 0.0, 2.0)
        return self.rest + (self.peak - self.rest) * 0.5 * (1.0 - np.cos(math.pi * phase))

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        return ()

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms."""
        top = self.start + self.rise
        return (self.start, top, top + self.fall)


@part()
class Trace:
    """A recorded voltage: straight lines between its points, its end values beyond them.

    Parameters
    ----------
    times : sequence, ms          increasing
    values : sequence, mV

    >>> float(Trace([0, 1], [-80, 0]).value(0.5))
    -40.0
    """

    times: Many[float]
    values: Many[float]

    def __post_init__(self) -> None:
        _series(self, "point")

    @classmethod
    def from_csv(cls, path: Any) -> Trace:
        """Columns t and V of a CSV file; a heading may carry units (``t_us, V_mV``), else ms and mV.

        Raises
        ------
        FileNotFoundError, ValueError     naming the file, and the line or the point
        """
        rows = read_columns(path, (("t", "time"), ("v", "voltage", "vm")), (TIMES, VOLTAGES))
        try:
            return cls(tuple(r[0] for r in rows), tuple(r[1] for r in rows))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def value(self, t: Any) -> Any:
        """Voltage at time t (ms, number or array)."""
        import numpy as np

        return np.interp(t, self.times, self.values)

    def jumps(self) -> tuple[float, ...]:
        """Times at which V jumps, ms."""
        return ()

    def kinks(self) -> tuple[float, ...]:
        """Times at which V bends, ms; a trace of many points counts as smooth."""
        return self.times if len(self.times) <= 64 else ()


#: Every voltage protocol there is.
Voltage = Hold | Steps | Ramp | Pulses | ActionPotential | Trace
PROTOCOLS = (Hold, Steps, Ramp, Pulses, ActionPotential, Trace)
