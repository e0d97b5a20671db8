"""Rows of the validation table beyond channels and plain buffers: networks, pumps, obstacles, sensors."""

from __future__ import annotations

import numpy as np
from scipy.special import j0, jn_zeros
from validation_formulas import Case, worst

import microdomain as md
from microdomain import presets, sensors

D = 0.22
FREE = md.Ion("Ca", z=2, D=D, rest=0.1)
#: A slab of 1 um with a pump of 0.2 um/ms at one end, full at first: c there after 0.1, 1, 10 ms, by the
#: cosine series over the roots of a tan a = P L/D.
SLAB_AT, SLAB = (0.1, 1.0, 10.0), (0.8643398, 0.6548149, 0.1643702)
#: Points in a closed cylinder of 0.3 um radius and height, um.
IN_CYLINDER = ((0.1, 0, 0.1), (0.2, 0, 0.02), (0.276, 0, 0.15), (0.19, 0.19, 0.25), (0.05, 0.2, 0.29))
#: The sensor of Schneggenburger and Neher (2000), unbound, at 10 uM: released after 0.5, 1, 5 ms, by a matrix
#: exponential computed apart.
CLAMPED = {0.5: 1.059596e-3, 1.0: 0.0137218, 5.0: 0.3879114}


def flash() -> list[Case]:
    """First-order photolysis while the light is on."""
    light = md.TimedRate((0, 0.5, 0.7), (0, 4.0, 0))
    model = md.Model(
        box=((0, 0.1), (0, 0.1), (0, 0.1)),
        ions=[FREE],
        molecules=[md.Species("caged", total=100, contains={"Ca": 1, "cage": 1}), md.Species("cage")],
        reactions=[md.Reaction("caged -> Ca + cage", light)],
    )
    times = [0.5, 0.7, 1.0]
    record = md.Record(times=times, fields=["Ca", "caged"])
    made = md.simulate(model, md.Grid.uniform(model, spacing=0.05), until=1.0, record=record)
    left = made.dataset.caged.sel(time=times).values[:, 0, 0, 0]
    error = worst(left, 100 * np.exp([0.0, -0.8, -0.8]))
    return [Case("parts", "A flash on a caged ion: what stays caged", "closed form", 3, error, 0.01)]


def slab() -> list[Case]:
    """A pump at one end of a column."""
    model = md.Model(
        box=((0, 0.1), (0, 0.1), (0, 1.0)),
        ions=[md.Ion("Ca", z=2, D=D, rest=0.0, initial=1.0)],
        pumps=[md.Pump(md.LinearPump(0.2), name="lid")],
    )
    side = np.linspace(0, 0.1, 3)
    grid = md.Grid(side, side, np.linspace(0, 1, 41))
    record = md.Record(times=list(SLAB_AT), points={"pump": (0.05, 0.05, 0.0)})
    made = md.simulate(model, grid, until=10.0, rtol=5e-5, record=record)
    error = worst(made.probes.Ca.sel(time=list(SLAB_AT)).values.ravel(), SLAB)
    what = "A slab pumped at one end, [Ca] at the pump; `rtol=5e-5`"
    return [Case("parts", what, "cosine series", 3, error, 1e-4)]


def _in_cylinder(t: float, radius: float, height: float) -> np.ndarray:
    """Excess at IN_CYLINDER for a unit flux into the middle of the floor: Bessel and cosine series."""
    points = np.array(IN_CYLINDER)
    rho, z = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
    zeros, n = np.concatenate([[0.0], jn_zeros(1, 120) / radius]), np.arange(120)
    rates = D * (zeros[:, None] ** 2 + (n * np.pi / height) ** 2)
    grown = np.where(rates > 0, -np.expm1(-rates * t) / np.where(rates > 0, rates, 1), t)
    radial = j0(zeros[:, None] * rho) / j0(zeros * radius)[:, None] ** 2
    axial = np.where(n == 0, 1, 2)[:, None] * np.cos(n[:, None] * np.pi * z / height)
    return np.asarray(np.einsum("in,ip,np->p", grown, radial, axial) / (np.pi * radius**2 * height))


def cylinder() -> list[Case]:
    """A cylindrical cell, cut out of the box."""
    radius = height = 0.3
    model = md.Model(
        box=((-radius, radius), (-radius, radius), (0, height)),
        ions=[FREE],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
        obstacles=md.Inside(md.Cylinder((0, 0, height / 2), radius)),
    )
    grid = md.Grid.graded(model, near=0.02, growth=1.15, far=0.03)
    made = md.simulate(model, grid, until=0.5, rtol=1e-3, record=md.Record(times=[0.5]))
    excess = 0.1 * 5.1821348 * _in_cylinder(0.5, radius, height)
    error = worst(made.at(list(IN_CYLINDER)).values[-1].ravel(), excess, 0.1)
    what = "A closed cylindrical cell on cut cells, cells of 20 to 30 nm; `rtol=1e-3`"
    return [Case("parts", what, "Bessel series", 5, error, 0.005)]


def release() -> list[Case]:
    """A sensor at a clamped concentration."""
    sensor = presets.sensor("Schneggenburger-2000", start="S0")
    answer = sensors.release(sensor, [0, *CLAMPED], 10.0)
    error = worst(answer.probability[1:], tuple(CLAMPED.values()))
    what = "Release from one sensor at 10 uM, from unbound"
    return [Case("parts", what, "matrix exponential", 3, error, 1e-6)]
