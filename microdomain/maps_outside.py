"""The other side of the membrane: what open channels take from it, or add to it.

Ions that enter the box leave the solution outside.  There the membrane is the flat wall of a half-space
without buffers, so the heat kernel alone gives the field, in closed form over space::

    c_out(x, t) = outside - sum_k int_0^t J_k(t - s) K_half(x, x_k; s) ds
    K_half      = 2 (4 pi D s)^(-3/2) exp(-|x - x_k|^2 / 4 D s)

The history J_k is the one that fed the box, folded onto Gauss nodes of age by `near_field.Window`; here the
window is the whole run, without screening, and its bins halve down to ages at which nothing has reached
the nearest point.  A constant J leaves J / (2 pi D r) erfc(r / sqrt(4 D t)) (Carslaw & Jaeger 1959, 10.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.history import History, Pieces
from microdomain.reading import GROUP, NEAREST
from microdomain.window import Window

if TYPE_CHECKING:
    import xarray

#: Gauss nodes per bin: the kernel over ages a to 2 a is their polynomial to about 1e-8.
PER_BIN = 10
#: Ages below r^2 / (4 D YOUNG) carry exp(-YOUNG) of the kernel.
YOUNG = 30.0


def point_list(points: Any) -> np.ndarray:
    """Points as an array (P, 3), um.

    Raises
    ------
    ValueError                      another shape was given
    """
    points = np.asarray(points, dtype=float)
    if points.size % 3:
        raise ValueError(f"points has shape {points.shape}; give (P, 3): x, y, z of each point in um.")
    return points.reshape(-1, 3)


def at_points(
    results: Any, name: str, values: np.ndarray, times: np.ndarray, points: np.ndarray, attrs: dict[str, Any]
) -> xarray.DataArray:
    """Concentrations (time, member, point) with their coordinates; arguments in ms, um and uM."""
    import xarray

    return xarray.DataArray(
        values,
        dims=("time", "member", "point"),
        coords={
            "time": ("time", times, {"units": "ms"}),
            **{a: ("point", points[:, k], {"units": "um"}) for k, a in enumerate("xyz")},
            **({"member": ("member", np.array(results.member_names))} if results.member_names else {}),
        },
        name=name,
        attrs={"units": "uM"} | attrs,
    )


def outside_field(
    results: Any,
    points: Any,
    times: Any = None,
    ion: str | None = None,
    D: float | None = None,
    face: str | None = None,
) -> xarray.DataArray:
    """Concentration on the other side of the membrane, in an unbuffered half-space.

    Parameters
    ----------
    results : Results
    points : array (P, 3), um       on the membrane or off it; a point in the box stands for its mirror
                                    image in the membrane
    times : float or sequence, ms   any times of the run; the recorded frames' when left out
    ion : str, optional             the first ion when left out
    D : float, um^2/ms              diffusion there; the ion's own when left out.  Saline is faster than
                                    cytosol: 0.79 for Ca2+ (Allbritton, Meyer & Stryer 1992)
    face : str, optional            the membrane, "x-" to "z+"; the one that has the ion's channels

    Returns
    -------
    xarray.DataArray (time, member, point), uM      the ion's `outside` far away; less where ions enter the
                                    box, more where they leave it.  Not clipped: a value below zero says
                                    that the influx is more than diffusion can bring.

    Raises
    ------
    ValueError                      no outside concentration is known; channels on several faces or on
                                    none; a time outside the run; D not positive
    """
    mine = results._ion(ion)
    points = point_list(points)
    levels = [m.ion(mine.name).outside for m in results.models]
    if None in levels:
        raise ValueError(
            f"Ion '{mine.name}' has no outside concentration in this model; give Ion(outside=...)."
        )
    D = mine.D if D is None else float(D)
    if not (np.isfinite(D) and D > 0):
        raise ValueError(f"D = {D:g} um^2/ms outside: give a positive number, such as 0.79 for Ca2+.")
    times = _times(results, times)
    out = np.repeat(np.array(levels, dtype=float)[None, :, None], times.size, axis=0)
    out = np.repeat(out, len(points), axis=2)
    sources = _sources(results, mine.name, face)
    if any(sources) and times.size and len(points) and times.max() > 0:
        out -= _missing(results._plan.history, sources, points, times, D)
    about = {"long_name": f"[{mine.name}] outside", "D_um2_per_ms": D}
    return at_points(results, mine.name, out, times, points, about)


def _times(results: Any, times: Any) -> np.ndarray:
    if times is None:
        return np.asarray(results._parts["solver"]["time"].values, dtype=float)
    times = np.atleast_1d(np.asarray(times, dtype=float))
    last = max(float(results._parts[p]["time"].values[-1]) for p in ("solver", "mouths"))
    bad = times[~((times >= 0) & (times <= last * (1 + 1e-12)))]
    if bad.size:
        raise ValueError(f"Time {bad[0]:g} ms is not in the run, which reaches from 0 to {last:g} ms.")
    return times


def _sources(results: Any, ion: str, face: str | None) -> list[list[tuple[int, Any]]]:
    """Per member, the flux row and position of every channel of the ion on one face."""
    every = [
        [(r, c) for r, c in zip(rows, m.resolved_channels, strict=True) if c.ion == ion]
        for rows, m in zip(results._plan.channel_rows, results.models, strict=True)
    ]
    faces = sorted({str(c.face) for row in every for _, c in row})
    if face is None and len(faces) > 1:
        raise ValueError(
            f"Channels of '{ion}' are on the faces {', '.join(faces)}, and each has an outside of its own; "
            "say which with face=."
        )
    face = face or (faces[0] if faces else None)
    if face == "None":
        raise ValueError(f"Channels of '{ion}' are inside the box, not in a membrane: they have no outside.")
    if faces and face not in faces:
        raise ValueError(f"No channel of '{ion}' is on the face {face!r}; they are on {', '.join(faces)}.")
    return [[(r, c.position) for r, c in row if c.face == face] for row in every]


def _missing(
    history: History, sources: list[list[tuple[int, Any]]], points: np.ndarray, times: np.ndarray, D: float
) -> np.ndarray:
    """What the channels have taken away: array (time, member, point), uM."""
    rows = sorted({r for row in sources for r, _ in row})
    places = np.array([p for row in sources for _, p in row])
    nearest = min(float(_distances(points, p).min()) for p in places)
    tau = float(times.max())
    bins = int(np.ceil(np.log2(max(4.0 * D * tau * YOUNG / nearest**2, 2.0))))
    window = Window.of(D, tau, (bins, PER_BIN))
    # Every knot of a flux cuts its bin, not only the jumps: over a whole run bins are wider than a pulse.
    knotted = History([_knotted(history, r) for r in rows])
    pair = np.repeat(np.arange(len(rows)), times.size)
    weights = window.fold(knotted, pair, np.tile(times, len(rows)), np.zeros(pair.size))
    weights = weights.reshape(len(rows), times.size, -1)
    four = 4.0 * D * window.nodes[:, None]
    out = np.zeros((times.size, len(sources), len(points)))
    for first in range(0, len(points), GROUP):
        some = points[first : first + GROUP]
        for m, row in enumerate(sources):
            for k, r in enumerate(rows):
                mine = [p for q, p in row if q == r]
                if mine:
                    with np.errstate(under="ignore"):
                        bells = sum(np.exp(-(_distances(some, p) ** 2) / four) for p in mine)
                    out[:, m, first : first + GROUP] += weights[k] @ (2.0 * (np.pi * four) ** -1.5 * bells)
    return out


def _distances(points: np.ndarray, place: Any) -> np.ndarray:
    """Distances from a channel, um; at the channel itself `NEAREST`, as inside the box."""
    return np.maximum(np.sqrt(((points - np.asarray(place)) ** 2).sum(axis=1)), NEAREST)


def _knotted(history: History, row: int) -> Pieces:
    """A flux whose every knot counts as a jump."""
    count = int((history.starts[row] < np.inf).sum())
    starts = history.starts[row, :count]
    return Pieces(starts, history.coefficients[row, :count], jumps=starts[1:], kinks=np.empty(0))
