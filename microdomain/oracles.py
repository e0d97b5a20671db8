"""Closed forms that stand beside a result, and the same around the channels of a Model.

Approximations of the buffered steady field (`eba`, `rba`, `lin`: concentrations, rest included) live in
`microdomain.oracles_buffered`; exact fields of one ion without buffers (excess over rest) around points and
discs in `microdomain.oracles_exact`, and near walls and pumps in `microdomain.oracles_walls`.  All are pure
functions of numbers and arrays, and all are offered here.

The functions of this file take a Model and points: `eba_at`, `rba_at` and `lin_at` are what a cluster that
stays open would settle to if its membrane were flat and every other wall far away; `images_at` is exact in
the Model's box, in time, without its buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.model import FACES, Channel, Held, Model
from microdomain.model.tissue import even_medium
from microdomain.oracles_buffered import eba, lin, lin_excess, rba
from microdomain.oracles_exact import (
    binding,
    disc_axis,
    disc_rim,
    disc_steady_mean,
    distances,
    point_steady,
    point_transient,
    point_uptake,
)
from microdomain.oracles_walls import box_transient, cleft_steady, pumped_slab, pumped_wall_steady

__all__ = [
    "binding",
    "box_transient",
    "cleft_steady",
    "disc_axis",
    "disc_rim",
    "disc_steady_mean",
    "distances",
    "eba",
    "eba_at",
    "images_at",
    "lin",
    "lin_at",
    "lin_excess",
    "point_steady",
    "point_transient",
    "point_uptake",
    "pumped_slab",
    "pumped_wall_steady",
    "rba",
    "rba_at",
]


def eba_at(model: Model, points: Any, influx: Sequence[float] | None = None, ion: str = "Ca") -> np.ndarray:
    """`eba` around the channels of a Model, as if its membranes were flat and its other walls far away.

    Parameters
    ----------
    model : Model
    points : array (points, 3), um
    influx : (channels,), pA      one per channel of the ion, in the model's order; by default each channel's
                                  constant current, as if open for ever
    ion : str

    Returns
    -------
    array (points,), uM           free ion, rest included

    Raises
    ------
    ValueError                    if a channel's current is not constant and no influx is given; obstacles,
                                  pumps, round mouths or reactions

    Source: see `microdomain.oracles_buffered`.

    >>> from microdomain.model import Buffer, Cluster, Fixed, Ion
    >>> bapta = Buffer("BAPTA", total=1000, k_on=0.4, K_d=0.22, D=0.2)
    >>> calcium = Ion("Ca", z=2, D=0.22, rest=0.1)
    >>> one = Model(((-1, 1), (-1, 1), (0, 1)), [calcium], [bapta], Cluster([(0, 0)], current=Fixed(0.1)))
    >>> eba_at(one, [(0, 0, 0.01), (0, 0, 0.1)]).round(5)
    array([26.42448,  0.20926])
    """
    around = _surroundings(model, points, influx, ion)
    return eba(**around, uptake=model.uptake_rate(ion))


def rba_at(model: Model, points: Any, influx: Sequence[float] | None = None, ion: str = "Ca") -> np.ndarray:
    """`rba` around the channels of a Model: (points,), uM; parameters and errors as in `eba_at`."""
    return rba(**_surroundings(model, points, influx, ion))


def lin_at(model: Model, points: Any, influx: Sequence[float] | None = None, ion: str = "Ca") -> np.ndarray:
    """`lin` around the channels of a Model: (points,), uM; parameters and errors as in `eba_at`."""
    around = _surroundings(model, points, influx, ion)
    return lin(**around, uptake=model.uptake_rate(ion))


def images_at(
    model: Model, points: Any, t: float, influx: Sequence[float] | None = None, ion: str = "Ca"
) -> np.ndarray:
    """The field without any buffer, exact: images of every channel in the walls, its gate's openings in time.

    Parameters
    ----------
    model : Model                 its buffers are left out; walls closed or held
    points : array (points, 3), um
    t : float, ms
    influx : (channels,), pA      of each open channel, as in `eba_at`
    ion : str

    Returns
    -------
    array (points,), uM           free ion, rest included; `initial` of the ion is not looked at

    Raises
    ------
    ValueError                    if a gate has no fixed openings, or a current is not constant and no
                                  influx is given; obstacles, pumps, round mouths or reactions

    Source: Carslaw & Jaeger 1959, chapter 14.
    """
    _refuse_others("Images", model, ion)
    points = np.atleast_2d(np.asarray(points, float))
    who, rate = model.ion(ion), model.uptake_rate(ion)
    alpha, tortuosity = even_medium(model, "Images")
    held = [face for face in FACES if isinstance(model.walls[face], Held)]
    field = np.full(len(points), float(who.rest))
    for channel, pA in _channels(model, influx, ion):
        if not hasattr(channel.gate, "intervals"):
            raise ValueError(
                f"Channel {channel.name}: its gate opens at random, so images have no times to use."
            )
        for opens, closes in channel.gate.intervals():
            field += box_transient(
                points,
                t - opens,
                channel.position,
                pA / alpha,
                who.D / tortuosity**2,
                model.box,
                held=held,
                rate=rate,
                duration=closes - opens,
                z=who.z,
            )
    return field


def _refuse_others(who: str, model: Model, ion: str) -> None:
    """Refuse what no closed form here knows, naming it; buffers are another matter."""
    unknown = [f"the obstacle {one.name!r}" for one in model.obstacles]
    unknown += [f"the pump {p.name!r}" for p in model.pumps if p.ion == ion]
    unknown += [f"a volume pump of {ion}"] * any(p.ion == ion for p in model.volume_pumps)
    round_mouths = [c for c in model.resolved_channels if c.ion == ion and c.mouth is not None]
    unknown += [f"the round mouth of {c.name}" for c in round_mouths[:1]]
    unknown += [f"the reaction {r.equation!r}" for r in model.reactions[:1]]
    if unknown:
        raise ValueError(
            f"{who} know closed and held walls and point channels only, and this model has "
            f"{' and '.join(unknown)}. Use simulate()."
        )


def _constant_influx(channel: Channel) -> float:
    """The channel's influx in pA, if it is one number."""
    current = getattr(channel.current, "i", None)
    if isinstance(current, int | float):
        return float(current)
    raise ValueError(
        f"Channel {channel.name} has the current {channel.current!r}, which is not one number: "
        "give influx= in pA, one per channel."
    )


