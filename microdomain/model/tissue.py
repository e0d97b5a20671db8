"""Tissue: how much of the space ions have, and how much longer their ways are.

With the free volume fraction alpha and the tortuosity lambda, concentrations c being those in the free
volume (Nicholson and Phillips, J. Physiol. 321, 225 (1981); Sykova and Nicholson, Physiol. Rev. 88, 1277
(2008))::

    alpha dc/dt = div( alpha D / lambda^2  grad c ) + alpha R(c) + what enters per volume of tissue

Reactions and uptake go on in the free volume.  What a channel or a pump carries is an amount: a channel of
J feeds J/alpha.  Where media meet, c and the flux alpha D/lambda^2 dc/dn are continuous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from microdomain.model import checks
from microdomain.model.obstacles import SOLIDS, Block, Bounds, solid
from microdomain.model.triangles import Surface

if TYPE_CHECKING:
    import numpy as np

    from microdomain.model.obstacles import Ball, Cylinder, Ellipsoid

#: ((position, value), ...) along an axis
Profile = tuple[tuple[float, float], ...]
#: Relative change of a medium within the pore distance of a channel that is not a boundary.
EVEN = 0.2


@dataclass(frozen=True)
class Tissue:
    """A medium that fills the box, or a shape in it.  Of several the later one counts.

    Parameters
    ----------
    free_volume : float or ((position, value), ..)
                                  alpha, above 0 and up to 1; pairs (um, alpha) are joined by straight
                                  lines along the axis `along`
    tortuosity : float or ((position, value), ..)
                                  lambda, at least 1: D becomes D/lambda^2
    shape : Block, Ball, Ellipsoid, Cylinder or Surface, optional     the whole box when left out
    along : {"x", "y", "z"}       the axis of profiles
    name : str

    >>> Tissue(free_volume=0.2, tortuosity=1.6).shape is None
    True
    """

    free_volume: float | Profile = 1.0
    tortuosity: float | Profile = 1.0
    shape: Block | Ball | Ellipsoid | Cylinder | Surface | None = None
    along: str = "z"
    name: str = "tissue"

    def __post_init__(self) -> None:
        who = f"Tissue {checks.name(self.name, 'Tissue')!r}"
        if self.along not in ("x", "y", "z"):
            raise ValueError(f"{who}: along = {self.along!r}; give 'x', 'y' or 'z'.")
        if self.shape is not None and not isinstance(self.shape, SOLIDS):
            raise TypeError(
                f"{who}: shape = {self.shape!r}; expected {', '.join(s.__name__ for s in SOLIDS)}, or None "
                "for the whole box."
            )
        alpha = _values(self.free_volume, f"{who}: free_volume", 0.0, above=True)
        lam = _values(self.tortuosity, f"{who}: tortuosity", 1.0, above=False)
        for value in (v for _, v in alpha) if isinstance(alpha, tuple) else (alpha,):
            if value > 1:
                raise ValueError(
                    f"{who}: free_volume = {value:g}; it is the part of the volume that ions can enter, "
                    "above 0 and up to 1."
                )
        object.__setattr__(self, "free_volume", alpha)
        object.__setattr__(self, "tortuosity", lam)

    @property
    def plain(self) -> bool:
        """Whether it is free fluid: alpha = lambda = 1."""
        return self.free_volume == 1.0 and self.tortuosity == 1.0

    @property
    def even(self) -> bool:
        """Whether alpha and lambda are plain numbers."""
        return not isinstance(self.free_volume, tuple) and not isinstance(self.tortuosity, tuple)

    def inside(self, x: Any, y: Any, z: Any) -> np.ndarray:
        """Whether points are in it; um, arrays that broadcast."""
        import numpy as np

        if self.shape is None:
            return np.ones(np.broadcast_shapes(*(np.shape(p) for p in (x, y, z))), dtype=bool)
        return solid(self.shape, x, y, z)

    def values(self, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
        """alpha and lambda at points, um."""
        import numpy as np

        at = {"x": x, "y": y, "z": z}[self.along]
        return (
            np.interp(at, *np.transpose(self.free_volume))
            if isinstance(self.free_volume, tuple)
            else self.free_volume,
            np.interp(at, *np.transpose(self.tortuosity))
            if isinstance(self.tortuosity, tuple)
            else self.tortuosity,
        )


def _values(given: Any, what: str, least: float, above: bool) -> float | Profile:
    limit = {"above": least} if above else {"least": least}
    if not isinstance(given, list | tuple):
        return checks.number(given, what, "", **limit)
    try:
        pairs = [tuple(pair) for pair in given]
    except TypeError:
        pairs = []
    if len(pairs) < 2 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"{what} = {given!r}; expected a number, or two or more pairs (position in um, value)."
        )
    out = tuple(
        (checks.number(x, f"{what}, position", "um"), checks.number(v, what, "", **limit)) for x, v in pairs
    )
    if any(b[0] <= a[0] for a, b in pairwise(out)):
        raise ValueError(f"{what}: positions {', '.join(f'{x:g}' for x, _ in out)} um must rise.")
    return out


def medium(tissue: Sequence[Tissue], x: Any, y: Any, z: Any) -> tuple[np.ndarray, np.ndarray]:
    """alpha and lambda at points; free fluid where no tissue is.

    Parameters
    ----------
    tissue : sequence of Tissue   later ones over earlier ones
    x, y, z : arrays, um          that broadcast against each other

    Returns
    -------
    two arrays
    """
    import numpy as np

    shape = np.broadcast_shapes(*(np.shape(p) for p in (x, y, z)))
    alpha, lam = np.ones(shape), np.ones(shape)
    for one in tissue:
        here = one.inside(x, y, z)
        a, t = one.values(x, y, z)
        alpha, lam = np.where(here, a, alpha), np.where(here, t, lam)
    return alpha, lam


def which(tissue: Sequence[Tissue], x: Any, y: Any, z: Any) -> np.ndarray:
    """Number of the tissue that points are in, -1 in free fluid: int array; um."""
    import numpy as np

    out = np.full(np.broadcast_shapes(*(np.shape(p) for p in (x, y, z))), -1)
    for k, one in enumerate(tissue):
        out = np.where(one.inside(x, y, z), k, out)
    return out


def channel_medium(tissue: Sequence[Tissue], channels: Sequence[Any]) -> tuple[float, float] | None:
    """alpha and lambda where channels stand; None without any.

    Raises
    ------
    ValueError                    channels in different media; a channel on a boundary between two
    """
    found: tuple[float, float] | None = None
    first = None
    for c in channels if tissue else ():
        mouth = [p + c.pore * n for p, n in zip(c.position, c.normal, strict=True)]
        alpha, lam = (float(v) for v in medium(tissue, *mouth))
        for axis in range(3):
            for step in (-c.pore, c.pore):
                beside = list(mouth)
                beside[axis] += 0.999 * step
                other = [float(v) for v in medium(tissue, *beside)]
                if abs(other[0] / alpha - 1) > EVEN or abs(other[1] / lam - 1) > EVEN:
                    raise ValueError(
                        f"Channel {c.name!r} stands on the boundary of two media (free volume {alpha:g} and "
                        f"{other[0]:g}, tortuosity {lam:g} and {other[1]:g}). Move one of them by more than "
                        "the pore distance."
                    )
        if found is None:
            found, first = (alpha, lam), c.name
        elif abs(found[0] - alpha) > 1e-9 * alpha or abs(found[1] - lam) > 1e-9 * lam:
            raise ValueError(
                f"Channels {first!r} and {c.name!r} stand in different media (free volume {found[0]:g} and "
                f"{alpha:g}, tortuosity {found[1]:g} and {lam:g}). All channels of a run stand in one medium."
            )
    return found


def flat_boundaries(tissue: Sequence[Tissue], axis: int, low: float, high: float) -> list[float]:
    """Where blocks of tissue begin and end along an axis of the box, between its walls, um."""
    ends = [end for t in tissue if isinstance(t.shape, Block) for end in t.shape.bounds[axis]]
    return sorted({end for end in ends if low < end < high})


def even_medium(model: Any, who: str) -> tuple[float, float]:
    """alpha and lambda of a box that one medium fills; `who` knows no other and begins the sentence.

    Raises
    ------
    ValueError                    tissue that varies in space, or a held patch
    """
    found = [(what, name) for what, name in uneven_parts(model) if what != "obstacles"]
    if found:
        raise ValueError(f"{who} know no {found[0][0]}, and this model has {found[0][1]!r}. Use simulate().")
    alpha, tortuosity = medium(model.tissue, 0.0, 0.0, 0.0)
    return float(alpha), float(tortuosity)


def uneven_parts(model: Any) -> list[tuple[str, str]]:
    """What makes a box uneven, and its name: obstacles, held patches, tissue that varies in space."""
    varied = [one for one in model.tissue if one.shape is not None or not one.even]
    kinds = {"obstacles": model.obstacles, "held patches": model.held, "uneven tissue": varied}
    return [(what, one.name) for what, found in kinds.items() for one in found]


def check_tissue(tissue: Sequence[Tissue], box: Bounds, channels: Sequence[Any]) -> None:
    """Refuse tissue outside the box, and channels whose medium is not clear."""
    for one in tissue:
        if one.shape is None:
            continue
        for axis, (low, high), (first, last) in zip("xyz", one.shape.bounds, box, strict=True):
            if low >= last or high <= first:
                raise ValueError(
                    f"Tissue {one.name!r} lies outside the box: along {axis} it reaches from {low:g} to "
                    f"{high:g} um, the box from {first:g} to {last:g} um. Move it, or leave it out."
                )
    channel_medium(tissue, channels)
