"""What a microscope would see of an indicator dye: dF/F, the blur of a lens, line scans and kymographs.

A dye is a `Buffer` of the model like any other, recorded with ``Record(fields=["Fluo-5F"])``.  Free dye
shines with brightness 1, dye with calcium with `ratio` (Fmax/Fmin); the light is taken to be linear in both.
The lens is a Gaussian of given full widths at half maximum (Zhang, Zerubia & Olivo-Marin, Appl Opt 46:1819,
2007: within a few per cent of a confocal's or a two-photon's own).  Beyond a wall the dye goes on as its
mirror image, so an even dye stays even and no light is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

__all__ = ["blurred", "delta_F", "kymograph", "line_scan"]

#: A Gaussian's standard deviation in parts of its full width at half maximum.
SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
#: Spacing of the even grid that a field is blurred on, in parts of the smallest sigma; and its cells at most.
FINE, MOST = 0.4, 4_000_000
#: The Gaussian is cut at so many sigma.
CUT = 6.0


def delta_F(results: Any, dye: str, ratio: float, times: Any = None) -> xarray.DataArray:
    """Fluorescence change dF/F0 of a dye at every cell, F0 being that of the dye at rest.

    F = free + ratio bound, so dF/F0 = (ratio - 1)(bound - bound_0) / (total + (ratio - 1) bound_0).

    Parameters
    ----------
    results : Results               with the dye among its recorded fields
    dye : str                       name of the buffer
    ratio : float                   Fmax/Fmin: brightness of bound dye over that of free dye, above 0
    times : float or sequence, ms   recorded times; all of them when left out

    Returns
    -------
    xarray.DataArray ([member,] time, z, y, x)

    Raises
    ------
    ValueError                      a dye that is not there or was not recorded; a ratio that is none
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise ValueError(f"ratio = {ratio}: give Fmax/Fmin of the dye, above 0, such as 15.")
    if dye not in {b.name for b in results.model.buffers}:
        known = ", ".join(repr(b.name) for b in results.model.buffers) or "none"
        raise ValueError(f"No buffer '{dye}' in this model; it has {known}.")
    if dye not in results.dataset:
        raise ValueError(f"'{dye}' was not recorded; ask for it with Record(fields=['{dye}']).")
    bound = results.dataset[dye]
    if times is not None:
        bound = bound.isel(time=results._frames(times))
    rest, total = (_of_members(results, bound, dye, what) for what in ("rest", "total"))
    out = (ratio - 1.0) * (bound - rest) / (total + (ratio - 1.0) * rest)
    return out.rename("dF_F").assign_attrs(units="1", long_name=f"dF/F0 of {dye}", ratio=float(ratio))


def blurred(field: xarray.DataArray, fwhm: float | Sequence[float], spacing: float | None = None) -> Any:
    """A field as a lens with a Gaussian point-spread function shows it.

    Parameters
    ----------
    field : DataArray (..., z, y, x)    such as `delta_F` gave it; on any tensor grid
    fwhm : float or (x, y, z), um       full widths at half maximum of the lens; one for all axes
    spacing : float, um, optional       of the even grid of the picture; 0.4 of the smallest sigma, or as
                                        many cells as there were, when left out

    Returns
    -------
    xarray.DataArray (..., z, y, x)     on an even grid over the same cells' centres

    Raises
    ------
    ValueError                          a width that is not positive, or a grid of too many cells
    """
    import xarray
    from scipy.interpolate import RegularGridInterpolator
    from scipy.ndimage import gaussian_filter

    widths = np.broadcast_to(np.asarray(fwhm, dtype=float), (3,))
    if not (np.isfinite(widths) & (widths > 0)).all():
        raise ValueError(f"fwhm = {fwhm}: give positive widths in um, one or three (x, y, z).")
    sigma = SIGMA * widths[::-1]  # z, y, x
    faces = [_ends(np.asarray(field[a].values, dtype=float)) for a in "zyx"]
    step = FINE * float(sigma.min()) if spacing is None else float(spacing)
    if not step > 0:
        raise ValueError(f"spacing = {spacing}: give a positive one in um.")
    counts = [max(2, math.ceil((hi - lo) / step)) for lo, hi in faces]
    if math.prod(counts) > MOST:
        raise ValueError(
            f"An even grid of {' x '.join(map(str, counts[::-1]))} cells is too large; give a wider spacing."
        )
    even = [lo + (np.arange(n) + 0.5) * (hi - lo) / n for (lo, hi), n in zip(faces, counts, strict=True)]
    h = np.array([(hi - lo) / n for (lo, hi), n in zip(faces, counts, strict=True)])
    other = [d for d in field.dims if d not in ("z", "y", "x")]
    stacked = field.transpose(*other, "z", "y", "x")
    values = stacked.values.reshape(-1, *stacked.shape[-3:])
    old = [np.asarray(field[a].values, dtype=float) for a in "zyx"]
    where = np.stack(np.meshgrid(*(np.clip(e, o[0], o[-1]) for e, o in zip(even, old, strict=True)),
                                 indexing="ij"), axis=-1)  # fmt: skip
    out = np.empty((len(values), *counts))
    for k, one in enumerate(values):
        sampled = RegularGridInterpolator(old, one)(where)
        out[k] = gaussian_filter(sampled, sigma / h, mode="reflect", truncate=CUT)
    coords = {d: stacked[d] for d in other if d in stacked.coords}
    coords |= {a: (a, e, {"units": "um"}) for a, e in zip("zyx", even, strict=True)}
    shape = (*stacked.shape[:-3], *counts)
    about = {**field.attrs, "fwhm_um": widths.tolist()}
    return xarray.DataArray(out.reshape(shape), coords, (*other, "z", "y", "x"), field.name, about)


