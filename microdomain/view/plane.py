"""A slice through a result: values on a mesh that is fine where the field is steep.

Values come from `Results.at` at the mesh's points themselves, near field included, so no grid cell
shows.  Nothing here draws.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.model.gating import TIMED
from microdomain.view.fields import CURRENT, FORCE, FORM, OCCUPANCY, Field, field_of
from microdomain.view.meshing import mesh
from microdomain.view.readings import Readings, at_mouths

if TYPE_CHECKING:
    from microdomain.model import Channel, Model
    from microdomain.results import Results

#: Part of the highest concentration of a form at which its colours begin: at rest there may be hardly any.
FADED = 1e-4


@dataclass(frozen=True, eq=False)
class Plane:
    """Values on a slice.

    Attributes
    ----------
    field, unit : str             "E_Ca" in mV, "Ca" in uM, ...; see `fields`
    points : array (P, 3), um
    triangles : int array (T, 3)  indices of points
    values : array (P,)
    axis, level : int, float      the plane: 0, 1, 2 for x, y, z, and where it lies (um)
    time : float, ms
    member : str                  name of the member; empty where there is one only
    channels : list of Channel    those that stand in the plane or nearer to it than 50 nm
    open : list of bool           which of them are open
    box : three pairs, um
    kind : str                    of the field, as in `fields`
    span : pair or None           lowest and highest value of the colours; the plane's own unless given
    log : bool or None            whether colours follow the logarithm; those of a concentration do
    model : Model or None         with the obstacles and pumped patches to be drawn
    probes : dict                 name -> (x, y, z), um, of points that were watched
    """

    field: str
    unit: str
    points: np.ndarray
    triangles: np.ndarray
    values: np.ndarray
    axis: int
    level: float
    time: float
    member: str
    channels: tuple[Channel, ...]
    open: tuple[bool, ...]
    box: tuple[Any, ...]
    kind: str = ""
    span: tuple[float, float] | None = None
    log: bool | None = None
    model: Model | None = None
    probes: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def across(self) -> tuple[int, int]:
        """The two axes that span the plane."""
        first, second = (k for k in range(3) if k != self.axis)
        return first, second

    @property
    def logarithmic(self) -> bool:
        """Whether colours follow the logarithm: concentrations do, potentials are logarithms already."""
        return self.unit == "uM" if self.log is None else self.log

    @property
    def diverging(self) -> bool:
        """Whether colours part at 0: driving forces and currents have a direction."""
        return self.kind in (FORCE, CURRENT)

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value that the colours span."""
        if self.span is not None:
            return self.span
        # A spline may dip below zero beside a steep front; a logarithm has no colour for that.
        known = self.values[self.values > 0] if self.logarithmic else self.values
        if not known.size:
            return 1e-3, 1.0
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        if self.kind == FORM:
            low = max(low, FADED * high)
        if self.logarithmic:
            return (low, high) if high > 1.05 * low else (low / 1.1, high * 1.1)
        if self.diverging:
            most = max(abs(low), abs(high)) or 1.0
            return -most, most
        if self.kind == OCCUPANCY:
            return (low, high) if high > low + 0.01 else (max(0.0, low - 0.01), min(1.0, low + 0.02))
        return (low, high) if high > low + 0.5 else (low - 1.0, high + 1.0)

    def shade(self, value: Any) -> Any:
        """What colours and lines follow: the value, or its decimal logarithm.

        Between two points of the mesh it runs straighter than the concentration itself.
        """
        if not self.logarithmic:
            return np.asarray(value, float)
        return np.log10(np.maximum(value, self.limits[0]))

    @property
    def near(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The part of the plane around the channels, um; None where a closer look would show no more."""
        if not self.channels:
            return None
        spots = np.array([[c.position[k] for k in self.across] for c in self.channels])
        low, high = spots.min(axis=0), spots.max(axis=0)
        half = 0.5 * float((high - low).max()) + 0.08
        sides = [self.box[k] for k in self.across]
        if half > 0.25 * min(b - a for a, b in sides):
            return None
        window = []
        for middle, (a, b) in zip(0.5 * (low + high), sides, strict=True):
            start = min(max(float(middle) - half, a), b - 2 * half)
            window.append((start, start + 2 * half))
        return window[0], window[1]


def cut(
    results: Results,
    field: str | None,
    time: float | None,
    axis: int,
    level: float,
    member: int,
    V: float | None = None,
    g: float | None = None,
) -> Plane:
    """Sample a field on a plane.

    Parameters
    ----------
    results : Results
    field : str or None           as in `fields`; None: E of the first ion, if known
    time : float or None, ms      the recorded field nearest to it; None: when the mouths see most
    axis : int                    0, 1, 2: the plane is normal to x, y, z
    level : float, um             where on that axis
    member : int
    V, g : float, mV and nS/um^2  of a driving force and of a current density

    Returns
    -------
    Plane

    Raises
    ------
    ValueError                    for a field, a member or a level that is not there
    """
    from microdomain.report import of_member

    model = check_cut(results, axis, level, member)
    wanted = field_of(model, field, results.dataset.data_vars, V, g)
    t = frame_time(results, time, member)
    points, triangles = mesh(model, axis, level)
    if wanted.parts:
        values = Readings(results, points, member).of(wanted, [t])[0]
    else:
        at = results.at(at_mouths(model, points), times=[t], ion=wanted.ion.name)
        values = wanted.of(np.asarray(of_member(at, member).values, float).reshape(-1))
    return staged(results, wanted, (points, triangles, values), axis, level, t, member)


def check_cut(results: Results, axis: int, level: float, member: int) -> Model:
    """The model of a member that a plane cuts.

    Raises
    ------
    ValueError                    no such member; the plane misses the box
    """
    if not 0 <= member < results.members:
        raise ValueError(f"No member {member} in this result; it has {results.members}, numbered from 0.")
    model = results.models[member]
    low, high = model.box[axis]
    if not low <= level <= high:
        raise ValueError(
            f"{'xyz'[axis]} = {level:g} um is outside the box, which reaches from {low:g} to {high:g} um."
        )
    return model


def membrane_of(results: Results, member: int = 0) -> tuple[int, float]:
    """The face that most channels stand on; the floor where none stands on any.

    Parameters
    ----------
    results : Results
    member : int

    Returns
    -------
    (axis, level)                 0, 1, 2 for x, y, z, and um
    """
    model = results.models[min(max(member, 0), results.members - 1)]
    faces = [channel.face for channel in model.resolved_channels if channel.face]
    face = max(faces, key=faces.count) if faces else "z-"
    axis = "xyz".index(face[0])
    return axis, model.box[axis][1 if face[1] == "+" else 0]


def staged(
    results: Results,
    field: Field,
    drawn: tuple[Any, Any, Any],
    axis: int,
    level: float,
    t: float,
    member: int,
    span: tuple[float, float] | None = None,
) -> Plane:
    """A plane of (points, triangles, values) with the channels on it and its words."""
    model = results.models[member]
    here = tuple(c for c in model.resolved_channels if abs(c.position[axis] - level) <= 0.05)
    names = results.member_names or tuple(f"member {m}" for m in range(results.members))
    return Plane(
        field=field.name,
        unit=field.unit,
        points=drawn[0],
        triangles=drawn[1],
        values=drawn[2],
        axis=axis,
        level=level,
        time=t,
        member=str(names[member]) if results.members > 1 else "",
        channels=here,
        open=tuple(
            carries(c, t) if isinstance(c.gate, TIMED) else _flows(results, member, c.index, t) for c in here
        ),
        box=model.box,
        kind=field.kind,
        span=span,
        model=model,
        probes=probes_of(results),
    )


def probes_of(results: Results) -> dict[str, tuple[float, float, float]]:
    """Points that were watched: name -> (x, y, z), um."""
    there = results.probes
    if not there:
        return {}
    places = zip(*(np.asarray(there[a].values, float) for a in "xyz"), strict=True)
    return {str(n): p for n, p in zip(there["point"].values, places, strict=True)}


def carries(channel: Channel, t: float) -> bool:
    """Whether a channel is open and has a current to carry; at a pulse's end: whether it was until then."""
    first, last = channel.current.support() if hasattr(channel.current, "support") else (-np.inf, np.inf)
    openings = channel.gate.intervals() if isinstance(channel.gate, TIMED) else ()
    return any(max(on, first) < t <= min(off, last) for on, off in openings)


def _flows(results: Results, member: int, channel: int, t: float) -> bool:
    """Whether a channel whose gate is no rule in time carried current at the recorded time next to t."""
    influx = results._parts["mouths"]["influx"]
    k = int(np.argmin(np.abs(influx["time"].values - t)))
    return bool(influx.transpose("time", "member", "channel").values[k, member, channel] != 0)


def frame_time(results: Results, time: float | None, member: int = 0) -> float:
    """Time (ms) of the recorded field nearest to `time`; for None the one at which a mouth sees most."""
    from microdomain.report import of_member, times_of

    frames = times_of(results.dataset)
    if time is not None:
        return float(frames[np.argmin(np.abs(frames - time))])
    count = len(results.models[member].resolved_channels)
    if not count:
        return float(frames[-1])
    known = times_of(results.mouths)
    mouths = of_member(results.mouths["concentration"], member)
    peaks = mouths.isel(channel=slice(0, count)).max("channel")
    at_frames = np.interp(frames, known, np.asarray(peaks.values, float))
    return float(frames[np.argmax(at_frames)])
