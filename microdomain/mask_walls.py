"""Pumps on walls that obstacles touch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from microdomain.mask import Mask


def in_the_open(pumps: Any, mask: Mask | None) -> Any:
    """Pumps that act where their wall is open.

    Behind a face with the open part a they draw on a cell of fluid part phi::

        du0/dt -= a/phi J/h0

    The wall value and the ghost need the two cells beside the wall to be cut alike, as they are where a
    surface meets the wall at right angles.  Where it is slanted J is taken at the first cell's average,
    without a ghost: an error of first order in h in a part of the face that itself shrinks with h.
    (Tried and left: pumps that rest there; a fifth of a dome's face did on cells of 25 nm.)

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
    sheets = []
    for s in pumps.sheets:
        first, second = s.layer(mask.phi, 0), s.layer(mask.phi, 1)
        # The face's own open part: the outermost along the sheet's axis.
        opened = s.layer(mask.opened[s.axis], 0)
        alike = (first > 0) & (np.abs(first - second) < 1e-12)
        part = np.where(first > 0, opened / np.where(first > 0, first, 1.0), 0.0)
        # The free volume is in `part`, for fluxes into it; the slope at the wall is that of the fluid's part.
        alpha = 1.0 if mask.media is None else s.layer(mask.media.alpha, 0)
        sheets.append(
            replace(
                s, cover=s.cover * part, area=s.area * first, whole=False,
                even=alike.astype(float), part=part * alpha,
            )
        )  # fmt: skip
    return replace(pumps, sheets=tuple(sheets))
