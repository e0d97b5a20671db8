"""Parts of a face of the box: where on it something sits."""

from __future__ import annotations

import math
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Pair, part
from microdomain.model.membrane import FACES


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


def covers(patch: Rectangle | Circle | None, place: tuple[float, ...]) -> bool:
    """Whether a point of the face (two coordinates, um) lies on a patch, its edge included."""
    if patch is None:
        return True
    if isinstance(patch, Circle):
        return math.dist(place, patch.centre) <= patch.radius
    return all(low <= p <= high for p, (low, high) in zip(place, patch.ends, strict=True))


def check_patch(who: str, face: str, patch: Rectangle | Circle | None, box: Any) -> None:
    """Refuse a patch that reaches beyond its face; `who` begins the sentence."""
    if patch is None:
        return
    axes = [a for a in range(3) if a != FACES.index(face) // 2]
    for axis, (low, high) in zip(axes, patch.ends, strict=True):
        slack = 1e-9 * (box[axis][1] - box[axis][0])
        if low < box[axis][0] - slack or high > box[axis][1] + slack:
            raise ValueError(
                f"{who}: its patch reaches from {low:g} to {high:g} um along {'xyz'[axis]}, "
                f"beyond its face {face!r} ({box[axis][0]:g} to {box[axis][1]:g} um). "
                "Make it smaller or move its centre."
            )


@part()
class HeldPatch:
    """A patch of a closed face that is held at rest, as `Held` holds a whole one: a pipette, a capillary.

    Of second order; points and probes read the slope beside it, whole fields at cell centres do not.

    Parameters
    ----------
    face : str                    "x-" to "z+"; the wall there must be closed
    patch : Rectangle or Circle, optional     the whole face when left out
    name : str

    >>> HeldPatch("z+", Circle((0, 0), 0.1)).patch.radius
    0.1
    """

    face: str
    patch: Rectangle | Circle | None = None
    name: str = "patch"

    def __post_init__(self) -> None:
        checks.name(self.name, "HeldPatch")
        if self.face not in FACES:
            raise ValueError(
                f"HeldPatch {self.name!r}: no face {self.face!r}; the faces are {', '.join(FACES)}."
            )
        if self.patch is not None and not isinstance(self.patch, Rectangle | Circle):
            raise TypeError(
                f"HeldPatch {self.name!r}: patch = {self.patch!r}; expected Rectangle(centre, size), "
                "Circle(centre, radius), or None for the whole face."
            )
