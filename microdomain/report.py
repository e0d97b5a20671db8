"""The closing report of a run: what a reader of a log wants to know, in words and small tables.

    rest, decay             the bulk: where it starts from and how it returns there
    peaks                   the highest concentration at every mouth and E_rev then
    profile                 both along the normal of the channel that sees most, and where +36 mV is passed
    release                 what the release sensors say, where there are any
    ledger, budget          every ion counted, and how far the numbers can be trusted

Text only, never cut to a terminal's width, so that a pipe and a log read the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain import electro
from microdomain.model.obstacles import solid
from microdomain.report_decay import decay_line
from microdomain.report_release import release_section
from microdomain.report_text import STEADY, concentration, duration, milliseconds, millivolts, table

if TYPE_CHECKING:
    from microdomain.model import Channel, Model
    from microdomain.results import Results

#: Distances of the profile (um), and the E_rev of calcium whose place is reported (mV): near an open
#: channel E_Ca is said to fall from about +130 to about +36 mV.
DISTANCES = (0.005, 0.010, 0.020, 0.050, 0.100, 0.200)
LANDMARK = 36.0
#: More channels than this are summarised; more members than this get one line each.
MANY_CHANNELS, MANY_MEMBERS = 16, 8


def report(results: Results, title: str = "", names: Sequence[str] = ()) -> str:
    """The closing report.

    Parameters
    ----------
    results : Results
    title : str                   the scenario's title, first line of the report
    names : sequence of str       names of the members; those of the results unless given

    Returns
    -------
    str                           lines without a newline at the end
    """
    names = list(names) or [name or f"member {m}" for m, name in enumerate(_names(results))]
    parts = [_heading(results, title)]
    if results.members > MANY_MEMBERS:
        parts += [_bulk(results, 0), _member_table(results, names)]
    else:
        for m in range(results.members):
            if results.members > 1:
                parts.append(f"--- {names[m]}")
            parts += [_bulk(results, m), *_mouths(results, m)]
    parts += release_section(results)
    # A run that was stopped has written no account.
    parts += [] if results.partial else [str(results.ledger), _closing(results)]
    return "\n\n".join(part for part in parts if part)


def _heading(results: Results, title: str) -> str:
    until, count = _last_time(results), len(results.model.resolved_channels)
    facts = [milliseconds(until), f"{count} channel{'' if count == 1 else 's'}"]
    if results.members > 1:
        facts.append(f"{results.members} members")
    nz, ny, nx = results.grid.shape
    facts.append(f"{nx} x {ny} x {nz} cells")
    if "backend" in results.provenance:
        facts.append(f"computed by {results.provenance['backend']}")
    lines = [title, ", ".join(facts)]
    if results.partial:
        lines.append(
            f"PARTIAL: the run stopped at {milliseconds(until)}; this is what was recorded until then."
        )
    return "\n".join(line for line in lines if line)


def _bulk(results: Results, m: int) -> str:
    """Rest, the volume mean at both ends, and the decay, for every ion of a member."""
    model = results.models[m]
    lines = []
    for ion in model.ions:
        whose = f"{ion.name}: " if len(model.ions) > 1 else ""
        line = f"{whose}rest {1e3 * ion.rest:.1f} nM"
        if ion.outside is not None:
            E = electro.nernst(ion.rest, ion.outside, ion.z, model.temperature)
            line += f", where E_{ion.name} is {E:+.1f} mV ({concentration(ion.outside)} outside)"
        t, mean = mean_course(results, ion.name, m)
        if t[-1] >= STEADY:
            lines += [line, f"{whose}volume mean {1e3 * mean[-1]:.1f} nM"]
            continue
        ends = f"volume mean {1e3 * mean[0]:.1f} nM at the start, {1e3 * mean[-1]:.1f} nM at the end"
        lines += [line, whose + ends, whose + decay_line(model, ion, t, mean)]
    return "\n".join(lines)


def mean_course(results: Results, ion: str, m: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Times (ms) and volume mean of the free concentration (uM) of one member, as densely as recorded."""
    course = of_member(results.mouths[f"mean_{ion}"], m)
    return np.asarray(course["time"].values, float), np.asarray(course.values, float)


