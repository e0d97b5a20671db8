"""The pump-leak cell at rest: in closed form, or by Newton's method with cotransporters.

Leaks g, a pump p, electroneutrality and free water give, with U = RT/F and impermeant molecules X of mean
charge z inside (Keener and Sneyd, Mathematical Physiology; Kay 2017, Front Cell Dev Biol 5:41),

    S = Na_out e^(-3p/(g_Na U)) + K_out e^(+2p/(g_K U)),           y = e^(-V/U)
    (1-z) S y^2 + z Pi y - (1+z) Cl_out = 0,                       Pi: osmolarity outside
    Na = Na_out e^(-3p/(g_Na U)) y,   K = K_out e^(2p/(g_K U)) y,   Cl = Cl_out/y,   X = Pi - Na - K - Cl

The volume is the amount of X over its concentration, and it is finite only where X comes out positive.
Without impermeant molecules outside that means alpha = S/Cl_out < 1: the pump must outdo the leak.

Cotransporters, or a pump that follows sodium, have no closed form: they are approached from a cell that
has one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from microdomain.electro import inputs
from microdomain.electro.pumpleak import PumpLeak, fluxes, namespace_of, numbers_only
from microdomain.units import thermal_voltage


class NoSteadyState(ValueError):
    """The leak outdoes the pump: water enters without end and no steady state exists."""


class SteadyState(NamedTuple):
    """A pump-leak cell at rest: numbers, or arrays where the cell has arrays.

    Attributes
    ----------
    V : mV, inside minus outside
    Na, K, Cl, impermeant : uM inside
    swelling : volume over `PumpLeak.volume`
    alpha : S over chloride outside (the pump outdoes the leak below 1); NaN where no closed form holds
    E_Na, E_K, E_Cl : mV
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
    xp = namespace_of(cell)
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
