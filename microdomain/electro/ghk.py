"""Goldman, Hodgkin and Katz: the current of an open channel, and where it vanishes.

With u = zV F/RT and Bernoulli's function B(u) = u / (e^u - 1) the constant-field current is

    I = P z F [ inside B(-u) - outside B(u) ],                  B(-u) = B(u) + u

which is smooth through V = 0, fine at zero concentration and never overflows (Goldman 1943,
J Gen Physiol 27:37; Hodgkin and Katz 1949, J Physiol 108:37).  Currents have the
electrophysiologist's sign: inward negative.  P is in um^3/ms (a channel; 1 cm^3/s = 1e9 um^3/ms) or
um/ms (a membrane; 1 cm/s = 10 um/ms), concentrations in uM, V in mV; I comes in pA or pA/um^2.
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


def _bernoulli_slope(u: Any, xp: Any) -> Any:
    """dB/du = B(u) (1 - B(-u)) / u, by its series where |u| is small."""
    small = xp.abs(u) < 1e-2
    safe = xp.where(small, 1.0, u)
    series = -0.5 + u / 6 - u**3 / 180
    return xp.where(small, series, bernoulli(safe) * (1 - bernoulli(-safe)) / safe)


def ghk_coefficients(P: Any, z: Any, V: Any, temperature: Any = BODY) -> tuple[Any, Any]:
    """The GHK current as a linear law in the concentrations: I = a inside - b outside.

    For callers in a loop: nothing is checked.

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
    P, z = _permeability(P, "P", xp), inputs.valence(z, xp=xp)
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
    P, z = _permeability(P, "P", xp), inputs.valence(z, xp=xp)
    inside = inputs.concentration(inside, "inside", xp, zero=True)
    outside = inputs.concentration(outside, "outside", xp, zero=True)
    scale = z / thermal_voltage(inputs.absolute_temperature(temperature, xp))
    u = scale * inputs.finite(V, "V", xp)
    slope = -inside * _bernoulli_slope(-u, xp) - outside * _bernoulli_slope(u, xp)
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


def ghk_voltage(
    P: Sequence[Any],
    z: Sequence[int],
    inside: Sequence[Any],
    outside: Sequence[Any],
    temperature: Any = BODY,
    invalid: str = "raise",
) -> Any:
    """The voltage at which the GHK currents of several ions sum to zero.

    For monovalent ions this is the Goldman-Hodgkin-Katz logarithm.  With divalents it is still closed:
    with y = e^(-VF/RT) the sum of currents is a quadratic in y with one positive root (Lewis 1979,
    J Physiol 286:417).  Ions of higher valence are found by a bracketed Newton iteration on whole arrays.

    Parameters
    ----------
    P : sequence of float or array, any one unit      relative permeabilities, not all zero
    z : sequence of int                               charge numbers
    inside, outside : sequence of float or array      concentrations, one unit for all, zero allowed
    temperature : float or array, K
    invalid : {"raise", "nan"}                        see `microdomain.electro.nernst.nernst`

    Returns
    -------
    float or array, mV    broadcast over the ions' arrays

    Raises
    ------
    ValueError    naming the argument; also where all permeabilities are zero, or where one side holds
                  nothing that passes, so that no voltage balances the currents

    >>> round(ghk_voltage(P=[1, 0.04, 0.45], z=[1, 1, -1], inside=[140, 12, 10], outside=[5, 145, 110]), 4)
    -67.3262
    """
    counts = {len(P), len(z), len(inside), len(outside)}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f"P, z, inside, outside hold {len(P)}, {len(z)}, {len(inside)}, {len(outside)} ions: "
            "expected one entry per ion in each, and at least one ion."
        )
    xp = inputs.array_namespace(*P, *inside, *outside, temperature)
    as_map = inputs.invalid_mode(invalid)
    P = [_permeability(value, f"P[{i}]", xp) for i, value in enumerate(P)]
    charges = [int(inputs.valence(value, f"z[{i}]")) for i, value in enumerate(z)]
    temperature = inputs.absolute_temperature(temperature, xp)
    if not bool(xp.all(sum(xp.asarray(value) for value in P) > 0)):
        raise ValueError("P holds only zeros: expected at least one ion that permeates, everywhere.")
    good = xp.asarray(True)
    if as_map:
        inside, outside = (
            [inputs.as_floats(c, xp) for c in inside],
            [inputs.as_floats(c, xp) for c in outside],
        )
        for c in (*inside, *outside):
            good = good & xp.isfinite(c) & (xp.asarray(c) >= 0)
        inside = [xp.where(good, c, 1.0) for c in inside]
        outside = [xp.where(good, c, 1.0) for c in outside]
    else:
        inside = [inputs.concentration(c, f"inside[{i}]", xp, zero=True) for i, c in enumerate(inside)]
        outside = [inputs.concentration(c, f"outside[{i}]", xp, zero=True) for i, c in enumerate(outside)]
    # Cations push outward from the inside, anions from the outside: "up" raises y, "down" lowers it.
    up = [p * (i if q > 0 else o) for p, q, i, o in zip(P, charges, inside, outside, strict=True)]
    down = [p * (o if q > 0 else i) for p, q, i, o in zip(P, charges, inside, outside, strict=True)]
    balanced = (xp.asarray(sum(up)) > 0) & (xp.asarray(sum(down)) > 0)
    if not as_map and not bool(balanced.all()):
        side = "inside" if not bool(xp.all(xp.asarray(sum(up)) > 0)) else "outside"
        raise ValueError(
            f"{side} holds no permeant ion that could balance the others: expected a positive "
            "concentration of one that permeates; the voltage would be infinite."
        )
    good = good & balanced
    up = [xp.where(good, value, 1.0) for value in up]
    down = [xp.where(good, value, 1.0) for value in down]
    valences = [abs(q) for q in charges]
    solve = _quadratic if max(valences) <= 2 else _newton
    voltage = xp.where(good, -thermal_voltage(temperature) * solve(valences, up, down, xp), xp.nan)
    if as_map:
        inputs.warn_holes(good, "GHK voltage")
    return inputs.plain(voltage)


