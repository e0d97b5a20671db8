"""The pump-leak cell in time: stroke, ouabain, high potassium, and the cell that bursts.

State: amounts of sodium and potassium inside and V.  Chloride follows from the charge on the membrane,
Cl = Na + K + z X - C A V / F, and water from the balance of particles, so both balances hold to rounding
at every instant instead of drifting with the steps.  V relaxes in milliseconds, ions in minutes, volume
in hours: the implicit Radau method takes steps as long as the slowest allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from microdomain.electro import inputs
from microdomain.electro.membrane import amount_to_charge
from microdomain.electro.pumpleak import PumpLeak, fluxes, numbers_only
from microdomain.electro.pumpleak_rest import steady_state
from microdomain.electro.warn import ElectroWarning
from microdomain.units import flux_per_pA, s, thermal_voltage

_CHANGEABLE = (
    "g_Na",
    "g_K",
    "g_Cl",
    "pump",
    "law",
    "kcc2",
    "nkcc1",
    "temperature",
    "Na_out",
    "K_out",
    "impermeant_out",
    "charge_out",
)


@dataclass(frozen=True)
class Episode:
    """Something that happens to a cell from `start` to `end` (ms): fields of `PumpLeak` that change.

    Parameters
    ----------
    start, end : float, ms
    changes : mapping         field of `PumpLeak` -> value while the episode lasts

    Examples
    --------
    ``Episode(0, 600 * s, {"pump": 0})`` is ten minutes without ATP, or of ouabain;
    ``Episode(0, 600 * s, {"K_out": 12 * mM, "Na_out": 138 * mM})`` the potassium of a seizure.
    """

    start: float
    end: float
    changes: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.end > self.start:
            raise ValueError(f"Episode from {self.start:g} to {self.end:g} ms: expected end after start.")
        for name in self.changes:
            if name not in _CHANGEABLE:
                raise ValueError(
                    f"Episode changes {name!r}: expected one of {', '.join(_CHANGEABLE)}; the contents and "
                    "the size of a cell do not jump."
                )


@dataclass(frozen=True)
class Course:
    """The life of a pump-leak cell.

    Attributes
    ----------
    time : array, ms
    V, E_Na, E_K, E_Cl : arrays, mV
    Na, K, Cl, impermeant : arrays, uM inside
    Na_out, K_out, Cl_out : arrays, uM outside (they move in a finite bath or an episode)
    volume : array, um^3
    swelling : array, volume over the cell's volume at the start
    ended : None, or the sentence that says why the course stops before its time
    """

    time: np.ndarray
    V: np.ndarray
    Na: np.ndarray
    K: np.ndarray
    Cl: np.ndarray
    impermeant: np.ndarray
    Na_out: np.ndarray
    K_out: np.ndarray
    Cl_out: np.ndarray
    volume: np.ndarray
    swelling: np.ndarray
    E_Na: np.ndarray
    E_K: np.ndarray
    E_Cl: np.ndarray
    ended: str | None


def evolve(
    cell: PumpLeak,
    until: float,
    episodes: Sequence[Episode] = (),
    Na: float | None = None,
    V: float = 0.0,
    times: Any = None,
    limit: float = 20.0,
    rtol: float = 1e-8,
) -> Course:
    """Follow a pump-leak cell in time.

    Parameters
    ----------
    cell : PumpLeak          numbers, not arrays
    until : float, ms
    episodes : sequence of Episode       what changes when; later ones win where they overlap
    Na, V : float, uM, mV    the start at `cell.volume`; potassium and chloride follow from the balances.
                             Na=None starts at the steady state of the cell
    times : array, ms        when to report; None: 201 evenly spaced times
    limit : float            volume over `cell.volume` at which the cell counts as burst
    rtol : float             relative tolerance of the integrator

    Returns
    -------
    Course       up to `until`, or up to the burst: then `ended` says so and one `ElectroWarning` is given

    Raises
    ------
    ValueError      an argument that makes no cell; NoSteadyState where Na=None and there is none
    RuntimeError    the integrator gave up, with its message
    """
    from scipy.integrate import solve_ivp

    numbers_only(cell)
    inputs.checked(
        until, "until", low=0.0, strict=True, expected="a positive time in ms", mend="1 s is 1000 ms."
    )
    times = np.linspace(0.0, until, 201) if times is None else np.asarray(times, dtype=float)
    if times.size == 0 or times[0] < 0 or times[-1] > until or np.any(np.diff(times) <= 0):
        raise ValueError("times: expected increasing times in ms, from 0 to until.")
    if cell.bath_volume is not None and any(
        name.endswith("_out") for episode in episodes for name in episode.changes
    ):
        raise ValueError(
            "episodes: a finite bath has its own concentrations; change them with bath_volume=None."
        )
    contents = _Contents(cell)
    y = contents.start(cell, Na, V)
    edges = {float(t) for e in episodes for t in (e.start, e.end) if 0 < t < until}
    stops = [0.0, *sorted(edges), float(until)]
    reported: list[Any] = []
    ended = None
    for begin, end in pairwise(stops):
        now = cell
        for episode in episodes:
            if episode.start <= begin < episode.end:
                now = replace(now, **episode.changes)

        def slope(t: float, y: Any, now: PumpLeak = now) -> Any:
            return contents.slope(now, y)

        def burst(t: float, y: Any, now: PumpLeak = now) -> float:
            return float(contents.split(now, y)["swelling"]) - limit

        burst.terminal = True  # type: ignore[attr-defined]
        inner = times[(times >= begin) & ((times < end) | (end == until))]
        run = solve_ivp(
            slope,
            (begin, end),
            y,
            method="Radau",
            rtol=rtol,
            atol=[rtol, rtol, 0.1 * rtol],
            events=burst,
            t_eval=np.union1d(inner, [end]),
        )
        if run.status < 0:
            raise RuntimeError(
                f"the integrator stopped at {run.t[-1] if run.t.size else begin:g} ms: {run.message}"
            )
        keep = np.isin(run.t, inner)
        reported.append((now, run.t[keep], run.y[:, keep]))
        if run.status == 1:
            at = float(run.t_events[0][0])
            reported.append((now, np.array([at]), run.y_events[0][0][:, None]))
            ended = (
                f"the volume ran away: {limit:g} times its start at {at / s:.4g} s. The leak outdoes the "
                "pump; raise pump, lower g_Na, shorten the episode, or put impermeant molecules outside."
            )
            warnings.warn(ended, ElectroWarning, stacklevel=2)
            break
        y = run.y[:, -1]
    return contents.course(reported, ended)


class _Contents:
    """Amounts of a cell and its bath, and how the state (ln n_Na, ln n_K, V) fixes all the rest."""

    def __init__(self, cell: PumpLeak) -> None:
        self.impermeant = cell.impermeant * cell.volume
        self.volume = cell.volume
        self.per_mV = amount_to_charge(1.0, cell.area, 1, cell.capacitance)
        self.rate = cell.area * flux_per_pA(1)
        self.bath: tuple[Any, ...] | None = None

    def start(self, cell: PumpLeak, Na: float | None, V: float) -> np.ndarray:
        """The state at time zero, at the cell's volume or at its steady state."""
        volume = cell.volume
        if Na is None:
            rest = steady_state(replace(cell, bath_volume=None))
            Na, V, volume = rest.Na, rest.V, cell.volume * rest.swelling
        inputs.concentration(Na, "Na")
        inputs.finite(V, "V")
        X, Pi = self.impermeant / volume, cell.osmolarity_out
        # Na + K + Cl + X = Pi and Na + K - Cl + z X = the charge on the membrane.
        K = 0.5 * (Pi - X * (1 + cell.charge) + self.per_mV * V / volume) - Na
        Cl = Pi - X - Na - K
        if not (K > 0 and Cl > 0):
            raise ValueError(
                f"Na = {Na:g} uM: no positive potassium and chloride balance charge and particles at the "
                f"start (they would be {K:g} and {Cl:g} uM). Lower Na or impermeant."
            )
        if cell.bath_volume is not None:
            out = np.array([cell.Na_out, cell.K_out, cell.Cl_out, cell.impermeant_out]) * cell.bath_volume
            self.bath = (out[:3] + np.array([Na, K, Cl]) * volume, out[3], cell.bath_volume + volume)
        return np.array([np.log(Na * volume), np.log(K * volume), V])

    def split(self, cell: PumpLeak, y: Any) -> dict[str, Any]:
        """Concentrations, volume and swelling from the state."""
        Na, K = np.exp(y[0]), np.exp(y[1])
        Cl = Na + K + cell.charge * self.impermeant - self.per_mV * y[2]
        # An implicit trial step may empty the cell of chloride; the accepted ones do not.
        Cl = np.maximum(Cl, 1e-9 * (Na + K))
        particles = Na + K + Cl + self.impermeant
        outside: tuple[Any, ...]
        if self.bath is None:
            volume = particles / cell.osmolarity_out
            outside = (cell.Na_out, cell.K_out, cell.Cl_out)
        else:
            total, impermeant_out, water = self.bath
            out = [np.maximum(t - n, 1e-9 * t) for t, n in zip(total, (Na, K, Cl), strict=True)]
            around = sum(out) + impermeant_out
            volume = water * particles / (particles + around)
            outside = tuple(n / (water - volume) for n in out)
        return {
            "inside": (Na / volume, K / volume, Cl / volume),
            "outside": outside,
            "amounts": (Na, K),
            "volume": volume,
            "swelling": volume / self.volume,
        }

    def slope(self, cell: PumpLeak, y: Any) -> Any:
        """Rates of ln n_Na, ln n_K (1/ms) and V (mV/ms)."""
        parts = self.split(cell, y)
        flow = fluxes(cell, y[2], parts["inside"], parts["outside"])
        out = flow.net
        Na, K = parts["amounts"]
        return [
            -self.rate * out[0] / Na,
            -self.rate * out[1] / K,
            -(flow.I_Na + flow.I_K + flow.I_Cl) / cell.capacitance,
        ]

    def course(self, reported: list[Any], ended: str | None) -> Course:
        """All reported states as arrays."""
        columns: dict[str, list[Any]] = {name: [] for name in Course.__dataclass_fields__ if name != "ended"}
        for cell, time, y in reported:
            parts, U = self.split(cell, y), thermal_voltage(cell.temperature)
            inside = parts["inside"]
            outside = tuple(np.broadcast_to(c, time.shape) for c in parts["outside"])
            rows = {
                "time": time,
                "V": y[2],
                **dict(zip(("Na", "K", "Cl"), inside, strict=True)),
                "impermeant": self.impermeant / parts["volume"],
                **dict(zip(("Na_out", "K_out", "Cl_out"), outside, strict=True)),
                "volume": parts["volume"],
                "swelling": parts["swelling"],
                "E_Na": U * np.log(outside[0] / inside[0]),
                "E_K": U * np.log(outside[1] / inside[1]),
                "E_Cl": U * np.log(inside[2] / outside[2]),
            }
            for name, values in rows.items():
                columns[name].append(values)
        return Course(**{name: np.concatenate(parts) for name, parts in columns.items()}, ended=ended)
