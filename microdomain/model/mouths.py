"""Channels with a finite mouth, and the points that stand for one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from microdomain.model import checks

Point = tuple[float, float, float]
#: Rings and points of each that stand for a disc on the grid.
RINGS, EACH = 3, 8


@dataclass(frozen=True)
class Disc:
    """A round mouth of a channel, through which the flux enters evenly.

    At its centre the concentration stays finite: J / (pi radius D) above rest, without buffers.  Where on
    a face a pump sits says `Circle`.

    Parameters
    ----------
    radius : float, um

    >>> Disc(0.05).radius
    0.05
    """

    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", checks.number(self.radius, "Disc: radius", "um", above=0))


def circle(channel: Any, radius: float, count: int, turn: float = 0.0) -> list[Point]:
    """Points on a circle about a channel, in the plane of its face; `turn` in parts of their spacing."""
    along = [k for k in range(3) if not channel.normal[k]]
    out = []
    for k in range(count):
        angle = 2 * math.pi * (k + turn) / count
        point = list(channel.position)
        point[along[0]] += radius * math.cos(angle)
        point[along[1]] += radius * math.sin(angle)
        out.append((point[0], point[1], point[2]))
    return out


def mouth_points(channel: Any) -> list[Point]:
    """Points of equal share that stand for a channel's mouth: the channel itself, or points on its disc."""
    if channel.mouth is None:
        return [channel.position]
    # Rings at the Gauss nodes of r^2 would need weights; rings of equal area have equal shares.
    radii = [channel.mouth.radius * math.sqrt((ring + 0.5) / RINGS) for ring in range(RINGS)]
    return [p for ring, radius in enumerate(radii) for p in circle(channel, radius, EACH, 0.5 * (ring % 2))]
