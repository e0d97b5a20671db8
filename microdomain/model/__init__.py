"""What is asked: frozen dataclasses without grid, step or device.

Units are those of the house: um, ms, uM, pA, mV, K (see `microdomain.units`).
"""

from microdomain.model.channels import Channel, Cluster
from microdomain.model.currents import Current, Fixed, Gaussian, Table
from microdomain.model.gating import Gate, Open, Pulse, Train
from microdomain.model.membrane import FACES, Closed, Held, Hold, Voltage, Wall, Walls
from microdomain.model.model import Model
from microdomain.model.species import Buffer, Ion

__all__ = [
    "FACES",
    "Buffer",
    "Channel",
    "Closed",
    "Cluster",
    "Current",
    "Fixed",
    "Gate",
    "Gaussian",
    "Held",
    "Hold",
    "Ion",
    "Model",
    "Open",
    "Pulse",
    "Table",
    "Train",
    "Voltage",
    "Wall",
    "Walls",
]
