"""Patterns of channels in a plane, as offsets from their centre."""

from __future__ import annotations

import math
from typing import Any

from microdomain.model import checks
from microdomain.model.membrane import FACES

_TRIES = 20_000
_MOST = 100_000


def _few(n: int, what: str) -> int:
    if n > _MOST:
        raise ValueError(f"{what}: {n} channels are more than one model can hold ({_MOST}).")
    return n


def along(face: str | None) -> tuple[int, int]:
    """The two axes along a face, in order.

    >>> along("y-")
    (0, 2)
    """
    axis = 2 if face is None or face not in FACES else FACES.index(face) // 2
    first, second = (a for a in range(3) if a != axis)
    return first, second


def lattice(nx: int, ny: int, pitch: float) -> list[tuple[float, float]]:
    """nx by ny points, `pitch` um apart, centred on the origin; the second coordinate runs fastest.

    >>> lattice(2, 1, pitch=0.04)
    [(-0.02, 0.0), (0.02, 0.0)]
    """
    nx, ny = checks.count(nx, "Cluster.lattice: nx"), checks.count(ny, "Cluster.lattice: ny")
    _few(nx * ny, "Cluster.lattice")
    pitch = checks.number(pitch, "Cluster.lattice: pitch", "um", above=0)
    return [((i - (nx - 1) / 2) * pitch, (j - (ny - 1) / 2) * pitch) for i in range(nx) for j in range(ny)]


def ring(n: int, radius: float) -> list[tuple[float, float]]:
    """n points evenly on a circle of `radius` um, the first at (radius, 0)."""
    n = _few(checks.count(n, "Cluster.ring: n"), "Cluster.ring")
    radius = checks.number(radius, "Cluster.ring: radius", "um", above=0)
    angles = [2 * math.pi * k / n for k in range(n)]
    return [(radius * math.cos(a), radius * math.sin(a)) for a in angles]


def scattered(n: int, within: Any, exclusion: float, seed: int) -> list[tuple[float, float]]:
    """n points thrown one by one into a disc or rectangle; one too close to another is thrown again.

    Throwing jams when discs of diameter `exclusion` cover 54.7 % of the area (Feder, J Theor Biol
    87:237, 1980), well before the densest packing; the error says how many found room.
    """
    import numpy as np

    n = _few(checks.count(n, "Cluster.random: n"), "Cluster.random")
    exclusion = checks.number(exclusion, "Cluster.random: exclusion", "um", least=0)
    seed = checks.count(seed, "Cluster.random: seed", least=0)
    if isinstance(within, int | float):
        radius = checks.number(within, "Cluster.random: within", "um", above=0)
        sides, place = None, f"a disc of radius {1000 * radius:.4g} nm"
    else:
        sides = tuple(checks.number(v, "Cluster.random: within", "um", above=0) for v in within)
        if len(sides) != 2:
            raise ValueError(
                f"Cluster.random: within = {within!r}; give a radius, or the two sides of a rectangle."
            )
        radius, place = 0.0, f"a rectangle of {1000 * sides[0]:.4g} x {1000 * sides[1]:.4g} nm"
    # Philox's raw doubles are the same everywhere and in every version of NumPy, unlike its distributions.
    draw = np.random.Generator(np.random.Philox(seed))
    points: list[tuple[float, float]] = []
    for _ in range(_TRIES + 100 * n):
        u, v = (float(w) for w in draw.random(2))
        if sides is None:
            r, angle = radius * math.sqrt(u), 2 * math.pi * v
            point = (r * math.cos(angle), r * math.sin(angle))
        else:
            point = ((u - 0.5) * sides[0], (v - 0.5) * sides[1])
        if all(math.dist(point, other) >= exclusion for other in points):
            points.append(point)
            if len(points) == n:
                return points
    raise ValueError(
        f"Cluster.random: only {len(points)} of {n} channels found room at least "
        f"{1000 * exclusion:.4g} nm apart in {place}. Give fewer channels, a smaller exclusion, or more room."
    )
