"""What a channel carries while it is open.

Influx is in pA and positive into the box, whatever the charge of the ion; `microdomain.electro`
keeps the electrophysiologist's sign (see `microdomain.units`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from microdomain.model import checks
from microdomain.model.columns import CURRENTS, TIMES, read_columns
from microdomain.model.given import Many, part

# Beyond 8.5 standard deviations a Gaussian is below 2.1e-16 of its peak: nothing in float64.
_NOTHING = 8.5


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A bell in time: peak exp(-(t - at)^2 / (2 sigma^2)), sigma = fwhm / 2.3548.

    Parameters
    ----------
    peak : float, pA              the highest influx; or
    charge : float, pA ms (fC)    the whole charge, peak sigma sqrt(2 pi); one of the two
    at : float, ms                time of the peak
    fwhm : float, ms              full width at half maximum

    >>> wave = Gaussian(charge=3.022254, at=2.0, fwhm=0.36)
    >>> round(wave.sigma, 7), round(wave.height, 4)
    (0.1528779, 7.8867)
    """

    peak: float | None = None
    charge: float | None = None
    at: float
    fwhm: float

    def __post_init__(self) -> None:
        put = object.__setattr__
        if (self.peak is None) == (self.charge is None):
            raise ValueError("Gaussian: give either peak (pA) or charge (pA ms), one of the two.")
        if self.peak is not None:
            put(self, "peak", checks.number(self.peak, "Gaussian: peak", "pA"))
        if self.charge is not None:
            put(self, "charge", checks.number(self.charge, "Gaussian: charge", "pA ms"))
        put(self, "at", checks.number(self.at, "Gaussian: at", "ms", least=0))
        put(self, "fwhm", checks.number(self.fwhm, "Gaussian: fwhm", "ms", above=0))

    @property
    def sigma(self) -> float:
        """Standard deviation, ms."""
        return self.fwhm / (2 * math.sqrt(2 * math.log(2)))

    @property
    def height(self) -> float:
        """The highest influx, pA."""
        if self.peak is not None:
            return self.peak
        assert self.charge is not None
        return self.charge / (self.sigma * math.sqrt(2 * math.pi))

    def value(self, t: Any) -> Any:
        """Influx in pA at time t (ms, number or array)."""
        import numpy as np

        return self.height * np.exp(-0.5 * ((np.asarray(t, float) - self.at) / self.sigma) ** 2)

    def charge_between(self, start: float, stop: float) -> float:
        """Charge that enters from start to stop, pA ms."""
        whole = self.height * self.sigma * math.sqrt(2 * math.pi)
        low, high = ((t - self.at) / (self.sigma * math.sqrt(2)) for t in (start, stop))
        return 0.5 * whole * (math.erf(high) - math.erf(low))

    def breaks(self) -> tuple[float, ...]:
        """Times at which the waveform is not smooth, ms: none."""
        return ()

    def support(self) -> tuple[float, float]:
        """First and last time at which it is anything in float64, ms."""
        return (self.at - _NOTHING * self.sigma, self.at + _NOTHING * self.sigma)


@part()
class Table:
    """A current read from a table: straight lines between its points, zero outside its times.

    Parameters
    ----------
    times : sequence, ms          increasing
    values : sequence, pA         influx at these times

    >>> float(Table([0, 1, 2], [0, 0.2, 0]).value(0.5))
    0.1
    """

    times: Many[float]
    values: Many[float]

    def __post_init__(self) -> None:
        times = tuple(checks.number(t, "Table: time", "ms") for t in self.times)
        values = tuple(checks.number(v, "Table: value", "pA") for v in self.values)
        if len(times) != len(values) or len(times) < 2:
            raise ValueError(
                f"Table: {len(times)} times and {len(values)} values; give as many of both, at least two."
            )
        for k, (a, b) in enumerate(pairwise(times)):
            if b <= a:
                raise ValueError(f"Table: times must increase; time {k + 1} ({b:g} ms) follows {a:g} ms.")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    @classmethod
    def from_csv(cls, path: Any) -> Table:
        """Columns t and i of a CSV file; a heading may carry units (``t_us, i_fA``), else ms and pA.

        Raises
        ------
        FileNotFoundError, ValueError
        """
        rows = read_columns(path, (("t", "time"), ("i", "current", "influx")), (TIMES, CURRENTS))
        return cls(tuple(r[0] for r in rows), tuple(r[1] for r in rows))

    def value(self, t: Any) -> Any:
        """Influx in pA at time t (ms, number or array)."""
        import numpy as np

        return np.interp(np.asarray(t, float), self.times, self.values, left=0.0, right=0.0)

    def charge_between(self, start: float, stop: float) -> float:
        """Charge that enters from start to stop, pA ms (exact: trapezia)."""
        start, stop = (min(max(t, self.times[0]), self.times[-1]) for t in (start, stop))
        inner = self.times[bisect_right(self.times, start) : bisect_right(self.times, stop)]
        knots = (start, *(t for t in inner if start < t < stop), stop)
        heights = [float(v) for v in self.value(knots)]
        return sum(
            0.5 * (a + b) * (u - t)
            for t, u, a, b in zip(knots, knots[1:], heights, heights[1:], strict=False)
        )

    def breaks(self) -> tuple[float, ...]:
        """Times at which the waveform is not smooth, ms: its own."""
        return self.times

    def support(self) -> tuple[float, float]:
        """First and last time of the table, ms."""
        return (self.times[0], self.times[-1])