def _mouths(results: Results, m: int) -> list[str]:
    """Tables of the peaks at the mouths, and of the profile at the one that sees most."""
    model = results.models[m]
    if not model.resolved_channels:
        return ["no channels"]
    peaks, when, lows = peaks_at_mouths(results, m)
    return [
        _peak_table(model.resolved_channels, peaks, when, lows),
        _profile(results, m, int(np.argmax(peaks))),
    ]


def peaks_at_mouths(results: Results, m: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Highest concentration (uM), its time (ms) and E_rev at that time (mV, NaN if unknown), per channel."""
    mine = {"channel": slice(0, len(results.models[m].resolved_channels))}  # members may have fewer
    values = of_member(results.mouths["concentration"], m).isel(mine).transpose("time", "channel")
    at = np.asarray(values.argmax("time"))
    times = np.asarray(values["time"].values, float)
    peaks = np.asarray(values.max("time"), float)
    lows = np.full(peaks.shape, np.nan)
    if "reversal" in results.mouths:
        E = np.asarray(
            of_member(results.mouths["reversal"], m).isel(mine).transpose("time", "channel").values, float
        )
        known = ~np.isnan(E).all(axis=0)
        # Not the lowest E: that of an anion is highest where there is most of it.
        lows[known] = E[at, np.arange(at.size)][known]
    return peaks, times[at], lows


def _peak_table(channels: Sequence[Channel], peaks: np.ndarray, when: np.ndarray, lows: np.ndarray) -> str:
    rows = [
        (c.name, f"{1e3 * c.pore:g}", concentration(p), milliseconds(float(t)), millivolts(E))
        for c, p, t, E in zip(channels, peaks, when, lows, strict=True)
    ]
    if len(rows) > MANY_CHANNELS:
        order = np.argsort(peaks)
        few = [("highest", order[-1]), ("median", order[len(order) // 2]), ("lowest", order[0])]
        rows = [(f"{word}: {rows[k][0]}", *rows[k][1:]) for word, k in few]
    ions = {c.ion for c in channels}
    what = f"[{ions.pop()}]" if len(ions) == 1 else "concentration"
    head = ("channel", "pore nm", f"peak {what}", "at", "E then")
    text = table(head, rows)
    return text if len(channels) <= MANY_CHANNELS else f"{len(channels)} channels\n{text}"


def _profile(results: Results, m: int, k: int) -> str:
    """The table along the normal of channel k, and where the landmark is passed."""
    model = results.models[m]
    channel = model.resolved_channels[k]
    ion = model.ion(channel.ion)
    inside = [r for r in DISTANCES if _in_box(model, _along(channel, r))]
    if not inside:
        return ""
    field = of_member(results.at([_along(channel, r) for r in inside], ion=ion.name), m)
    values = np.asarray(field.transpose("time", "point").values, float)
    frame = int(np.argmax(values[:, 0]))
    t = float(field["time"].values[frame])
    head: tuple[str, ...] = ("nm", f"[{ion.name}] uM")
    rows: list[tuple[str, ...]] = [
        (f"{1e3 * r:g}", f"{c:.4g}") for r, c in zip(inside, values[frame], strict=True)
    ]
    if ion.outside is not None:
        E = electro.reversal(values[frame], ion.outside, ion.z, model.temperature)
        head, rows = (
            (*head, f"E_{ion.name} mV"),
            [(*row, f"{e:+.2f}") for row, e in zip(rows, E, strict=True)],
        )
    text = f"Along the normal of {channel.name}{_when(t)}\n{table(head, rows, right=range(3))}"
    return f"{text}\n{_landmark(results, m, channel, t)}" if ion.outside is not None else text


def _landmark(results: Results, m: int, channel: Channel, t: float) -> str:
    """Where E_rev passes +36 mV on the way from the channel into the box."""
    model = results.models[m]
    ion = model.ion(channel.ion)
    wanted = electro.inside_at(LANDMARK, ion.outside, ion.z, model.temperature)
    words = f"E_{ion.name} passes {LANDMARK:+.0f} mV ({wanted:.1f} uM)"
    reach = 1.0
    while reach > DISTANCES[0] and not _in_box(model, _along(channel, reach)):
        reach *= 0.9
    r = np.geomspace(DISTANCES[0], max(reach, 1.01 * DISTANCES[0]), 120)
    r = np.array([each for each in r if _in_box(model, _along(channel, each))])
    field = of_member(results.at([_along(channel, each) for each in r], times=[t], ion=ion.name), m)
    c = np.asarray(field.values, float).reshape(-1)
    beyond = np.flatnonzero(c < wanted)
    if not beyond.size:
        return f"{words}: farther than {1e3 * r[-1]:.0f} nm"
    if beyond[0] == 0:
        return f"{words}: not reached at 5 nm or beyond"
    # Between two points c falls nearly like a power of r.
    a, b = beyond[0] - 1, beyond[0]
    part = math.log(c[a] / wanted) / math.log(c[a] / c[b])
    place = math.exp((1 - part) * math.log(r[a]) + part * math.log(r[b]))
    return f"{words} at {1e3 * place:.1f} nm"


def _member_table(results: Results, names: Sequence[str]) -> str:
    """One line a member: the channel that saw most."""
    rows = []
    for m, name in enumerate(names):
        channels = results.models[m].resolved_channels
        if not channels:
            rows.append((name, "no channels", "", "", ""))
            continue
        peaks, when, lows = peaks_at_mouths(results, m)
        k = int(np.argmax(peaks))
        rows.append(
            (
                name,
                channels[k].name,
                concentration(peaks[k]),
                milliseconds(float(when[k])),
                millivolts(lows[k]),
            )
        )
    return table(("member", "channel", "peak", "at", "E then"), rows)


def _closing(results: Results) -> str:
    given = results.provenance
    wall = given.get("wall_s")
    lines = [*results.ledger.warnings(), str(results.budget)]
    steps = np.asarray(results.ledger.steps)
    counted = f"{int(steps.sum())} steps" + (f" over {steps.size} members" if steps.size > 1 else "")
    if "scheme" in given:
        counted += f" of {given['scheme']}"
    lines.append(counted + (f", {duration(float(wall))} of wall time" if wall is not None else ""))
    if given.get("backend_why"):
        lines.append(given["backend_why"])
    return "\n".join(lines)


def of_member(data: Any, m: int) -> Any:
    """One member of an xarray object, whether or not it has a member dimension."""
    return data.isel(member=m) if "member" in data.dims else data


def _names(results: Results) -> tuple[str | None, ...]:
    return results.member_names or (None,) * results.members


def _last_time(results: Results) -> float:
    return float(times_of(results.mouths)[-1])


def _when(t: float) -> str:
    return (", " if t >= STEADY else " at ") + milliseconds(t)


def times_of(data: Any) -> np.ndarray:
    """Times (ms) of a dataset of a result, or an error where its run was stopped before the first."""
    times = np.asarray(data["time"].values, float) if "time" in data.coords else np.empty(0)
    if not times.size:
        raise ValueError("This result is empty: its run was stopped before anything was recorded.")
    return times


def _along(channel: Channel, distance: float) -> tuple[float, ...]:
    return tuple(p + distance * n for p, n in zip(channel.position, channel.normal, strict=True))


def _in_box(model: Model, point: Sequence[float]) -> bool:
    inside = all(low <= p <= high for p, (low, high) in zip(point, model.box, strict=True))
    return inside and not any(bool(solid(one, *point)) for one in model.obstacles)
