"""What is read off the batches of a run: traces, currents of channels, and one ledger of all members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microdomain.batch import Batch
from microdomain.laws import influx as law_influx
from microdomain.ledger import Ledger
from microdomain.reading import Near, between
from microdomain.reading_times import at_times
from microdomain.units import flux_per_pA


def traced(
    batch: Batch, times: np.ndarray, near: Near, kernels: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Concentrations at the watched points and volume means at times already passed.

    Between step ends the grid part follows a monotone cubic in each stretch between jumps; the
    near field is exact at every time.

    Parameters
    ----------
    batch : Batch
    times : array (T,), ms
    near : Near                     of the batch's plan
    kernels : list                  of the watched points, from `near.kernels`

    Returns
    -------
    arrays [member, T, ion, P] and [member, T, ion], uM
    """
    plan = batch.plan
    count = len(batch.watch.points)
    values = np.empty((plan.members, times.size, plan.ions, count))
    means = np.empty((plan.members, times.size, plan.ions))
    values.fill(np.nan)
    means.fill(np.nan)
    for k in range(plan.members):
        t = np.array([row[0] for row in batch.trace[k]])
        seen = times <= t[-1] if batch.failed[k] else np.ones(times.size, dtype=bool)
        for out, n in ((values, 1), (means, 2)):
            rows = np.array([row[n] for row in batch.trace[k]])
            out[k, seen] = between(t, rows, times[seen], batch.jumps[k])
    values += at_times(near, times, kernels, count)
    return values, means


def channel_influx(
    batch: Batch, member: int, index: int, times: np.ndarray, held: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Influx of a channel over time, and what it would be at the mean concentration, pA.

    At a jump it is what flowed until then, as the concentration shows.  A law that asks for the
    concentration is evaluated at the reported one.
    """
    plan = batch.plan
    model = plan.models[member]
    before = np.where(times > 0, np.nextafter(times, -np.inf), times)
    live = batch.live[member]
    if live is not None and index in live.number:
        n = live.number[index]
        p = live.opened(n, before)
        local, stirred = (law_influx(live.live[n], model, p, before, c) for c in (held, mean))
        return local, stirred
    row = plan.channel_rows[member][index]
    z = model.ion(model.resolved_channels[index].ion).z
    flux = np.asarray(plan.history.value(np.array([row]), before[None])[0] / flux_per_pA(z))
    return flux, flux


def collected_ledger(batches: Sequence[Batch]) -> Ledger:
    """One ledger from those of all batches, members in order."""
    parts = [b.ledger() for b in batches]
    first = parts[0]
    joined = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in (
            "start", "influx", "walls", "uptake", "end", "corrections", "steps", "rejected", "negative",
            "lowest", "largest_error",
        )
    }  # fmt: skip
    return Ledger(ions=first.ions, **joined, dtype=first.dtype)
