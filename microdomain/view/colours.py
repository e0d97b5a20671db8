"""One set of colour maps and words for every picture, so that the same colour means the same thing.

Both maps are perceptually even and safe for colour-blind readers, and bright where calcium is high:
a mouth glows in a map of [Ca] and in one of E_Ca alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microdomain.report_text import STEADY, milliseconds

if TYPE_CHECKING:
    from microdomain.view.plane import Plane

CONCENTRATION, POTENTIAL = "plasma", "viridis_r"


def map_of(plane: Plane) -> str:
    """Name of the colour map."""
    return CONCENTRATION if plane.logarithmic else POTENTIAL


def label_of(plane: Plane) -> str:
    """What stands on the colour bar, with the unit."""
    return f"[{plane.field}] (uM)" if plane.logarithmic else f"{plane.field} (mV)"


def title_of(plane: Plane) -> str:
    """What a picture shows, in a line: field, place, time, member."""
    name = f"[{plane.field}]" if plane.logarithmic else plane.field
    level = f"{1e3 * plane.level:g} nm" if 0 < abs(plane.level) < 1 else f"{plane.level:g} um"
    where = "xyz"[plane.axis] + " = " + ("0" if plane.level == 0 else level)
    when = milliseconds(plane.time)
    line = f"{name} at {where}, {when if plane.time >= STEADY else f't = {when}'}"
    return f"{line}, {plane.member}" if plane.member else line


def lines_of(plane: Plane) -> list[float]:
    """Values of the contour lines: every 10 mV, or 1-3-10 uM; none where the field is nearly flat."""
    low, high = plane.limits
    if plane.logarithmic:
        values = [m * 10.0**k for k in range(-6, 7) for m in (1, 3)]
    else:
        values = [10.0 * k for k in range(-40, 41)]
    margin = 1.02 if plane.logarithmic else 1.0
    found = [v for v in values if low * margin < v < high]
    return found if np.ptp(plane.values) > 1e-3 * abs(high) else []


def number_of(plane: Plane, value: float) -> str:
    """A value of the field as bars and lines name it."""
    return f"{value:.12g}" if plane.logarithmic else f"{value:+.0f}"


def ticks_of(plane: Plane) -> list[float]:
    """Values that the colour bar names: round ones inside its limits."""
    low, high = plane.limits
    if plane.logarithmic:
        steps: tuple[tuple[float, ...], ...] = ((1,), (1, 3), (1, 2, 5))
        for each in steps:
            found = [m * 10.0**k for k in range(-6, 7) for m in each if low <= m * 10.0**k <= high]
            if len(found) >= 4:
                return found
        return found or [low, high]
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if (high - low) / s <= 8 or s == 100)
    return [step * k for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def rings_of(plane: Plane, width: float) -> list[tuple[tuple[float, float], float, bool]]:
    """Glyphs of the channels in a window `width` um wide: centre (um), radius (um), whether it is open.

    A ring is at least as wide as the pore distance, wide enough to be seen, and never meets its neighbour.
    """
    from scipy.spatial import cKDTree

    spots = [(c.position[plane.across[0]], c.position[plane.across[1]]) for c in plane.channels]
    room = np.inf
    places = np.unique(np.array(spots).round(9), axis=0) if spots else np.empty((0, 2))
    if len(places) > 1:
        room = 0.3 * float(cKDTree(places).query(places, 2)[0][:, 1].min())
    return [
        (spot, min(max(channel.pore, 0.012 * width), room), is_open)
        for spot, channel, is_open in zip(spots, plane.channels, plane.open, strict=True)
    ]
