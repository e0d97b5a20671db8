"""A result beside the approximations that are quicker than it: where would they have done?

At the last frame with open channels the field is read along the normal of the busiest one, and beside it

    EBA, RBA, LIN    the buffered steady fields of `oracles_buffered`, every channel at the influx it has
    images           where no buffer binds the ion: exact in time, `oracles.images_at`

An approximation serves where it is within 5 % of the field.  The same table counts free ions: a sensor
that sees fewer than about one ion on average sees a fluctuation, not a concentration, and closer than
50 nm to the channel a deterministic field drives release models wrongly by 20 % and more (Modchang et al.
2010, Phys. Biol. 7, 026008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microdomain import oracles
from microdomain.mask_fill import inside_any
from microdomain.model import Channel, Model
from microdomain.model.tissue import medium
from microdomain.units import IONS_PER_UM_UM3

#: Distances from the channel: from its pore distance to REACH (um), evenly in their logarithm.
REACH, COUNT = 0.5, 61
#: Distances (um) of the rows that are printed, as far as the box reaches.
SHOWN = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
#: A sensor this close (um) sees single ions (Modchang et al. 2010).
CLOSE = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """The field and its approximations along the normal of one channel; ``str()`` is a table.

    Attributes
    ----------
    ion, channel : str
    time : float, ms
    within : float                  relative difference that counts as agreement
    distance : array (n,), um       from the channel, along its normal into the box
    field : array (n,), uM
    approximations : dict           name -> array (n,), uM
    omitted : dict                  name -> why it is not there
    free_ions : array (n,)          mean number of free ions closer to this channel than that distance,
                                    in the free volume of tissue
    warnings : tuple of str         what a reader should hear
    """

    ion: str
    channel: str
    time: float
    within: float
    distance: np.ndarray
    field: np.ndarray
    approximations: Mapping[str, np.ndarray]
    omitted: Mapping[str, str]
    free_ions: np.ndarray
    warnings: tuple[str, ...]

    def difference(self, name: str) -> np.ndarray:
        """Relative difference of an approximation to the field: (approximation - field) / field, (n,)."""
        return np.asarray((self.approximations[name] - self.field) / self.field)

    def ranges(self, name: str) -> tuple[tuple[float, float], ...]:
        """Distances (um) over which an approximation agrees: pairs (from, to), in order."""
        return _runs(self.distance, np.abs(self.difference(name)) <= self.within)

    def __str__(self) -> str:
        names = list(self.approximations)
        rows = sorted(
            {int(np.argmin(np.abs(self.distance - d))) for d in SHOWN if d <= self.distance[-1] * 1.01}
        )
        lines = [
            f"[{self.ion}] along the normal of {self.channel} at {self.time:g} ms, uM",
            f"{'nm':>8}{'field':>12}" + "".join(f"{n:>20}" for n in names) + f"{'free ions':>11}",
        ]
        for k in rows:
            cells = [f"{self.approximations[n][k]:.4g} ({100 * self.difference(n)[k]:+.1f} %)" for n in names]
            lines.append(
                f"{1e3 * self.distance[k]:>8.3g}{self.field[k]:>12.4g}"
                + "".join(f"{cell:>20}" for cell in cells)
                + f"{self.free_ions[k]:>11.3g}"
            )
        for name in names:
            runs = ", ".join(f"{1e3 * a:.3g} to {1e3 * b:.3g} nm" for a, b in self.ranges(name))
            lines.append(f"{name} within {100 * self.within:g} % of the field: {runs or 'nowhere'}")
        lines += [f"{name} left out: {reason}" for name, reason in self.omitted.items()]
        return "\n".join([*lines, *(f"WARNING: {sentence}" for sentence in self.warnings)])


def compare(
    results: Any, ion: str | None = None, *, within: float = 0.05, member: int = 0, reach: float = REACH
) -> Comparison:
    """Set a result beside EBA, RBA, LIN and, without buffers, images.

    Parameters
    ----------
    results : Results
    ion : str, optional             the first ion when left out
    within : float                  relative difference that counts as agreement
    member : int                    which member
    reach : float, um               farthest distance from the busiest channel, as far as the box goes and
                                    before any obstacle

    Returns
    -------
    Comparison                      the busiest channel is that with the highest concentration at its mouth
                                    among the open ones

    Raises
    ------
    ValueError                      no recorded frame has an open channel of the ion; no such member
    """
    name = results._ion(ion).name
    if not 0 <= member < results.members:
        raise ValueError(f"member = {member}: this result has {results.members}, counted from 0.")
    model: Model = results.models[member]
    time, influx, busiest = _last_open(results, model, name, member)
    distance = _distances(model, busiest, reach)
    points = np.array(busiest.position) + distance[:, None] * np.array(busiest.normal)
    fluid = np.logical_and.accumulate(~inside_any(model.obstacles, points))
    distance, points = distance[fluid], points[fluid]
    values = results.at(points, times=[time], ion=name).isel(time=0)
    field = np.asarray((values.isel(member=member) if "member" in values.dims else values).values)
    whole = 4 * np.pi if busiest.face is None else 2 * np.pi
    found, omitted = _approximations(model, points, time, influx.tolist(), name)
    alpha, _ = medium(model.tissue, *points.T)
    free = _free_ions(distance, alpha * field, whole)
    sensors = _sensors(results, model, name, influx)
    cheap = [n for n, c in found.items() if (np.abs(c - field) <= within * field).all()]
    spoken = _warnings(cheap, distance, free, sensors, name, within)
    return Comparison(name, busiest.name, time, within, distance, field, found, omitted, free, spoken)


def _last_open(results: Any, model: Model, ion: str, member: int) -> tuple[float, np.ndarray, Channel]:
    """Time of the last frame with an open channel of the ion, all their influxes there, and the busiest."""
    mouths = results.mouths
    mouths = mouths.isel(member=member) if "member" in mouths.dims else mouths
    mine = [k for k, c in enumerate(model.resolved_channels) if c.ion == ion]
    frames = results.dataset["time"].values
    influx = mouths["influx"].transpose("time", "channel").values[:, mine]
    times = mouths["time"].values
    # At t = 0 nothing has flowed yet, whatever is open.
    open_now = np.isin(times, frames) & (times > 0) & (influx != 0).any(axis=1)
    if not open_now.any():
        raise ValueError(
            f"No recorded frame has an open channel of '{ion}', so there is nothing to compare with; "
            "record one with Record(times=[...])."
        )
    k = int(np.flatnonzero(open_now)[-1])
    held = mouths["concentration"].transpose("time", "channel").values[k, mine]
    best = int(np.argmax(np.where(influx[k] != 0, held, -np.inf)))
    return float(times[k]), influx[k], model.resolved_channels[mine[best]]


def _distances(model: Model, channel: Channel, reach: float) -> np.ndarray:
    """Distances along a channel's normal, from its pore to the wall or to `reach`."""
    room = min(
        ((high if n > 0 else low) - x) / n
        for (low, high), x, n in zip(model.box, channel.position, channel.normal, strict=True)
        if n != 0
    )
    last = min(reach, room)
    if not last > channel.pore:
        raise ValueError(
            f"reach = {reach:g} um ends before the pore distance of channel '{channel.name}', "
            f"{channel.pore:g} um; give a farther one."
        )
    inner = np.geomspace(channel.pore, last, COUNT)
    extra = [d for d in SHOWN if channel.pore < d < last]
    return np.minimum(np.unique(np.concatenate([inner, extra])), last)


