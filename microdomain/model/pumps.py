"""What carries ions through a face of the box: pumps, exchangers, sheets of constant flux.

Every law gives the outward flux of an ion per area of membrane (uM um/ms) at the free concentration
c at the wall, positive out of the box.  All of them are one form,

    flux(c) = P c + (V c^n - B K^n) / (K^n + c^n) - leak,

and the leak balances the law at the ion's rest level unless it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from microdomain.model import checks
from microdomain.model.membrane import FACES
from microdomain.model.patches import Circle, Rectangle, check_patch
from microdomain.units import IONS_PER_UM_UM3

#: The leak that balances a pump at the rest level of its ion.
REST = "rest"
#: The highest Hill coefficient that is taken for one.
MOST_SITES = 8
#: A pump asks for fine cells at channels not further than this from its patch (um).  With P = 2 um/ms cells
#: of 20 nm are 3.6 % off at 20 nm from a channel in the pump, 1.5 % at 20 nm from its edge, 0.3 % at 40 nm.
AROUND = 0.04
_FLUX = "uM um/ms"


@dataclass(frozen=True)
class Terms:
    """A law in the form P c + (V c^n - B K^n)/(K^n + c^n), leak left out; um/ms, uM um/ms, uM."""

    P: float = 0.0
    V: float = 0.0
    B: float = 0.0
    K: float = 1.0
    n: int = 1

    def flux(self, c: Any) -> Any:
        """Outward flux without the leak, uM um/ms, at c (uM)."""
        power = c**self.n
        return self.P * c + (self.V * power - self.B * self.K**self.n) / (self.K**self.n + power)

    @property
    def steepest(self) -> float:
        """Greatest slope of the flux at any concentration, um/ms."""
        n = self.n
        bend = 1.0 if n == 1 else (n * n - 1) / (4 * n) * ((n + 1) / (n - 1)) ** (1 / n)
        return self.P + (self.V + self.B) / self.K * bend


class _Law:
    """What the laws share: the leak and the net flux."""

    leak: Any
    terms: Terms

    def _check_leak(self) -> None:
        who = type(self).__name__
        if self.leak == REST:
            return
        if self.leak is None or isinstance(self.leak, str):
            raise ValueError(
                f"{who}: leak = {self.leak!r}; a pump needs a rest. Give 'rest' (the leak balances the pump "
                f"at the ion's rest level), 0 (no leak: the pump empties the box), or the leak in {_FLUX}."
            )
        object.__setattr__(self, "leak", checks.number(self.leak, f"{who}: leak", _FLUX))

    def leak_at(self, rest: float) -> float:
        """The leak, uM um/ms, where the ion's rest level is `rest` (uM)."""
        return float(self.terms.flux(rest)) if self.leak == REST else float(self.leak)

    def outflow(self, c: Any, rest: float) -> Any:
        """Net outward flux at c.

        Parameters
        ----------
        c : float or array, uM        free concentration at the wall
        rest : float, uM              rest level of the ion, which the leak balances

        Returns
        -------
        float or array, uM um/ms      positive out of the box

        >>> round(HillPump(Vmax=0.4, K=0.3).outflow(0.3, rest=0.1), 12)
        0.1
        """
        return self.terms.flux(c) - self.leak_at(rest)


@dataclass(frozen=True)
class LinearPump(_Law):
    """A pump far below its saturation: flux = P c - leak, by default P (c - rest): Robin's condition.

    Parameters
    ----------
    P : float, um/ms              not negative
    leak : "rest" or float, uM um/ms

    >>> LinearPump(0.2).outflow(1.1, rest=0.1)
    0.2
    """

    P: float
    leak: float | str = REST

    def __post_init__(self) -> None:
        object.__setattr__(self, "P", checks.number(self.P, "LinearPump: P", "um/ms", least=0))
        self._check_leak()

    @property
    def terms(self) -> Terms:  # type: ignore[override]
        """The law in the common form."""
        return Terms(P=self.P)


@dataclass(frozen=True)
class HillPump(_Law):
    """A pump that saturates: flux = Vmax c^n / (K^n + c^n) - leak.

    Parameters
    ----------
    Vmax : float, uM um/ms        flux at saturation, per area of membrane; not negative
    K : float, uM                 concentration of half saturation
    n : int                       Hill coefficient, 1 to 8
    leak : "rest" or float, uM um/ms
    """

    Vmax: float
    K: float
    n: int = 1
    leak: float | str = REST

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "Vmax", checks.number(self.Vmax, "HillPump: Vmax", _FLUX, least=0))
        put(self, "K", checks.number(self.K, "HillPump: K", "uM", above=0))
        put(self, "n", checks.count(self.n, "HillPump: n"))
        if self.n > MOST_SITES:
            raise ValueError(
                f"HillPump: n = {self.n} is more than {MOST_SITES}; no pump is that cooperative."
            )
        self._check_leak()

    @property
    def terms(self) -> Terms:  # type: ignore[override]
        """The law in the common form."""
        return Terms(V=self.Vmax, K=self.K, n=self.n)


