"""One set of colour maps and words for every picture, so that the same colour means the same thing.

All maps are perceptually even and safe for colour-blind readers, and bright where calcium is high:
a mouth glows in a map of [Ca] and in one of E_Ca alike.  What has a direction, a driving force or a
current, is blue where it is inward, red where it is outward, and white at 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microdomain.report_text import STEADY, milliseconds
from microdomain.view.fields import CONCENTRATION as FREE
from microdomain.view.fields import CURRENT, FORCE, FORM, OCCUPANCY

if TYPE_CHECKING:
    from microdomain.model import Channel
    from microdomain.view.plane import Plane

CONCENTRATION, POTENTIAL, DIRECTION, PART = "plasma", "viridis_r", "RdBu_r", "cividis"


def map_of(plane: Plane) -> str:
    """Name of the colour map."""
    if plane.diverging:
        return DIRECTION
    if plane.kind == OCCUPANCY:
        return PART
    return CONCENTRATION if plane.unit == "uM" else POTENTIAL


def name_of(plane: Plane) -> str:
    """The field as pictures write it."""
    if plane.kind == OCCUPANCY:
        return f"bound {plane.field}"
    if plane.kind == FORCE:
        return plane.field.replace("V-", "V - ", 1)
    return f"[{plane.field}]" if plane.kind in ("", FREE, FORM) and plane.unit == "uM" else plane.field


def label_of(plane: Plane) -> str:
    """What stands on the colour bar, with the unit."""
    return f"{name_of(plane)} ({unit_of(plane.unit)})"


def length_of(um: float) -> str:
    """A length as pictures write it."""
    return f"{um:.4g} um" if um >= 0.1 else f"{1e3 * um:.4g} nm"


def unit_of(unit: str) -> str:
    """A unit as bars and axes write it."""
    return "part" if unit == "1" else unit


def title_of(plane: Plane) -> str:
    """What a picture shows, in a line: field, place, time, member."""
    level = f"{1e3 * plane.level:g} nm" if 0 < abs(plane.level) < 1 else f"{plane.level:g} um"
    where = "xyz"[plane.axis] + " = " + ("0" if plane.level == 0 else level)
    when = milliseconds(plane.time)
    line = f"{name_of(plane)} at {where}, {when if plane.time >= STEADY else f't = {when}'}"
    return f"{line}, {plane.member}" if plane.member else line


def lines_of(plane: Plane) -> list[float]:
    """Values of the contour lines: every 10 mV, 1-3-10 uM, or as the bar; none where it is nearly flat."""
    low, high = plane.limits
    if plane.logarithmic:
        values = [m * 10.0**k for k in range(-6, 7) for m in (1, 3)]
    elif plane.kind == CURRENT or plane.unit in ("1", "uM"):
        values = ticks_of(plane)
    else:
        values = [10.0 * k for k in range(-40, 41)]
    margin = 1.02 if plane.logarithmic else 1.0
    found = [v for v in values if low * margin < v < high]
    return found if np.nanmax(plane.values) - np.nanmin(plane.values) > 1e-3 * abs(high) else []


def number_of(plane: Plane, value: float) -> str:
    """A value of the field as bars and lines name it."""
    if plane.logarithmic or plane.unit in ("1", "uM") or value == 0:
        return f"{value:.12g}"
    return f"{value:+.3g}" if plane.kind == CURRENT else f"{value:+.0f}"


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
    steps_of_ten = [m * 10.0**k for k in range(-4, 6) for m in (1, 2, 5)]
    whole = [s for s in steps_of_ten if s >= 1] if plane.unit == "mV" else steps_of_ten
    step = next((s for s in whole if (high - low) / s <= 8), whole[-1])
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [round(step * k, 9) for k in range(first, last + 1)]


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
        (spot, _radius(channel, 0.012 * width, room), is_open)
        for spot, channel, is_open in zip(spots, plane.channels, plane.open, strict=True)
    ]


def _radius(channel: Channel, least: float, room: float) -> float:
    """A round mouth is drawn as large as it is; a pore at least so large that it is seen."""
    return min(max(channel.pore, least), room) if channel.mouth is None else channel.mouth.radius
