"""What a click on the page shows: the course at a point, or at a channel, as numbers and as a small plot."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.report_text import concentration, milliseconds, millivolts
from microdomain.view.fields import field_of
from microdomain.view.readings import Readings

if TYPE_CHECKING:
    from microdomain.model import Channel
    from microdomain.results import Results


@dataclass(frozen=True, eq=False)
class Course:
    """Curves over time at one place.

    Attributes
    ----------
    place : str                   where
    times : array (T,), ms
    curves : dict                 label -> array (T,); [Ca] in uM first, then E_Ca in mV, then influx in pA
    """

    place: str
    times: np.ndarray
    curves: dict[str, np.ndarray]

    def at(self, time: float) -> str:
        """The values at a time, in words."""
        words = []
        for label, values in self.curves.items():
            value = float(np.interp(time, self.times, values))
            name, unit = label.rsplit(" ", 1)
            said = {"(uM)": concentration, "(mV)": millivolts}.get(unit, lambda v: f"{v:.4g} pA")(value)
            words.append(f"{name} = {said}")
        return f"{self.place}, t = {milliseconds(time)}: {', '.join(words)}"

    def svg(self, time: float) -> str:
        """The curves, one above the other, with a line at a time."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.2, 1.55 * len(self.curves) + 0.4), layout="constrained")
        panels = np.atleast_1d(figure.subplots(len(self.curves), 1, sharex=True))
        for axes, (label, values) in zip(panels, self.curves.items(), strict=True):
            axes.plot(self.times, values, color="#0072B2", linewidth=1.2, marker=".", markersize=3)
            axes.axvline(time, color="#D55E00", linewidth=1)
            if label.endswith("(uM)") and (values > 0).all():
                axes.set_yscale("log")
            axes.set_ylabel(label, fontsize=8)
            axes.tick_params(labelsize=7)
            axes.grid(color="0.92")
        panels[-1].set_xlabel("time (ms)", fontsize=8)
        held = io.StringIO()
        figure.savefig(held, format="svg")
        drawn = held.getvalue()[held.getvalue().index("<svg") :]
        # As wide as the place it gets; its viewBox keeps the proportions.
        return re.sub(
            r'<svg([^>]*?) width="[^"]*"',
            r'<svg\1 width="100%"',
            re.sub(r' height="[\d.]+pt"', "", drawn, count=1),
            count=1,
        )


def at_point(results: Results, point: Any, ion: str, member: int = 0) -> Course:
    """[ion] and E at a point of a member, at every recorded field.

    Parameters
    ----------
    results : Results
    point : (x, y, z), um
    ion : str
    member : int

    Returns
    -------
    Course
    """
    times = np.asarray(results.dataset["time"].values, float)
    model = results.models[member]
    field = field_of(model, ion)
    c = Readings(results, [point], member).of(field, [float(t) for t in times])[:, 0]
    curves = {f"[{ion}] (uM)": c}
    if model.ion(ion).outside is not None:
        curves[f"E_{ion} (mV)"] = field_of(model, f"E_{ion}").of(c)
    x, y, z = (1e3 * float(v) for v in point)
    return Course(f"({x:.1f}, {y:.1f}, {z:.1f}) nm", times, curves)


def at_channel(results: Results, channel: Channel, member: int = 0) -> Course:
    """[ion] and E at the mouth of a channel and its influx, at every time that was recorded.

    Parameters
    ----------
    results : Results
    channel : Channel
    member : int

    Returns
    -------
    Course
    """
    from microdomain.report import of_member, times_of

    mouths = of_member(results.mouths, member).isel(channel=channel.index)
    curves = {
        f"[{channel.ion}] (uM)": np.asarray(mouths["concentration"].values, float),
        f"E_{channel.ion} (mV)": np.asarray(mouths["reversal"].values, float),
        "influx (pA)": np.asarray(mouths["influx"].values, float),
    }
    known = {label: values for label, values in curves.items() if not np.isnan(values).all()}
    return Course(channel.name, times_of(results.mouths), known)
