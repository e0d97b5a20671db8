"""What is read off the batches of a run: traces, currents of channels, and one ledger of all members."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from microdomain.batch import Batch
from microdomain.electro import ElectroWarning, reversal
from microdomain.laws import influx as law_influx
from microdomain.ledger import Ledger
from microdomain.model import Ion, Model
from microdomain.reading import Near, between
from microdomain.reading_times import at_times
from microdomain.units import flux_per_pA


class Traces:
    """Reads what batches traced at their watched points; keeps the kernels there from call to call."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Near, list[tuple[np.ndarray, np.ndarray]]]] = {}

    def __call__(self, batch: Batch, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Concentrations at the watched points and volume means at times already passed.

        Between step ends the grid part follows a monotone cubic in each stretch between jumps; the
        near field is exact at every time.

        Parameters
        ----------
        batch : Batch
        times : array (T,), ms

        Returns
        -------
        arrays [member, T, ion, P] and [member, T, ion], uM
        """
        plan = batch.plan
        if id(batch) not in self._known:
            near = Near(plan)
            self._known[id(batch)] = (near, near.kernels(batch.watch.points))
        near, kernels = self._known[id(batch)]
        count = len(batch.watch.points)
        values = np.empty((plan.members, times.size, plan.ions, count))
        means = np.empty((plan.members, times.size, plan.ions))
        values.fill(np.nan)
        means.fill(np.nan)
        for k in range(plan.members):
            t = np.array([row[0] for row in batch.trace[k]])
            seen = times <= batch.t[k] if batch.failed[k] else np.ones(times.size, dtype=bool)
            if not seen.any():
                continue  # it broke down before the first time that is asked for, and may have no row
            for out, n in ((values, 1), (means, 2)):
                rows = np.array([row[n] for row in batch.trace[k]])
                out[k, seen] = between(t, rows, times[seen], batch.jumps[k])
        values += at_times(near, times, kernels, count)
        return values, means


def local_reversal(held: np.ndarray, ion: Ion, model: Model) -> np.ndarray:
    """Reversal potential at some concentrations (uM) of an ion, mV; extreme ones are no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ElectroWarning)
        return np.asarray(reversal(held, ion.outside, ion.z, model.temperature))


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
