"""Release at points of a result: sensors driven by what the run recorded, member by member.

A sensor that was in the record was sampled at every step (`recorder_sensors`).  Anywhere else the
concentration is read from the recorded fields: the grid part follows a monotone cubic from frame to
frame, the near field is exact at every time; what leaving out every other frame would change is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain import sensors
from microdomain.mask_fill import check_fluid
from microdomain.model import Sensor
from microdomain.model.checks import nearest
from microdomain.reading import Near, Watch, between
from microdomain.reading_cusps import Cusps
from microdomain.wall_reading import wall_slopes

if TYPE_CHECKING:
    import xarray

#: A release probability that changes by more when every other frame is left out is warned of.
SAMPLED = 1e-3
#: Samples between two frames.
WITHIN = 8

Sampled = tuple[np.ndarray, np.ndarray]  # times (T,), ms, and concentrations (T,), uM


def release(
    results: Any,
    sensor: Sensor | str | None = None,
    at: Any = None,
    ion: str | None = None,
    times: Any = None,
    rest: float | None = None,
) -> xarray.Dataset:
    """Release probability, rate and latency at sensors of a result.

    Parameters
    ----------
    results : Results
    sensor : str, Sensor or None  a recorded one by its name; any sensor, at `at` or at every recorded place;
                                  None: all that were recorded
    at : str, (3,) or (P, 3), um  where a `Sensor` stands: the place of a recorded one, or points in the box
    ion : str, optional           the first ion when left out
    times : array, ms             of the answer; those of the mouths when left out
    rest : float, uM              where the sensors waited before t = 0; the ion's rest when left out

    Returns
    -------
    xarray.Dataset                probability (cumulative), rate (/ms), concentration (uM), (time, member,
                                  sensor); released (by the last time), peak_rate (/ms), peak_time and
                                  latency (ms; by then half of it is out), (member, sensor)

    Raises
    ------
    ValueError                    no such sensor, a point outside the box or in an obstacle, too few recorded
                                  fields
    """
    import xarray

    name = results._ion(ion).name
    labels, places, schemes = _asked(results, sensor, at)
    taken = _from_record(results, name, labels, at) if at is None or isinstance(at, str) else None
    sampled = taken if taken is not None else _from_frames(results, name, places)
    out = _times(results, times)
    shape = (out.size, results.members, len(places))
    table = {n: np.full(shape, np.nan) for n in ("probability", "rate", "concentration")}
    ends = {n: np.full(shape[1:], np.nan) for n in ("released", "peak_rate", "peak_time", "latency")}
    for m, row in enumerate(sampled):
        waited = results.models[m].ion(name).rest if rest is None else rest
        for k, ((t, c), scheme) in enumerate(zip(row, schemes, strict=True)):
            if not t.size or t[-1] < out[-1] or not np.isfinite(c).all():
                continue  # a member that could not go on
            answer, pick = _answer(scheme, t, c, out, waited)
            for n in table:
                values = answer.c if n == "concentration" else getattr(answer, n)
                table[n][:, m, k] = values[pick]
            ends["released"][m, k] = answer.probability[-1]
            ends["peak_rate"][m, k], ends["peak_time"][m, k] = answer.peak
            ends["latency"][m, k] = answer.latency
    if taken is None:
        _say_sampling(results, name, places, schemes, ends["released"], rest)
    units = {"probability": "1", "rate": "/ms", "concentration": "uM", "released": "1", "peak_rate": "/ms",
             "peak_time": "ms", "latency": "ms"}  # fmt: skip
    data: dict[str, Any] = {
        n: (("time", "member", "sensor"), v, {"units": units[n]}) for n, v in table.items()
    }
    data |= {n: (("member", "sensor"), v, {"units": units[n]}) for n, v in ends.items()}
    coords = {"time": ("time", out, {"units": "ms"}), **_place_coordinates(results, labels, places)}
    return xarray.Dataset(data, coords=coords, attrs={"ion": name})


def release_times(
    results: Any, sensor: str, trials: int, seed: int | None = None, ion: str | None = None
) -> xarray.DataArray:
    """Release times by chance at a recorded sensor, (member, trial), ms; inf where a vesicle stays.

    Parameters
    ----------
    results : Results
    sensor : str                  name of a recorded sensor
    trials : int                  vesicles of each member
    seed : int, optional          that of the run when left out
    ion : str, optional

    Returns
    -------
    xarray.DataArray (member, trial), ms
    """
    import xarray

    from microdomain.sensors_trials import release_times as drawn

    name = results._ion(ion).name
    labels, _, (scheme,) = _asked(results, sensor, None)
    number = _recorded(results)["sensor"].values.tolist().index(labels[0])
    seed = int(results.provenance.get("seed", 0)) if seed is None else seed
    keys = results.provenance.get("trials", range(results.members))
    out = np.full((results.members, trials), np.nan)
    for m, row in enumerate(_from_record(results, name, labels, None)):
        t, c = row[0]
        if t.size and np.isfinite(c).all():
            rest = results.models[m].ion(name).rest
            out[m] = drawn(scheme, t, c, trials, seed, int(keys[m]), number, rest)
    return results._squeezed(xarray.DataArray(out, dims=("member", "trial"), attrs={"units": "ms"}))


def coupling(results: Any, at: Any = None) -> xarray.Dataset:
    """Coupling distances: from each sensor straight to every channel that opened.

    Parameters
    ----------
    results : Results
    at : (3,) or (P, 3), um       points; the recorded sensors when left out

    Returns
    -------
    xarray.Dataset                distance (member, sensor, channel), um, NaN where a channel carried nothing;
                                  nearest and mean over the channels that opened, (member, sensor), um, and
                                  `opened`, their number (member)
    """
    import xarray

    labels, places, _ = _asked(results, None if at is None else _NOBODY, at)
    mouths = results._parts["mouths"]
    opened = (np.abs(np.nan_to_num(mouths["influx"].values)) > 0).any(axis=0)
    xyz = np.stack([mouths[a].values for a in "xyz"], axis=-1)  # member, channel, 3
    apart = np.sqrt(((xyz[:, None] - places[None, :, None]) ** 2).sum(axis=-1))
    apart = np.where(opened[:, None, :], apart, np.nan)
    with warnings.catch_warnings():  # where no channel opened there is no distance
        warnings.simplefilter("ignore", RuntimeWarning)
        near = np.nanmin(apart, axis=2) if apart.shape[2] else np.full(apart.shape[:2], np.nan)
        mean = np.nanmean(apart, axis=2) if apart.shape[2] else np.full(apart.shape[:2], np.nan)
    here, um = ("member", "sensor"), {"units": "um"}
    data = {
        "distance": ((*here, "channel"), apart, um),
        "nearest": (here, near, um),
        "mean": (here, mean, um),
        "opened": (("member",), opened.sum(axis=1)),
    }
    coords = _place_coordinates(results, labels, places) | {"channel": ("channel", mouths["channel"].values)}
    return xarray.Dataset(data, coords=coords)


# -- who and where -------------------------------------------------------------------------------

#: Stands for whoever is at a point, where only the point is asked about.
_NOBODY = Sensor(("S",), (), {"S": 1.0})


def _recorded(results: Any) -> Any:
    if "sensors" not in results._parts:
        raise ValueError(
            "This result has no sensors; ask for them with Record(sensors={'name': (sensor, (x, y, z))}), "
            "[sensors.NAME] in a scenario, or give a sensor and at=(x, y, z)."
        )
    return results._parts["sensors"]


def _asked(results: Any, sensor: Any, at: Any) -> tuple[list[str], np.ndarray, list[Sensor]]:
    """Names, places (P, 3) and schemes of what was asked for."""
    if at is not None and not isinstance(at, str):
        if not isinstance(sensor, Sensor):
            raise ValueError("release: at = a point needs a Sensor to stand there.")
        places = np.asarray(at, dtype=float).reshape(-1, 3)
        return [f"point {k}" for k in range(len(places))], places, [sensor] * len(places)
    part = _recorded(results)
    known = [str(n) for n in part["sensor"].values]
    wanted = at if isinstance(at, str) else sensor if isinstance(sensor, str) else None
    if wanted is not None and wanted not in known:
        raise ValueError(f"No sensor '{wanted}'.{nearest(wanted, known)} There are {', '.join(known)}.")
    labels = known if wanted is None else [wanted]
    rows = [known.index(label) for label in labels]
    places = np.stack([part[a].values[rows] for a in "xyz"], axis=1)
    own = [Sensor.from_dict(part.attrs["schemes"][k]) for k in rows]
    return labels, places, [sensor] * len(rows) if isinstance(sensor, Sensor) else own


def _place_coordinates(results: Any, labels: Sequence[str], places: np.ndarray) -> dict[str, Any]:
    out: dict[str, Any] = {"sensor": ("sensor", np.array(labels))}
    out |= {a: ("sensor", places[:, k], {"units": "um"}) for k, a in enumerate("xyz")}
    return out | ({"member": ("member", np.array(results.member_names))} if results.member_names else {})


def _times(results: Any, times: Any) -> np.ndarray:
    """Times of the answer."""
    known = results._parts["mouths"]["time"].values if times is None else np.atleast_1d(times)
    out = np.unique(np.asarray(known, dtype=float))
    last = float(results._parts["mouths"]["time"].values[-1])
    if out[0] < 0 or out[-1] > last * (1 + 1e-12):
        raise ValueError(
            f"release: times from {out[0]:g} to {out[-1]:g} ms; the run is from 0 to {last:g} ms."
        )
    return out


# -- what they saw -------------------------------------------------------------------------------


def _from_record(results: Any, ion: str, labels: Sequence[str], at: Any) -> list[list[Sampled]]:
    """Per member and sensor the samples of the run."""
    part = _recorded(results)
    known = [str(n) for n in part["sensor"].values]
    clock, seen = part["sample_time"].values, part[ion].values
    out = []
    for m in range(clock.shape[1]):
        t, first = np.unique(clock[:, m][np.isfinite(clock[:, m])], return_index=True)
        out.append([(t, seen[first, m, known.index(label)]) for label in labels])
    return out


def _from_frames(results: Any, ion: str, places: np.ndarray, every: int = 1) -> list[list[Sampled]]:
    """Per member and point what the recorded fields tell."""
    plan, solver = results._plan, results._parts["solver"]
    frames = solver["time"].values
    kept = np.unique(np.concatenate([np.arange(0, frames.size, every), [frames.size - 1]]))
    if frames[0] > 0 or frames.size < 4:
        raise ValueError(
            f"release: this result has fields at {frames.size} times, from {frames[0]:g} ms on; "
            "record them from 0 and often (Record(every=...)), or record the place as a sensor."
        )
    i, t = plan.names.index(ion), frames[kept]
    watch, near = Watch.of(plan, places), Near(plan)
    check_fluid(plan.models[0].obstacles, places)
    cusps = Cusps(plan, places) if "hidden" in solver else None
    read = np.empty((t.size, plan.members, len(places)))
    for row, k in enumerate(kept):
        u = np.stack([solver[f"u_{n}"][int(k)].values for n in plan.names[: plan.ions]], axis=1)
        slopes = wall_slopes(plan, np.full(plan.members, t[row]), u)
        read[row] = watch.grid_part(u, plan.rest[:, : plan.ions], slopes)[:, i]
        if cusps is not None:
            read[row] += cusps.added(solver["hidden"][int(k)].values)[:, i]
    parts = np.arange(1, WITHIN + 1) / WITHIN
    fine = np.append(0.0, (t[:-1, None] + parts * np.diff(t)[:, None]).ravel())
    fine[WITHIN::WITHIN] = t[1:]
    kernels = near.kernels(places)
    own = [near.at_points(np.full(plan.members, s), kernels, len(places))[:, i] for s in fine]
    jumps = [
        np.unique(np.concatenate([[], *(plan.history.jumps[r] for r in plan.channel_rows[m])]))
        for m in range(plan.members)
    ]
    grid = [between(t, read[:, m], fine, jumps[m]) for m in range(plan.members)]
    whole = np.stack(grid, axis=1) + np.stack(own)
    return [[(fine, whole[:, m, k]) for k in range(len(places))] for m in range(plan.members)]


def _answer(
    scheme: Sensor, t: np.ndarray, c: np.ndarray, out: np.ndarray, rest: float
) -> tuple[sensors.Release, np.ndarray]:
    """The sensor's answer at its samples and at the times asked for, and where among them these are."""
    drive, _ = sensors.driven(t, np.maximum(c, 0.0))
    whole = np.union1d(t[t <= out[-1]], out)
    return sensors.release(scheme, whole, drive, rest), np.searchsorted(whole, out)


def _say_sampling(
    results: Any, ion: str, places: np.ndarray, schemes: Sequence[Sensor], found: np.ndarray, rest: Any
) -> None:
    worst = 0.0
    for m, row in enumerate(_from_frames(results, ion, places, every=2)):
        waited = results.models[m].ion(ion).rest if rest is None else rest
        for k, (t, c) in enumerate(row):
            if np.isfinite(c).all() and np.isfinite(found[m, k]):
                answer, _ = _answer(schemes[k], t, c, t, waited)
                worst = max(worst, abs(answer.probability[-1] - found[m, k]))
    if worst > SAMPLED:
        warnings.warn(
            "The recorded fields are far apart: leaving out every other one changes a probability by "
            f"{worst:.2g}. Record them more often, or record the place as a sensor.",
            stacklevel=4,
        )
