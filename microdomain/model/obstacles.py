"""What ions cannot enter: vesicles, ribbons, organelles, and everything outside a cell.

A shape says of any points whether they are solid, and how far they are from its surface at least.
Shapes may overlap each other and reach out of the box.  `Inside` turns a shape inside out: the cytosol
is what lies in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microdomain.model import checks
from microdomain.model.given import Vector3, part
from microdomain.model.mouths import circle, mouth_points
from microdomain.model.triangles import Bounds, Surface, enclosed, vector

if TYPE_CHECKING:
    import numpy as np

#: A point nearer than this to a surface (um) is on it, and not inside.
ON_SURFACE = 1e-9
#: Points of a round mouth's rim that must be free.
RIM = 24


@part()
class Block:
    """A box-shaped obstacle with faces along the axes.

    Parameters
    ----------
    lower, upper : (x, y, z), um  its corners
    name : str

    >>> Block((0, 0, 0), (0.1, 0.1, 0.05)).bounds[2]
    (0.0, 0.05)
    """

    lower: Vector3
    upper: Vector3
    name: str = "block"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        for side in ("lower", "upper"):
            object.__setattr__(self, side, vector(getattr(self, side), f"{who}: {side}"))
        for axis, low, high in zip("xyz", self.lower, self.upper, strict=True):
            if high <= low:
                raise ValueError(
                    f"{who}: upper {axis} = {high:g} um must lie above lower {axis} = {low:g} um."
                )

    @property
    def bounds(self) -> Bounds:
        """(lower, upper) along x, y and z, um."""
        x, y, z = ((low, high) for low, high in zip(self.lower, self.upper, strict=True))
        return x, y, z

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Distance of points to the surface, um; negative inside."""
        import numpy as np

        q = [
            np.abs(p - 0.5 * (low + high)) - 0.5 * (high - low)
            for p, (low, high) in zip((x, y, z), self.bounds, strict=True)
        ]
        beyond = np.sqrt(sum(np.maximum(one, 0.0) ** 2 for one in q))
        return np.asarray(beyond + np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0.0))


@part()
class Ball:
    """A ball: a docked vesicle, for instance.

    Parameters
    ----------
    centre : (x, y, z), um
    radius : float, um
    name : str
    """

    centre: Vector3
    radius: float
    name: str = "ball"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        object.__setattr__(self, "centre", vector(self.centre, f"{who}: centre"))
        object.__setattr__(self, "radius", checks.number(self.radius, f"{who}: radius", "um", above=0))

    @property
    def bounds(self) -> Bounds:
        """(lower, upper) along x, y and z, um."""
        x, y, z = ((c - self.radius, c + self.radius) for c in self.centre)
        return x, y, z

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Distance of points to the surface, um; negative inside."""
        import numpy as np

        a, b, c = self.centre
        return np.asarray(np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - self.radius)


@part()
class Ellipsoid:
    """An ellipsoid with half-axes along x, y and z: a synaptic ribbon, for instance.

    Parameters
    ----------
    centre : (x, y, z), um
    radii : (a, b, c), um         half-axes
    name : str
    """

    centre: Vector3
    radii: Vector3
    name: str = "ellipsoid"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        object.__setattr__(self, "centre", vector(self.centre, f"{who}: centre"))
        object.__setattr__(self, "radii", vector(self.radii, f"{who}: radii", above=0))

    @property
    def bounds(self) -> Bounds:
        """(lower, upper) along x, y and z, um."""
        x, y, z = ((c - r, c + r) for c, r in zip(self.centre, self.radii, strict=True))
        return x, y, z

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Not more than the distance of points to the surface, um; negative inside."""
        import numpy as np

        scaled = (((p - c) / r) ** 2 for p, c, r in zip((x, y, z), self.centre, self.radii, strict=True))
        return np.asarray((np.sqrt(sum(scaled)) - 1.0) * min(self.radii))


