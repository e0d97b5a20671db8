"""The default solutions: a mammalian neuron at 37 C, and the charge of each ion.

With Na 12/145, K 140/5, Cl 10/110 and Ca 1e-4/2 mM the Nernst potentials are +66.6, -89.1, -64.1 and
+132.3 mV, and the Na/K pump does 43.2 kJ/mol of work per cycle at -70 mV.
"""

from __future__ import annotations

from typing import NamedTuple

from microdomain.units import mM

#: Charge numbers of the ions that the commands know by name.
CHARGES = {"Na": 1, "K": 1, "Cl": -1, "Ca": 2, "Mg": 2, "H": 1, "HCO3": -1}


class Sides(NamedTuple):
    """One ion on both sides of a membrane.

    Attributes
    ----------
    z : int                         charge number
    inside, outside : float, uM
    """

    z: int
    inside: float
    outside: float


#: The default solution set, uM.
NEURON = {
    "Na": Sides(1, 12 * mM, 145 * mM),
    "K": Sides(1, 140 * mM, 5 * mM),
    "Cl": Sides(-1, 10 * mM, 110 * mM),
    "Ca": Sides(2, 1e-4 * mM, 2 * mM),
}
