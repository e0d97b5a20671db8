"""Flat pictures by matplotlib: the map of a slice, profiles along a normal, time courses at mouths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.report_text import milliseconds
from microdomain.view import colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from microdomain.results import Results
    from microdomain.view.plane import Plane

#: Distances of a profile, um.
PROFILE = (0.002, 0.7)
#: The E_Ca that an open channel is said to see at its mouth, mV.
LANDMARK = 36.0
# Okabe and Ito's colours, which differ for every kind of colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def slice_map(plane: Plane) -> Figure:
    """The 2D map of a slice, with the channels as rings and a closer look where they are small.

    Parameters
    ----------
    plane : Plane

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    a, b = plane.across
    whole = (plane.box[a], plane.box[b])
    windows = [whole] + ([plane.near] if plane.near else [])
    figure = Figure(figsize=(5.6 * len(windows) + 1.2, 5.4), layout="constrained", dpi=150)
    norm = Normalize(*plane.shade(plane.limits))
    axes = list(np.atleast_1d(figure.subplots(1, len(windows))))
    for k, (here, window) in enumerate(zip(axes, windows, strict=True)):
        here.set(xlim=window[0], ylim=window[1], aspect="equal")
        image = _paint(here, plane, norm, window, labels=k == len(windows) - 1)
        if k == len(windows) - 1:
            _draw_rings(here, plane, window)
        here.set_xlabel(f"{'xyz'[a]} (um)")
        here.set_ylabel(f"{'xyz'[b]} (um)")
        here.locator_params(nbins=5)
    if plane.near:
        (a0, a1), (b0, b1) = plane.near
        axes[0].add_patch(Rectangle((a0, b0), a1 - a0, b1 - b0, fill=False, edgecolor="white", linewidth=1.2))
    ticks = colours.ticks_of(plane)
    bar = figure.colorbar(image, ax=axes, label=colours.label_of(plane), pad=0.02)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_locator(FixedLocator(list(plane.shade(ticks))))
    bar.ax.yaxis.set_major_formatter(FixedFormatter([colours.number_of(plane, v) for v in ticks]))
    figure.suptitle(colours.title_of(plane))
    return figure


def _paint(axes: Axes, plane: Plane, norm: Any, window: Sequence[tuple[float, float]], labels: bool) -> Any:
    from matplotlib.tri import Triangulation

    a, b = plane.across
    triangles: Any = Triangulation(plane.points[:, a], plane.points[:, b], plane.triangles)
    image = axes.tripcolor(
        triangles,
        plane.shade(plane.values),
        shading="gouraud",
        norm=norm,
        cmap=colours.map_of(plane),
        rasterized=True,
    )
    levels = colours.lines_of(plane)
    if levels:
        shades = [float(v) for v in plane.shade(levels)]
        lines = axes.tricontour(
            triangles,
            plane.shade(plane.values),
            levels=shades,
            colors="white",
            linestyles="solid",
            linewidths=0.6,
            alpha=0.7,
        )
        if labels:
            # A name breaks its line: not so close to a channel that little of the line is left.
            spots = np.array([[c.position[a], c.position[b]] for c in plane.channels]).reshape(-1, 1, 2)
            room = 0.05 * (window[0][1] - window[0][0])
            words = {}
            for shade, level, pieces in zip(shades, levels, lines.allsegs, strict=True):
                drawn = np.concatenate([np.empty((0, 2)), *pieces])
                if len(drawn) and not (np.linalg.norm(drawn - spots, axis=2) < room).any():
                    words[shade] = colours.number_of(plane, level)
            if words:
                axes.clabel(lines, list(words), fmt=words, fontsize=7)
    return image


def _draw_rings(axes: Axes, plane: Plane, window: Sequence[tuple[float, float]]) -> None:
    from matplotlib.patches import Circle

    for centre, radius, is_open in colours.rings_of(plane, window[0][1] - window[0][0]):
        axes.add_patch(Circle(centre, radius, fill=False, edgecolor="black", linewidth=1.8))
        style = "-" if is_open else (0, (1, 1))
        axes.add_patch(Circle(centre, radius, fill=False, edgecolor="white", linewidth=0.9, linestyle=style))


