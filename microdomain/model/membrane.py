"""What the walls of the box do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microdomain.model.given import Taken, part

#: The faces of the box: axis 0, 1, 2 and side 0 (lower), 1 (upper) are `divmod(FACES.index(face), 2)`.
FACES = ("x-", "x+", "y-", "y+", "z-", "z+")


@dataclass(frozen=True)
class Closed:
    """Nothing crosses the wall."""


@dataclass(frozen=True)
class Held:
    """The wall keeps every ion at rest, and every mobile buffer in equilibrium with that."""


#: Every wall there is.
Wall = Closed | Held
WALLS = (Closed, Held)
_BOTH: Any = (Closed(), Closed())


def _pair(given: Any, axis: str) -> tuple[Wall, Wall]:
    pair = tuple(given) if isinstance(given, list | tuple) else (given, given)
    if len(pair) != 2 or not all(isinstance(wall, WALLS) for wall in pair):
        raise TypeError(
            f"Walls: {axis} = {given!r}; expected Closed() or Held(), or a pair of them (lower, upper)."
        )
    return pair[0], pair[1]


@part()
class Walls:
    """The six walls, each axis one wall for both sides or a pair (lower, upper).

    Parameters
    ----------
    x, y, z : Closed, Held, or a pair of them

    >>> Walls(z=(Closed(), Held()))["z+"]
    Held()
    """

    x: Taken[Wall | Sequence[Wall], tuple[Wall, Wall]] = _BOTH
    y: Taken[Wall | Sequence[Wall], tuple[Wall, Wall]] = _BOTH
    z: Taken[Wall | Sequence[Wall], tuple[Wall, Wall]] = _BOTH

    def __post_init__(self) -> None:
        for axis in "xyz":
            object.__setattr__(self, axis, _pair(getattr(self, axis), axis))

    def __getitem__(self, face: str) -> Wall:
        """The wall of one face, "x-" to "z+"."""
        if face not in FACES:
            raise ValueError(f"No face {face!r}; the faces are {', '.join(FACES)}.")
        pair: tuple[Wall, Wall] = getattr(self, face[0])
        return pair[FACES.index(face) % 2]

    def __repr__(self) -> str:
        words = {face: type(self[face]).__name__ for face in FACES}
        if len(set(words.values())) == 1:
            one = words["x-"]
            return f"Walls(x={one}(), y={one}(), z={one}())"
        return "Walls(" + ", ".join(f"{a}=({words[a + '-']}(), {words[a + '+']}())" for a in "xyz") + ")"
