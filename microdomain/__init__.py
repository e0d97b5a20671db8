"""microdomain: calcium around open ion channels, and the reversal potential that each channel sees.

This file is the front door.  It names what a script needs and where each name lives, and loads
none of it until it is used (PEP 562): `import microdomain` costs a few milliseconds and pulls in
not even NumPy.

>>> import microdomain as md
>>> md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000).name
'Ca'
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Module -> the names it gives to the front door.  An empty row is the module itself.
_ROOMS = {
    "units": "",
    "electro": "",
    "model": (
        "Ion Buffer Cluster Fixed Gaussian Table Ohmic GHK Open Pulse Train HH Particle Markov Transition "
        "Walls Closed Held Hold Steps Ramp Pulses ActionPotential Trace Sensor Chain Model "
        "Pump LinearPump HillPump SurfacePump ConstantFlux Rectangle Circle "
        "Species Reaction TimedRate TwoSite Competing VolumePump "
        "Disc Block Ball Ellipsoid Cylinder Surface Inside Tissue HeldPatch"
    ),
    "grid": "Grid",
    "oracles": "",
    "record": "Record",
    "sensors": "",
    "optics": "",
    "results": "Results open",
    "store_read": "open_tree",
    "simulate": "simulate",
    "steady": "steady_state",
    "scenario": "load",
    "surfaces": "",
    "sweep": "",
    "view": "",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split() or [room]}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:  # what a type checker and an editor see
    from microdomain import electro as electro
    from microdomain import optics as optics
    from microdomain import oracles as oracles
    from microdomain import sensors as sensors
    from microdomain import surfaces as surfaces
    from microdomain import sweep as sweep
    from microdomain import units as units
    from microdomain import view as view
    from microdomain.grid import Grid as Grid
    from microdomain.model import GHK as GHK
    from microdomain.model import HH as HH
    from microdomain.model import ActionPotential as ActionPotential
    from microdomain.model import Ball as Ball
    from microdomain.model import Block as Block
    from microdomain.model import Buffer as Buffer
    from microdomain.model import Chain as Chain
    from microdomain.model import Circle as Circle
    from microdomain.model import Closed as Closed
    from microdomain.model import Cluster as Cluster
    from microdomain.model import Competing as Competing
    from microdomain.model import ConstantFlux as ConstantFlux
    from microdomain.model import Cylinder as Cylinder
    from microdomain.model import Disc as Disc
    from microdomain.model import Ellipsoid as Ellipsoid
    from microdomain.model import Fixed as Fixed
    from microdomain.model import Gaussian as Gaussian
    from microdomain.model import Held as Held
    from microdomain.model import HeldPatch as HeldPatch
    from microdomain.model import HillPump as HillPump
    from microdomain.model import Hold as Hold
    from microdomain.model import Inside as Inside
    from microdomain.model import Ion as Ion
    from microdomain.model import LinearPump as LinearPump
    from microdomain.model import Markov as Markov
    from microdomain.model import Model as Model
    from microdomain.model import Ohmic as Ohmic
    from microdomain.model import Open as Open
    from microdomain.model import Particle as Particle
    from microdomain.model import Pulse as Pulse
    from microdomain.model import Pulses as Pulses
    from microdomain.model import Pump as Pump
    from microdomain.model import Ramp as Ramp
    from microdomain.model import Reaction as Reaction
    from microdomain.model import Rectangle as Rectangle
    from microdomain.model import Sensor as Sensor
    from microdomain.model import Species as Species
    from microdomain.model import Steps as Steps
    from microdomain.model import Surface as Surface
    from microdomain.model import SurfacePump as SurfacePump
    from microdomain.model import Table as Table
    from microdomain.model import TimedRate as TimedRate
    from microdomain.model import Tissue as Tissue
    from microdomain.model import Trace as Trace
    from microdomain.model import Train as Train
    from microdomain.model import Transition as Transition
    from microdomain.model import TwoSite as TwoSite
    from microdomain.model import VolumePump as VolumePump
    from microdomain.model import Walls as Walls
    from microdomain.record import Record as Record
    from microdomain.results import Results as Results
    from microdomain.results import open as open
    from microdomain.scenario import load as load
    from microdomain.simulate import simulate as simulate
    from microdomain.steady import steady_state as steady_state
    from microdomain.store_read import open_tree as open_tree


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(
            f"Module 'microdomain' has no name {name!r}; dir(microdomain) lists those that it has."
        )
    room = _HOME[name]
    module = import_module(f"microdomain.{room}")
    value = getattr(module, name) if _ROOMS[room] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _FrontDoor(ModuleType):
    """The package as a module that keeps `microdomain.simulate` a function.

    Importing the file simulate.py makes the import system bind the module to that name in the
    package, whoever imports it first; the function of the same name is what a script means.
    The module itself stays reachable: ``from microdomain.simulate import ...`` does not pass here.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS.get(name, "").split() and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor
