"""A slice through a result as a triangle mesh that is fine where the field is steep.

Near a channel a concentration falls like 1/r: half of it is gone at twice the distance.  So triangles
are a sixth as wide as they are far from the nearest channel, and rings surround each channel::

    far     squares of 1/60 of the plane, halved while wider than 0.16 x distance
    near    rings of growing radius from the pore up to half the way to the next channel
    mouth   within the pore distance the value at the mouth: nearer there is no concentration to speak of

Values come from `Results.at` at the mesh's points themselves, near field included, so no grid cell
shows.  Nothing here draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microdomain.model import Channel, Model
    from microdomain.results import Results

#: Width of a triangle over its distance from the nearest channel; cells of the coarsest mesh per side.
RATIO, COARSEST = 0.16, 60
#: Largest radius of a ring (um); for so many channels at most: growth of the radius, points per ring.
RING_REACH = 0.06
RINGS = ((4, 1.1, 72), (60, 1.2, 32), (10**9, 1.44, 16))


@dataclass(frozen=True, eq=False)
class Plane:
    """Values on a slice.

    Attributes
    ----------
    field, unit : str             "E_Ca" in mV, or "Ca" in uM
    points : array (P, 3), um
    triangles : int array (T, 3)  indices of points
    values : array (P,)
    axis, level : int, float      the plane: 0, 1, 2 for x, y, z, and where it lies (um)
    time : float, ms
    member : str                  name of the member; empty where there is one only
    channels : list of Channel    those that stand in the plane or nearer to it than 50 nm
    open : list of bool           which of them are open
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

    @property
    def across(self) -> tuple[int, int]:
        """The two axes that span the plane."""
        first, second = (k for k in range(3) if k != self.axis)
        return first, second

    @property
    def logarithmic(self) -> bool:
        """Whether colours follow the logarithm: concentrations do, potentials are logarithms already."""
        return self.unit != "mV"

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value that the colours span."""
        # A spline may dip below zero beside a steep front; a logarithm has no colour for that.
        known = self.values[self.values > 0] if self.logarithmic else self.values
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        if self.logarithmic:
            return (low, high) if high > 1.05 * low else (low / 1.1, high * 1.1)
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
    results: Results, field: str | None, time: float | None, axis: int, level: float, member: int
) -> Plane:
    """Sample a field on a plane.

    Parameters
    ----------
    results : Results
    field : str or None           "E_Ca", "Ca" or the same of another ion; None: E of the first ion, if known
    time : float or None, ms      the recorded field nearest to it; None: when the mouths see most
    axis : int                    0, 1, 2: the plane is normal to x, y, z
    level : float, um             where on that axis
    member : int

    Returns
    -------
    Plane

    Raises
    ------
    ValueError                    for a field, a member or a level that is not there
    """
    from microdomain.electro import reversal
    from microdomain.report import of_member

    if not 0 <= member < results.members:
        raise ValueError(f"No member {member} in this result; it has {results.members}, numbered from 0.")
    model = results.models[member]
    ion, potential = _field(model, field)
    low, high = model.box[axis]
    if not low <= level <= high:
        raise ValueError(
            f"{'xyz'[axis]} = {level:g} um is outside the box, which reaches from {low:g} to {high:g} um."
        )
    t = frame_time(results, time, member)
    channels = model.resolved_channels
    points, triangles = mesh(model, axis, level)
    at = np.array(points)
    for c in channels:
        inside = np.linalg.norm(points - np.array(c.position), axis=1) < c.pore * (1 - 1e-9)
        at[inside] = np.array(c.position) + c.pore * np.array(c.normal)
    values = np.asarray(of_member(results.at(at, times=[t], ion=ion.name), member).values, float).reshape(-1)
    if potential:
        values = np.asarray(reversal(values, ion.outside, ion.z, model.temperature), float)
    here = [c for c in channels if abs(c.position[axis] - level) <= 0.05]
    names = results.member_names or tuple(f"member {m}" for m in range(results.members))
    return Plane(
        field=f"E_{ion.name}" if potential else ion.name,
        unit="mV" if potential else "uM",
        points=points,
        triangles=triangles,
        values=values,
        axis=axis,
        level=level,
        time=t,
        member=str(names[member]) if results.members > 1 else "",
        channels=tuple(here),
        open=tuple(carries(c, t) for c in here),
        box=model.box,
    )


def carries(channel: Channel, t: float) -> bool:
    """Whether a channel is open and has a current to carry; at a pulse's end: whether it was until then."""
    first, last = channel.current.support() if hasattr(channel.current, "support") else (-np.inf, np.inf)
    return any(max(on, first) < t <= min(off, last) for on, off in channel.gate.intervals())