def line_scan(
    field: xarray.DataArray, start: Sequence[float], end: Sequence[float], samples: int = 101
) -> Any:
    """A field along a straight line, between cell centres linear.

    Parameters
    ----------
    field : DataArray (..., z, y, x)
    start, end : (x, y, z), um          ends of the line
    samples : int                       points on it

    Returns
    -------
    xarray.DataArray (..., distance)    distance from `start` in um

    Raises
    ------
    ValueError                          ends outside the box, or the same; fewer than two samples
    """
    import xarray
    from scipy.interpolate import RegularGridInterpolator

    a, b = (np.asarray(p, dtype=float) for p in (start, end))
    if a.shape != (3,) or b.shape != (3,) or not np.isfinite([a, b]).all() or (a == b).all() or samples < 2:
        raise ValueError(
            f"A line from {start} to {end} with {samples} samples; give two places and two samples."
        )
    old = {axis: np.asarray(field[axis].values, dtype=float) for axis in "zyx"}
    for axis, ends in zip("xyz", zip(a, b, strict=True), strict=True):
        lo, hi = _ends(old[axis])
        for v in ends:
            if not lo - 1e-9 <= v <= hi + 1e-9:
                raise ValueError(
                    f"The line from {start} to {end} leaves the box, which is from {lo:g} to {hi:g} um along {axis}."
                )
    part = np.linspace(0.0, 1.0, samples)
    points = a + part[:, None] * (b - a)
    places = np.stack([np.clip(points[:, "xyz".index(d)], old[d][0], old[d][-1]) for d in "zyx"], axis=1)
    other = [d for d in field.dims if d not in ("z", "y", "x")]
    stacked = field.transpose(*other, "z", "y", "x")
    # The interpolator takes the axes of the places first; the others follow.
    values = np.moveaxis(stacked.values.reshape(-1, *stacked.shape[-3:]), 0, -1)
    read = RegularGridInterpolator(tuple(old[d] for d in "zyx"), values)(places).T
    coords = {d: stacked[d] for d in other if d in stacked.coords}
    coords["distance"] = ("distance", part * float(np.linalg.norm(b - a)), {"units": "um"})
    shape = (*stacked.shape[:-3], samples)
    return xarray.DataArray(read.reshape(shape), coords, (*other, "distance"), field.name, field.attrs)


def kymograph(
    results: Any,
    dye: str,
    ratio: float,
    start: Sequence[float],
    end: Sequence[float],
    fwhm: float | Sequence[float] | None = None,
    samples: int = 101,
    times: Any = None,
) -> Any:
    """dF/F0 along a line over the recorded times, seen through a lens.

    Parameters
    ----------
    results, dye, ratio, times : as in `delta_F`
    start, end, samples : as in `line_scan`
    fwhm : as in `blurred`, or None     without a lens

    Returns
    -------
    xarray.DataArray ([member,] time, distance)
    """
    frames = np.arange(results.dataset.sizes["time"]) if times is None else np.array(results._frames(times))
    rows = []
    for k in frames:  # one frame at a time: a blurred one may be large
        t = float(results.dataset["time"].values[k])
        field = delta_F(results, dye, ratio, [t])
        rows.append(line_scan(field if fwhm is None else blurred(field, fwhm), start, end, samples))
    import xarray

    return xarray.concat(rows, dim="time")


def _ends(centres: np.ndarray) -> tuple[float, float]:
    """Outer faces of the cells whose centres these are, the outermost cells taken as wide as the gap beside them.

    >>> _ends(np.array([0.5, 1.5, 2.5]))
    (0.0, 3.0)
    """
    if centres.size == 1:
        return float(centres[0]) - 0.5, float(centres[0]) + 0.5
    return (
        float(centres[0] - 0.5 * (centres[1] - centres[0])),
        float(centres[-1] + 0.5 * (centres[-1] - centres[-2])),
    )


def _of_members(results: Any, field: Any, dye: str, what: str) -> Any:
    """A number of the dye, one for each member where the field has members."""
    import xarray

    numbers = []
    for model in results.models:
        buffer = next(b for b in model.buffers if b.name == dye)
        rest = buffer.bound_at(model.ion(buffer.binds).rest)
        numbers.append(buffer.total if what == "total" else rest)
    if "member" not in field.dims:
        return numbers[0]
    return xarray.DataArray(numbers, dims="member")