def profile(
    results: Results,
    channel: int | None = None,
    time: float | None = None,
    member: int | None = None,
    also: Sequence[str] = (),
) -> Figure:
    """[Ca] and E_Ca against distance along the normal of a channel, beside the steady approximations.

    Where one member is shown, dashed lines are EBA, RBA and LIN for the currents at that time, as if they had
    always flowed and the box were a half-space: see `microdomain.oracles`.  They are left out where they do
    not apply, as with reactions beyond plain buffers.

    Parameters
    ----------
    results : Results
    channel : int                 its number; the one that sees most unless given
    time : float, ms              the recorded field nearest to it; when the mouths see most unless given
    member : int                  one member; all of them, each a line, unless given
    also : sequence of str        more fields, each in a panel of its own: "BAPTA", "CaM_N.2"

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError                    the model has no channels, or a field is not there
    """
    from matplotlib.figure import Figure

    from microdomain.electro import reversal
    from microdomain.report import of_member, peaks_at_mouths
    from microdomain.view.approximations import draw_approximations
    from microdomain.view.fields import field_of
    from microdomain.view.plane import frame_time
    from microdomain.view.readings import Readings

    figure = Figure(figsize=(4.5 * (2 + len(also)), 4), layout="constrained", dpi=150)
    left, right, *more = figure.subplots(1, 2 + len(also))
    chosen = range(results.members) if member is None else [member]
    names = results.member_names or tuple(f"member {m}" for m in range(results.members))
    for m in chosen:
        model = results.models[m]
        if not model.resolved_channels:
            raise ValueError("A profile starts at a channel, and this model has none.")
        k = int(np.argmax(peaks_at_mouths(results, m)[0])) if channel is None else channel
        mine = model.resolved_channels[k]
        ion = model.ion(mine.ion)
        r = np.geomspace(*PROFILE, 100)
        points = np.array(mine.position) + r[:, None] * np.array(mine.normal)
        low, high = np.array(model.box).T
        inside = np.all((points >= low) & (points <= high), axis=1)
        t = frame_time(results, time, m)
        values = of_member(results.at(points[inside], times=[t], ion=ion.name), m).values.reshape(-1)
        label = f"{mine.name}, {milliseconds(t)}" + (f", {names[m]}" if results.members > 1 else "")
        style = {"color": _COLOURS[m % len(_COLOURS)], "label": label}
        left.loglog(1e3 * r[inside], values, **style)
        if ion.outside is not None:
            E = reversal(values, ion.outside, ion.z, model.temperature)
            right.semilogx(1e3 * r[inside], E, **style)
        if len(chosen) == 1:
            draw_approximations(left, right, results, m, mine, t, r[inside])
        for axes, name in zip(more, also, strict=True):
            field = field_of(model, name, results.dataset.data_vars)
            axes.semilogx(1e3 * r[inside], Readings(results, points[inside], m).of(field, [t])[0], **style)
            axes.set_ylabel(f"{name} ({colours.unit_of(field.unit)})")
    right.axhline(LANDMARK, color="0.6", linewidth=0.8, linestyle="--")
    right.annotate(f"{LANDMARK:+.0f} mV", (1e3 * PROFILE[1], LANDMARK), ha="right", va="bottom", color="0.4")
    left.set_ylabel(f"[{ion.name}] (uM)")
    right.set_ylabel(f"E_{ion.name} (mV)")
    for axes in (left, right, *more):
        axes.set_xlabel("distance along the normal (nm)")
        axes.grid(color="0.92", which="both")
        axes.set_axisbelow(True)
    left.legend(frameon=False, fontsize=8)
    return figure


def time_courses(results: Results, member: int = 0, most: int = 6) -> Figure:
    """Concentration, reversal potential and influx at the mouths over time.

    Parameters
    ----------
    results : Results
    member : int
    most : int                    so many channels at most get a line, from the highest peak to the lowest

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.figure import Figure

    from microdomain.report import of_member, peaks_at_mouths

    channels = results.models[member].resolved_channels
    if not channels:
        raise ValueError("Time courses are read at channel mouths, and this model has no channels.")
    mouths = of_member(results.mouths, member)
    t = np.asarray(mouths["time"].values, float)
    figure = Figure(figsize=(7, 7), layout="constrained", dpi=150)
    panels = figure.subplots(3, 1, sharex=True)
    ion = channels[0].ion
    order = np.argsort(-peaks_at_mouths(results, member)[0].round(9), kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))]
    rows = (("concentration", f"[{ion}] (uM)"), ("reversal", f"E_{ion} (mV)"), ("influx", "influx (pA)"))
    for axes, (name, label) in zip(panels, rows, strict=True):
        values = np.asarray(mouths[name].transpose("time", "channel").values, float)
        for n, k in enumerate(shown):
            axes.plot(
                t, values[:, k], color=_COLOURS[n % len(_COLOURS)], label=channels[k].name, linewidth=1.2
            )
        axes.set_ylabel(label)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    panels[0].set_yscale("log")
    panels[0].legend(frameon=False, fontsize=8, ncols=2)
    panels[0].set_title(f"at the mouths, {1e3 * channels[0].pore:g} nm from each channel")
    panels[-1].set_xlabel("time (ms)")
    return figure
