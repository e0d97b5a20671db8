"""Equilibrium: the voltage at which diffusion and electricity balance for one ion.

    E = (RT / zF) ln(outside / inside)                                    (Nernst 1889)

Every voltage is inside minus outside, in mV.  Only the ratio of the concentrations enters, so any
one unit for both will do.  Formulas hold for a membrane much wider than the Debye length (about
1 nm in saline) between bulk solutions; activity coefficients enter through `activity`.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from microdomain.electro import inputs
from microdomain.electro.warn import ElectroWarning
from microdomain.units import BODY, thermal_voltage


def nernst(
    inside: Any,
    outside: Any,
    z: Any,
    temperature: Any = BODY,
    activity: Any = None,
    invalid: str = "raise",
) -> Any:
    """The equilibrium (Nernst) potential of one ion.

    Parameters
    ----------
    inside, outside : float or array, one unit for both      concentrations, positive
    z : int or array                                          charge number, not zero
    temperature : float or array, K                           37 C unless given
    activity : None, (gamma_inside, gamma_outside), or a rule of `microdomain.electro.activity`
        Activity coefficients of both sides.  A side left None counts as ideal and warns: converting
        one side only moves E_Ca by some 15 mV for no physical reason.
    invalid : {"raise", "nan"}
        What to do with concentrations that are zero, negative or NaN: an error, or a map with NaN
        there and one counted `ElectroWarning`.

    Returns
    -------
    float or array, mV    inside minus outside, broadcast over the arguments

    Raises
    ------
    ValueError    naming the argument that is not positive, or z = 0, or temperature <= 0

    >>> round(nernst(inside=12, outside=145, z=1), 4)
    66.5982
    >>> round(nernst(inside=1e-4, outside=2, z=2), 4)
    132.3436
    """
    xp = inputs.array_namespace(inside, outside, z, temperature)
    z, temperature = inputs.valence(z, xp=xp), inputs.absolute_temperature(temperature, xp)
    as_map = inputs.invalid_mode(invalid)
    if as_map:
        inside, outside = inputs.as_floats(inside, xp), inputs.as_floats(outside, xp)
        good = xp.isfinite(inside) & (inside > 0) & xp.isfinite(outside) & (outside > 0)
        inside, outside = xp.where(good, inside, 1.0), xp.where(good, outside, 1.0)
    else:
        inside = inputs.concentration(inside, "inside", xp)
        outside = inputs.concentration(outside, "outside", xp)
    # A difference of logarithms, not the logarithm of a ratio: the ratio can overflow, and swapping
    # the sides changes the sign exactly.
    potential = thermal_voltage(temperature) / z * (xp.log(outside) - xp.log(inside))
    if activity is not None:
        potential = potential + _activity_shift(activity, z, temperature, xp)
    if as_map:
        potential = xp.where(good, potential, xp.nan)
        inputs.warn_holes(good, "equilibrium potential")
    return inputs.plain(potential)


def reversal(inside: Any, outside: Any, z: Any, temperature: Any = BODY, activity: Any = None) -> Any:
    """A map of equilibrium potentials: `nernst` where the ion is, NaN where it is not.

    Parameters are those of `nernst`.  Points with a zero, negative or NaN concentration are NaN and
    one `ElectroWarning` counts them.

    Returns
    -------
    float or array, mV
    """
    return nernst(inside, outside, z, temperature, activity, invalid="nan")


def _activity_shift(activity: Any, z: Any, temperature: Any, xp: Any) -> Any:
    """mV that activity coefficients add to a Nernst potential: (RT/zF) ln(gamma_out / gamma_in)."""
    pair = activity.coefficients(z, temperature) if hasattr(activity, "coefficients") else activity
    try:
        gamma_inside, gamma_outside = pair
    except (TypeError, ValueError):
        raise ValueError(
            f"activity = {activity!r}: expected a pair (gamma_inside, gamma_outside) or a rule such as "
            "Davies(inside=..., outside=...)."
        ) from None
    if (gamma_inside is None) != (gamma_outside is None):
        given = "inside" if gamma_outside is None else "outside"
        warnings.warn(
            f"activity is given for the {given} only, the other side counts as ideal: this moves a "
            "potential by 7 to 15 mV for no physical reason. Give both sides, or neither.",
            ElectroWarning,
            stacklevel=3,
        )
    inside, outside = (
        inputs.checked(
            1.0 if gamma is None else gamma,
            name,
            low=0.0,
            strict=True,
            expected="a positive activity coefficient",
            mend="microdomain.electro.activity computes them.",
            xp=xp,
        )
        for gamma, name in ((gamma_inside, "gamma_inside"), (gamma_outside, "gamma_outside"))
    )
    return thermal_voltage(temperature) / z * (xp.log(outside) - xp.log(inside))


def driving_force(V: Any, E: Any) -> Any:
    """V - E in mV: negative drives positive charge inward.

    At -70 mV sodium (E_Na = +66.6 mV) has -136.6 mV: it rushes in.  NaN in a map of E stays NaN.

    >>> round(driving_force(-70, nernst(12, 145, 1)), 1)
    -136.6
    """
    xp = inputs.array_namespace(V, E)
    return inputs.plain(inputs.finite(V, "V", xp) - inputs.as_floats(E, xp))


def current_density(g: Any, V: Any, E: Any) -> Any:
    """Ohmic current per area, g (V - E), of a membrane or a map of E.

    Parameters
    ----------
    g : float or array, nS/um^2 (= pA/(mV um^2))     conductance per area; 0.1 nS/um^2 is 10 mS/cm^2
    V, E : float or array, mV

    Returns
    -------
    float or array, pA/um^2    inward negative
    """
    xp = inputs.array_namespace(g, V, E)
    g = inputs.checked(
        g,
        "g",
        low=0.0,
        strict=False,
        expected="a conductance, zero or positive",
        mend="The direction comes from V - E.",
        xp=xp,
    )
    return inputs.plain(g * driving_force(V, E))


def inside_at(E: Any, outside: Any, z: Any, temperature: Any = BODY) -> Any:
    """The inside concentration whose Nernst potential is E: Nernst's formula read backwards.

    Parameters
    ----------
    E : float or array, mV              inside minus outside
    outside : float or array            any one unit
    z : int or array                    charge number
    temperature : float or array, K

    Returns
    -------
    float or array, the unit of `outside`

    >>> round(inside_at(36.0, outside=2000.0, z=2), 3)      # uM: what an E_Ca of +36 mV means
    135.228
    """
    xp = inputs.array_namespace(E, outside, z, temperature)
    outside, z = inputs.concentration(outside, "outside", xp), inputs.valence(z, xp=xp)
    scale = thermal_voltage(inputs.absolute_temperature(temperature, xp))
    return inputs.plain(outside * xp.exp(-z * inputs.finite(E, "E", xp) / scale))


class Slopes(NamedTuple):
    """How E moves: mV per unit of inside and outside concentration, and mV per kelvin."""

    inside: Any
    outside: Any
    temperature: Any


def nernst_slopes(inside: Any, outside: Any, z: Any, temperature: Any = BODY) -> Slopes:
    """Sensitivities of the Nernst potential: dE/d inside, dE/d outside, dE/dT.

    dE/dT = E/T: in hypothermia every |E| falls, by 0.43 mV per kelvin for calcium.

    Parameters
    ----------
    inside, outside : float or array    one unit for both
    z : int or array                    charge number
    temperature : float or array, K

    Returns
    -------
    Slopes    mV per concentration unit (twice), mV/K
    """
    xp = inputs.array_namespace(inside, outside, z, temperature)
    E = nernst(inside, outside, z, temperature)
    z, temperature = inputs.valence(z, xp=xp), inputs.as_floats(temperature, xp)
    per_log = thermal_voltage(temperature) / z
    return Slopes(
        inputs.plain(-per_log / inputs.as_floats(inside, xp)),
        inputs.plain(per_log / inputs.as_floats(outside, xp)),
        inputs.plain(E / temperature),
    )


def q10_factor(Q10: Any, temperature: Any, reference: Any) -> Any:
    """How much faster a rate runs at `temperature` than at `reference`: Q10^((T - T_ref)/10).

    Parameters
    ----------
    Q10 : float or array                  factor per 10 K, positive
    temperature, reference : float, K

    Returns
    -------
    float or array

    >>> round(q10_factor(3.0, temperature=310.15, reference=297.15), 3)
    4.171
    """
    xp = inputs.array_namespace(Q10, temperature, reference)
    Q10 = inputs.checked(
        Q10,
        "Q10",
        low=0.0,
        strict=True,
        expected="a positive factor",
        mend="Most channels and pumps have a Q10 of 1.3 to 4.",
        xp=xp,
    )
    span = inputs.absolute_temperature(temperature, xp) - inputs.as_floats(reference, xp)
    return inputs.plain(Q10 ** (span / 10.0))
