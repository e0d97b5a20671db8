"""Every formula on arrays that only their own library may touch, as CuPy's are.

The stand-in below keeps its numbers away from NumPy: an `np.log` of it, or mixing it with a NumPy array,
is an error, exactly as with arrays that live on a GPU.
"""

import operator
import sys
import types

import numpy as np
import pytest

from microdomain import electro
from microdomain.units import mM


class DeviceArray:
    """A NumPy array behind a counter: operators, methods and indexing, no conversion."""

    __array_ufunc__ = None

    def __init__(self, held):
        self.held = np.asarray(held)

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion of a device array")

    def __getattr__(self, name):
        if name in ("dtype", "size", "ndim", "shape"):
            return getattr(self.held, name)
        if name in ("all", "any", "ravel", "sum", "astype", "max"):
            return lambda *args: DeviceArray(getattr(self.held, name)(*args))
        raise AttributeError(name)

    def __getitem__(self, key):
        return DeviceArray(self.held[unwrapped(key)])

    def __bool__(self):
        return bool(self.held)

    def __float__(self):
        return float(self.held)

    def __int__(self):
        return int(self.held)

    def __invert__(self):
        return DeviceArray(~self.held)

    def __neg__(self):
        return DeviceArray(-self.held)


DeviceArray.__module__ = "cupy"


def unwrapped(value):
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("a NumPy array among device arrays")
    return value.held if isinstance(value, DeviceArray) else value


def _forward(op):
    return lambda self, other: DeviceArray(op(self.held, unwrapped(other)))


def _reflected(op):
    return lambda self, other: DeviceArray(op(unwrapped(other), self.held))


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(DeviceArray, f"__{_name}__", _forward(getattr(operator, _name)))
    setattr(DeviceArray, f"__r{_name}__", _reflected(getattr(operator, _name)))
for _name in ("and", "or"):
    setattr(DeviceArray, f"__{_name}__", _forward(getattr(operator, f"{_name}_")))
    setattr(DeviceArray, f"__r{_name}__", _reflected(getattr(operator, f"{_name}_")))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(DeviceArray, f"__{_name}__", _forward(getattr(operator, _name)))


class DeviceLibrary(types.ModuleType):
    """NumPy's functions on device arrays alone."""

    nan, inf, float64 = np.nan, np.inf, np.float64

    def __getattr__(self, name):
        function = getattr(np, name)
        return lambda *args: DeviceArray(function(*(unwrapped(a) for a in args)))


@pytest.fixture(autouse=True)
def device(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", DeviceLibrary("cupy"))


LOCAL = np.array([0.1, 1.0, 135.228])
V = np.array([-60.0, 0.0, 40.0])
FORMULAS = {
    "nernst": lambda c, v: electro.nernst(c, 2000.0, 2),
    "reversal": lambda c, v: electro.reversal(c, 2000.0, 2, activity=electro.Davies(150 * mM, 10 * mM)),
    "driving_force": lambda c, v: electro.driving_force(v, 36.0),
    "current_density": lambda c, v: electro.current_density(0.1, v, 36.0),
    "inside_at": lambda c, v: electro.inside_at(v, 2000.0, 2),
    "slopes": lambda c, v: electro.nernst_slopes(c, 2000.0, 2).inside,
    "ghk_current": lambda c, v: electro.ghk_current(2.6e-4, 2, c, 2000.0, v),
    "ghk_current map": lambda c, v: electro.ghk_current(2.6e-4, 2, c, 2000.0, -20.0, invalid="nan"),
    "ghk_conductance": lambda c, v: electro.ghk_conductance(2.6e-4, 2, c, 2000.0, v),
    "permeability": lambda c, v: electro.permeability(2.4, 2, c, 2000.0),
    "ghk_voltage": lambda c, v: electro.ghk_voltage([1, 0.1], [1, -1], [c, 5.0], [3.0, 100.0]),
    "ghk_reversal": lambda c, v: electro.ghk_reversal([1, 1000], [1, 2], [140 * mM, c], [5 * mM, 2 * mM]),
    "trivalent": lambda c, v: electro.ghk_voltage([1, 1, 1], [1, 2, 3], [140.0, c, 1.0], [5.0, 2000.0, 2.0]),
    "davies": lambda c, v: electro.davies(c * 1e3, 2),
    "extended": lambda c, v: electro.extended_debye_hueckel(c * 1e2, 2, 6.0),
    "pitzer": lambda c, v: electro.pitzer({"Ca": c, "K": 1e5, "Cl": 1e5 + 2 * c})["Ca"],
    "relaxation": lambda c, v: electro.relaxation(c, -70.0, -90.0, g=0.005),
    "charging": lambda c, v: electro.concentration_change(v, 1.0, 2.0),
    "donnan": lambda c, v: electro.donnan(150 * mM, c, -1).pressure,
    "donnan_free": lambda c, v: electro.donnan_free(150 * mM, c, -1, 10 * mM).swelling,
    "pump work": lambda c, v: electro.sodium_pump_work(c, 145.0, 140.0, 5.0, v),
    "atp": lambda c, v: electro.atp_energy(8000.0, c, 4000.0),
    "exchanger": lambda c, v: electro.exchanger_floor(c, 145.0, 2000.0, v),
    "pump_current": lambda c, v: electro.pump_current(c, 5000.0, v),
    "steady_state": lambda c, v: electro.steady_state(electro.PumpLeak(pump=1e-3 * (1 + c / 100))).V,
    "gaba": lambda c, v: electro.gaba_reversal(c, 110 * mM),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_device_arrays_stay_on_the_device(name):
    formula = FORMULAS[name]
    found = formula(DeviceArray(LOCAL), DeviceArray(V))
    assert isinstance(found, DeviceArray)
    np.testing.assert_allclose(found.held, formula(LOCAL, V), rtol=1e-13)


def test_a_device_map_counts_its_holes():
    with pytest.warns(electro.ElectroWarning, match="1 of 3 points have no equilibrium potential"):
        E = electro.reversal(DeviceArray([0.1, 0.0, 1.0]), 2000.0, 2)
    assert np.isnan(E.held[1])


def test_a_bad_device_array_is_refused_by_name():
    with pytest.raises(ValueError, match="inside: 1 of 2 values are off, the first is -1"):
        electro.nernst(DeviceArray([0.1, -1.0]), 2000.0, 2)
