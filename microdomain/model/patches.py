"""Parts of a face of the box: where on it something sits."""

from __future__ import annotations

import math
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Pair, part


def _pair(given: Any, what: str, **limits: Any) -> tuple[float, float]:
    try:
        pair = tuple(given)
    except TypeError:
        pair = ()
    if len(pair) != 2:
        raise ValueError(f"{what} = {given!r}; expected two lengths in um, in the order of the axes.")
    first, second = (checks.number(v, what, "um", **limits) for v in pair)
    return first, second


@part()
class Rectangle:
    """A rectangle of a face.

    Parameters
    ----------
    centre : (float, float), um   along the face, in the order of the axes, in the box's coordinates
    size : (float, float), um     full widths
    """

    centre: Pair
    size: Pair

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre", _pair(self.centre, "Rectangle: centre"))
        object.__setattr__(self, "size", _pair(self.size, "Rectangle: size", above=0))

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(lower, upper) along both axes, um."""
        (a, b), (p, q) = self.centre, self.size
        return (a - p / 2, a + p / 2), (b - q / 2, b + q / 2)

    @property
    def area(self) -> float:
        """um^2"""
        return self.size[0] * self.size[1]

    def distance(self, p: float, q: float) -> float:
        """How far a point of the face is from it, um; 0 on it."""
        (a, b), (c, d) = self.ends
        return math.hypot(max(a - p, p - b, 0.0), max(c - q, q - d, 0.0))


@part()
class Circle:
    """A circular patch of a face, that a pump covers; a channel's round mouth is a `Disc`.

    Parameters
    ----------
    centre : (float, float), um   along the face, in the order of the axes, in the box's coordinates
    radius : float, um
    """

    centre: Pair
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre", _pair(self.centre, "Circle: centre"))
        object.__setattr__(self, "radius", checks.number(self.radius, "Circle: radius", "um", above=0))

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(lower, upper) along both axes, um."""
        (a, b), r = self.centre, self.radius
        return (a - r, a + r), (b - r, b + r)

    @property
    def area(self) -> float:
        """um^2"""
        return math.pi * self.radius**2

    def distance(self, p: float, q: float) -> float:
        """How far a point of the face is from it, um; 0 on it."""
        return max(math.dist(self.centre, (p, q)) - self.radius, 0.0)