def _approximations(
    model: Model, points: np.ndarray, time: float, influx: list[float], ion: str
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every approximation that can be had, and why others cannot."""
    ways: dict[str, Callable[[], np.ndarray]] = {
        "EBA": partial(oracles.eba_at, model, points, influx, ion),
        "RBA": partial(oracles.rba_at, model, points, influx, ion),
        "LIN": partial(oracles.lin_at, model, points, influx, ion),
    }
    omitted = {}
    plain = any(b.binds == ion and b.total > 0 for b in model.buffers)
    if plain or any(ion in c.ions and c.total > 0 for c in model.complexes):
        omitted["images"] = f"buffers bind {ion}"
    else:
        ways["images"] = partial(oracles.images_at, model, points, time, None, ion)
    found = {}
    for name, way in ways.items():
        try:
            found[name] = way()
        except ValueError as reason:
            omitted[name] = str(reason)
    return found, omitted


def _free_ions(distance: np.ndarray, content: np.ndarray, solid_angle: float) -> np.ndarray:
    """Free ions closer to the channel than each distance, as if the field were the same in all directions.

    `content` (n,), uM, is the field times the free volume fraction, which is what a volume holds.
    Below the first distance the field is taken to grow like 1/r, as it does next to a source.
    """
    inner = 0.5 * content[0] * distance[0] ** 2 * distance[0]
    shell = content * distance**2
    steps = np.diff(distance) * 0.5 * (shell[1:] + shell[:-1])
    return np.asarray(solid_angle * IONS_PER_UM_UM3 * (inner + np.concatenate([[0.0], np.cumsum(steps)])))


def _sensors(results: Any, model: Model, ion: str, influx: np.ndarray) -> list[tuple[str, float]]:
    """Probes and their distance (um) to the nearest open channel of the ion."""
    if not results.probes:
        return []
    channels = [c for c in model.resolved_channels if c.ion == ion]
    places = np.array([c.position for c, pA in zip(channels, influx, strict=True) if pA != 0])
    probes = np.stack([results.probes[a].values for a in "xyz"], axis=1)
    nearest = oracles.distances(probes, places).min(axis=1)
    return [(str(n), float(d)) for n, d in zip(results.probes["point"].values, nearest, strict=True)]


def _warnings(
    cheap: list[str],
    distance: np.ndarray,
    free: np.ndarray,
    sensors: list[tuple[str, float]],
    ion: str,
    within: float,
) -> tuple[str, ...]:
    out = []
    if cheap:
        out.append(
            f"{' or '.join(cheap)} would have done, without a run: within {100 * within:g} % of the field "
            f"from {1e3 * distance[0]:.3g} to {1e3 * distance[-1]:.3g} nm at this time."
        )
    close = [(n, d) for n, d in sensors if d < CLOSE]
    if close:
        who = ", ".join(f"'{n}' at {1e3 * d:.3g} nm" for n, d in close)
        out.append(
            f"Probes nearer than {1e3 * CLOSE:g} nm to an open channel: {who}. There a sensor sees single "
            "ions come and go, and deterministic models err by 20 % and more (Modchang et al. 2010)."
        )
    few = [(n, d, float(np.interp(d, distance, free))) for n, d in sensors]
    few = [(n, d, count) for n, d, count in few if count < 1]
    if few:
        who = ", ".join(f"'{n}' {count:.2g} within {1e3 * d:.3g} nm" for n, d, count in few)
        out.append(
            f"Fewer than about one free {ion} ion is closer to the channel than the probe: {who}. Read the "
            "concentration as a mean over time or over many openings."
        )
    return tuple(out)


def _runs(distance: np.ndarray, good: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Stretches of consecutive distances that are good."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    return tuple(
        (float(distance[a]), float(distance[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)
    )
