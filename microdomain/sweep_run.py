"""The points of a sweep, computed: batches of points that share a grid run as members of one run.

A batch is what an engine hands to a process.  It goes on from its checkpoint where it was stopped;
points that are done are left out; a point that cannot be done is written down and the rest go on.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microdomain.checkpoint import Stopped
from microdomain.results import Results
from microdomain.scenario import Scenario
from microdomain.scenario_run import grid_of, record_of
from microdomain.simulate import simulate
from microdomain.sweep_engines import Engine, engine
from microdomain.sweep_plan import Point, Sweep

log = logging.getLogger("microdomain")

#: Seconds between two checkpoints of a batch.
CHECKPOINT_EVERY = 120.0


@dataclass(frozen=True)
class Outcome:
    """What became of the points of a batch.

    Attributes
    ----------
    done, skipped : int           points computed now; points that another process is at
    failed : dict                 index of a point -> why it cannot be done
    stopped : bool                a signal came; the batch goes on when it is run again
    """

    done: int = 0
    skipped: int = 0
    failed: dict[int, str] | None = None
    stopped: bool = False


def run(
    folder: str | Path,
    on: Any = "here",
    workers: int | None = None,
    shard: tuple[int, int] = (0, 1),
    retry: bool = False,
    device: str | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    told: Callable[[Outcome, int], None] | None = None,
    **settings: Any,
) -> Outcome:
    """Compute what is not done yet.

    Parameters
    ----------
    folder : str or Path          a planned sweep
    on : str or Executor          "here", "local" (a pool of processes), "dask", "dask://HOST:PORT", "slurm",
                                  or any executor of `concurrent.futures`
    workers : int, optional       processes of a pool; one per core or GPU when left out
    shard : (i, n)                the i-th of n parts only
    retry : bool                  points that failed, too
    device : str, optional        instead of the scenario's
    checkpoint_every : float, s
    told : callable, optional     takes the outcome of each batch and how many points are left
    **settings                    of the engine, such as partition= for Slurm

    Returns
    -------
    Outcome                       of all batches together

    Raises
    ------
    ValueError                    the plan, the scenario or the sweep file has changed
    """
    sweep = Sweep(folder)
    sweep.check_sources()
    finished = sweep.marked("done") | (set() if retry else sweep.marked("failed"))
    batches = [[p for p in batch if p.key not in finished] for batch in sweep.batches(shard)]
    batches = [batch for batch in batches if batch]
    left = sum(map(len, batches))
    total: dict[str, int] = {"done": 0, "skipped": 0}
    failed: dict[int, str] = {}
    stopped = False
    if not batches:
        return Outcome(failed={})
    jobs = [(str(sweep.folder.resolve()), [p.index for p in b], device, checkpoint_every) for b in batches]
    used: Engine = engine(on, workers, str(sweep.folder / "slurm"), len(jobs), device, settings)
    with used:
        for n, outcome in used.run(run_batch, jobs):
            if isinstance(outcome, BaseException):
                outcome = _lost(sweep, batches[n], outcome)
            left -= len(batches[n])
            total["done"] += outcome.done
            total["skipped"] += outcome.skipped
            failed |= outcome.failed or {}
            stopped |= outcome.stopped
            if told is not None:
                told(outcome, left)
    return Outcome(**total, failed=failed, stopped=stopped)


def _lost(sweep: Sweep, batch: Sequence[Point], error: BaseException) -> Outcome:
    """A worker died or raised what no point is to blame for."""
    if not isinstance(error, Exception):
        raise error
    words = f"{type(error).__name__}: {error}"
    for point in batch:
        sweep.mark("failed", point.key, {"index": point.index, "error": words})
    return Outcome(failed={point.index: words for point in batch})


def run_batch(folder: str, indices: Sequence[int], device: str | None, checkpoint_every: float) -> Outcome:
    """Run points as members of one run; what an engine calls in its processes.

    Parameters
    ----------
    folder : str                  a planned sweep
    indices : sequence of int     lines of the manifest, of one group
    device : str or None          instead of the scenario's
    checkpoint_every : float, s

    Returns
    -------
    Outcome
    """
    sweep = Sweep(folder)
    points = [sweep.points[i] for i in indices]
    asked: list[tuple[Point, Scenario]] = []
    failed: dict[int, str] = {}
    for point in points:
        try:
            asked.append((point, sweep.scenario(point)))
        except ValueError as error:
            failed |= _fail(sweep, point, error)
    done = skipped = 0
    # One of them may spoil the batch before it begins; then each is tried alone.
    waiting = [asked] if asked else []
    while waiting:
        part = waiting.pop(0)
        try:
            results = _simulated(sweep, part, device, checkpoint_every)
        except Stopped as stop:
            log.info("%s", stop)
            return Outcome(done, skipped, failed, stopped=True)
        except BlockingIOError as busy:
            log.info("%s", busy)
            skipped += len(part)
        except (ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError) as error:
            if len(part) > 1:
                waiting += [[single] for single in part]
            else:
                failed |= _fail(sweep, part[0][0], error)
        else:
            spoilt = _filed(sweep, part, results)
            failed |= spoilt
            done += len(part) - len(spoilt)
    return Outcome(done, skipped, failed)


def _fail(sweep: Sweep, point: Point, error: BaseException) -> dict[int, str]:
    words = re.sub(r"^Member \d+ ", "", f"{error}") or type(error).__name__
    words = words[0].upper() + words[1:]  # which member it was in its batch tells nobody anything
    sweep.mark("failed", point.key, {"index": point.index, "error": words})
    log.warning("Point %d failed: %s", point.index, words)
    return {point.index: words}


def _simulated(
    sweep: Sweep, part: Sequence[tuple[Point, Scenario]], device: str | None, checkpoint_every: float
) -> Results:
    first = part[0][1]
    models = [m for _, asked in part for m in (asked.members or [asked.model])]
    trials = [n for _, asked in part for n in range(len(asked.members) or 1)]
    settings = {k: v for k, v in first.run.items() if k not in ("until", "members", "member", "device")}
    return simulate(
        models[0],
        grid_of(first),
        until=first.run["until"],
        record=record_of(first, first.run["until"]),
        members=models,
        trials=trials,
        out=_place(sweep, part),
        device=device or first.run.get("device", "auto"),
        checkpoint_every=checkpoint_every,
        resume=True,
        **settings,
    )


def _place(sweep: Sweep, part: Sequence[tuple[Point, Scenario]]) -> Path:
    """Where a batch is stored: a name made of the points in it."""
    name = hashlib.sha256(" ".join(point.key for point, _ in part).encode()).hexdigest()[:16]
    folder = sweep.folder / "results"
    folder.mkdir(exist_ok=True)
    return folder / f"{part[0][0].index:05d}-{name}.zarr"


def _filed(sweep: Sweep, part: Sequence[tuple[Point, Scenario]], results: Results) -> dict[int, str]:
    """Mark points as done, with a summary, or as failed; gives those that failed."""
    mine: dict[int, str] = {}
    begin = 0
    for point, asked in part:
        members = range(begin, begin + (len(asked.members) or 1))
        begin = members.stop
        words = [results.failures[m] for m in members if m in results.failures]
        if words:
            mine |= _fail(sweep, point, RuntimeError(words[0]))
            continue
        content = {
            "index": point.index,
            "run": _place(sweep, part).name,
            "members": [members.start, members.stop],
            "summary": summary(results, members),
        }
        sweep.mark("done", point.key, content)
        with suppress(FileNotFoundError):
            (sweep.folder / "failed" / f"{point.key}.json").unlink()
    return mine


def summary(results: Results, members: range) -> dict[str, float]:
    """A point in a few numbers, means over its members.

    Parameters
    ----------
    results : Results             of the batch
    members : range               those of the point

    Returns
    -------
    dict                          peak_uM and lowest_E_mV at the mouths, influx_pA_ms, mean and end levels
    """
    own = {"member": list(members)}
    mouths = results._parts["mouths"].isel(own).load()
    out: dict[str, float] = {}
    held, volts = mouths["concentration"].values, mouths["reversal"].values
    if held.size:
        out["peak_uM"] = _mean(np.nanmax(held, axis=(0, 2)))
        out["end_uM"] = _mean(np.nanmax(held[-1], axis=-1))
    if np.isfinite(volts).any():
        out["lowest_E_mV"] = _mean(np.nanmin(volts, axis=(0, 2)))
    probes = results._parts.get("probes")
    if probes is not None:
        probes = probes.isel(own).load()
        for ion in probes.data_vars:
            peaks = probes[ion].max("time").mean("member")
            out |= {f"peak_{ion}_{name}_uM": float(peaks.sel(point=name)) for name in probes["point"].values}
    for i, ion in enumerate(results.ledger.ions):
        out[f"highest_mean_{ion}_uM"] = float(mouths[f"mean_{ion}"].max("time").mean())
        out[f"influx_{ion}_uM_um3"] = _mean(results.ledger.influx[list(members), i])
    out["steps"] = _mean(results.ledger.steps[list(members)])
    out["closure"] = float(np.abs(results.ledger.closure[list(members)]).max())
    return out


def _mean(values: Any) -> float:
    return float(np.mean(values))
