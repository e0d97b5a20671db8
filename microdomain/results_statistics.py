"""Mean, spread and quantiles over the members of an ensemble, a frame at a time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

#: Where a variable is looked for.
PARTS = ("root", "mouths", "probes")


def statistics(
    parts: Mapping[str, Any], name: str, quantiles: Sequence[float], part: str | None = None
) -> xarray.Dataset:
    """Statistics of one variable over the members that did not fail.

    Only one frame of all members is in memory at a time, so a store may be far larger than memory.

    Parameters
    ----------
    parts : dict                  "root", "mouths", "probes" -> xarray.Dataset
    name : str                    a variable of one of them
    quantiles : sequence of float between 0 and 1
    part : str, optional          which of them, where several have the variable; the first when left out

    Returns
    -------
    xarray.Dataset                mean, sd (of a sample: n - 1), quantile, and count of members

    Raises
    ------
    ValueError                    no such variable, or a quantile outside 0 to 1
    """
    import xarray

    places = [p for p in PARTS if p in parts and name in parts[p] and part in (None, p)]
    if not places:
        known = [str(n) for p in PARTS if p in parts for n in parts[p].data_vars]
        raise ValueError(
            f"No variable '{name}'{f' in {part}' if part else ''}; there are {', '.join(known)}."
        )
    levels = np.atleast_1d(np.asarray(quantiles, dtype=float))
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"quantiles = {quantiles}: give numbers between 0 and 1.")
    whole = parts[places[0]][name]
    along = whole.dims.index("member") - 1  # behind time
    shape = tuple(n for d, n in whole.sizes.items() if d != "member")
    mean, sd = np.full(shape, np.nan), np.full(shape, np.nan)
    levels_at = np.full((levels.size, *shape), np.nan)
    count = np.zeros(shape, dtype=int)
    for k in range(whole.sizes["time"]):
        frame = whole.isel(time=k).values
        count[k] = np.isfinite(frame).sum(axis=along)
        with warnings.catch_warnings():  # where no member has a value the answer is NaN
            warnings.simplefilter("ignore", RuntimeWarning)
            mean[k] = np.nanmean(frame, axis=along)
            levels_at[:, k] = np.nanquantile(frame, levels, axis=along)
            if frame.shape[along] > 1:
                sd[k] = np.nanstd(frame, axis=along, ddof=1)
    dims = tuple(d for d in whole.dims if d != "member")
    units = {"units": whole.attrs.get("units", "")}
    coords = {n: c for n, c in whole.coords.items() if "member" not in c.dims}
    return xarray.Dataset(
        {
            "mean": (dims, mean, units),
            "sd": (dims, sd, units),
            "quantile": (("level", *dims), levels_at, units),
            "count": (dims, count),
        },
        coords={**coords, "level": levels},
        attrs={"variable": name, "long_name": whole.attrs.get("long_name", name)},
    )
