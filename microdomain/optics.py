"""What a microscope would see of an indicator dye: dF/F, the blur of a lens, line scans and kymographs.

A dye is a `Buffer` of the model like any other, recorded with ``Record(fields=["Fluo-5F"])``.  Free dye
shines with brightness 1, dye with calcium with `ratio` (Fmax/Fmin); the light is taken to be linear in both.
The lens is a Gaussian of given full widths at half maximum (Zhang, Zerubia & Olivo-Marin, Appl Opt 46:1819,
2007: within a few per cent of a confocal's or a two-photon's own).  Beyond a wall the dye goes on as its
mirror image, so an even dye stays even and the lens loses no light.  A cell's light is weighed by the exact
integral of the Gaussian over the cell, axis by axis, so no grid is too coarse or too uneven for a lens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.network_lay import cell_factors

if TYPE_CHECKING:
    import xarray

__all__ = ["blurred", "delta_F", "kymograph", "line_scan"]

#: A Gaussian's standard deviation in parts of its full width at half maximum.
SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
#: Mirror images are counted as far as so many sigma.
CUT = 9.0


def delta_F(results: Any, dye: str, ratio: float, times: Any = None) -> xarray.DataArray:
    """Fluorescence change dF/F0 of a dye at every cell, F0 being that of the dye at rest.

    F = free + ratio bound, so dF/F0 = (ratio - 1)(bound - bound_0) / (total + (ratio - 1) bound_0).  A dye
    in a layer or with a profile has its local total; where there is none of it, dF/F0 is NaN.

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
    ValueError                      a dye that is not there or was not recorded; one with several bound forms,
                                    or whose forms diffuse unlike each other; a ratio that is none
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise ValueError(f"ratio = {ratio}: give Fmax/Fmin of the dye, above 0, such as 15.")
    if dye in {c.name for c in results.model.complexes}:
        raise ValueError(
            f"'{dye}' has several bound forms, and delta_F knows one brightness of bound dye; record its "
            "forms and weigh them yourself."
        )
    if dye not in {b.name for b in results.model.buffers}:
        known = ", ".join(repr(b.name) for b in results.model.buffers) or "none"
        raise ValueError(f"No buffer '{dye}' in this model; it has {known}.")
    if dye not in results.dataset:
        raise ValueError(f"'{dye}' was not recorded; ask for it with Record(fields=['{dye}']).")
    one = results.model.buffer(dye)
    if one.D_bound not in (None, one.D):
        raise ValueError(
            f"Free and bound '{dye}' diffuse unlike each other (D = {one.D:g}, D_bound = {one.D_bound:g} "
            "um^2/ms), so their sum varies, and delta_F takes it for constant. Leave D_bound out."
        )
    bound = results.dataset[dye]
    if times is not None:
        bound = bound.isel(time=results._frames(times))
    rest, total = (_of_members(results, bound, dye, what) for what in ("rest", "total"))
    out = (ratio - 1.0) * (bound - rest) / (total + (ratio - 1.0) * rest)
    box = [[float(f[0]), float(f[-1])] for f in results.grid.faces]
    about = {"units": "1", "long_name": f"dF/F0 of {dye}", "ratio": float(ratio), "box": box}
    return out.rename("dF_F").assign_attrs(about)


def blurred(field: xarray.DataArray, fwhm: float | Sequence[float]) -> xarray.DataArray:
    """A field as a lens with a Gaussian point-spread function shows it.

    Parameters
    ----------
    field : DataArray (..., z, y, x)    such as `delta_F` gave it; on any tensor grid
    fwhm : float or (x, y, z), um       full widths at half maximum of the lens; one for all axes

    Returns
    -------
    xarray.DataArray (..., z, y, x)     at the same cell centres

    Raises
    ------
    ValueError                          a width that is not positive
    """
    values = _light(field)
    for k, (axis, sigma) in enumerate(zip("xyz", _sigmas(fwhm), strict=True)):
        W = _lens(np.asarray(field[axis].values, dtype=float), _faces(field, axis), sigma)
        values = np.moveaxis(np.moveaxis(values, -1 - k, -1) @ W.T, -1, -1 - k)
    order = [d for d in field.dims if d not in ("z", "y", "x")] + ["z", "y", "x"]
    return field.transpose(*order).copy(data=values).transpose(*field.dims)


