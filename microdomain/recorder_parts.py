"""What a recorder has written down, as datasets; and one ledger of all members."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain import store
from microdomain.batch import Batch
from microdomain.ledger import Ledger

if TYPE_CHECKING:
    import xarray


def parts_on_disk(path: Path, groups: Sequence[str]) -> dict[str, xarray.Dataset]:
    """The root and groups of a store that is still being written."""
    return {"root": store.read(path)} | {group: store.read(path, group) for group in groups}


def part_in_memory(
    head: dict[str, dict[str, Any]], rows: Sequence[tuple[float, dict[str, Any]]]
) -> xarray.Dataset:
    """A dataset of what does not grow (`head`) and of frames (`rows`: time and variables)."""
    import xarray

    data = dict(head["variables"])
    for name in rows[0][1] if rows else ():
        dims, _, attrs = rows[0][1][name]
        dims = (dims,) if isinstance(dims, str) else tuple(dims)
        data[name] = (("time", *dims), np.stack([r[1][name][1] for r in rows]), attrs)
    coords = dict(head["coords"])
    if rows:
        coords["time"] = ("time", np.array([r[0] for r in rows]), {"units": "ms"})
    return xarray.Dataset(data, coords=coords, attrs=head["attrs"])


def collected_ledger(batches: Sequence[Batch]) -> Ledger:
    """One ledger from those of all batches, members in order."""
    parts = [b.ledger() for b in batches]
    first = parts[0]
    joined = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in (
            "start", "influx", "walls", "uptake", "end", "corrections", "steps", "rejected", "negative",
            "lowest", "largest_error",
        )
    }  # fmt: skip
    return Ledger(ions=first.ions, **joined, dtype=first.dtype)
