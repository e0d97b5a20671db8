"""The pump-leak cell: how a pump keeps volume and voltage, and its steady state in closed form.

Impermeant molecules X (mean charge z) draw water in; the cell would burst.  Pumping sodium out makes
sodium an effectively impermeant ion outside, which holds the water (Tosteson and Hoffman 1960, J Gen
Physiol 44:169; Keener and Sneyd, Mathematical Physiology; Kay 2017, Front Cell Dev Biol 5:41).  Linear
leaks g, a pump of 3 Na out for 2 K in, electroneutrality and free water give, with U = RT/F,

    S = Na_out e^(-3p/(g_Na U)) + K_out e^(+2p/(g_K U)),           y = e^(-V/U)
    (1-z) S y^2 + z Pi y - (1+z) Cl_out = 0,                       Pi: osmolarity outside
    Na = Na_out e^(-3p/(g_Na U)) y,   K = K_out e^(2p/(g_K U)) y,   Cl = Cl_out/y,   X = Pi - Na - K - Cl

The volume is the amount of X over its concentration, and it is finite only where X comes out positive.
Without impermeant molecules outside that means alpha = S/Cl_out < 1: the pump must outdo the leak.

Transporters that move no charge: KCC2 takes K and Cl out with kcc2 (E_Cl - E_K), NKCC1 brings Na, K and
2 Cl in with nkcc1 (E_Na + E_K - 2 E_Cl).  With them, or with a pump that follows sodium, the steady state
is found by Newton's method.  Time courses are in `microdomain.electro.swelling`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import pi
from typing import Any, NamedTuple

from microdomain.electro import inputs
from microdomain.electro.ghk import ghk_voltage
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


class NoSteadyState(ValueError):
    """The leak outdoes the pump: water enters without end and no steady state exists."""


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
        xp = _namespace(self)
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
        xp = _namespace(self)
        cotransport = bool(xp.any(xp.asarray(self.kcc2 + self.nkcc1) > 0))
        return self.law == "constant" and self.bath_volume is None and not cotransport


def _namespace(cell: PumpLeak) -> Any:
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


class SteadyState(NamedTuple):
    """A pump-leak cell at rest: mV, uM and the volume over its value at the start.

    alpha is S over chloride outside (the pump outdoes the leak below 1); NaN where no closed form holds.
    """

    V: Any
    Na: Any
    K: Any
    Cl: Any
    impermeant: Any
    swelling: Any
    alpha: Any
    E_Na: Any
    E_K: Any
    E_Cl: Any


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


def steady_state(cell: PumpLeak, invalid: str = "raise") -> SteadyState:
    """The steady state of a pump-leak cell in a large bath.

    Parameters
    ----------
    cell : PumpLeak       fields may be arrays that broadcast, where the closed form holds
    invalid : {"raise", "nan"}
        What to do where none exists: `NoSteadyState`, or NaN and one counted `ElectroWarning`.

    Returns
    -------
    SteadyState      mV, uM; swelling is the volume over `cell.volume`

    Raises
    ------
    NoSteadyState    the leak outdoes the pump
    ValueError       a finite bath: follow it in time with `swelling.evolve`

    >>> rest = steady_state(PumpLeak(temperature=298.12))
    >>> round(rest.V, 1), round(rest.Na / 1000, 1), round(rest.swelling, 3)
    (-94.1, 16.7, 0.342)
    """
    as_map = inputs.invalid_mode(invalid)
    if cell.bath_volume is not None:
        raise ValueError(
            "bath_volume: a finite bath changes with the cell, so the closed form does not hold; "
            "use swelling.evolve, or bath_volume=None."
        )
    if not cell.simple:
        numbers_only(cell)
        return _by_newton(cell)
    xp = _namespace(cell)
    U = thermal_voltage(cell.temperature)
    z = inputs.as_floats(cell.charge, xp)
    Na = cell.Na_out * xp.exp(-3 * cell.pump / (cell.g_Na * U))
    # Beyond e^300 the pump has long drained the cell's surroundings; no steady state either way.
    K = cell.K_out * xp.exp(xp.minimum(2 * cell.pump / (cell.g_K * U), 300.0))
    S, Pi, Cl_out = Na + K, cell.osmolarity_out, cell.Cl_out
    square = xp.asarray((z * Pi) ** 2 + 4 * S * (1 - z * z) * Cl_out)
    real = square >= 0
    root = xp.sqrt(xp.where(real, square, 0.0))
    # Of the two forms of one root, the sum of equal signs.
    anionic = (xp.abs(z) * Pi + root) / (2 * S * xp.where(z <= 0, 1 - z, 1.0))
    y = xp.where(z <= 0, anionic, 2 * (1 + z) * Cl_out / (xp.abs(z) * Pi + root))
    ions = (Na * y, K * y, Cl_out / y)
    X = Pi - sum(ions)
    # A positive X below rounding is none.
    good = real & (X / Pi > 1e-12)
    alpha = S / Cl_out
    if as_map:
        inputs.warn_holes(good, "steady state")
    elif not bool(good.all()):
        raise NoSteadyState(
            f"alpha = {float(xp.max(xp.asarray(alpha))):.4g}: the leak outdoes the pump, so water enters "
            "without end and the cell bursts. Expected alpha below 1 (for an impermeant charge of -1): "
            "raise pump, lower g_Na, or put impermeant molecules outside (impermeant_out)."
        )
    state = SteadyState(
        -U * xp.log(y),
        *ions,
        X,
        cell.impermeant / xp.where(good, X, 1.0),
        alpha,
        *_potentials(cell, ions, xp),
    )
    return SteadyState(*(inputs.plain(xp.where(good, value, xp.nan)) for value in state))


def _potentials(cell: PumpLeak, ions: tuple[Any, Any, Any], xp: Any) -> tuple[Any, Any, Any]:
    """E_Na, E_K, E_Cl in mV."""
    U = thermal_voltage(cell.temperature)
    Na, K, Cl = ions
    return U * xp.log(cell.Na_out / Na), U * xp.log(cell.K_out / K), U * xp.log(Cl / cell.Cl_out)


def _by_newton(cell: PumpLeak) -> SteadyState:
    """Steady state with cotransporters or a pump that follows sodium, by continuation from without."""
    import numpy as np
    from scipy.optimize import root

    U, Pi, z = thermal_voltage(cell.temperature), cell.osmolarity_out, cell.charge
    outside = (cell.Na_out, cell.K_out, cell.Cl_out)
    scale = cell.g_K * U

    def residual(x: Any, share: float) -> Any:
        V, Na, K, Cl = U * x[0], *(o * np.exp(v) for o, v in zip(outside, x[1:], strict=True))
        part = replace(cell, kcc2=share * cell.kcc2, nkcc1=share * cell.nkcc1)
        net = fluxes(part, V, (Na, K, Cl), outside).net
        # The neutral cell: Na + K - Cl + z X = 0 with X from the balance of particles.
        return [*(value / scale for value in net), (Na + K - Cl + z * (Pi - Na - K - Cl)) / Pi]

    guess = _first_guess(cell)
    x = np.array([guess.V / U, *(np.log(c / o) for c, o in zip(guess[1:4], outside, strict=True))])
    steps = np.linspace(0, 1, 11) if cell.kcc2 + cell.nkcc1 > 0 else [1.0]
    for share in steps:
        found = root(residual, x, args=(share,), tol=1e-13)
        x = found.x
    Na, K, Cl = (o * float(np.exp(v)) for o, v in zip(outside, x[1:], strict=True))
    X = Pi - Na - K - Cl
    if float(np.max(np.abs(residual(x, 1.0)))) > 1e-9 or not X / Pi > 1e-12:
        raise NoSteadyState(
            "no steady state was found with this pump and these cotransporters: water enters without end, "
            "or one ion is drained. Follow the cell in time with swelling.evolve, or raise pump."
        )
    E_Na, E_K, E_Cl = (float(E) for E in _potentials(cell, (Na, K, Cl), np))
    swelling = cell.impermeant / X
    return SteadyState(float(U * x[0]), Na, K, Cl, X, swelling, float("nan"), E_Na, E_K, E_Cl)


def _first_guess(cell: PumpLeak) -> SteadyState:
    """A closed-form state near the one sought; for the cubic law, by halving an interval of p."""
    bare = replace(cell, law="constant", kcc2=0.0, nkcc1=0.0)
    if cell.law == "constant":
        return steady_state(bare)
    # More pump means less sodium, so p - P (Na/Na_out)^3 grows with p.  A p that drains the potassium
    # outside the closed form's window is too high.
    low, high = 0.0, min(cell.pump, 50 * cell.g_K * thermal_voltage(cell.temperature))
    found: SteadyState | None = None
    for _ in range(100):
        p = 0.5 * (low + high)
        try:
            trial = steady_state(replace(bare, pump=p))
        except NoSteadyState:
            high = p
            continue
        if cell.pump * (trial.Na / cell.Na_out) ** 3 > p:
            found, low = trial, p
        else:
            high = p
    if found is None:
        raise NoSteadyState(
            "the leak outdoes a pump that follows sodium (law = cubic): no steady state. Raise pump, lower "
            "g_Na, or put impermeant molecules outside (impermeant_out)."
        )
    return found


def gaba_reversal(
    Cl_in: Any,
    Cl_out: Any,
    HCO3_in: Any = 12 * mM,
    HCO3_out: Any = 25 * mM,
    ratio: float = 0.2,
    temperature: Any = BODY,
) -> Any:
    """Reversal potential of GABA-A receptors, which pass chloride and some bicarbonate.

    Parameters
    ----------
    Cl_in, Cl_out, HCO3_in, HCO3_out : float or array, uM
    ratio : float           P_HCO3 / P_Cl, 0.2 to 0.3 (Kaila 1994, Prog Neurobiol 42:489)
    temperature : float or array, K

    Returns
    -------
    float or array, mV      above E_Cl by the bicarbonate
    """
    return ghk_voltage([1.0, ratio], [-1, -1], [Cl_in, HCO3_in], [Cl_out, HCO3_out], temperature)