def _channels(model: Model, influx: Sequence[float] | None, ion: str) -> list[tuple[Channel, float]]:
    """The channels of one ion, each with the pA it carries while open."""
    channels = [channel for channel in model.resolved_channels if channel.ion == ion]
    if influx is None:
        return [(channel, _constant_influx(channel)) for channel in channels]
    if len(influx) != len(channels):
        raise ValueError(f"{len(influx)} influxes for {len(channels)} channels of {ion}: expected one each.")
    return [(channel, float(pA)) for channel, pA in zip(channels, influx, strict=True)]


def _surroundings(model: Model, points: Any, influx: Sequence[float] | None, ion: str) -> dict[str, Any]:
    """Arguments of `eba`, `rba` and `lin` for the channels and buffers of one ion."""
    model.plain_buffers_only("EBA, RBA and LIN know")
    _refuse_others("EBA, RBA and LIN", model, ion)
    alpha, tortuosity = even_medium(model, "EBA, RBA and LIN")
    sources = _channels(model, influx, ion)
    buffers = [b for b in model.buffers if b.binds == ion and b.D > 0]
    who = model.ion(ion)
    positions = np.array([channel.position for channel, _ in sources], float).reshape(-1, 3)
    return {
        "r": distances(points, positions),
        "influx": np.array([pA for _, pA in sources], float) / alpha,
        "D": who.D / tortuosity**2,
        "rest": who.rest,
        "total": [b.total for b in buffers],
        "k_on": [b.k_on for b in buffers],
        "K_d": [b.K_d for b in buffers],
        "D_b": [b.D / tortuosity**2 for b in buffers],
        "z": who.z,
        "solid_angle": np.array([4 * np.pi if channel.face is None else 2 * np.pi for channel, _ in sources]),
    }
