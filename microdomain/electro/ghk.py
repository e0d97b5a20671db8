"""Goldman, Hodgkin and Katz: the current of an open channel.

With u = zV F/RT and Bernoulli's function B(u) = u / (e^u - 1) the constant-field current is

    I = P z F [ inside B(-u) - outside B(u) ],                  B(-u) = B(u) + u

which is smooth through V = 0, fine at zero concentration and never overflows (Goldman 1943,
J Gen Physiol 27:37; Hodgkin and Katz 1949, J Physiol 108:37).  Currents have the
electrophysiologist's sign: inward negative.  P is in um^3/ms (a channel; 1 cm^3/s = 1e9 um^3/ms) or
um/ms (a membrane; 1 cm/s = 10 um/ms), concentrations in uM, V in mV; I comes in pA or pA/um^2.

The voltage at which the currents of several ions balance is in `microdomain.electro.ghk_balance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microdomain.electro import inputs
from microdomain.electro.nernst import nernst
from microdomain.units import BODY, FARADAY, thermal_voltage

#: pA carried by 1 uM um^3/ms of a monovalent ion: 1e-18 mol/s times F, in pA.
_PA_PER_FLUX = 1e-6 * FARADAY


def bernoulli(u: Any) -> Any:
    """B(u) = u / (e^u - 1), with B(0) = 1; no overflow, full accuracy at every u."""
    xp = inputs.array_namespace(u)
    size = xp.abs(u)
    # |u| / (1 - e^-|u|) = B(-|u|); B(|u|) is that times e^-|u|.
    falling = -xp.expm1(-size)
    negative = xp.where(size > 0, size, 1.0) / xp.where(size > 0, falling, 1.0)
    return xp.where(u > 0, negative * xp.exp(-size), negative)


def bernoulli_slope(u: Any, xp: Any) -> Any:
    """dB/du = B(u) (1 - B(-u)) / u, by its series where |u| is small."""
    small = xp.abs(u) < 1e-2
    safe = xp.where(small, 1.0, u)
    series = -0.5 + u / 6 - u**3 / 180
    return xp.where(small, series, bernoulli(safe) * (1 - bernoulli(-safe)) / safe)


def checked_permeability(value: Any, name: str, xp: Any) -> Any:
    """A permeability, or one for every point, as floats; a negative one is an error that names it."""
    return inputs.checked(
        value,
        name,
        low=0.0,
        strict=False,
        expected="a permeability, zero or positive",
        mend="The direction of a current comes from the concentrations and V.",
        xp=xp,
    )


def ghk_coefficients(P: Any, z: Any, V: Any, temperature: Any = BODY) -> tuple[Any, Any]:
    """The GHK current as a linear law in the concentrations: I = a inside - b outside.

    For callers in a loop: nothing is checked.

    Parameters
    ----------
    P : float or array, um^3/ms (or um/ms)    permeability of the open channel (of the membrane)
    z : int or array                          charge number, not zero
    V : float or array, mV                    inside minus outside
    temperature : float or array, K

    Returns
    -------
    (a, b) : floats or arrays, pA/uM    both positive for a cation
    """
    u = z * V / thermal_voltage(temperature)
    outward = bernoulli(-u)
    scale = P * z * _PA_PER_FLUX
    return scale * outward, scale * bernoulli(u)


def ghk_current(
    P: Any, z: Any, inside: Any, outside: Any, V: Any, temperature: Any = BODY, invalid: str = "raise"
) -> Any:
    """The GHK current of one ion.

    Parameters
    ----------
    P : float or array, um^3/ms (or um/ms)    permeability of the open channel (of the membrane)
    z : int or array                          charge number, not zero
    inside, outside : float or array, uM      concentrations, zero allowed
    V : float or array, mV                    inside minus outside
    temperature : float or array, K
    invalid : {"raise", "nan"}
        What to do with concentrations that are negative or NaN: an error, or a map with NaN there and
        one counted `ElectroWarning`.

    Returns
    -------
    float or array, pA (or pA/um^2)           inward positive charge is negative

    Raises
    ------
    ValueError    naming the argument: negative P or concentration, NaN, z = 0, temperature <= 0

    >>> round(ghk_current(2.591197e-4, 2, inside=0.1, outside=2000, V=0.0), 6)
    -0.1
    """
    xp = inputs.array_namespace(P, z, inside, outside, V, temperature)
    P, z = checked_permeability(P, "P", xp), inputs.valence(z, xp=xp)
    V, temperature = inputs.finite(V, "V", xp), inputs.absolute_temperature(temperature, xp)
    as_map = inputs.invalid_mode(invalid)
    if as_map:
        inside, outside = inputs.as_floats(inside, xp), inputs.as_floats(outside, xp)
        good = xp.isfinite(inside) & xp.isfinite(outside) & (xp.minimum(inside, outside) >= 0)
        inside, outside = xp.where(good, inside, 0.0), xp.where(good, outside, 0.0)
    else:
        inside = inputs.concentration(inside, "inside", xp, zero=True)
        outside = inputs.concentration(outside, "outside", xp, zero=True)
    a, b = ghk_coefficients(P, z, V, temperature)
    current = a * inside - b * outside
    if as_map:
        current = xp.where(good, current, xp.nan)
        inputs.warn_holes(good, "GHK current")
    return inputs.plain(current)


def ghk_conductance(P: Any, z: Any, inside: Any, outside: Any, V: Any, temperature: Any = BODY) -> Any:
    """Slope conductance dI/dV of the GHK current at V, in nS (pA/mV); parameters of `ghk_current`.

    Returns
    -------
    float or array, nS (or nS/um^2)    never negative
    """
    xp = inputs.array_namespace(P, z, inside, outside, V, temperature)
    P, z = checked_permeability(P, "P", xp), inputs.valence(z, xp=xp)
    inside = inputs.concentration(inside, "inside", xp, zero=True)
    outside = inputs.concentration(outside, "outside", xp, zero=True)
    scale = z / thermal_voltage(inputs.absolute_temperature(temperature, xp))
    u = scale * inputs.finite(V, "V", xp)
    slope = -inside * bernoulli_slope(-u, xp) - outside * bernoulli_slope(u, xp)
    return inputs.plain(P * z * _PA_PER_FLUX * scale * slope)


def permeability(
    conductance: Any, z: Any, inside: Any, outside: Any, V: Any = None, temperature: Any = BODY
) -> Any:
    """The P whose GHK current has a measured slope conductance at stated concentrations.

    Parameters
    ----------
    conductance : float or array, pS    slope dI/dV of the single channel, positive
    V : float or array, mV              where the slope was taken; None: at the reversal potential
    z, inside, outside, temperature     as in `ghk_current`

    Returns
    -------
    float or array, um^3/ms

    >>> round(permeability(10.0, 1, inside=150e3, outside=150e3), 9)   # RT/F g / (F c), both sides alike
    1.8467e-05
    """
    xp = inputs.array_namespace(conductance, z, inside, outside, V, temperature)
    conductance = inputs.checked(
        conductance,
        "conductance",
        low=0.0,
        strict=True,
        expected="a positive slope in pS",
        mend="A chord conductance g of I = g (V - E) is not this slope except at V = E.",
        xp=xp,
    )
    if V is None:
        V = nernst(inside, outside, z, temperature)
    per_P = inputs.as_floats(ghk_conductance(1.0, z, inside, outside, V, temperature), xp)
    if not bool(xp.all(xp.asarray(per_P) > 0)):
        raise ValueError("inside and outside are both zero: no current flows, so no permeability follows.")
    return inputs.plain(1e-3 * conductance / per_P)


def ghk_total(
    P: Sequence[Any],
    z: Sequence[int],
    inside: Sequence[Any],
    outside: Sequence[Any],
    V: Any,
    temperature: Any = BODY,
) -> Any:
    """The summed GHK current of several ions; arguments of `ghk_voltage` with P in um^3/ms, c in uM.

    Returns
    -------
    float or array, pA    inward negative
    """
    parts = zip(P, z, inside, outside, strict=True)
    return sum(ghk_current(p, q, i, o, V, temperature) for p, q, i, o in parts)
