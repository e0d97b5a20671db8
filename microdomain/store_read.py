"""A group of a store as a dataset, cut to the frames that count."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.frames import counted_frames, leftovers_ignored, listed, open_root

if TYPE_CHECKING:
    import xarray


def read(path: str | Path, group: str = "/") -> xarray.Dataset:
    """A group of a store as a dataset; arrays are fetched from disk when they are used.

    Parameters
    ----------
    path : str or Path            a store, complete or not; one that is being written will do
    group : str                   "/" for the root, else the name given to `Writer.put` or `append`

    Returns
    -------
    xarray.Dataset                without frames that were not written to the end

    Raises
    ------
    FileNotFoundError             there is nothing at the path
    ValueError                    the path is no store of ours, or has no such group
    """
    import xarray

    root = open_root(path)
    inside = group.strip("/")
    if inside and inside not in groups(path):
        raise ValueError(f"No group '{group}' in '{path}'; it has {listed(groups(path))}.")
    node: Any = root[inside] if inside else root
    with leftovers_ignored():
        counts, crooked = counted_frames(node)
        lazily = partial(
            xarray.open_dataset, path, engine="zarr", group=inside, consolidated=False, chunks=None
        )
        if crooked:
            # Arrays of unequal length make no dataset: each is opened alone and cut to the frames that count.
            names = set(node.array_keys())
            parts = [lazily(drop_variables=names - {name}) for name in sorted(names)]
            cut = [part.isel({d: slice(n) for d, n in counts.items() if d in part.dims}) for part in parts]
            data = xarray.merge(cut, compat="no_conflicts", join="exact", combine_attrs="override")
        else:
            data = lazily()
    for name in [name for name, variable in data.variables.items() if variable.dtype.kind == "T"]:
        text = data[name]  # from NumPy's newer kind of text to the one that every tool knows
        data[name] = text.dims, np.array(text.values.tolist(), dtype=str).reshape(text.shape), text.attrs
    return data


def open_tree(path: str | Path) -> xarray.DataTree:
    """A store with everything in it as an `xarray.DataTree`; arrays are fetched from disk when they are used.

    `xarray.open_datatree` wants a group to share the time axis of the group above it, and refuses a store
    whose mouths were recorded more often than its fields.  Here all parts stand side by side.

    Parameters
    ----------
    path : str or Path            a store that `simulate(out=...)` or `Results.save` wrote

    Returns
    -------
    xarray.DataTree               "fields" (the root of the store), "mouths", "solver", ...; a group below
                                  another is named "solver_history"; the root's attributes say whether the
                                  store is `complete`

    Raises
    ------
    FileNotFoundError             there is nothing at the path
    ValueError                    the path is no store of ours
    """
    import xarray

    fields = read(path)
    parts = {"fields": fields} | {group.replace("/", "_"): read(path, group) for group in groups(path)}
    return xarray.DataTree.from_dict({"/": xarray.Dataset(attrs=fields.attrs), **parts})


def groups(path: str | Path) -> tuple[str, ...]:
    """Names of the groups below the root of a store, sorted.

    Parameters
    ----------
    path : str or Path            a store

    Returns
    -------
    tuple of str                  such as ("mouths", "solver", "solver/history")
    """
    import zarr

    root = open_root(path)
    with leftovers_ignored():
        found = [name for name, node in root.members(max_depth=None) if isinstance(node, zarr.Group)]
    return tuple(sorted(found))