def line_scan(
    field: xarray.DataArray,
    start: Sequence[float],
    end: Sequence[float],
    fwhm: float | Sequence[float] | None = None,
    samples: int = 101,
) -> xarray.DataArray:
    """A field along a straight line, seen through a lens.

    Parameters
    ----------
    field : DataArray (..., z, y, x)
    start, end : (x, y, z), um          ends of the line
    fwhm : as in `blurred`, or None     without a lens: between cell centres linear
    samples : int                       points on it

    Returns
    -------
    xarray.DataArray (..., distance)    distance from `start` in um

    Raises
    ------
    ValueError                          ends outside the box, or the same; fewer than two samples
    """
    import xarray

    a, b = (np.asarray(p, dtype=float) for p in (start, end))
    if a.shape != (3,) or b.shape != (3,) or not np.isfinite([a, b]).all() or (a == b).all() or samples < 2:
        raise ValueError(
            f"A line from {start} to {end} with {samples} samples: give two places and at least two samples."
        )
    part = np.linspace(0.0, 1.0, samples)
    points = a + part[:, None] * (b - a)
    sigmas = (None,) * 3 if fwhm is None else _sigmas(fwhm)
    weights = []
    for k, axis in enumerate("xyz"):
        faces = _faces(field, axis)
        if not (faces[0] - 1e-9 <= min(a[k], b[k]) and max(a[k], b[k]) <= faces[-1] + 1e-9):
            raise ValueError(
                f"The line from {start} to {end} leaves the box, which reaches from {faces[0]:g} to "
                f"{faces[-1]:g} um along {axis}."
            )
        centres, sigma = np.asarray(field[axis].values, dtype=float), sigmas[k]
        weights.append(_hats(points[:, k], centres) if sigma is None else _lens(points[:, k], faces, sigma))
    wx, wy, wz = weights
    along_x = _light(field) @ wx.T  # (..., z, y, sample)
    along_y = (along_x * wy.T).sum(axis=-2)
    read = (along_y * wz.T).sum(axis=-2)
    other = [d for d in field.dims if d not in ("z", "y", "x")]
    coords: dict[Any, Any] = {d: field[d] for d in other if d in field.coords}
    coords["distance"] = ("distance", part * float(np.linalg.norm(b - a)), {"units": "um"})
    return xarray.DataArray(read, coords, (*other, "distance"), field.name, field.attrs)


def kymograph(
    results: Any,
    dye: str,
    ratio: float,
    start: Sequence[float],
    end: Sequence[float],
    fwhm: float | Sequence[float] | None = None,
    samples: int = 101,
    times: Any = None,
) -> xarray.DataArray:
    """dF/F0 along a line over the recorded times, seen through a lens.

    Parameters
    ----------
    results, dye, ratio, times : as in `delta_F`
    start, end, fwhm, samples : as in `line_scan`

    Returns
    -------
    xarray.DataArray ([member,] time, distance)
    """
    import xarray

    frames = results._frames(times)
    known = results.dataset["time"].values[frames]
    rows = [line_scan(delta_F(results, dye, ratio, [t]), start, end, fwhm, samples) for t in known]
    whole = xarray.concat(rows, dim="time")
    return whole.transpose(..., "time", "distance")


def _light(field: Any) -> np.ndarray:
    """Values as (..., z, y, x); where a frame has places without dye (NaN), they are dark."""
    order = [d for d in field.dims if d not in ("z", "y", "x")] + ["z", "y", "x"]
    values = np.array(field.transpose(*order).values, dtype=float)
    dark = np.isnan(values)
    values[dark & ~dark.all(axis=(-3, -2, -1), keepdims=True)] = 0.0
    return values


def _sigmas(fwhm: Any) -> tuple[float, float, float]:
    widths = np.asarray(fwhm, dtype=float)
    if widths.shape not in ((), (3,)) or not (np.isfinite(widths) & (widths > 0)).all():
        raise ValueError(f"fwhm = {fwhm}: give a positive width in um, one or three (x, y, z).")
    x, y, z = (SIGMA * np.broadcast_to(widths, (3,))).tolist()
    return x, y, z


def _faces(field: Any, axis: str) -> np.ndarray:
    """Faces of the cells: centres stand in their middle, and the box is known or half a gap away."""
    centres = np.asarray(field[axis].values, dtype=float)
    if "box" not in field.attrs:
        gap = np.diff(centres) if centres.size > 1 else np.ones(1)
        middle = 0.5 * (centres[1:] + centres[:-1])
        return np.concatenate([[centres[0] - 0.5 * gap[0]], middle, [centres[-1] + 0.5 * gap[-1]]])
    lo, hi = field.attrs["box"]["xyz".index(axis)]
    faces = [float(lo)]
    for c in centres[:-1]:
        faces.append(2.0 * float(c) - faces[-1])
    return np.array([*faces, float(hi)])


def _lens(points: np.ndarray, faces: np.ndarray, sigma: float) -> np.ndarray:
    """Share of every cell in what is seen at points: array (P, n), rows sum to 1.

    The Gaussian's integral over the cell and over its images in both walls.
    """
    from scipy.special import erf

    lo, length = faces[0], faces[-1] - faces[0]
    out = np.zeros((points.size, faces.size - 1))
    reach = math.ceil(CUT * sigma / length) + 1
    for n in range(-reach, reach + 1):
        # Whole periods are 2 L; the mirror image of a face f is 2 lo - f.
        for image in (faces + 2 * n * length, 2 * lo - faces + 2 * n * length):
            step = erf((image[None, :] - points[:, None]) / (math.sqrt(2.0) * sigma))
            out += 0.5 * np.abs(np.diff(step, axis=1))
    return out


def _hats(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Weights of linear interpolation between centres, constant beyond the outermost: array (P, n)."""
    return np.stack([np.interp(points, centres, one) for one in np.eye(centres.size)], axis=1)


def _of_members(results: Any, field: Any, dye: str, what: str) -> Any:
    """A number of the dye, one for each member where the field has members, and cell by cell if it varies."""
    import xarray

    numbers = []
    for model in results.models:
        buffer = next(b for b in model.buffers if b.name == dye)
        rest = buffer.bound_at(model.ion(buffer.binds).rest)
        part = cell_factors(results.grid, buffer.layer, buffer.profile)
        numbers.append((buffer.total if what == "total" else rest) * (1.0 if part is None else part))
    here = () if np.ndim(numbers[0]) == 0 else ("z", "y", "x")
    if "member" not in field.dims:
        return xarray.DataArray(numbers[0], dims=here)
    return xarray.DataArray(np.array(numbers), dims=("member", *here))
