"""The units of the house, the constants of nature, and the sign convention, each said once.

Inside `microdomain` every number is a plain float in micrometres (um), milliseconds (ms),
micromoles per litre (uM), picoamperes (pA), millivolts (mV) and kelvin (K).  A factor of this
module turns another unit into the house unit by multiplication: ``20 * nm`` is 0.02, ``2 * mM``
is 2000.  There are no unit objects.

The sign convention
-------------------
`microdomain.electro` keeps the electrophysiologist's sign: a current is positive when positive
charge leaves the cell, so an inward calcium current is negative.  Channels and results speak of
`influx`: picoamperes, positive when ions enter the box, whatever their charge.  The two meet in
`influx_from_current` and nowhere else.
"""

from __future__ import annotations

from typing import Any

# Lengths, times, amounts per volume, currents, voltages and conductances in house units.
um = 1.0
nm = 1e-3
mm = 1e3
ms = 1.0
us = 1e-3
s = 1e3
uM = 1.0
nM = 1e-3
mM = 1e3
M = 1e6
pA = 1.0
fA = 1e-3
nA = 1e3
mV = 1.0
V = 1e3
pS = 1.0
nS = 1e3

#: Faraday's constant, C/mol, and the gas constant, J/(mol K) (CODATA 2018, exact in the SI).
FARADAY = 96485.33212
GAS = 8.314462618
#: Avogadro's number, 1/mol (exact in the SI).
AVOGADRO = 6.02214076e23
#: Ions in one uM um^3 (1e-21 mol).
IONS_PER_UM_UM3 = AVOGADRO * 1e-21
#: Absolute zero in degrees Celsius, body and room temperature in kelvin.
ZERO_CELSIUS = 273.15
BODY = ZERO_CELSIUS + 37.0
ROOM = ZERO_CELSIUS + 25.0


def celsius(degrees: Any) -> Any:
    """Kelvin from degrees Celsius.

    >>> celsius(37)
    310.15
    """
    return degrees + ZERO_CELSIUS


def thermal_voltage(temperature: Any = BODY) -> Any:
    """RT/F in mV, the voltage scale of every electrochemical formula.

    >>> round(thermal_voltage(310.15), 5)
    26.72666
    """
    return 1e3 * GAS * temperature / FARADAY


def flux_per_pA(z: int) -> float:
    """Ions that one picoampere carries, in uM um^3/ms.

    1 pA = 1e-12 C/s; divided by |z| F it is mol/s; 1 uM um^3 = 1e-21 mol and 1 s = 1e3 ms.

    Parameters
    ----------
    z : int                       charge number of the ion, not zero

    Returns
    -------
    float, uM um^3/(ms pA)

    >>> round(flux_per_pA(2), 7)
    5.1821348
    """
    if z == 0:
        raise ValueError("z = 0: a particle without charge carries no current; give a flux instead.")
    return 1e6 / (abs(z) * FARADAY)


def influx_from_current(current: Any, z: int) -> Any:
    """Influx in pA (positive into the cell) from an electrophysiological current (outward positive).

    An inward cation current is negative and carries ions in: influx = -current.  An anion enters
    with an outward current: influx = +current.

    >>> influx_from_current(-0.1, z=2), influx_from_current(-0.1, z=-1)
    (0.1, -0.1)
    """
    return -current if z > 0 else current
