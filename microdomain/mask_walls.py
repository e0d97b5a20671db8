"""Pumps on walls that obstacles touch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from microdomain.mask import Mask


def in_the_open(pumps: Any, mask: Mask | None) -> Any:
    """Pumps that act where their wall is open.

    In a cell of fluid part phi behind a face with open part a they carry a/phi of what they would carry, per
    area and phi.  A pump draws on the two cells beside the wall, so where the second differs from the first
    (a surface that is not at right angles to the wall) it rests: no ion is lost.

    Parameters
    ----------
    pumps : Pumps
    mask : Mask or None

    Returns
    -------
    Pumps
    """
    if mask is None or not pumps.sheets:
        return pumps
    sheets, acting, whole = [], 0.0, 0.0
    for s in pumps.sheets:
        first, second = s.layer(mask.phi, 0), s.layer(mask.phi, 1)
        # The face's own open part: the outermost along the sheet's axis.
        opened = s.layer(mask.opened[s.axis], 0)
        even = (first > 0) & (np.abs(first - second) < 1e-12)
        part = np.where(even, opened / np.where(first > 0, first, 1.0), 0.0)
        shares = s.area * opened * s.cover
        whole, acting = whole + float(shares.sum()), acting + float(shares[..., even].sum())
        sheets.append(replace(s, cover=s.cover * part, area=s.area * first, whole=False))
    return replace(pumps, sheets=tuple(sheets), resting=1.0 - acting / whole if whole > 0 else 1.0)


def still_pumps(pumps: Any) -> str:
    """A sentence where obstacles still more than 2 % of the pumps' open area; empty where they do not."""
    if pumps.resting <= 0.02:
        return ""
    return (
        f"Pumps act on the flat and open parts of their walls only: beside the obstacles of this model "
        f"{100 * pumps.resting:.0f} % of their open area rests. Finer cells there lessen it in proportion; "
        "surfaces that meet the wall at right angles take nothing away."
    )
