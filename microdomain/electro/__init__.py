"""Electrochemistry: everything a membrane's voltage stands on, as pure functions.

Numbers or arrays (NumPy or CuPy) go in, broadcast, and come out; 37 C unless a temperature is given;
concentrations in uM where their absolute value matters; V in mV, inside minus outside; currents in pA,
inward negative.  Nothing here knows a grid or a solver.
"""

from microdomain.electro.ghk import (
    ghk_conductance,
    ghk_current,
    ghk_reversal,
    ghk_total,
    ghk_voltage,
    permeability,
)
from microdomain.electro.nernst import (
    current_density,
    driving_force,
    inside_at,
    nernst,
    nernst_slopes,
    q10_factor,
    reversal,
)
from microdomain.electro.warn import ElectroWarning

__all__ = [
    "ElectroWarning",
    "current_density",
    "driving_force",
    "ghk_conductance",
    "ghk_current",
    "ghk_reversal",
    "ghk_total",
    "ghk_voltage",
    "inside_at",
    "nernst",
    "nernst_slopes",
    "permeability",
    "q10_factor",
    "reversal",
]