@part()
class Cylinder:
    """A solid cylinder along an axis of the box.

    Parameters
    ----------
    centre : (x, y, z), um        the middle of its axis
    radius : float, um
    length : float, um, optional  without one it has no ends
    axis : {"x", "y", "z"}
    name : str
    """

    centre: Vector3
    radius: float
    length: float | None = None
    axis: str = "z"
    name: str = "cylinder"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        object.__setattr__(self, "centre", vector(self.centre, f"{who}: centre"))
        object.__setattr__(self, "radius", checks.number(self.radius, f"{who}: radius", "um", above=0))
        if self.length is not None:
            object.__setattr__(self, "length", checks.number(self.length, f"{who}: length", "um", above=0))
        if self.axis not in ("x", "y", "z"):
            raise ValueError(f"{who}: axis = {self.axis!r}; give 'x', 'y' or 'z'.")

    @property
    def bounds(self) -> Bounds:
        """(lower, upper) along x, y and z, um."""
        half = math.inf if self.length is None else 0.5 * self.length
        reach = [half if name == self.axis else self.radius for name in "xyz"]
        x, y, z = ((c - r, c + r) for c, r in zip(self.centre, reach, strict=True))
        return x, y, z

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Distance of points to the surface, um; negative inside."""
        import numpy as np

        away = dict(zip("xyz", (p - c for p, c in zip((x, y, z), self.centre, strict=True)), strict=True))
        along = away.pop(self.axis)
        side = np.sqrt(sum(one**2 for one in away.values())) - self.radius
        if self.length is None:
            return np.asarray(side + 0.0 * along)
        end = np.abs(along) - 0.5 * self.length
        beyond = np.sqrt(np.maximum(side, 0.0) ** 2 + np.maximum(end, 0.0) ** 2)
        return np.asarray(beyond + np.minimum(np.maximum(side, end), 0.0))


@dataclass(frozen=True)
class Inside:
    """The cell: everything outside a shape is closed.

    Parameters
    ----------
    shape : Block, Ball, Ellipsoid, Cylinder or Surface
    held : bool                   its surface keeps ions and mobile buffers at rest, instead of closed
    name : str

    >>> Inside(Cylinder((0, 0, 0.5), 0.6)).shape.radius
    0.6
    """

    shape: Block | Ball | Ellipsoid | Cylinder | Surface
    held: bool = False
    name: str = "cell"

    def __post_init__(self) -> None:
        who = f"Obstacle {checks.name(self.name, 'Obstacle')!r}"
        if not isinstance(self.shape, SOLIDS):
            raise TypeError(
                f"{who}: shape = {self.shape!r}; expected {', '.join(s.__name__ for s in SOLIDS)}."
            )
        if not isinstance(self.held, bool):
            raise TypeError(f"{who}: held = {self.held!r}; give True or False.")

    @property
    def bounds(self) -> Bounds:
        """Bounds of the shape, um."""
        return self.shape.bounds

    def distance(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Distance of points to the surface, um; negative outside the shape."""
        return -self.shape.distance(x, y, z)


SOLIDS = (Block, Ball, Ellipsoid, Cylinder, Surface)
OBSTACLES = (*SOLIDS, Inside)
#: Every obstacle there is.
Obstacle = Block | Ball | Ellipsoid | Cylinder | Surface | Inside


def solid(obstacle: Obstacle, x: Any, y: Any, z: Any) -> np.ndarray:
    """Whether points are inside an obstacle; those on its surface are not.

    Parameters
    ----------
    obstacle : Obstacle
    x, y, z : arrays, um          that broadcast against each other

    Returns
    -------
    bool array
    """
    import numpy as np

    shape = obstacle.shape if isinstance(obstacle, Inside) else obstacle
    if isinstance(shape, Surface):
        within = enclosed(shape.points, shape.triangles, x, y, z)
        return np.asarray(~within if isinstance(obstacle, Inside) else within)
    return np.asarray(obstacle.distance(x, y, z) < -ON_SURFACE)


def check_obstacles(obstacles: Sequence[Obstacle], box: Bounds, channels: Sequence[Any]) -> None:
    """Refuse obstacles outside the box, and those on top of a channel or its mouth."""
    for one in obstacles:
        for axis, (low, high), (first, last) in zip("xyz", one.bounds, box, strict=True):
            if low >= last or high <= first:
                raise ValueError(
                    f"Obstacle {one.name!r} lies outside the box: along {axis} it reaches from {low:g} to "
                    f"{high:g} um, the box from {first:g} to {last:g} um. Move it, or leave it out."
                )
        for c in channels:
            mouth = tuple(p + c.pore * n for p, n in zip(c.position, c.normal, strict=True))
            rim = [] if c.mouth is None else [*mouth_points(c), *circle(c, c.mouth.radius, RIM)]
            named = [("Channel", c.position), *(("The mouth of channel", p) for p in (mouth, *rim))]
            for what, point in named:
                if bool(solid(one, *point)):
                    place = ", ".join(f"{v:g}" for v in point)
                    raise ValueError(
                        f"{what} {c.name!r} at ({place}) um lies in obstacle {one.name!r}. "
                        "Move one of them, or make the obstacle smaller."
                    )
