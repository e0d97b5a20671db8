"""What colours span where a picture is one of many: from rest to the highest there is at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microdomain.view.fields import CURRENT, FORCE, FORM, OCCUPANCY, Field
from microdomain.view.plane import FADED

if TYPE_CHECKING:
    from microdomain.results import Results

#: Frames that are looked through for the highest concentration of a form.
LOOKED_AT = 8


def span_of(results: Results, field: Field, member: int | str, shown: np.ndarray) -> tuple[float, float]:
    """Values that colours span at all times: from rest to the highest mouth.

    Parameters
    ----------
    results : Results
    field : Field
    member : int or str                a number, or "mean" or "sd" over all
    shown : array                      the values now; what an s.d. spans is not known before

    Returns
    -------
    (low, high)
    """
    if member == "sd":
        return 0.0, max(float(shown.max()), 1e-9)
    if field.kind == OCCUPANCY:
        return 0.0, 1.0
    if field.kind == FORM:
        high = _highest(results, field.name, member)
        return FADED * high, high
    from microdomain.report import of_member

    most = field.ion.rest
    first = member if isinstance(member, int) else 0
    mine = [k for k, c in enumerate(results.models[first].resolved_channels) if c.ion == field.ion.name]
    if mine:
        mouths = of_member(results.mouths["concentration"], first)
        most = float(np.nanmax(mouths.isel(channel=mine).values))
    ends = field.of(np.array([field.ion.rest, max(most, 1.05 * field.ion.rest)]))
    low, high = float(ends.min()), float(ends.max())
    if field.kind in (FORCE, CURRENT):
        most = max(abs(low), abs(high))
        return -most, most
    return low, high


def _highest(results: Results, name: str, member: int | str) -> float:
    """Highest average over a cell of a recorded species, in some frames from the first to the last, uM."""
    recorded = results._parts["root"][name]
    if "member" in recorded.dims and isinstance(member, int):
        recorded = recorded.isel(member=member)
    count = recorded.sizes["time"]
    some = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).round().astype(int))
    highest = max(float(np.nanmax(recorded.isel(time=int(k)).values)) for k in some)
    return highest if highest > 0 else 1.0
