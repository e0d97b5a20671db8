"""The Na/K pump at work: its current, and the ATP that rest and action potentials cost.

One cycle moves 3 Na out, 2 K in and one net charge out, for one ATP.  Currents are per whatever the
maximum is per (pA of a cell, pA/um^2 of a membrane), outward positive.
"""

from __future__ import annotations

from typing import Any

from microdomain.electro import inputs
from microdomain.electro.membrane import CAPACITANCE, ions_to_charge
from microdomain.units import AVOGADRO, BODY, FARADAY, mM, thermal_voltage

#: Elementary charges per millisecond in one picoampere.
CHARGES_PER_MS = 1e-15 * AVOGADRO / FARADAY


def pump_current(
    Na_in: Any,
    K_out: Any,
    V: Any,
    maximum: Any = 1.0,
    Na_out: Any = 145 * mM,
    K_Na: float = 10 * mM,
    K_K: float = 1.5 * mM,
    temperature: Any = BODY,
) -> Any:
    """Current of the Na/K-ATPase as a function of Na inside, K outside and V.

    I = I_max f(V) K_out / (K_out + K_K) / (1 + (K_Na/Na_in)^1.5),
    f(V) = 1 / (1 + 0.1245 e^(-0.1 VF/RT) + 0.0365 s e^(-VF/RT)),  s = (e^(Na_out/67.3 mM) - 1)/7
    (Luo and Rudy 1994, Circ Res 74:1071, heart muscle, 37 C).  Not a thermodynamic law: it never
    reverses; compare V with `energetics.sodium_pump_reversal`.

    Parameters
    ----------
    Na_in, K_out, Na_out : float or array, uM      zero allowed: the pump stops without its substrate
    V : float or array, mV
    maximum : float or array, pA or pA/um^2        current at saturation
    K_Na, K_K : float, uM                          half-saturation
    temperature : float or array, K                enters VF/RT only; scale `maximum` by `q10_factor`

    Returns
    -------
    float or array, unit of `maximum`     outward positive
    """
    xp = inputs.array_namespace(Na_in, K_out, V, maximum, Na_out, temperature)
    Na_in = inputs.concentration(Na_in, "Na_in", xp, zero=True)
    K_out = inputs.concentration(K_out, "K_out", xp, zero=True)
    Na_out = inputs.concentration(Na_out, "Na_out", xp, zero=True)
    K_Na, K_K = inputs.concentration(K_Na, "K_Na"), inputs.concentration(K_K, "K_K")
    u = inputs.finite(V, "V", xp) / thermal_voltage(inputs.absolute_temperature(temperature, xp))
    s = xp.expm1(Na_out / (67.3 * mM)) / 7
    voltage = 1 / (1 + 0.1245 * xp.exp(-0.1 * u) + 0.0365 * s * xp.exp(-u))
    bound = Na_in**1.5 / (Na_in**1.5 + K_Na**1.5)
    return inputs.plain(maximum * voltage * bound * K_out / (K_out + K_K))


def atp_rate(sodium_current: Any) -> Any:
    """ATP per millisecond that keeps a resting sodium leak in balance: |I_Na| / 3e.

    Parameters
    ----------
    sodium_current : float or array, pA     the leak, inward negative

    Returns
    -------
    float or array, molecules/ms (per the area that the current is per)
    """
    xp = inputs.array_namespace(sodium_current)
    leak = inputs.checked(
        -inputs.as_floats(sodium_current, xp),
        "-sodium_current",
        low=0.0,
        strict=False,
        expected="an inward sodium leak, negative by convention",
        mend="An outward sodium current needs no pump.",
        xp=xp,
    )
    return inputs.plain(leak * CHARGES_PER_MS / 3)


def resting_atp(V: Any, E_Na: Any, E_K: Any, resistance: Any) -> Any:
    """ATP per millisecond of a resting cell from its input resistance (Attwell and Laughlin 2001).

    Sodium and potassium leaks with conductances g_Na, g_K and a pump of 3:2 are in balance at V; with
    1/resistance = g_Na + g_K the pump turns (E_Na - V)(V - E_K) / [F R (V + 2 E_Na - 3 E_K)] times
    (J Cereb Blood Flow Metab 21:1133).

    Parameters
    ----------
    V, E_Na, E_K : float or array, mV     E_K < V < E_Na
    resistance : float or array, MOhm

    Returns
    -------
    float or array, molecules/ms

    >>> f"{1e3 * resting_atp(-70, 50, -100, 200):.3g} ATP/s"
    '3.4e+08 ATP/s'
    """
    xp = inputs.array_namespace(V, E_Na, E_K, resistance)
    V, E_Na, E_K = (inputs.finite(v, name, xp) for v, name in ((V, "V"), (E_Na, "E_Na"), (E_K, "E_K")))
    resistance = inputs.checked(
        resistance,
        "resistance",
        low=0.0,
        strict=True,
        expected="a positive resistance in MOhm",
        mend="Check the unit.",
        xp=xp,
    )
    if not bool(xp.all(xp.asarray((E_K < V) & (E_Na > V)))):
        raise ValueError("V: expected a resting potential between E_K and E_Na; elsewhere no leaks balance.")
    # mV / MOhm = nA.
    current = 1e3 * (E_Na - V) * (V - E_K) / (resistance * (V + 2 * E_Na - 3 * E_K))
    return inputs.plain(current * CHARGES_PER_MS)


def spike_atp(amplitude: Any, area: Any, overlap: Any = 1.3, capacitance: Any = CAPACITANCE) -> Any:
    """ATP that pumps out the sodium of one action potential.

    The least sodium charges the membrane by the amplitude; overlapping potassium current makes it more:
    about 4 times in squid axon (Hodgkin 1975), 1.3 in mossy-fibre boutons (Alle, Roth and Geiger 2009,
    Science 325:1405).

    Parameters
    ----------
    amplitude : float or array, mV     height of the spike, positive
    area : float or array, um^2
    overlap : float or array           sodium that enters over the least, at least 1
    capacitance : float, pF/um^2

    Returns
    -------
    float or array, molecules of ATP

    >>> f"{spike_atp(100, area=1e4, overlap=1):.3g}"           # a 100 pF cell, at the very least
    '2.08e+07'
    """
    xp = inputs.array_namespace(amplitude, area, overlap, capacitance)
    overlap = inputs.checked(
        overlap,
        "overlap",
        low=1.0,
        strict=False,
        expected="a ratio of at least 1",
        mend="Less sodium than C V cannot make the spike.",
        xp=xp,
    )
    amplitude = inputs.checked(
        amplitude,
        "amplitude",
        low=0.0,
        strict=True,
        expected="a positive height in mV",
        mend="Give peak minus rest.",
        xp=xp,
    )
    return inputs.plain(overlap * ions_to_charge(amplitude, area, 1, capacitance) / 3)