def _field(model: Model, field: str | None) -> tuple[Any, bool]:
    """The ion that a field is of, and whether the field is its reversal potential."""
    known = [f"E_{ion.name}" for ion in model.ions if ion.outside is not None] + [
        ion.name for ion in model.ions
    ]
    field = known[0] if field is None else field.strip("[]")
    if field not in known:
        given = next((ion.name for ion in model.ions if field == f"E_{ion.name}"), None)
        if given:
            raise ValueError(f"{field} is not known: {given!r} has no outside concentration in this model.")
        raise ValueError(f"No field {field!r} in this result; it has {', '.join(map(repr, known))}.")
    potential = field.startswith("E_") and field not in [ion.name for ion in model.ions]
    return model.ion(field[2:] if potential else field), potential


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


def mesh(model: Model, axis: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) in um and triangles (T, 3) of a plane through the box."""
    from scipy.spatial import Delaunay, cKDTree

    across = [k for k in range(3) if k != axis]
    sides = np.array([model.box[k] for k in across], float)
    channels = model.resolved_channels
    spots = np.array([[c.position[k] for k in across] for c in channels], float).reshape(-1, 2)
    away = np.array([abs(c.position[axis] - level) for c in channels])
    flat = _squares(sides, spots, away, min((c.pore for c in channels), default=0.005))
    rings = []
    # Channels that hide behind each other in this view share their rings.
    _, first = np.unique(spots.round(9), axis=0, return_index=True)
    centres = [k for k in first if away[k] <= 0.5 * RING_REACH]
    tree = cKDTree(spots[centres]) if len(centres) > 1 else None
    for k in centres:
        channel = channels[k]
        next_one = float(tree.query(spots[k], 2)[0][1]) if tree is not None else np.inf
        reach = min(RING_REACH, 0.5 * next_one)
        ring = spots[k] + _rings(min(channel.pore, reach), reach, len(channels))
        inside = np.all((ring >= sides[:, 0]) & (ring <= sides[:, 1]), axis=1)
        border = np.any((flat == sides[:, 0]) | (flat == sides[:, 1]), axis=1)
        flat = flat[border | (np.linalg.norm(flat - spots[k], axis=1) > 1.05 * reach)]
        rings.append(ring[inside])
    flat = np.unique(np.concatenate([flat, *rings]).round(9), axis=0)
    flat = np.clip(flat, sides[:, 0], sides[:, 1])
    # Scaled to a unit square: Qhull's tolerances are absolute.
    triangles = Delaunay((flat - sides[:, 0]) / (sides[:, 1] - sides[:, 0]).max()).simplices
    points = np.full((len(flat), 3), float(level))
    points[:, across] = flat
    return points, np.asarray(triangles)


def _squares(sides: np.ndarray, spots: np.ndarray, away: np.ndarray, smallest: float) -> np.ndarray:
    """Corners and centres of squares, halved where they are wide for their distance from a channel."""
    from scipy.spatial import cKDTree

    length = sides[:, 1] - sides[:, 0]
    counts = np.maximum(1, np.round(COARSEST * length / length.max())).astype(int)
    i, j = np.meshgrid(np.arange(counts[0]), np.arange(counts[1]), indexing="ij")
    unit = length / counts
    # Integer corners in units of the finest square, so that shared corners are found exactly.
    depth = 10
    cells = np.stack([i.ravel(), j.ravel()], axis=1) << depth
    tree = cKDTree(np.column_stack([spots, away])) if len(spots) else None
    corners: list[Any] = []
    for level in range(depth, -1, -1):
        size = 1 << level
        width = float(unit.max()) * size / (1 << depth)
        middle = sides[:, 0] + (cells + 0.5 * size) * unit / (1 << depth)
        if tree is None:
            wide = np.zeros(len(cells), bool)
        else:
            distance = tree.query(np.column_stack([middle, np.zeros(len(middle))]))[0]
            wide = (
                (width > RATIO * np.maximum(distance - 0.7 * width, 0.0)) & (width > smallest) & (level > 0)
            )
        done = cells[~wide]
        half = size // 2
        corners += [done + [a * size, b * size] for a in (0, 1) for b in (0, 1)]
        if half:
            corners.append(done + half)
        wide_cells = cells[wide]
        if not len(wide_cells):
            break
        cells = np.concatenate([wide_cells + [a * half, b * half] for a in (0, 1) for b in (0, 1)])
    whole = np.unique(np.concatenate(corners), axis=0)
    found = sides[:, 0] + whole * unit / (1 << depth)
    # Rounding must not move the border inward.
    for k in range(2):
        found[whole[:, k] == counts[k] << depth, k] = sides[k, 1]
    return np.asarray(found)


def _rings(pore: float, reach: float, channels: int) -> np.ndarray:
    """Points around the origin: its centre, a ring inside the pore, rings from the pore to `reach`."""
    growth, number = next((growth, number) for most, growth, number in RINGS if channels <= most)
    count = max(2, int(np.ceil(np.log(reach / pore) / np.log(growth))) + 1) if reach > pore else 1
    radii = [0.5 * pore, *np.geomspace(pore, max(reach, pore), count)]
    rings = [np.zeros((1, 2))]
    for k, r in enumerate(radii):
        angle = 2 * np.pi * (np.arange(number) + 0.5 * (k % 2)) / number
        rings.append(r * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate(rings)
