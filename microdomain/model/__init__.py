"""What is asked: frozen dataclasses without grid, step or device.

Units are those of the house: um, ms, uM, pA, mV, K (see `microdomain.units`).
"""

from microdomain.model.channels import Channel, Cluster
from microdomain.model.complexes import Competing, TwoSite
from microdomain.model.currents import GHK, Current, Fixed, Gaussian, Ohmic, Table
from microdomain.model.gating import Gate, Open, Pulse, Train
from microdomain.model.membrane import FACES, Closed, Held, Wall, Walls
from microdomain.model.model import Model
from microdomain.model.reactions import Reaction, TimedRate, VolumePump
from microdomain.model.schemes import HH, Markov, Particle, Transition
from microdomain.model.sensor import Sensor
from microdomain.model.sites import Chain
from microdomain.model.species import Buffer, Ion, Species
from microdomain.model.voltage import ActionPotential, Hold, Pulses, Ramp, Steps, Trace, Voltage

__all__ = [
    "FACES",
    "GHK",
    "HH",
    "ActionPotential",
    "Buffer",
    "Chain",
    "Channel",
    "Closed",
    "Cluster",
    "Competing",
    "Current",
    "Fixed",
    "Gate",
    "Gaussian",
    "Held",
    "Hold",
    "Ion",
    "Markov",
    "Model",
    "Ohmic",
    "Open",
    "Particle",
    "Pulse",
    "Pulses",
    "Ramp",
    "Reaction",
    "Sensor",
    "Species",
    "Steps",
    "Table",
    "TimedRate",
    "Trace",
    "Train",
    "Transition",
    "TwoSite",
    "Voltage",
    "VolumePump",
    "Wall",
    "Walls",
]
