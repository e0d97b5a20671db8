"""Who is in the box: ions that diffuse, and buffers that bind them one to one.

The reaction of every buffer is  ion + B <-> ion.B  with  k_off = k_on K_d,  so at equilibrium
[ion.B] = total c / (c + K_d).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microdomain.model import checks

# H+ in water is the fastest of all ions, 9.3 um^2/ms; calcium moves at 0.79 in water and 0.22 in cytosol
# (Allbritton, Meyer & Stryer, Science 258:1812, 1992).
_FASTEST = 10.0
# Diffusion brings two small molecules together at about 1 to 10 /(uM ms).  A thousand is out of reach,
# and the smallest rate that anybody quotes in 1/(M s), about 1e5, lies far above it.
_FASTEST_BINDING = 1000.0


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


@dataclass(frozen=True)
class Buffer:
    """A buffer with one binding site: ion + B <-> ion.B.

    Free and bound form diffuse alike.  D = 0 is an immobile buffer.

    Parameters
    ----------
    name : str                    e.g. "BAPTA"
    total : float, uM             free and bound together, the same everywhere
    k_on : float, 1/(uM ms)       binding rate; 1e8 /(M s) is 0.1 /(uM ms)
    K_d : float, uM               dissociation constant; k_off = k_on K_d
    D : float, um^2/ms            diffusion coefficient, 0 for a fixed buffer
    binds : str                   name of the ion
    bound : float, uM             bound form at t = 0; None: in equilibrium with the ion at t = 0

    Raises
    ------
    ValueError, TypeError         for negative or non-finite numbers, and for a k_on in 1/(M s)

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
