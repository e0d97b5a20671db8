"""The energy of transport: what a pump must pay, what ATP gives, where each transporter turns round.

Moving one mole of an ion of charge z out of the cell costs RT ln(outside/inside) - z F V joules, V inside
minus outside.  The signs matter: with V = -70 mV the second term adds 6.75 kJ/mol to every sodium that
leaves and takes the same from every potassium that enters.  Per cycle of the Na/K pump (3 out, 2 in):

    w = 3 [RT ln(Na_out/Na_in) - F V] + 2 [RT ln(K_in/K_out) + F V] = RT (...) - F V

43.2 kJ/mol at the default solutions, against 50 kJ/mol from ATP.  Energies are in kJ/mol, positive where
work must be done; concentrations of the ions in one unit per ion.
"""

from __future__ import annotations

from typing import Any

from microdomain.electro import inputs
from microdomain.electro.nernst import nernst
from microdomain.units import BODY, FARADAY, GAS, M

#: Free energy of ATP hydrolysis at standard conditions (1 M, pH 7, 1 mM free Mg2+), kJ/mol.
ATP_STANDARD = -30.5
#: kJ/mol of one elementary charge through one millivolt.
_KJ_PER_MV = 1e-6 * FARADAY


def transport_work(inside: Any, outside: Any, z: int, V: Any, temperature: Any = BODY) -> Any:
    """Work to move one mole of an ion out of the cell; its negative is the work to bring one in.

    Parameters
    ----------
    inside, outside : float or array, one unit    positive
    z : int                                       charge number
    V : float or array, mV
    temperature : float or array, K

    Returns
    -------
    float or array, kJ/mol      z F (E - V); positive where the ion must be pushed out

    >>> round(transport_work(inside=0.1, outside=2000, z=2, V=-70), 3)    # the calcium pump's task
    39.046
    """
    xp = inputs.array_namespace(inside, outside, V, temperature)
    E = nernst(inside, outside, z, temperature)
    return inputs.plain(inputs.valence(z) * _KJ_PER_MV * (E - inputs.finite(V, "V", xp)))


def sodium_pump_work(Na_in: Any, Na_out: Any, K_in: Any, K_out: Any, V: Any, temperature: Any = BODY) -> Any:
    """Work of one cycle of the Na/K-ATPase: 3 Na out, 2 K in.

    Parameters
    ----------
    Na_in, Na_out, K_in, K_out : float or array, one unit per ion
    V : float or array, mV
    temperature : float or array, K

    Returns
    -------
    float or array, kJ/mol of cycles (and of ATP)

    >>> round(sodium_pump_work(Na_in=12, Na_out=145, K_in=140, K_out=5, V=-70), 5)
    43.21694
    """
    sodium = transport_work(Na_in, Na_out, 1, V, temperature)
    potassium = transport_work(K_in, K_out, 1, V, temperature)
    return 3 * sodium - 2 * potassium


def calcium_pump_work(Ca_in: Any, Ca_out: Any, V: Any, temperature: Any = BODY, H: Any = None) -> Any:
    """Work of one cycle of the plasma-membrane Ca-ATPase: 1 Ca out for 1 ATP.

    Parameters
    ----------
    Ca_in, Ca_out : float or array, one unit
    V : float or array, mV
    temperature : float or array, K
    H : None, or (H_in, H_out) in one unit     counter-transport of 2 H+ per Ca; None: no protons

    Returns
    -------
    float or array, kJ/mol
    """
    work = transport_work(Ca_in, Ca_out, 2, V, temperature)
    return work if H is None else work - 2 * transport_work(H[0], H[1], 1, V, temperature)


def atp_energy(ATP: Any, ADP: Any, Pi: Any, temperature: Any = BODY, standard: Any = ATP_STANDARD) -> Any:
    """Free energy of ATP hydrolysis in a cell: dG = dG0' + RT ln([ADP][Pi]/[ATP]).

    Parameters
    ----------
    ATP, ADP, Pi : float or array, uM      positive; the standard state is 1 M, so the unit matters
    temperature : float or array, K
    standard : float, kJ/mol               dG0'

    Returns
    -------
    float or array, kJ/mol     negative: energy that hydrolysis gives

    >>> round(atp_energy(ATP=8e3, ADP=1e3, Pi=4e3), 5)
    -50.10068
    """
    xp = inputs.array_namespace(ATP, ADP, Pi, temperature)
    ATP, ADP = inputs.concentration(ATP, "ATP", xp), inputs.concentration(ADP, "ADP", xp)
    quotient = xp.log(ADP) + xp.log(inputs.concentration(Pi, "Pi", xp) / M) - xp.log(ATP)
    return inputs.plain(standard + 1e-3 * GAS * inputs.absolute_temperature(temperature, xp) * quotient)


def efficiency(work: Any, atp: Any) -> Any:
    """Work of a cycle over what its ATP gives; above 1 the pump would run backwards and make ATP.

    Parameters
    ----------
    work : float or array, kJ/mol
    atp : float or array, kJ/mol     dG of hydrolysis, negative (its sign is checked)

    Returns
    -------
    float or array                   a share: 1 is all that ATP gives

    Raises
    ------
    ValueError                       a positive dG, or work that is not finite
    """
    xp = inputs.array_namespace(work, atp)
    return inputs.plain(inputs.finite(work, "work", xp) / _given(atp, xp))