@dataclass(frozen=True)
class Fixed:
    """A current that does not ask what the channel sees.

    Parameters
    ----------
    i : float, pA, or Gaussian or Table
                                  influx while the gate is open, positive into the box

    >>> Fixed(0.1).constant, float(Fixed(0.1).value(3.0))
    (True, 0.1)
    """

    i: float | Gaussian | Table = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.i, Gaussian | Table):
            object.__setattr__(self, "i", checks.number(self.i, "Fixed: i", "pA"))

    @property
    def constant(self) -> bool:
        """Whether the open channel carries the same current at all times."""
        return isinstance(self.i, float)

    def value(self, t: Any) -> Any:
        """Influx of the open channel in pA at time t (ms, number or array)."""
        if isinstance(self.i, float):
            import numpy as np

            return np.full(np.shape(t), self.i) if np.ndim(t) else self.i
        return self.i.value(t)

    def charge_between(self, start: float, stop: float) -> float:
        """Charge that enters an open channel from start to stop, pA ms."""
        return self.i * (stop - start) if isinstance(self.i, float) else self.i.charge_between(start, stop)

    def breaks(self) -> tuple[float, ...]:
        """Times at which the waveform is not smooth, ms."""
        return () if isinstance(self.i, float) else self.i.breaks()

    def support(self) -> tuple[float, float]:
        """First and last time at which it carries anything, ms."""
        return (-math.inf, math.inf) if isinstance(self.i, float) else self.i.support()


@dataclass(frozen=True)
class Ohmic:
    """A current g (V - E): with the reversal potential of the local concentration, or a fixed one.

    Parameters
    ----------
    g : float, pS                 conductance of the open channel
    E : float or None, mV         reversal potential; None: Nernst's, of what the mouth sees

    >>> Ohmic(2.4).E is None
    True
    """

    g: float
    E: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "g", checks.number(self.g, "Ohmic: g", "pS", least=0))
        if self.E is not None:
            object.__setattr__(self, "E", checks.number(self.E, "Ohmic: E", "mV"))


@dataclass(frozen=True)
class GHK:
    """The current of Goldman, Hodgkin and Katz on the local inside and the outside concentration.

    Parameters
    ----------
    P : float, um^3/ms            permeability of the open channel; 1 cm^3/s = 1e9, 1 m^3/s = 1e15 um^3/ms

    Raises
    ------
    ValueError                    negative, or of a size that only another unit explains

    >>> GHK(2.591197e-4).P
    0.0002591197
    """

    P: float

    def __post_init__(self) -> None:
        P = checks.number(self.P, "GHK: P", "um^3/ms", least=0)
        if 0 < P < 1e-9:
            raise ValueError(
                f"GHK: P = {P:g} um^3/ms would carry less than an ion in a second; "
                "a value in cm^3/s is to be multiplied by 1e9, one in m^3/s by 1e15."
            )
        if P > 10:
            raise ValueError(
                f"GHK: P = {P:g} um^3/ms is no single channel's (2e-4 carries 0.1 pA of Ca2+ at 0 mV); "
                "P is a channel's permeability, not a membrane's in um/ms or cm/s."
            )
        object.__setattr__(self, "P", P)


#: Every current there is.
Current = Fixed | Ohmic | GHK
CURRENT_KINDS = (Fixed, Ohmic, GHK)