@dataclass(frozen=True)
class SurfacePump(_Law):
    """Pump molecules in the membrane, P0 + Ca <-> P1 -> P0 + Ca outside, each in its quasi-steady state.

    P1 = density c / (K + c) with K = (k_off + k_cat)/k_on, so that the flux is
    density (k_cat c - k_leak K)/(K + c) - leak; `k_leak` lets one ion in per free pump P0.
    (The ions bound to P1, at most `density` of them, are not counted in the box.)

    Parameters
    ----------
    density : float, 1/um^2       molecules per area of membrane
    k_on : float, 1/(uM ms)
    k_off, k_cat : float, 1/ms
    k_leak : float, 1/ms          influx per free pump
    leak : "rest" or float, uM um/ms     besides `k_leak`

    >>> pump = SurfacePump(density=180, k_on=0.15, k_off=0.015, k_cat=0.012, k_leak=0.0043)
    >>> round(pump.K, 12), round(pump.balance, 12)
    (0.18, 0.0645)
    """

    density: float
    k_on: float
    k_off: float
    k_cat: float
    k_leak: float = 0.0
    leak: float | str = REST

    UNITS: ClassVar[dict[str, str]] = {
        "density": "/um^2", "k_on": "/(uM ms)", "k_off": "/ms", "k_cat": "/ms", "k_leak": "/ms",
    }  # fmt: skip

    def __post_init__(self) -> None:
        for name, unit in self.UNITS.items():
            given = checks.number(getattr(self, name), f"SurfacePump: {name}", unit, least=0)
            object.__setattr__(self, name, given)
        if self.k_on == 0:
            raise ValueError("SurfacePump: k_on = 0 /(uM ms) must be more than 0; it never binds an ion.")
        if self.k_off + self.k_cat == 0:
            raise ValueError(
                "SurfacePump: k_off and k_cat are both 0 /ms; a bound ion never leaves the pump."
            )
        self._check_leak()

    @property
    def K(self) -> float:
        """Concentration of half saturation, (k_off + k_cat)/k_on, uM."""
        return (self.k_off + self.k_cat) / self.k_on

    @property
    def Vmax(self) -> float:
        """Flux at saturation, density k_cat, uM um/ms."""
        return self.density * self.k_cat / IONS_PER_UM_UM3

    @property
    def balance(self) -> float:
        """Concentration at which `k_leak` alone balances the pump, uM (infinity where k_cat is 0)."""
        return self.K * self.k_leak / self.k_cat if self.k_cat else math.inf

    @property
    def terms(self) -> Terms:  # type: ignore[override]
        """The law in the common form."""
        return Terms(V=self.Vmax, B=self.density * self.k_leak / IONS_PER_UM_UM3, K=self.K)


@dataclass(frozen=True)
class ConstantFlux:
    """A sheet that lets the same flux in at all times.

    Parameters
    ----------
    J : float, uM um/ms           influx per area of membrane, positive into the box
    """

    J: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "J", checks.number(self.J, "ConstantFlux: J", _FLUX))

    @property
    def terms(self) -> Terms:
        """The law in the common form."""
        return Terms()

    def leak_at(self, rest: float) -> float:
        """The influx J, whatever the rest level."""
        return self.J

    def outflow(self, c: Any, rest: float) -> Any:
        """Net outward flux -J at every c, uM um/ms."""
        return self.terms.flux(c) - self.J


Law = LinearPump | HillPump | SurfacePump | ConstantFlux
LAWS = (LinearPump, HillPump, SurfacePump, ConstantFlux)


@dataclass(frozen=True)
class Pump:
    """A law at work on a face of the box, or on a patch of it.  Several may share a face.

    Parameters
    ----------
    law : LinearPump, HillPump, SurfacePump or ConstantFlux
    face : str                    "x-" to "z+"; the wall there must be closed
    ion : str                     name of the ion that it carries
    patch : Rectangle or Circle, optional     the whole face when left out
    name : str                    as the ledger calls it

    >>> Pump(HillPump(Vmax=0.03, K=0.3), name="PMCA").face
    'z-'
    """

    law: Law
    face: str = "z-"
    ion: str = "Ca"
    patch: Rectangle | Circle | None = None
    name: str = "pump"

    def __post_init__(self) -> None:
        checks.name(self.name, "Pump")
        if not isinstance(self.law, LAWS):
            raise TypeError(
                f"Pump {self.name!r}: law = {self.law!r}; expected LinearPump(P), HillPump(Vmax, K), "
                "SurfacePump(density, k_on, k_off, k_cat) or ConstantFlux(J)."
            )
        if self.face not in FACES:
            raise ValueError(f"Pump {self.name!r}: no face {self.face!r}; the faces are {', '.join(FACES)}.")
        if self.patch is not None and not isinstance(self.patch, Rectangle | Circle):
            raise TypeError(
                f"Pump {self.name!r}: patch = {self.patch!r}; expected Rectangle(centre, size), "
                "Circle(centre, radius), or None for the whole face."
            )

    def is_around(self, channel: Any, box: Any) -> bool:
        """Whether it carries the ion of a channel on its face, not further than AROUND from it."""
        axis, side = divmod(FACES.index(self.face), 2)
        if self.ion != channel.ion or channel.position[axis] != box[axis][side]:
            return False
        along = [channel.position[a] for a in range(3) if a != axis]
        reach = AROUND + (channel.mouth.radius if channel.mouth is not None else 0.0)
        return self.patch is None or self.patch.distance(*along) <= reach

    def check_patch(self, box: Any) -> None:
        """Refuse a patch that reaches beyond its face."""
        check_patch(f"Pump {self.name!r}", self.face, self.patch, box)
