"""Who is in the box: ions that diffuse, buffers that bind them one to one, and any other species.

The reaction of every buffer is  ion + B <-> ion.B  with  k_off = k_on K_d,  so at equilibrium
[ion.B] = total c / (c + K_d).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Taken, part
from microdomain.model.membrane import FACES

# H+ in water is the fastest of all ions, 9.3 um^2/ms; calcium moves at 0.79 in water and 0.22 in cytosol
# (Allbritton, Meyer & Stryer, Science 258:1812, 1992).
_FASTEST = 10.0
# Diffusion brings two small molecules together at about 1 to 10 /(uM ms).  A thousand is out of reach,
# and the smallest rate that anybody quotes in 1/(M s), about 1e5, lies far above it.
_FASTEST_BINDING = 1000.0
_NOTHING: Any = None
#: Along each axis positions (um) and factors; how much of which element.
Profile = tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
Contents = tuple[tuple[str, int], ...]


def _diffusion(value: Any, what: str, *, least: float | None = None, above: float | None = None) -> float:
    D = checks.number(value, what, "um^2/ms", least=least, above=above)
    if D > _FASTEST:
        raise ValueError(
            f"{what} = {D:g} um^2/ms is faster than any ion in water. {D:g} um^2/s is {D / 1000:g} um^2/ms."
        )
    return D


@dataclass(frozen=True)
class Ion:
    """An ion that diffuses freely in the cytosol.

    Parameters
    ----------
    name : str                    e.g. "Ca"
    z : int                       charge number, not zero
    D : float, um^2/ms            diffusion coefficient in the cytosol
    rest : float, uM              free concentration at rest; held walls keep it, uptake returns to it
    outside : float, uM           concentration on the other side of the membrane; needed for E_rev
    initial : float, uM           free concentration at t = 0; None: `rest`

    Raises
    ------
    ValueError, TypeError         for z = 0, negative or non-finite numbers, a D in um^2/s

    >>> Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000).start
    0.1
    """

    name: str
    z: int
    D: float
    rest: float
    outside: float | None = None
    initial: float | None = None

    def __post_init__(self) -> None:
        who = f"Ion {checks.name(self.name, 'Ion')!r}"
        put = object.__setattr__
        if self.z == 0 or abs(self.z) > 4:
            raise ValueError(f"{who}: z = {self.z} is not the charge number of an ion (-4 to 4, not zero).")
        put(self, "z", checks.count(self.z, f"{who}: z", least=-4))
        put(self, "D", _diffusion(self.D, f"{who}: D", above=0))
        put(self, "rest", checks.number(self.rest, f"{who}: rest", "uM", least=0))
        if self.outside is not None:
            put(self, "outside", checks.number(self.outside, f"{who}: outside", "uM", above=0))
        if self.initial is not None:
            put(self, "initial", checks.number(self.initial, f"{who}: initial", "uM", least=0))

    @property
    def start(self) -> float:
        """Free concentration at t = 0, uM."""
        return self.rest if self.initial is None else self.initial


@part()
class Buffer:
    """A buffer with one binding site: ion + B <-> ion.B.

    Free and bound form diffuse alike unless `D_bound` says otherwise.  D = 0 is an immobile buffer; its
    total may vary in space.  A buffer with `D_bound`, `layer` or `profile` is followed as two species, the
    bound form under the buffer's name and the free form NAME.free.

    Parameters
    ----------
    name : str                    e.g. "BAPTA"
    total : float, uM             free and bound together, the same everywhere
    k_on : float, 1/(uM ms)       binding rate; 1e8 /(M s) is 0.1 /(uM ms)
    K_d : float, uM               dissociation constant; k_off = k_on K_d
    D : float, um^2/ms            diffusion coefficient, 0 for a fixed buffer
    binds : str                   name of the ion
    bound : float, uM             bound form at t = 0; None: in equilibrium with the ion at t = 0
    D_bound : float, um^2/ms      diffusion coefficient of the bound form; None: that of the free one
    layer : (face, depth)         immobile: `total` within depth (um) of a face such as "z-", none elsewhere
    profile : dict                immobile: axis -> ((position, factor), ..) in um; `total` is multiplied by
                                  the straight lines through these points, one axis after the other

    Raises
    ------
    ValueError, TypeError         for negative or non-finite numbers, for a k_on in 1/(M s), and for a
                                  mobile buffer whose total varies

    >>> fixed = Buffer("endogenous", total=400, k_on=0.1, K_d=10)
    >>> fixed.k_off, round(fixed.bound_at(0.1), 6), fixed.mobile
    (1.0, 3.960396, False)
    """

    name: str
    total: float
    k_on: float
    K_d: float
    D: float = 0.0
    binds: str = "Ca"
    bound: float | None = None
    D_bound: float | None = None
    layer: tuple[str, float] | None = None
    profile: Taken[Profile | Mapping[str, Iterable[tuple[float, float]]] | None, Profile | None] = _NOTHING

    def __post_init__(self) -> None:
        who = f"Buffer {checks.name(self.name, 'Buffer')!r}"
        put = object.__setattr__
        put(self, "total", checks.number(self.total, f"{who}: total", "uM", least=0))
        put(self, "k_on", checks.number(self.k_on, f"{who}: k_on", "/(uM ms)", above=0))
        if self.k_on > _FASTEST_BINDING:
            raise ValueError(
                f"{who}: k_on = {self.k_on:g} /(uM ms) is faster than diffusion allows. "
                f"{self.k_on:g} /(M s) is {self.k_on * 1e-9:g} /(uM ms)."
            )
        put(self, "K_d", checks.number(self.K_d, f"{who}: K_d", "uM", above=0))
        put(self, "D", _diffusion(self.D, f"{who}: D", least=0))
        checks.name(self.binds, f"{who}: the ion's")
        if self.bound is not None:
            put(self, "bound", checks.number(self.bound, f"{who}: bound", "uM", least=0))
            if self.bound > self.total:
                raise ValueError(f"{who}: bound = {self.bound:g} uM exceeds total = {self.total:g} uM.")
        if self.D_bound is not None:
            put(self, "D_bound", _diffusion(self.D_bound, f"{who}: D_bound", least=0))
        if self.layer is not None:
            put(self, "layer", _layer(self.layer, who))
        if self.profile is not None:
            put(self, "profile", _profile(self.profile, who))
        if self.varies and (self.D > 0 or self.D_bound):
            raise ValueError(
                f"{who}: only what stays in place can vary in space; a buffer with a layer or a profile "
                "needs D = 0."
            )

    @property
    def varies(self) -> bool:
        """Whether the total differs from place to place."""
        return self.layer is not None or self.profile is not None

    @property
    def paired(self) -> bool:
        """Whether free and bound form are followed as two species."""
        return self.D_bound is not None or self.varies

    @property
    def k_off(self) -> float:
        """Unbinding rate, 1/ms."""
        return self.k_on * self.K_d

    @property
    def mobile(self) -> bool:
        """Whether the buffer diffuses."""
        return self.D > 0

    def bound_at(self, c: Any) -> Any:
        """Bound form in equilibrium with the free ion, uM: total c / (c + K_d).

        Parameters
        ----------
        c : float or array, uM        free concentration
        """
        return self.total * c / (c + self.K_d)

    def capacity_at(self, c: Any) -> Any:
        """Binding capacity d[bound]/dc = total K_d / (c + K_d)^2, without unit.

        >>> round(Buffer("endogenous", total=400, k_on=0.1, K_d=10).capacity_at(0.1), 5)
        39.21184
        """
        return self.total * self.K_d / (c + self.K_d) ** 2


def _layer(given: Any, who: str) -> tuple[str, float]:
    try:
        face, depth = given
    except (TypeError, ValueError):
        face, depth = None, None
    if face not in FACES:
        raise ValueError(
            f'{who}: layer = {given!r}; expected a face and a depth in um, such as ("z-", 0.05). '
            f"Faces are {', '.join(FACES)}."
        )
    return str(face), checks.number(depth, f"{who}: depth of the layer", "um", above=0)


def _profile(given: Any, who: str) -> Profile:
    pairs = tuple(given.items() if isinstance(given, Mapping) else given)
    out = []
    for axis, knots in pairs:
        if axis not in ("x", "y", "z"):
            raise ValueError(f"{who}: profile along {axis!r}; an axis is 'x', 'y' or 'z'.")
        told = f"{who}: profile along {axis}"
        points = tuple(
            (checks.number(p, f"{told}, position", "um"), checks.number(f, f"{told}, factor", least=0))
            for p, f in knots
        )
        if len(points) < 2 or any(b[0] <= a[0] for a, b in pairwise(points)):
            raise ValueError(f"{told}: give two points or more (position, factor), positions increasing.")
        out.append((axis, points))
    return tuple(sorted(out))


@part()
class Species:
    """Any species that is neither an ion nor a 1:1 buffer: it takes part in a model's reactions.

    It starts in the equilibrium that the reactions reach, the ions held at their concentrations, from
    the amounts poured in as `total`; `initial` overrides that for one species.

    Parameters
    ----------
    name : str
    D : float, um^2/ms            diffusion coefficient, 0 for what stays in place
    total : float, uM             how much of it is poured in before the reactions settle
    initial : float, uM           concentration at t = 0; None: that of the equilibrium
    contains : dict               how much of which element or ion it holds, e.g. {"Ca": 1, "CaM": 1};
                                  None: one of its own name

    Raises
    ------
    ValueError, TypeError         for negative or non-finite numbers

    >>> Species("CaB", D=0.02, contains={"Ca": 1, "B": 1}).holds
    {'B': 1, 'Ca': 1}
    """

    name: str
    D: float = 0.0
    total: float = 0.0
    initial: float | None = None
    contains: Taken[Contents | Mapping[str, int] | None, Contents | None] = _NOTHING

    def __post_init__(self) -> None:
        who = f"Species {checks.name(self.name, 'Species')!r}"
        put = object.__setattr__
        put(self, "D", _diffusion(self.D, f"{who}: D", least=0))
        put(self, "total", checks.number(self.total, f"{who}: total", "uM", least=0))
        if self.initial is not None:
            put(self, "initial", checks.number(self.initial, f"{who}: initial", "uM", least=0))
        if self.contains is not None:
            pairs = self.contains.items() if isinstance(self.contains, Mapping) else self.contains
            held = tuple(sorted((checks.name(e, f"{who}: the element's"),
                                 checks.count(n, f"{who}: count of {e!r}")) for e, n in pairs))  # fmt: skip
            put(self, "contains", held)

    @property
    def holds(self) -> dict[str, int]:
        """How much of which element it holds."""
        return {self.name: 1} if self.contains is None else dict(self.contains)