def _given(atp: Any, xp: Any) -> Any:
    """The positive energy that hydrolysis gives."""
    return inputs.checked(
        -inputs.as_floats(atp, xp),
        "-atp",
        low=0.0,
        strict=True,
        expected="a positive energy given by hydrolysis",
        mend="atp is dG, negative in a living cell: about -50 kJ/mol.",
        xp=xp,
    )


def sodium_pump_reversal(
    Na_in: Any, Na_out: Any, K_in: Any, K_out: Any, atp: Any, temperature: Any = BODY
) -> Any:
    """Voltage below which the Na/K pump runs backwards: where its work equals what ATP gives.

    Parameters
    ----------
    Na_in, Na_out, K_in, K_out : as in `sodium_pump_work`
    atp : float or array, kJ/mol      dG of hydrolysis, negative
    temperature : float or array, K

    Returns
    -------
    float or array, mV

    >>> round(sodium_pump_reversal(12, 145, 140, 5, atp=-50), 4)
    -140.3015
    """
    xp = inputs.array_namespace(Na_in, Na_out, K_in, K_out, atp, temperature)
    work = sodium_pump_work(Na_in, Na_out, K_in, K_out, 0.0, temperature)
    return inputs.plain((work - _given(atp, xp)) / _KJ_PER_MV)


def calcium_pump_floor(Ca_out: Any, V: Any, atp: Any, temperature: Any = BODY) -> Any:
    """The lowest inside calcium that a pump of 1 Ca per ATP can reach.

    Parameters
    ----------
    Ca_out : float or array, one unit      positive
    V : float or array, mV
    atp : float or array, kJ/mol           dG of hydrolysis, negative
    temperature : float or array, K

    Returns
    -------
    float or array, the unit of Ca_out     no protons counted
    """
    xp = inputs.array_namespace(Ca_out, V, atp, temperature)
    Ca_out = inputs.concentration(Ca_out, "Ca_out", xp)
    temperature = inputs.absolute_temperature(temperature, xp)
    load = _given(atp, xp) + 2 * _KJ_PER_MV * inputs.finite(V, "V", xp)
    return inputs.plain(Ca_out * xp.exp(-load / (1e-3 * GAS * temperature)))


def exchanger_reversal(E_Na: Any, E_Ca: Any, stoichiometry: float = 3.0) -> Any:
    """Reversal potential of the Na/Ca exchanger, n Na for 1 Ca: (n E_Na - 2 E_Ca) / (n - 2).

    With 3 Na: 3 E_Na - 2 E_Ca.  Above it the exchanger brings calcium in, below it takes calcium out.

    Parameters
    ----------
    E_Na, E_Ca : float or array, mV     Nernst potentials (maps welcome: NaN stays NaN)
    stoichiometry : float               Na per Ca, above 2

    Returns
    -------
    float or array, mV

    >>> round(exchanger_reversal(nernst(12, 145, 1), nernst(1e-4, 2, 2)), 4)
    -64.8925
    """
    if not stoichiometry > 2:
        raise ValueError(
            f"stoichiometry = {stoichiometry:g}: expected more than 2 Na per Ca; with 2 no charge moves "
            "and there is no reversal potential."
        )
    xp = inputs.array_namespace(E_Na, E_Ca)
    E_Na, E_Ca = inputs.as_floats(E_Na, xp), inputs.as_floats(E_Ca, xp)
    return inputs.plain((stoichiometry * E_Na - 2 * E_Ca) / (stoichiometry - 2))


def exchanger_work(Na_in: Any, Na_out: Any, Ca_in: Any, Ca_out: Any, V: Any, temperature: Any = BODY) -> Any:
    """Energy of one turn of the 3 Na / 1 Ca exchanger: 3 Na in and 1 Ca out.

    Parameters
    ----------
    Na_in, Na_out, Ca_in, Ca_out : float or array, one unit per ion
    V : float or array, mV
    temperature : float or array, K

    Returns
    -------
    float or array, kJ/mol of turns     negative: it runs this way by itself
    """
    calcium = transport_work(Ca_in, Ca_out, 2, V, temperature)
    return calcium - 3 * transport_work(Na_in, Na_out, 1, V, temperature)


def exchanger_floor(Na_in: Any, Na_out: Any, Ca_out: Any, V: Any, temperature: Any = BODY) -> Any:
    """The lowest inside calcium that the 3:1 exchanger can reach: Ca_out (Na_in/Na_out)^3 e^(VF/RT).

    Parameters
    ----------
    Na_in, Na_out : float or array, one unit
    Ca_out : float or array, any unit
    V : float or array, mV
    temperature : float or array, K

    Returns
    -------
    float or array, the unit of Ca_out

    >>> round(exchanger_floor(12, 145, Ca_out=2e6, V=-70), 2)      # nM
    82.6
    """
    xp = inputs.array_namespace(Na_in, Na_out, Ca_out, V, temperature)
    E_Na = nernst(Na_in, Na_out, 1, temperature)
    temperature = inputs.absolute_temperature(temperature, xp)
    load = _KJ_PER_MV * (inputs.finite(V, "V", xp) - 3 * E_Na) / (1e-3 * GAS * temperature)
    return inputs.plain(inputs.concentration(Ca_out, "Ca_out", xp) * xp.exp(load))
