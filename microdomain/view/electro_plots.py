"""Pictures of whole cells: the course of a pump-leak cell, and a Donnan equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microdomain.units import BODY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from microdomain.electro import Course


def course_figure(course: Course) -> Figure:
    """Voltages (mV), concentrations inside (mM) and volume of a cell over time (s), one above the other.

    Parameters
    ----------
    course : Course      from `microdomain.electro.evolve`

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ImportError          where matplotlib is not installed
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained", dpi=150)
    volts, salts, size = figure.subplots(3, 1, sharex=True)
    seconds = course.time / 1e3
    for name in ("V", "E_Na", "E_K", "E_Cl"):
        volts.plot(seconds, getattr(course, name), label=name)
    for name in ("Na", "K", "Cl", "impermeant"):
        salts.plot(seconds, getattr(course, name) / 1e3, label=name)
    size.plot(seconds, course.swelling)
    for axes, label in ((volts, "mV"), (salts, "mM"), (size, "volume / reference")):
        axes.set_ylabel(label)
    for axes in (volts, salts):
        axes.legend(frameon=False)
    size.set_xlabel("time (s)")
    return figure


def donnan_figure(salt: float, charge: float, most: float = 2e5, temperature: float = BODY) -> Figure:
    """Voltage (mV), salt inside (mM) and pressure (kPa) against the concentration of impermeant molecules.

    Parameters
    ----------
    salt : float, uM     monovalent salt outside
    charge : float       mean charge number of the molecules
    most : float, uM     the highest concentration of them that is drawn
    temperature : float, K

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError           a concentration or a temperature that is not positive
    """
    from matplotlib.figure import Figure

    from microdomain import electro

    if not most > 0:
        raise ValueError(f"most = {most:g}: give a positive concentration in uM.")
    impermeant = np.linspace(0.0, most, 201)
    cell = electro.donnan(salt, impermeant, charge, temperature)
    figure = Figure(figsize=(7, 7), layout="constrained", dpi=150)
    volts, salts, force = figure.subplots(3, 1, sharex=True)
    volts.plot(impermeant / 1e3, cell.voltage, color="#0072B2")
    salts.plot(impermeant / 1e3, cell.cation / 1e3, color="#D55E00", label="cation")
    salts.plot(impermeant / 1e3, cell.anion / 1e3, color="#009E73", label="anion")
    force.plot(impermeant / 1e3, cell.pressure, color="#0072B2")
    labels = ("V (mV)", "inside (mM)", "pressure (kPa)")
    for axes, label in zip((volts, salts, force), labels, strict=True):
        axes.set_ylabel(label)
        axes.grid(color="0.92")
    salts.legend(frameon=False)
    volts.set_title(f"Donnan equilibrium, {salt / 1e3:g} mM salt outside, mean charge {charge:g}")
    force.set_xlabel("impermeant molecules inside (mM)")
    return figure
