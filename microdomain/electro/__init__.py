"""Electrochemistry: everything a membrane's voltage stands on, as pure functions.

Numbers or arrays (NumPy or CuPy) go in, broadcast, and come out; 37 C unless a temperature is given;
concentrations in uM where their absolute value matters; V in mV, inside minus outside; currents in pA,
inward negative.  Nothing here knows a grid or a solver.

    nernst, ghk        where an ion or a channel reverses, and the current until then
    activity, pitzer   how much an ion acts in salt water
    membrane           how few ions charge a membrane
    donnan             what molecules that cannot leave do
    energetics, pump   what transport costs, and who pays
    pumpleak, swelling the cell that keeps its volume, and the one that bursts
"""

from microdomain.electro.activity import (
    Davies,
    ExtendedDebyeHueckel,
    davies,
    debye_hueckel,
    extended_debye_hueckel,
    ionic_strength,
    limiting_law,
)
from microdomain.electro.donnan import Donnan, FreeDonnan, donnan, donnan_free
from microdomain.electro.energetics import (
    atp_energy,
    calcium_pump_floor,
    calcium_pump_work,
    efficiency,
    exchanger_floor,
    exchanger_reversal,
    exchanger_work,
    sodium_pump_reversal,
    sodium_pump_work,
    transport_work,
)
from microdomain.electro.ghk import (
    ghk_coefficients,
    ghk_conductance,
    ghk_current,
    ghk_total,
    permeability,
)
from microdomain.electro.ghk_balance import gaba_reversal, ghk_reversal, ghk_voltage
from microdomain.electro.membrane import amount_to_charge, concentration_change, ions_to_charge, relaxation
from microdomain.electro.nernst import (
    current_density,
    driving_force,
    inside_at,
    nernst,
    nernst_slopes,
    q10_factor,
    reversal,
)
from microdomain.electro.pitzer import Pitzer, pitzer
from microdomain.electro.pump import atp_rate, pump_current, resting_atp, spike_atp
from microdomain.electro.pumpleak import PumpLeak
from microdomain.electro.pumpleak_rest import NoSteadyState, SteadyState, steady_state
from microdomain.electro.solutions import CHARGES, NEURON, Sides
from microdomain.electro.swelling import Course, Episode, evolve
from microdomain.electro.warn import ElectroWarning

__all__ = [
    "CHARGES",
    "NEURON",
    "Course",
    "Davies",
    "Donnan",
    "ElectroWarning",
    "Episode",
    "ExtendedDebyeHueckel",
    "FreeDonnan",
    "NoSteadyState",
    "Pitzer",
    "PumpLeak",
    "Sides",
    "SteadyState",
    "amount_to_charge",
    "atp_energy",
    "atp_rate",
    "calcium_pump_floor",
    "calcium_pump_work",
    "concentration_change",
    "current_density",
    "davies",
    "debye_hueckel",
    "donnan",
    "donnan_free",
    "driving_force",
    "efficiency",
    "evolve",
    "exchanger_floor",
    "exchanger_reversal",
    "exchanger_work",
    "extended_debye_hueckel",
    "gaba_reversal",
    "ghk_coefficients",
    "ghk_conductance",
    "ghk_current",
    "ghk_reversal",
    "ghk_total",
    "ghk_voltage",
    "inside_at",
    "ionic_strength",
    "ions_to_charge",
    "limiting_law",
    "nernst",
    "nernst_slopes",
    "permeability",
    "pitzer",
    "pump_current",
    "q10_factor",
    "relaxation",
    "resting_atp",
    "reversal",
    "sodium_pump_reversal",
    "sodium_pump_work",
    "spike_atp",
    "steady_state",
    "transport_work",
]