def ghk_reversal(
    P: Sequence[Any],
    z: Sequence[int],
    inside: Sequence[Any],
    outside: Sequence[Any],
    temperature: Any = BODY,
) -> Any:
    """A map of the reversal potential of a channel that several ions pass: `ghk_voltage` with NaN holes.

    Pass one field per ion (numbers for ions that are not resolved).  Points where no voltage exists are
    NaN, and one `ElectroWarning` counts them.

    Returns
    -------
    float or array, mV
    """
    return ghk_voltage(P, z, inside, outside, temperature, invalid="nan")


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


def _permeability(value: Any, name: str, xp: Any) -> Any:
    return inputs.checked(
        value,
        name,
        low=0.0,
        strict=False,
        expected="a permeability, zero or positive",
        mend="The direction of a current comes from the concentrations and V.",
        xp=xp,
    )


def _quadratic(z: Sequence[int], up: Sequence[Any], down: Sequence[Any], xp: Any) -> Any:
    """ln y of the positive root of (n1 - d1 y)(1 + y) + 4 (n2 - d2 y^2) = 0, y = e^(-VF/RT)."""
    n1 = sum((a for q, a in zip(z, up, strict=True) if q == 1), start=0.0)
    d1 = sum((a for q, a in zip(z, down, strict=True) if q == 1), start=0.0)
    n2 = sum((a for q, a in zip(z, up, strict=True) if q == 2), start=0.0)
    d2 = sum((a for q, a in zip(z, down, strict=True) if q == 2), start=0.0)
    if all(q == 1 for q in z):
        return xp.log(n1) - xp.log(d1)
    top, bottom, linear = n1 + 4 * n2, d1 + 4 * d2, n1 - d1
    root = xp.sqrt(linear * linear + 4 * top * bottom) + xp.abs(linear)
    # The sum of equal signs, never their difference: no digits are lost when y is huge or tiny.
    return xp.where(linear > 0, xp.log(root) - xp.log(2 * bottom), xp.log(2 * top) - xp.log(root))


def _newton(z: Sequence[int], up: Sequence[Any], down: Sequence[Any], xp: Any) -> Any:
    """w = -VF/RT with sum z [up B(zw) - down B(-zw)] = 0: Newton, kept inside a shrinking bracket.

    The sum falls with w, and it cannot vanish outside [-60, 60] for any ratio below e^60.
    """
    w = xp.zeros_like(sum(up))
    low, high = w - 60.0, w + 60.0
    for _ in range(100):
        value, slope = xp.zeros_like(w), xp.zeros_like(w)
        for q, a, b in zip(z, up, down, strict=True):
            value = value + q * (a * bernoulli(q * w) - b * bernoulli(-q * w))
            slope = slope + q * q * (a * _bernoulli_slope(q * w, xp) + b * _bernoulli_slope(-q * w, xp))
        low, high = xp.where(value > 0, w, low), xp.where(value > 0, high, w)
        step = w - value / slope
        new = xp.where((step > low) & (step < high), step, 0.5 * (low + high))
        done = bool(xp.all(xp.abs(new - w) < 1e-13 * (1 + xp.abs(w))))
        w = new
        if done:
            break
    return w
