"""When a channel is open.

`Open`, `Pulse` and `Train` are rules in time; `HH` and `Markov` (in `schemes`) follow the voltage,
chance, and the local concentration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microdomain.model import checks
from microdomain.model.schemes import HH, Markov

#: Open times as ((on, off), ...), ms, in order and without overlap; `off` may be infinite.
Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Open:
    """Open from the start of the run to its end.

    >>> Open().intervals()
    ((0.0, inf),)
    """

    def intervals(self) -> Intervals:
        """The times at which the channel is open, ms."""
        return ((0.0, math.inf),)


@dataclass(frozen=True)
class Pulse:
    """Open once.

    Parameters
    ----------
    on, off : float, ms           0 <= on < off; off may be left out: never closes

    >>> Pulse(0, 1).intervals()
    ((0.0, 1.0),)
    """

    on: float = 0.0
    off: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "on", checks.number(self.on, "Pulse: on", "ms", least=0))
        if self.off != math.inf:
            object.__setattr__(self, "off", checks.number(self.off, "Pulse: off", "ms"))
        if self.off <= self.on:
            raise ValueError(f"Pulse: off = {self.off:g} ms must be later than on = {self.on:g} ms.")

    def intervals(self) -> Intervals:
        """The times at which the channel is open, ms."""
        return ((self.on, self.off),)


@dataclass(frozen=True)
class Train:
    """Open `count` times for `width`, one opening every `period`.

    Parameters
    ----------
    start : float, ms             first opening
    width, period : float, ms     0 < width < period
    count : int                   number of openings

    >>> Train(start=1, width=0.5, period=10, count=2).intervals()
    ((1.0, 1.5), (11.0, 11.5))
    """

    start: float
    width: float
    period: float
    count: int

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "start", checks.number(self.start, "Train: start", "ms", least=0))
        put(self, "width", checks.number(self.width, "Train: width", "ms", above=0))
        put(self, "period", checks.number(self.period, "Train: period", "ms", above=0))
        put(self, "count", checks.count(self.count, "Train: count"))
        if self.width >= self.period:
            raise ValueError(
                f"Train: width = {self.width:g} ms must be shorter than period = {self.period:g} ms; "
                "a channel that never closes is Open()."
            )

    def intervals(self) -> Intervals:
        """The times at which the channel is open, ms."""
        starts = (self.start + k * self.period for k in range(self.count))
        return tuple((on, on + self.width) for on in starts)


#: Every gate there is.
Gate = Open | Pulse | Train | HH | Markov
GATES = (Open, Pulse, Train, HH, Markov)
#: Gates that are rules in time.
TIMED = (Open, Pulse, Train)
