"""Where the currents of several ions balance: the reversal potential of a membrane or of a mixed channel.

The currents are those of Goldman, Hodgkin and Katz in `microdomain.electro.ghk`.  Signs: V in mV, inside
minus outside.  Only ratios matter, so permeabilities share any one unit and so do concentrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microdomain.electro import inputs
from microdomain.electro.ghk import bernoulli, bernoulli_slope, checked_permeability
from microdomain.units import BODY, mM, thermal_voltage


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
    P = [checked_permeability(value, f"P[{i}]", xp) for i, value in enumerate(P)]
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

    Parameters
    ----------
    P, z, inside, outside, temperature      as in `ghk_voltage`

    Returns
    -------
    float or array, mV      NaN where no voltage balances the currents
    """
    return ghk_voltage(P, z, inside, outside, temperature, invalid="nan")


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
            slope = slope + q * q * (a * bernoulli_slope(q * w, xp) + b * bernoulli_slope(-q * w, xp))
        low, high = xp.where(value > 0, w, low), xp.where(value > 0, high, w)
        step = w - value / slope
        new = xp.where((step > low) & (step < high), step, 0.5 * (low + high))
        done = bool(xp.all(xp.abs(new - w) < 1e-13 * (1 + xp.abs(w))))
        w = new
        if done:
            break
    return w
