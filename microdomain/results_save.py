"""A result's datasets, written to a store frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microdomain import store


def write(parts: Mapping[str, Any], path: str | Path, overwrite: bool, complete: bool) -> Path:
    """Write datasets to a new store.

    Parameters
    ----------
    parts : dict                  "root" and the groups' names -> xarray.Dataset
    path : str or Path
    overwrite : bool              replace a store that stands there
    complete : bool               whether the run came to its end

    Returns
    -------
    Path
    """
    for part in parts.values():
        part.load()  # a result that was opened from this very path must not delete what it has not read
    with store.create(path, overwrite=overwrite) as out:
        for name, part in parts.items():
            group = "/" if name == "root" else name
            growing = {n: v for n, v in part.data_vars.items() if v.dims[:1] == ("time",)}
            fixed = {n: v for n, v in part.data_vars.items() if n not in growing}
            coords = {n: _stored(c) for n, c in part.coords.items() if n != "time"}
            attrs = {k: v for k, v in part.attrs.items() if k not in ("complete", "microdomain_store")}
            out.put(group, {n: _stored(v) for n, v in fixed.items()}, attrs=attrs, coords=coords)
            for k in range(part.sizes.get("time", 0)):
                frame = {n: (v.dims[1:], v.isel(time=k).values, v.attrs) for n, v in growing.items()}
                out.append(group, frame, time=float(part["time"][k]))
        out.close(complete=complete)
    return Path(path)


def _stored(variable: Any) -> tuple[Any, ...]:
    values = variable.values
    if values.dtype.kind == "O":
        values = values.astype(str)
    return (variable.dims, values, dict(variable.attrs))
