"""The pump-leak cell: linear leaks, a pump, cotransporters, and molecules that cannot leave.

Impermeant molecules X draw water in; the cell would burst.  Pumping sodium out makes sodium an effectively
impermeant ion outside, which holds the water (Tosteson and Hoffman 1960, J Gen Physiol 44:169; Keener and
Sneyd, Mathematical Physiology; Kay 2017, Front Cell Dev Biol 5:41).  With conductances g and a pump of
3 Na out for 2 K in, at net current p, the membrane carries

    I_Na = g_Na (V - E_Na) + 3 p,       I_K = g_K (V - E_K) - 2 p,       I_Cl = g_Cl (V - E_Cl)

Transporters that move no charge: KCC2 takes K and Cl out with kcc2 (E_Cl - E_K), NKCC1 brings Na, K and
2 Cl in with nkcc1 (E_Na + E_K - 2 E_Cl).  Where the cell comes to rest is found in
`microdomain.electro.pumpleak_rest`, its course in time in `microdomain.electro.swelling`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import pi
from typing import Any, NamedTuple

from microdomain.electro import inputs
from microdomain.electro.membrane import CAPACITANCE
from microdomain.units import BODY, mM, thermal_voltage

_NOT_NEGATIVE = (
    "pump",
    "g_Cl",
    "impermeant_out",
    "kcc2",
    "nkcc1",
)
_POSITIVE = ("g_Na", "g_K", "Na_out", "K_out", "impermeant", "area", "volume", "capacitance", "temperature")


@dataclass(frozen=True)
class PumpLeak:
    """A cell with leaks, a pump and molecules that cannot leave.

    Parameters
    ----------
    g_Na, g_K, g_Cl : float, nS/um^2       leak conductances (0.1 nS/um^2 = 10 mS/cm^2)
    pump : float, pA/um^2                  net pump current p: 3p of sodium out, 2p of potassium in
    law : {"constant", "cubic"}            p as given, or p (Na/Na_out)^3, which stops without sodium
    Na_out, K_out : float, uM              outside; chloride follows from electroneutrality
    impermeant_out, charge_out : float     uM and mean charge of molecules that stay outside
    impermeant, charge : float             uM (at `volume`) and mean charge of molecules that stay inside
    area, volume : float, um^2, um^3       of the membrane, fixed; of the cell at the start
    capacitance : float, pF/um^2
    kcc2, nkcc1 : float, nS/um^2           strengths of the cotransporters, 0: absent
    bath_volume : None or float, um^3      a finite outside space; None: concentrations outside are held
    temperature : float, K

    Raises
    ------
    ValueError    naming the field; also where no chloride is left outside to balance the charges
    """

    g_Na: Any = 1e-4
    g_K: Any = 3e-3
    g_Cl: Any = 2e-3
    pump: Any = 5e-3
    law: str = "constant"
    Na_out: Any = 147 * mM
    K_out: Any = 3 * mM
    impermeant_out: Any = 0.0
    charge_out: Any = 0.0
    impermeant: Any = 50 * mM
    charge: Any = -1.0
    area: Any = 4 * pi * 5.0**2
    volume: Any = 4 / 3 * pi * 5.0**3
    capacitance: Any = CAPACITANCE
    kcc2: Any = 0.0
    nkcc1: Any = 0.0
    bath_volume: Any = None
    temperature: Any = BODY

    def __post_init__(self) -> None:
        xp = namespace_of(self)
        for name in _POSITIVE + _NOT_NEGATIVE:
            inputs.checked(
                getattr(self, name),
                name,
                low=0.0,
                strict=name in _POSITIVE,
                expected="a positive number" if name in _POSITIVE else "zero or a positive number",
                mend="Conductances are in nS/um^2, pump currents in pA/um^2, concentrations in uM.",
                xp=xp,
            )
        inputs.finite(self.charge, "charge", xp)
        inputs.finite(self.charge_out, "charge_out", xp)
        if self.law not in ("constant", "cubic"):
            raise ValueError(f'law = {self.law!r}: expected "constant" or "cubic".')
        if self.bath_volume is not None:
            inputs.checked(
                self.bath_volume,
                "bath_volume",
                low=0.0,
                strict=True,
                expected="a positive volume in um^3, or None for a large bath",
                mend="A cleft is about a fifth of the cell.",
            )
        if not bool((xp.asarray(self.Cl_out) > 0).all()):
            raise ValueError(
                "charge_out: the molecules outside leave no room for chloride; expected "
                "Na_out + K_out + charge_out * impermeant_out > 0."
            )

    @property
    def Cl_out(self) -> Any:
        """Chloride outside, uM: what balances sodium, potassium and charged molecules there."""
        return self.Na_out + self.K_out + self.charge_out * self.impermeant_out

    @property
    def osmolarity_out(self) -> Any:
        """All particles outside, uM."""
        return self.Na_out + self.K_out + self.Cl_out + self.impermeant_out

    @property
    def simple(self) -> bool:
        """Whether the closed form holds: constant pump, no cotransporters, held outside."""
        xp = namespace_of(self)
        cotransport = bool(xp.any(xp.asarray(self.kcc2 + self.nkcc1) > 0))
        return self.law == "constant" and self.bath_volume is None and not cotransport


def namespace_of(cell: PumpLeak) -> Any:
    """The array library of a cell's fields."""
    return inputs.array_namespace(*(getattr(cell, field.name) for field in fields(cell)))


def numbers_only(cell: PumpLeak) -> None:
    """Refuse a cell with arrays where it is followed in time or solved by iteration, one at a time."""
    for field in fields(cell):
        if getattr(getattr(cell, field.name), "ndim", 0):
            raise ValueError(
                f"{field.name} is an array: expected a number. Only the closed-form steady state takes many "
                "cells at once; with cotransporters, a cubic pump or in time, loop over cells."
            )


class Fluxes(NamedTuple):
    """What crosses the membrane of a pump-leak cell, all in pA/um^2.

    I_Na, I_K, I_Cl    currents, outward positive, pump included
    kcc2               K and Cl that KCC2 takes out (each)
    nkcc1              Na and K that NKCC1 brings in (each; chloride twice)
    """

    I_Na: Any
    I_K: Any
    I_Cl: Any
    kcc2: Any
    nkcc1: Any

    @property
    def net(self) -> tuple[Any, Any, Any]:
        """Net charge-equivalent flux out of Na, K and Cl ions (pA/um^2, positive out)."""
        return (
            self.I_Na - self.nkcc1,
            self.I_K + self.kcc2 - self.nkcc1,
            -self.I_Cl + self.kcc2 - 2 * self.nkcc1,
        )


def fluxes(cell: PumpLeak, V: Any, inside: tuple[Any, Any, Any], outside: tuple[Any, Any, Any]) -> Fluxes:
    """All fluxes of the cell at V (mV) and (Na, K, Cl) in uM on both sides; nothing is checked."""
    xp = inputs.array_namespace(V, *inside)
    U = thermal_voltage(cell.temperature)
    E_Na, E_K, minus_E_Cl = (U * xp.log(o / i) for i, o in zip(inside, outside, strict=True))
    E_Cl = -minus_E_Cl
    p = cell.pump if cell.law == "constant" else cell.pump * (inside[0] / outside[0]) ** 3
    return Fluxes(
        cell.g_Na * (V - E_Na) + 3 * p,
        cell.g_K * (V - E_K) - 2 * p,
        cell.g_Cl * (V - E_Cl),
        cell.kcc2 * (E_Cl - E_K),
        cell.nkcc1 * (E_Na + E_K - 2 * E_Cl),
    )
