"""Which scheme and tolerance a model calls for: how often its gates jump decides.

Where jumps follow each other within a few times the age of a nanodomain, every step is short because
the next jump ends it, and an order above 2 pays for stages that it has no room to use.  Two stages
then follow the jumps at half the work, and a local tolerance of 5 % leaves a mean error at mouths and
probes that is fifty times smaller, for what a jump disturbs is gone before the next one comes (30
channels that gate independently over 1 um^2: mean 0.1 %, against a run at 1e-4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microdomain.model import HH, Markov, Model
from microdomain.steppers.base import Stepper
from microdomain.steppers.rosenbrock import ROS2, ROS34PW2

#: Mean time between jumps (ms) below which a run is crowded with them, and the tolerance of such a
#: run by default.
CROWDED, LOOSE = 0.03, 5e-2
#: Order 3 needs half the steps of order 2 up to this tolerance; above it it does not pay.
STRICT = 1e-2
#: Voltages at which the rates of a gate are sampled.
SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Pace:
    """How a member steps: its scheme and tolerance."""

    stepper: Stepper
    rtol: float


def gap_between_jumps(model: Model, until: float) -> float:
    """Mean time between the jumps of a model's fluxes, as far as it is known before the run.

    Gates that are rules in time jump when they say.  Markov gates open and close at the rates of
    their equilibrium, with the ion at rest at the mouth and the voltage as it moves.

    Parameters
    ----------
    model : Model
    until : float, ms

    Returns
    -------
    float, ms                     infinity where nothing jumps
    """
    times: set[float] = set()
    expected = 0.0
    rates: dict[tuple[Markov, str], float] = {}
    for channel in model.resolved_channels:
        gate = channel.gate
        if isinstance(gate, Markov):
            key = (gate, channel.ion)
            if key not in rates:
                rates[key] = _jumps_per_ms(gate, model, until, model.ion(channel.ion).rest)
            expected += rates[key] * until
        elif not isinstance(gate, HH):
            times |= {t for pair in gate.intervals() for t in pair if 0 < t < until}
    count = expected + len(times)
    return until / count if count > 0 else np.inf


def is_restless(model: Model, until: float) -> bool:
    """Whether gates of a model jump by chance, or are crowded with jumps."""
    chance = any(isinstance(c.gate, Markov) for c in model.resolved_channels)
    return chance or gap_between_jumps(model, until) < CROWDED


def _jumps_per_ms(gate: Markov, model: Model, until: float, c: float) -> float:
    is_open = np.array([state in gate.open for state in gate.states])
    moments = (np.arange(SAMPLES) + 0.5) * until / SAMPLES
    found = []
    for V in {float(model.voltage.value(t)) for t in moments}:
        share = np.asarray(gate.occupancies(V, c))
        Q = np.asarray(gate.matrix(V, c))
        # In equilibrium as many open as close.
        found.append(2.0 * float(Q[np.ix_(~is_open, is_open)].sum(axis=0) @ share[is_open]))
    return float(np.mean(found))


def pace_of(model: Model, until: float, rtol: float | None, preset: float, by_default: bool) -> Pace:
    """Scheme and tolerance of a model for which no scheme was named.

    Parameters
    ----------
    model : Model
    until : float, ms
    rtol : float or None          as given
    preset : float                what the accuracy stands for
    by_default : bool             whether that is the default accuracy

    Returns
    -------
    Pace
    """
    tolerance = preset if rtol is None else rtol
    media = {(one.free_volume, one.tortuosity) for one in model.tissue}
    if all(one.shape is not None for one in model.tissue):
        media.add((1.0, 1.0))
    if len(media) > 1 or not all(one.even for one in model.tissue):
        # Where media differ strongly the implicit solve is rough, and another in every stage: four stages of
        # large coefficients make a bias of it that their estimate does not see (0.5 % of all ions in a slab
        # with an eighth of the conductance, at 1e-3), two stages do not (below 1e-3 anywhere).
        return Pace(ROS2, tolerance)
    if tolerance >= STRICT and gap_between_jumps(model, until) < CROWDED:
        return Pace(ROS2, LOOSE if rtol is None and by_default else tolerance)
    return Pace(ROS34PW2 if tolerance <= STRICT else ROS2, tolerance)
