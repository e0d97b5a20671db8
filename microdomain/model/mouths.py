"""Channels with a finite mouth."""

from __future__ import annotations

from dataclasses import dataclass

from microdomain.model import checks


@dataclass(frozen=True)
class Disc:
    """A round mouth through which the flux enters evenly.

    At its centre the concentration stays finite: J / (pi radius D) above rest, without buffers.

    Parameters
    ----------
    radius : float, um

    >>> Disc(0.05).radius
    0.05
    """

    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", checks.number(self.radius, "Disc: radius", "um", above=0))
