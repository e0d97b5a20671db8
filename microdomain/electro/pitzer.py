"""Pitzer's activity coefficients for chlorides of sodium, potassium, calcium and magnesium, and mixtures.

For a cation M (charge z) and chloride, molalities m, ionic strength I (Pitzer 1973, J Phys Chem 77:268;
mixtures as in Harvie, Moller and Weare 1984, Geochim Cosmochim Acta 48:723):

    ln g_M  = z^2 F + m_Cl (2 B_M + Z C_M) + sum_c m_c (2 Phi_Mc + m_Cl psi_Mc) + z m_Cl sum_c m_c C_c
    ln g_Cl =     F + sum_c m_c (2 B_c + Z C_c) + sum_{c<c'} m_c m_c' psi_cc'   +   m_Cl sum_c m_c C_c
    F = -A_phi [ sqrt I/(1 + b sqrt I) + (2/b) ln(1 + b sqrt I) ]
        + sum_c m_c m_Cl B'_c + sum_{c<c'} m_c m_c' Phi'_cc'

Salt parameters are Pitzer and Mayorga's (1973, J Phys Chem 77:2300) at 25 C; of temperature only A_phi
knows, which is most of it: E moves by a few hundredths of a mV from the rest at 37 C.  Mixing terms theta,
psi are Appelo's (2015, Appl Geochem 55:62), as PHREEQC uses them; unequal charges add Pitzer's
electrostatic term (1975, J Solution Chem 4:249).  Molar is taken for molal (below 1 % here).

No measurement separates a cation's coefficient from its anion's.  MacInnes' convention settles it, as in
PHREEQC: chloride acts as in pure KCl of the same ionic strength (MacInnes 1919, J Am Chem Soc 41:1086).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from microdomain.electro import inputs
from microdomain.electro.activity import debye_hueckel
from microdomain.electro.solutions import CHARGES
from microdomain.units import BODY, ROOM, M

#: beta0, beta1 (kg/mol), C_phi (kg/mol)^2 of the chlorides at 25 C.
SALTS = {
    "Na": (0.0765, 0.2664, 0.00127),
    "K": (0.04835, 0.2122, -0.00084),
    "Ca": (0.3159, 1.6140, -0.00034),
    "Mg": (0.35235, 1.6815, 0.00519),
}
#: theta of a cation pair, and psi of the pair with chloride.
MIXING = {
    ("K", "Na"): (-0.012, -0.0015),
    ("Ca", "Na"): (0.0922, -0.0148),
    ("Ca", "K"): (-0.00535, -0.025),
    ("Mg", "Na"): (0.07, -0.012),
    ("K", "Mg"): (0.0, -0.022),
    ("Ca", "Mg"): (0.007, -0.012),
}
#: A_phi of water at 25 C as Pitzer fitted the salts with it.
A_PHI = 0.3915
_B, _ALPHA = 1.2, 2.0
#: M; the salt parameters are fitted far beyond, but cells are not and the mixing terms are untested there.
LIMIT = 2.0


def pitzer(solution: Mapping[str, Any], temperature: Any = BODY, macinnes: bool = True) -> dict[str, Any]:
    """Activity coefficients of every ion in a chloride solution.

    Parameters
    ----------
    solution : mapping, ion name to float or array, uM
        Any of Na, K, Ca, Mg with Cl, electroneutral to 1e-6 of the charge.  Anions that are not chloride
        (phosphates, proteins) must be counted as chloride; that is a convention, not a measurement.
    temperature : float or array, K
    macinnes : bool         scale single ions by MacInnes' convention; neutral products do not change

    Returns
    -------
    dict    ion name to activity coefficient

    Raises
    ------
    ValueError    an ion without parameters, charges that do not balance, or I above 2 M

    >>> round(pitzer({"K": 150e3, "Cl": 150e3}, 298.15)["K"], 4)
    0.7378
    """
    unknown = [name for name in solution if name != "Cl" and name not in SALTS]
    if unknown or "Cl" not in solution or len(solution) < 2:
        raise ValueError(
            f"solution of {', '.join(solution) or 'nothing'}: expected Cl and one or more of "
            f"{', '.join(SALTS)}; count other anions as Cl."
        )
    xp = inputs.array_namespace(*solution.values(), temperature)
    m = {name: inputs.concentration(c, name, xp, zero=True) / M for name, c in solution.items()}
    cations = sorted(name for name in m if name != "Cl")
    cl, positive = m["Cl"], sum(CHARGES[c] * m[c] for c in cations)
    imbalance = xp.asarray(positive - cl)
    if not bool((xp.abs(imbalance) <= 1e-6 * (positive + cl)).all()):
        raise ValueError(
            f"solution: positive charge exceeds negative by {1e3 * float(imbalance.ravel()[0]):g} mM: "
            "expected a neutral solution. Count anions other than chloride as Cl."
        )
    strength = 0.5 * (cl + sum(CHARGES[c] ** 2 * m[c] for c in cations))
    molar = xp.asarray(strength)
    if not bool((molar > 0).all()) or not bool((molar <= LIMIT).all()):
        raise ValueError(
            f"solution: ionic strength {float(molar.max()):g} M: expected above 0 and up to {LIMIT:g} M. "
            "(Concentrations are in uM: 150 mM is 150e3.)"
        )
    logs = _logarithms(m, cations, strength, temperature, xp)
    if macinnes:
        pure = _logarithms({"K": strength, "Cl": strength}, ["K"], strength, temperature, xp)
        shift = logs["Cl"] - pure["Cl"]
        logs = {name: value + CHARGES[name] * shift for name, value in logs.items()}
    return {name: inputs.plain(xp.exp(logs[name])) for name in m}


def _logarithms(m: dict[str, Any], cations: list[str], I: Any, temperature: Any, xp: Any) -> dict[str, Any]:
    """ln gamma of every ion by the formulas at the head of this file."""
    A = A_PHI * debye_hueckel(temperature)[0] / debye_hueckel(ROOM)[0]
    root, cl = xp.sqrt(I), m["Cl"]
    x = _ALPHA * root
    decay = xp.exp(-x)
    g = 2 * (1 - (1 + x) * decay) / x**2
    g_slope = -2 * (1 - (1 + x + x**2 / 2) * decay) / x**2
    B = {c: SALTS[c][0] + SALTS[c][1] * g for c in cations}
    C = {c: SALTS[c][2] / (2 * CHARGES[c] ** 0.5) for c in cations}
    pairs = {(a, b): _mixing(a, b, A, I, xp) for i, a in enumerate(cations) for b in cations[i + 1 :]}
    F = -A * (root / (1 + _B * root) + 2 / _B * xp.log1p(_B * root))
    F = F + sum(m[c] * cl * SALTS[c][1] * g_slope / I for c in cations)
    F = F + sum(m[a] * m[b] * slope for (a, b), (_, slope, _) in pairs.items())
    Z = cl + sum(CHARGES[c] * m[c] for c in cations)
    third = cl * sum(m[c] * C[c] for c in cations)
    logs = {}
    for c in cations:
        mixed = sum(
            m[b if a == c else a] * (2 * phi + cl * psi)
            for (a, b), (phi, _, psi) in pairs.items()
            if c in (a, b)
        )
        logs[c] = CHARGES[c] ** 2 * F + cl * (2 * B[c] + Z * C[c]) + mixed + CHARGES[c] * third
    logs["Cl"] = F + sum(m[c] * (2 * B[c] + Z * C[c]) for c in cations) + third
    logs["Cl"] = logs["Cl"] + sum(m[a] * m[b] * psi for (a, b), (_, _, psi) in pairs.items())
    return logs


def _mixing(a: str, b: str, A: Any, I: Any, xp: Any) -> tuple[Any, Any, float]:
    """Phi, dPhi/dI and psi of a cation pair; unequal charges repel differently (Pitzer 1975)."""
    theta, psi = MIXING[(a, b)]
    za, zb = CHARGES[a], CHARGES[b]
    if za == zb:
        return theta, 0.0, psi
    unit = 6 * A * xp.sqrt(I)
    crossed, same_a, same_b = (_J(p * unit, xp) for p in (za * zb, za * za, zb * zb))
    extra = za * zb / (4 * I) * (crossed[0] - (same_a[0] + same_b[0]) / 2)
    slope = za * zb / (8 * I**2) * (crossed[1] - (same_a[1] + same_b[1]) / 2) - extra / I
    return theta + extra, slope, psi


def _J(x: Any, xp: Any) -> tuple[Any, Any]:
    """Pitzer's integral J(x) by his fit x / (4 + 4.581 x^-0.7237 e^(-0.0120 x^0.528)), and x J'(x)."""
    power = 0.0120 * x**0.528
    fit = 4.581 * x**-0.7237 * xp.exp(-power)
    return x / (4 + fit), x * (4 + fit * (1.7237 + 0.528 * power)) / (4 + fit) ** 2


@dataclass(frozen=True)
class Pitzer:
    """A rule for ``nernst(..., activity=)``: Pitzer's coefficient of one ion in two solutions.

    Parameters
    ----------
    ion : str                                 its name in the solutions, "Ca"
    inside, outside : mapping of uM, or None  the solutions, as `pitzer` takes them
    """

    ion: str
    inside: Mapping[str, Any] | None = None
    outside: Mapping[str, Any] | None = None

    def coefficients(self, z: Any, temperature: Any) -> tuple[Any, Any]:
        """(gamma_inside, gamma_outside) of the ion, whose charge must be z."""
        if CHARGES.get(self.ion) != z:
            raise ValueError(f"z = {z:g}: the activity rule is for {self.ion}, z = {CHARGES.get(self.ion)}.")
        for name, solution in (("inside", self.inside), ("outside", self.outside)):
            if solution is not None and self.ion not in solution:
                raise ValueError(f"{name} holds no {self.ion}: expected the ion in both solutions.")
        inside, outside = (
            None if solution is None else pitzer(solution, temperature)[self.ion]
            for solution in (self.inside, self.outside)
        )
        return inside, outside
