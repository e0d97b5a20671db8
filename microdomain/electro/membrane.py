"""The charging of a membrane: how few ions set a voltage, and how a cell finds E_K.

A membrane is a capacitor of about 0.01 pF/um^2 (1 uF/cm^2).  A voltage V needs C V per area, about
6000 monovalent ions per um^2 and 100 mV: in a cell of 10 um radius twenty in a million of its potassium.
That is why concentrations may be held while V moves, and why a volume of cytosol is electroneutral.
"""

from __future__ import annotations

from typing import Any

from microdomain.electro import inputs
from microdomain.units import FARADAY, IONS_PER_UM_UM3

#: 1 uF/cm^2, the specific capacitance of a lipid bilayer, in pF/um^2.
CAPACITANCE = 0.01


def _positive(value: Any, name: str, unit: str, xp: Any) -> Any:
    return inputs.checked(
        value,
        name,
        low=0.0,
        strict=True,
        expected=f"a finite, positive number of {unit}",
        mend="Check the unit.",
        xp=xp,
    )


def amount_to_charge(V: Any, area: Any, z: int = 1, capacitance: Any = CAPACITANCE) -> Any:
    """Ions that must cross a membrane to change its voltage by V: C A V / (z F), in uM um^3.

    Parameters
    ----------
    V : float or array, mV              change of voltage, inside minus outside
    area : float or array, um^2
    z : int                             charge number of the ion that moves
    capacitance : float, pF/um^2

    Returns
    -------
    float or array, uM um^3 (1e-21 mol)     positive: into the cell
    """
    xp = inputs.array_namespace(V, area, capacitance)
    area = _positive(area, "area", "um^2", xp)
    capacitance = _positive(capacitance, "capacitance", "pF/um^2", xp)
    # pF mV = 1e-15 C; over F it is mol; 1 uM um^3 = 1e-21 mol.
    charge = 1e6 * capacitance * area * inputs.finite(V, "V", xp)
    return inputs.plain(charge / (inputs.valence(z) * FARADAY))


def ions_to_charge(V: Any, area: Any, z: int = 1, capacitance: Any = CAPACITANCE) -> Any:
    """The same as `amount_to_charge`, counted in ions.

    Parameters
    ----------
    V : float or array, mV              change of the voltage
    area : float or array, um^2
    z : int                             charge number of the ion that crosses
    capacitance : float, pF/um^2

    Returns
    -------
    float or array, ions

    >>> round(ions_to_charge(100.0, area=1.0))      # 100 mV on one square micrometre
    6242
    """
    return IONS_PER_UM_UM3 * amount_to_charge(V, area, z, capacitance)


def concentration_change(V: Any, area: Any, volume: Any, z: int = 1, capacitance: Any = CAPACITANCE) -> Any:
    """By how much charging a membrane changes the concentration in `volume` (um^3), in uM.

    A sphere of 10 um radius that charges to -90 mV with potassium alone loses 2.8 uM of 140 mM.

    Parameters
    ----------
    V : float or array, mV              change of the voltage
    area : float or array, um^2
    volume : float or array, um^3
    z : int                             charge number of the ion that crosses
    capacitance : float, pF/um^2

    Returns
    -------
    float or array, uM

    >>> import math
    >>> area, volume = 4 * math.pi * 10**2, 4 / 3 * math.pi * 10**3
    >>> round(concentration_change(-90.0, area, volume), 2)
    -2.8
    """
    xp = inputs.array_namespace(V, area, volume, capacitance)
    return inputs.plain(amount_to_charge(V, area, z, capacitance) / _positive(volume, "volume", "um^3", xp))


def relaxation(t: Any, start: Any, E: Any, g: Any, capacitance: Any = CAPACITANCE) -> Any:
    """V(t) of a membrane with one conductance: it relaxes to E with the time constant C/g.

    C dV/dt = -g (V - E).  With potassium channels alone E is E_K, and the cell finds it whatever the
    start; the ions it takes are those of `ions_to_charge`.

    Parameters
    ----------
    t : float or array, ms              time since V was `start`
    start, E : float or array, mV
    g : float or array, nS/um^2         conductance per area
    capacitance : float, pF/um^2

    Returns
    -------
    float or array, mV
    """
    xp = inputs.array_namespace(t, start, E, g, capacitance)
    # pF/nS = ms.
    rate = _positive(g, "g", "nS/um^2", xp) / _positive(capacitance, "capacitance", "pF/um^2", xp)
    start, E = inputs.finite(start, "start", xp), inputs.finite(E, "E", xp)
    return inputs.plain(E + (start - E) * xp.exp(-inputs.finite(t, "t", xp) * rate))
