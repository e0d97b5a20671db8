"""What is asked: frozen dataclasses without grid, step or device.

Units are those of the house: um, ms, uM, pA, mV, K (see `microdomain.units`).
"""

from microdomain.model.channels import Channel, Cluster
from microdomain.model.complexes import Competing, TwoSite
from microdomain.model.currents import GHK, Current, Fixed, Gaussian, Ohmic, Table
from microdomain.model.gating import Gate, Open, Pulse, Train
from microdomain.model.membrane import FACES, Closed, Held, Wall, Walls
from microdomain.model.model import Model
from microdomain.model.mouths import Disc
from microdomain.model.obstacles import Ball, Block, Cylinder, Ellipsoid, Inside, Obstacle, Surface
from microdomain.model.patches import Circle, HeldPatch, Rectangle
from microdomain.model.pumps import ConstantFlux, HillPump, LinearPump, Pump, SurfacePump
from microdomain.model.reactions import Reaction, TimedRate, VolumePump
from microdomain.model.schemes import HH, Markov, Particle, Transition
from microdomain.model.sensor import Sensor
from microdomain.model.sites import Chain
from microdomain.model.species import Buffer, Ion, Species
from microdomain.model.tissue import Tissue
from microdomain.model.voltage import ActionPotential, Hold, Pulses, Ramp, Steps, Trace, Voltage

__all__ = [
    "FACES",
    "GHK",
    "HH",
    "ActionPotential",
    "Ball",
    "Block",
    "Buffer",
    "Chain",
    "Channel",
    "Circle",
    "Closed",
    "Cluster",
    "Competing",
    "ConstantFlux",
    "Current",
    "Cylinder",
    "Disc",
    "Ellipsoid",
    "Fixed",
    "Gate",
    "Gaussian",
    "Held",
    "HeldPatch",
    "HillPump",
    "Hold",
    "Inside",
    "Ion",
    "LinearPump",
    "Markov",
    "Model",
    "Obstacle",
    "Ohmic",
    "Open",
    "Particle",
    "Pulse",
    "Pulses",
    "Pump",
    "Ramp",
    "Reaction",
    "Rectangle",
    "Sensor",
    "Species",
    "Steps",
    "Surface",
    "SurfacePump",
    "Table",
    "TimedRate",
    "Tissue",
    "Trace",
    "Train",
    "Transition",
    "TwoSite",
    "Voltage",
    "VolumePump",
    "Wall",
    "Walls",
]
