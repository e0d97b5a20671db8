"""The course of a pump-leak cell as a picture: voltages, concentrations and volume over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
