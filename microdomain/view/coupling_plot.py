"""What a sensor sees, by where it sits: the highest [ion] on a plane, and against the coupling distance.

The coupling distance is the one along the membrane from a sensor to the nearest channel.  Where one channel
decides (a nanodomain), [ion] is a function of it; where many channels add, points at the same distance see
different levels, and the band in the plot is wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from microdomain.results import Results

#: The plane reaches so far (um) beyond the channels, with so many points along its longer side.
BEYOND, POINTS = 0.3, 121
#: Bins of the distance in the plot.
BINS = 30


@dataclass(frozen=True, eq=False)
class Coupling:
    """Highest concentrations on a plane along the membrane.

    Attributes
    ----------
    ion : str
    across : (int, int)           the axes of the plane, horizontal and vertical; 0, 1, 2 for x, y, z
    first, second : arrays, um    coordinates along them
    distance : array, um          (second, first); along the membrane to the nearest channel of the ion
    peak : array, uM              (second, first); highest over the recorded fields
    height : float, um            of the plane above the membrane
    """

    ion: str
    across: tuple[int, int]
    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    peak: np.ndarray
    height: float


def coupling_of(results: Results, height: float = 0.01, ion: str | None = None, member: int = 0) -> Coupling:
    """The highest [ion] that a sensor would see anywhere around the channels.

    Parameters
    ----------
    results : Results
    height : float, um            of the sensors above the membrane with most channels
    ion : str or None             the first ion unless given
    member : int

    Returns
    -------
    Coupling

    Raises
    ------
    ValueError                    no channels of the ion; a member or a height that is not in the box
    """
    from microdomain.view.fields import field_of
    from microdomain.view.lattice import Lattice
    from microdomain.view.plane import check_cut, membrane_of
    from microdomain.view.readings import Cells

    axis, level = membrane_of(results, member)
    inward = 1.0 if level == results.model.box[axis][0] else -1.0
    model = check_cut(results, axis, level + inward * height, member)
    field = field_of(model, model.ion(ion).name if ion else model.ions[0].name)
    mine = [c.position for c in model.resolved_channels if c.ion == field.ion.name]
    if not mine:
        raise ValueError(f"A coupling distance needs channels, and this model has none for {field.name!r}.")
    first, second = (k for k in range(3) if k != axis)
    spots = np.array(mine)[:, [first, second]]
    low, high = spots.min(axis=0) - BEYOND, spots.max(axis=0) + BEYOND
    sides = [
        (max(low[n], model.box[k][0]), min(high[n], model.box[k][1])) for n, k in enumerate((first, second))
    ]
    step = max(b - a for a, b in sides) / (POINTS - 1)
    across = [np.linspace(a, b, max(2, round((b - a) / step) + 1)) for a, b in sides]
    axes = [np.array([level + inward * height])] * 3
    axes[first], axes[second] = across
    lattice = Lattice(results, axes, member, Cells(results))
    times = np.asarray(results.dataset["time"].values, float)
    peak = np.max([lattice.of(field, float(t)).squeeze(2 - axis) for t in times], axis=0)
    u, v = np.meshgrid(*across)
    distance = np.min([np.hypot(u - x, v - y) for x, y in spots], axis=0)
    return Coupling(field.name, (first, second), across[0], across[1], distance, peak, height)


def coupling(results: Results, height: float = 0.01, ion: str | None = None, member: int = 0) -> Figure:
    """A map of the highest [ion] at a height above the membrane, and the same against the coupling distance.

    Parameters
    ----------
    results, height, ion, member    as in `coupling_of`

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    from microdomain.view import colours

    found = coupling_of(results, height, ion, member)
    figure = Figure(figsize=(10, 4.4), layout="constrained", dpi=150)
    left, right = figure.subplots(1, 2)
    image = left.pcolormesh(
        1e3 * found.first,
        1e3 * found.second,
        found.peak,
        norm=LogNorm(),
        cmap=colours.CONCENTRATION,
        shading="gouraud",
        rasterized=True,
    )
    for c in results.models[member].resolved_channels:
        if c.ion == found.ion:
            left.plot(*(1e3 * c.position[k] for k in found.across), "o", mec="white", mfc="none", ms=4)
    a, b = ("xyz"[k] for k in found.across)
    left.set(xlabel=f"{a} (nm)", ylabel=f"{b} (nm)", aspect="equal")
    figure.colorbar(image, ax=left, label=f"highest [{found.ion}] (uM)")
    edges = np.linspace(0.0, float(found.distance.max()), BINS + 1)
    index = np.digitize(found.distance.ravel(), edges[1:-1])
    groups = [found.peak.ravel()[index == k] for k in range(BINS)]
    kept = [k for k, g in enumerate(groups) if g.size]
    middle = 1e3 * 0.5 * (edges[1:] + edges[:-1])[kept]
    band = np.array([np.quantile(groups[k], [0.0, 0.5, 1.0]) for k in kept])
    right.fill_between(middle, band[:, 0], band[:, 2], color="#56B4E9", alpha=0.4, lw=0, label="all sensors")
    right.plot(middle, band[:, 1], color="#0072B2", label="median")
    right.set(
        yscale="log", xlabel="distance to the nearest channel (nm)", ylabel=f"highest [{found.ion}] (uM)"
    )
    right.grid(color="0.92", which="both")
    right.legend(frameon=False)
    figure.suptitle(f"highest [{found.ion}], {1e3 * height:g} nm above the membrane")
    return figure
