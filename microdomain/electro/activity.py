"""Activity coefficients: how much less an ion acts than its concentration says.

In saline (I = 0.15 M) a monovalent ion acts as three quarters of its concentration, calcium as one third.
Nernst's formula holds for activities; the coefficients cancel where both sides have the same ionic
strength, and move E by several millivolts where they differ (RT/zF times the difference of ln gamma).

    limiting law     log10 g = -A z^2 sqrt(I)                          I <= 0.01 M
    extended         log10 g = -A z^2 sqrt(I) / (1 + B a sqrt(I))      I <= 0.1 M
    Davies           log10 g = -A z^2 [sqrt(I)/(1 + sqrt(I)) - 0.3 I]  I <= 0.5 M   (the default)
    Pitzer           see `microdomain.electro.pitzer`

(Debye and Hueckel 1923; Kielland 1937, J Am Chem Soc 59:1675; Davies 1962, Ion Association.)  Davies is
about 1 % high for NaCl and 3 % for KCl at 0.15 M, and within 4 % of Pitzer for calcium.

Ionic strengths are in uM like every concentration here: 0.15 M is ``150 * mM``.  Molar and molal are
taken as one (they differ by less than 1 % at cell-like strength).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any

from microdomain.electro import inputs
from microdomain.electro.solutions import CHARGES
from microdomain.electro.warn import ElectroWarning
from microdomain.units import AVOGADRO, BODY, FARADAY, GAS, ZERO_CELSIUS, M

_EPSILON_0 = 8.8541878128e-12
_CHARGE = FARADAY / AVOGADRO
_BOLTZMANN = GAS / AVOGADRO

#: Ion sizes of Kielland (1937), in angstrom.
SIZES = {"Na": 4.25, "K": 3.0, "Cl": 3.0, "Ca": 6.0, "Mg": 8.0, "H": 9.0, "HCO3": 4.0}


def water_permittivity(temperature: Any = BODY) -> Any:
    """Relative permittivity of water (Malmberg and Maryott 1956, J Res NBS 56:1), 0 to 100 C."""
    t = temperature - ZERO_CELSIUS
    return 87.740 - 0.40008 * t + 9.398e-4 * t**2 - 1.410e-6 * t**3


def water_density(temperature: Any = BODY) -> Any:
    """Density of water in kg/m^3 (Kell 1975, J Chem Eng Data 20:97), 0 to 100 C."""
    t = temperature - ZERO_CELSIUS
    top = 999.83952 + 16.945176 * t - 7.9870401e-3 * t**2 - 46.170461e-6 * t**3
    return (top + 105.56302e-9 * t**4 - 280.54253e-12 * t**5) / (1 + 16.879850e-3 * t)


def debye_hueckel(temperature: Any = BODY) -> tuple[Any, Any]:
    """A and B of water from its permittivity and density.

    Parameters
    ----------
    temperature : float or array, K     0 to 100 C

    Returns
    -------
    (A, B) : A in (mol/kg)^-1/2 for log10, B in (mol/kg)^-1/2 per angstrom

    >>> [round(x, 3) for x in debye_hueckel(298.15)]
    [0.511, 0.329]
    """
    xp = inputs.array_namespace(temperature)
    temperature = inputs.absolute_temperature(temperature, xp)
    liquid = xp.asarray((temperature >= ZERO_CELSIUS) & (temperature <= ZERO_CELSIUS + 100))
    if not bool(liquid.all()):
        raise ValueError(
            "temperature: expected 273.15 to 373.15 K, where water is liquid; "
            "37 degrees Celsius are 310.15 K."
        )
    coulomb = _EPSILON_0 * water_permittivity(temperature) * _BOLTZMANN * temperature
    ions = 2 * AVOGADRO * water_density(temperature)
    A = _CHARGE**3 * xp.sqrt(ions) / (8 * pi * coulomb**1.5) / 2.302585092994046
    B = 1e-10 * _CHARGE * xp.sqrt(ions / coulomb)
    return inputs.plain(A), inputs.plain(B)


def ionic_strength(solution: Mapping[str, Any], charges: Mapping[str, int] | None = None) -> Any:
    """Half the sum of c z^2 over a solution, in uM.

    Parameters
    ----------
    solution : mapping of ion name to float or array, uM
    charges : mapping of names to charge numbers, for ions not in `solutions.CHARGES`

    >>> ionic_strength({"Ca": 100e3, "Cl": 200e3})
    300000.0
    """
    table = {**CHARGES, **(charges or {})}
    missing = [name for name in solution if name not in table]
    if missing:
        raise ValueError(f"charges of {', '.join(missing)}: not known; give charges={{name: z}}.")
    xp = inputs.array_namespace(*solution.values())
    total = sum(
        inputs.concentration(c, name, xp, zero=True) * table[name] ** 2 for name, c in solution.items()
    )
    return inputs.plain(0.5 * total)


def _root(strength: Any, limit: float, law: str, advice: str, xp: Any) -> Any:
    """sqrt(I) in M^1/2, refused above the law's limit (in M)."""
    strength = inputs.concentration(strength, "strength", xp, zero=True)
    molar = xp.asarray(strength / M)
    if not bool((molar <= limit * (1 + 1e-12)).all()):
        raise ValueError(
            f"strength = {float(molar.max()):g} M: {law} holds up to {limit:g} M. {advice} "
            "(Strengths are in uM: 150 mM is 150e3.)"
        )
    return xp.sqrt(molar)


