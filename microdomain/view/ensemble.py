"""Many trials in one plot: the median at a mouth, and the band that holds most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from microdomain.results import Results


def bands(
    results: Results, channel: int | None = None, quantiles: tuple[float, float] = (0.1, 0.9)
) -> Figure:
    """[ion], E and influx at one mouth over time: median of the members, and a band between two quantiles.

    Parameters
    ----------
    results : Results                 of several members with the same channels
    channel : int or None             its number; the one whose median peaks highest unless given
    quantiles : (float, float)        lower and upper edge of the band, 0 to 1

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError                        one member only; no such channel; quantiles that are none
    """
    from matplotlib.figure import Figure

    if results.members < 2:
        raise ValueError("Bands are of an ensemble, and this result has one member; use time_courses.")
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise ValueError(f"quantiles = ({low:g}, {high:g}): give two from 0 to 1, the lower first.")
    mouths = results.mouths
    concentration = np.asarray(mouths["concentration"].transpose("member", "time", "channel").values, float)
    count = min(len(model.resolved_channels) for model in results.models)
    if not count or (channel is not None and not 0 <= channel < count):
        raise ValueError(f"No channel {channel or 0} in every member; they share {count}, numbered from 0.")
    middle = np.median(concentration[:, :, :count], axis=0)
    k = int(np.argmax(middle.max(axis=0))) if channel is None else channel
    one = results.model.resolved_channels[k]
    rows = [("concentration", f"[{one.ion}] (uM)"), ("influx", "influx (pA)")]
    if not np.isnan(np.asarray(mouths["reversal"].isel(channel=k).values, float)).all():
        rows.insert(1, ("reversal", f"E_{one.ion} (mV)"))
    times = np.asarray(mouths["time"].values, float)
    figure = Figure(figsize=(7, 2.2 * len(rows) + 0.4), layout="constrained", dpi=150)
    panels = figure.subplots(len(rows), 1, sharex=True)
    for axes, (name, label) in zip(panels, rows, strict=True):
        values = np.asarray(mouths[name].isel(channel=k).transpose("member", "time").values, float)
        edges = np.quantile(values, [low, 0.5, high], axis=0)
        words = f"{100 * low:g} to {100 * high:g} %"
        axes.fill_between(times, edges[0], edges[2], color="#56B4E9", alpha=0.4, linewidth=0, label=words)
        axes.plot(times, edges[1], color="#0072B2", linewidth=1.4, label="median")
        axes.set_ylabel(label)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    panels[0].set_yscale("log")
    panels[0].set_title(f"{one.name}, {results.members} members")
    panels[0].legend(frameon=False, fontsize=8)
    panels[-1].set_xlabel("time (ms)")
    return figure
