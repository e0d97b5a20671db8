"""Donnan equilibrium: what charged molecules that cannot leave do to salt, voltage and water.

Inside sit impermeant molecules at concentration X with mean charge z; a salt of monovalent ions passes.
At equilibrium every permeant ion has the same Nernst potential, so cations are concentrated by one
factor r and anions diluted by it (Donnan 1911, Z Elektrochem 17:572):

    K_in = r c,   Cl_in = c / r,   r = q + sqrt(q^2 + 1),   q = -z X / 2c,   V = -(RT/F) ln r

Inside holds more particles than outside, and water follows.  A wall that bears the pressure keeps the
volume (`donnan`); an animal cell has none and swells until the particles balance (`donnan_free`), which
without impermeant molecules outside never happens: the cell bursts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from microdomain.electro import inputs
from microdomain.units import BODY, GAS, thermal_voltage


class Donnan(NamedTuple):
    """A Donnan equilibrium; concentrations in uM, each a float or an array.

    Attributes
    ----------
    ratio : r = cation_in / cation_out = anion_out / anion_in
    voltage : mV, inside minus outside
    cation, anion, impermeant : uM, inside
    excess : uM of particles inside beyond outside (osmolarity difference)
    pressure : kPa that a wall must bear to keep the water out, RT times the excess
    """

    ratio: Any
    voltage: Any
    cation: Any
    anion: Any
    impermeant: Any
    excess: Any
    pressure: Any


class FreeDonnan(NamedTuple):
    """A Donnan equilibrium of a cell that swells freely: as `Donnan` without pressure, plus swelling.

    Attributes
    ----------
    ratio, voltage, cation, anion, impermeant : as in `Donnan`
    swelling : final over initial water volume; infinite where the cell bursts
    """

    ratio: Any
    voltage: Any
    cation: Any
    anion: Any
    impermeant: Any
    swelling: Any


def _ratio(q: Any, xp: Any) -> Any:
    """q + sqrt(q^2 + 1) without cancellation at large negative q."""
    return xp.exp(xp.arcsinh(q))


def donnan(salt: Any, impermeant: Any, charge: Any, temperature: Any = BODY) -> Donnan:
    """Donnan equilibrium at fixed volume.

    Parameters
    ----------
    salt : float or array, uM           monovalent salt outside (cation = anion), positive
    impermeant : float or array, uM     molecules that stay inside, zero or positive
    charge : float or array             their mean charge number, any sign, zero allowed
    temperature : float or array, K

    Returns
    -------
    Donnan      uM, mV, kPa

    Raises
    ------
    ValueError  naming the argument that is not positive or not finite

    >>> cell = donnan(salt=150e3, impermeant=100e3, charge=-1)
    >>> round(cell.voltage, 4), round(cell.pressure, 2)
    (-8.7516, 299.72)
    """
    xp = inputs.array_namespace(salt, impermeant, charge, temperature)
    salt = inputs.concentration(salt, "salt", xp)
    impermeant = inputs.concentration(impermeant, "impermeant", xp, zero=True)
    charge = inputs.finite(charge, "charge", xp)
    temperature = inputs.absolute_temperature(temperature, xp)
    q = -charge * impermeant / (2 * salt)
    r = _ratio(q, xp)
    cation, anion = salt * r, salt / r
    excess = cation + anion + impermeant - 2 * salt
    # uM J/mol = 1e-3 Pa = 1e-6 kPa.
    pressure = 1e-6 * GAS * temperature * excess
    found = (r, thermal_voltage(temperature) * xp.arcsinh(-q), cation, anion, impermeant, excess, pressure)
    return Donnan(*(inputs.plain(value) for value in found))


def donnan_free(
    salt: Any, impermeant: Any, charge: Any, outside_impermeant: Any = 0.0, temperature: Any = BODY
) -> FreeDonnan:
    """Donnan equilibrium of a cell without a wall: water moves until the particles balance.

    With neutral impermeant Y outside, electroneutrality and equal osmolarity give
    (2 salt + Y - X)^2 = (z X)^2 + 4 salt^2 for the final impermeant concentration X inside; the volume
    grows as its initial value over X.  With Y = 0 the answer is X = 0: the cell takes up water without
    end (lysis), swelling = inf, V = 0.

    Parameters
    ----------
    salt : float or array, uM                 monovalent salt outside, positive
    impermeant : float or array, uM           impermeant molecules inside before any swelling, positive
    charge : float or array                   their mean charge number
    outside_impermeant : float or array, uM   neutral impermeant molecules outside (Y), zero or positive
    temperature : float or array, K

    Returns
    -------
    FreeDonnan      uM, mV

    >>> round(donnan_free(salt=140e3, impermeant=100e3, charge=-1, outside_impermeant=20e3).swelling, 6)
    5.172414
    """
    xp = inputs.array_namespace(salt, impermeant, charge, outside_impermeant, temperature)
    salt = inputs.concentration(salt, "salt", xp)
    impermeant = inputs.concentration(impermeant, "impermeant", xp)
    charge = inputs.finite(charge, "charge", xp)
    Y = inputs.concentration(outside_impermeant, "outside_impermeant", xp, zero=True)
    temperature = inputs.absolute_temperature(temperature, xp)
    # (1 - z^2) X^2 - 2 (2S + Y) X + Y (4S + Y) = 0: the root that vanishes with Y, in the form that
    # stays finite at |z| = 1.
    half = 2 * salt + Y
    product = Y * (4 * salt + Y)
    X = product / (half + xp.sqrt(half * half - (1 - charge * charge) * product))
    q = -charge * X / (2 * salt)
    r = _ratio(q, xp)
    burst = X == 0
    swelling = xp.where(burst, xp.inf, impermeant / xp.where(burst, 1.0, X))
    found = (r, thermal_voltage(temperature) * xp.arcsinh(-q), salt * r, salt / r, X, swelling)
    return FreeDonnan(*(inputs.plain(value) for value in found))