def limiting_law(strength: Any, z: Any, temperature: Any = BODY, A: Any = None) -> Any:
    """Debye-Hueckel limiting law; refuses I above 0.01 M, where it is off by more than 5 %.

    Parameters are those of `davies`.
    """
    xp = inputs.array_namespace(strength, z, temperature)
    root = _root(strength, 0.01, "the limiting law", "Use davies.", xp)
    A = debye_hueckel(temperature)[0] if A is None else A
    return inputs.plain(10.0 ** (-A * inputs.valence(z, xp=xp) ** 2 * root))


def extended_debye_hueckel(
    strength: Any, z: Any, size: Any, temperature: Any = BODY, A: Any = None, B: Any = None
) -> Any:
    """Extended Debye-Hueckel law with an ion size.

    Good to 0.1 M; up to 0.5 M it is accepted with one `ElectroWarning`, since tables of it are in use.

    Parameters
    ----------
    size : float, angstrom     diameter of the hydrated ion, see `SIZES`
    strength, z, temperature, A : as in `davies`
    B : float                  overrides water's B(T)

    Returns
    -------
    float or array
    """
    xp = inputs.array_namespace(strength, z, temperature, size)
    size = inputs.checked(
        size, "size", low=0, strict=True, expected="an ion size in angstrom", mend="See SIZES.", xp=xp
    )
    root = _root(strength, 0.5, "the extended Debye-Hueckel law", "Use pitzer.", xp)
    if bool((root > 0.1**0.5 * (1 + 1e-12)).any()):
        warnings.warn(
            "extended Debye-Hueckel above 0.1 M: single-ion coefficients are off by 1 to 7 %; davies is "
            "meant for 0.1 to 0.5 M.",
            ElectroWarning,
            stacklevel=2,
        )
    water = debye_hueckel(temperature)
    A, B = water[0] if A is None else A, water[1] if B is None else B
    return inputs.plain(10.0 ** (-A * inputs.valence(z, xp=xp) ** 2 * root / (1 + B * size * root)))


def davies(strength: Any, z: Any, temperature: Any = BODY, A: Any = None) -> Any:
    """Davies' activity coefficient of one ion: the default, I up to 0.5 M.

    Parameters
    ----------
    strength : float or array, uM      ionic strength
    z : int or array                   charge number
    temperature : float or array, K
    A : float                          overrides water's A(T) of `debye_hueckel`

    Returns
    -------
    float or array, between 0 and 1

    Raises
    ------
    ValueError    above 0.5 M, or naming the argument that is off

    >>> round(davies(150e3, z=1), 3), round(davies(150e3, z=2), 3)
    (0.755, 0.325)
    """
    xp = inputs.array_namespace(strength, z, temperature)
    root = _root(strength, 0.5, "Davies' equation", "Use pitzer.", xp)
    A = debye_hueckel(temperature)[0] if A is None else A
    z = inputs.valence(z, xp=xp)
    return inputs.plain(10.0 ** (-A * z**2 * (root / (1 + root) - 0.3 * root**2)))


@dataclass(frozen=True)
class Davies:
    """A rule for ``nernst(..., activity=)``: Davies' coefficients at two ionic strengths.

    Parameters
    ----------
    inside, outside : float or array, uM, or None
        Ionic strengths; a side left None counts as ideal, and `nernst` warns.
    """

    inside: Any = None
    outside: Any = None

    def coefficients(self, z: Any, temperature: Any) -> tuple[Any, Any]:
        """(gamma_inside, gamma_outside) of an ion with charge z."""
        inside, outside = (
            None if strength is None else davies(strength, z, temperature)
            for strength in (self.inside, self.outside)
        )
        return inside, outside


@dataclass(frozen=True)
class ExtendedDebyeHueckel:
    """A rule for ``nernst(..., activity=)``: extended Debye-Hueckel.

    Parameters
    ----------
    size : float, angstrom            diameter of the hydrated ion
    inside, outside : float, uM       ionic strengths; a side left None counts as ideal
    """

    size: float
    inside: Any = None
    outside: Any = None

    def coefficients(self, z: Any, temperature: Any) -> tuple[Any, Any]:
        """(gamma_inside, gamma_outside) of an ion with charge z."""
        inside, outside = (
            None if strength is None else extended_debye_hueckel(strength, z, self.size, temperature)
            for strength in (self.inside, self.outside)
        )
        return inside, outside
