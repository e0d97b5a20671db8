"""EBA, RBA and LIN beside a profile: what the steady approximations say of the same channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microdomain import oracles
from microdomain.electro import reversal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from microdomain.model import Channel
    from microdomain.results import Results

#: Name, function, dashes.
SHOWN = (
    ("EBA", oracles.eba_at, (0, (5, 2))),
    ("RBA", oracles.rba_at, (0, (1, 1.5))),
    ("LIN", oracles.lin_at, (0, (5, 1.5, 1, 1.5))),
)


def approximations(
    results: Results, member: int, channel: Channel, time: float, r: np.ndarray
) -> dict[str, np.ndarray]:
    """The steady approximations along a channel's normal, for the currents that flow at a time.

    Parameters
    ----------
    results : Results
    member : int
    channel : Channel
    time : float, ms              the recorded influx nearest to it
    r : array (P,), um            distances from the channel

    Returns
    -------
    dict of array (P,), uM        by name; left out are those that do not apply to the model: beside
                                  obstacles, pumps, round mouths, held patches, uneven tissue, reactions
    """
    from microdomain.report import of_member, times_of

    model = results.models[member]
    mouths = of_member(results.mouths, member)
    row = int(np.argmin(np.abs(times_of(results.mouths) - time)))
    of_ion = [k for k, c in enumerate(model.resolved_channels) if c.ion == channel.ion]
    now = mouths["influx"].transpose("time", "channel").values[row]
    influx = [float(now[k]) for k in of_ion]
    if not any(i > 0 for i in influx):
        return {}
    points = np.array(channel.position) + r[:, None] * np.array(channel.normal)
    found = {}
    for name, formula, _ in SHOWN:
        try:
            found[name] = formula(model, points, influx, channel.ion)
        except ValueError:  # the model has what the formula does not know
            continue
    return found


def draw_approximations(
    left: Axes, right: Axes, results: Results, member: int, channel: Channel, time: float, r: np.ndarray
) -> None:
    """Draw them: concentrations on the left, potentials on the right where the outside is known.

    Parameters
    ----------
    left, right : matplotlib Axes
    results, member, channel, time, r     as in `approximations`
    """
    model = results.models[member]
    ion = model.ion(channel.ion)
    found = approximations(results, member, channel, time, r)
    for name, _, dashes in SHOWN:
        if name not in found:
            continue
        style = {"color": "0.35", "linewidth": 1.0, "linestyle": dashes, "label": name}
        left.loglog(1e3 * r, found[name], **style)
        if ion.outside is not None:
            E = reversal(found[name], ion.outside, ion.z, model.temperature)
            right.semilogx(1e3 * r, E, **style)
