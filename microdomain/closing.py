"""What is read off the batches of a run: currents of channels, and one ledger of all members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microdomain.batch import Batch
from microdomain.laws import influx as law_influx
from microdomain.ledger import Ledger
from microdomain.units import flux_per_pA


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
            "lowest", "largest_error", "pumped",
        )
    }  # fmt: skip
    return Ledger(ions=first.ions, **joined, dtype=first.dtype, pumps=first.pumps)
