"""The one loop: members advance between records, records are written, the ledger is closed."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from microdomain.backends.choose import choose
from microdomain.backends.reference_reductions import ATOL_ION
from microdomain.batch import Batch, StepError
from microdomain.checkpoint import Lock
from microdomain.closing import collected_ledger
from microdomain.estimate import check_fits
from microdomain.grid import Grid
from microdomain.grid_spacing import coarse_beside_pumps
from microdomain.ledger import Budget
from microdomain.model import Model
from microdomain.pace import Pace
from microdomain.plan import Plan
from microdomain.progress import Progress, heart
from microdomain.reading import Watch
from microdomain.record import Record
from microdomain.recorder import Recorder
from microdomain.results import Results, open
from microdomain.resume import Checkpoints, both
from microdomain.setting import Setting, setting
from microdomain.steppers.base import Stepper
from microdomain.steppers.rkc import RKC2

log = logging.getLogger("microdomain")

#: The companion run of a spatial error estimate has this many times the spacing.
COARSER = 1.5
#: On a CPU members advance in blocks of about this many cells: few enough to stay near the cache, and many
#: enough to share a step's Python, so small grids by the dozen and large ones one by one (per member of P1:
#: 1 in a block 0.15 s, 4 0.106 s, 16 0.117 s).  A graphics card takes as many as fit.
BLOCK_CELLS = 80_000
#: Grids below this many cells use one BLAS thread.
THREADED = 50_000


def simulate(
    model: Model,
    grid: Grid | None = None,
    *,
    until: float,
    record: Record | None = None,
    rtol: float | None = None,
    accuracy: str = "default",
    members: int | range | Sequence[Model] = 1,
    member_names: Sequence[str] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    seed: int = 0,
    check: bool = False,
    scheme: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    checkpoint_every: float | None = None,
    resume: bool = False,
    trials: Sequence[int] | None = None,
    precision: str = "float64",
) -> Results:
    """Open the channels and follow the ions.

    Parameters
    ----------
    model : Model
    grid : Grid, optional           graded toward the channels as `accuracy` says when left out
    until : float, ms               end of the run
    record : Record, optional       what is written down and when
    rtol : float, optional          tolerance of the adaptive steps; what `accuracy` says when left out
    accuracy : {"default", "high"}
    members : int, range of trial numbers, or list of Models
    member_names : sequence of str, optional
    out : path, optional            stream to a Zarr store while running
    overwrite : bool                replace a store at `out`
    device : {"auto", "numpy", "cpu", "cuda"}     a named device never falls back
    seed : int                      of random streams
    check : bool                    add a companion run at 1.5 times the spacing, for a spatial error estimate
    scheme : {"ros2", "ros34pw2", "rkc2"}, optional
    progress : callable, optional   takes a `Progress`, about ten times a second
    checkpoint_every : float, s     wall time between two checkpoints beside `out`; one is also written on
                                    SIGUSR1 and SIGTERM, which then stop the run
    resume : bool                   go on with the run that `out` holds: bit for bit as if it had never
                                    stopped; where there is none, begin
    trials : sequence of int        the trial number of every member of a list, which picks its random
                                    streams; 0, 1, ... when left out
    precision : {"float64", "float32"}      of states and tables where kernels run; half the memory and
                                    about half the time of large grids, at 1e-6 of the totals

    Returns
    -------
    Results

    Raises
    ------
    ValueError                      wrong input, or a run that would not fit in memory
    batch.StepError                 a run that cannot go on; of several members, all of them
    checkpoint.Stopped              a signal stopped the run; its state is saved
    BlockingIOError                 another process writes to `out`
    OSError                         the store cannot be written; what was recorded before stays readable
    """
    started = time.perf_counter()
    asked = setting(model, grid, until, record, rtol, accuracy, members, trials, scheme, seed, precision)
    said: list[str] = []
    if asked.models[0].pumps and (coarse := coarse_beside_pumps(asked.models, asked.grid)):
        log.warning(coarse)

    def say(sentence: str) -> None:
        said.append(sentence)
        log.info(sentence)

    factory = choose(device, say, precision)
    models, grid, until = asked.models, asked.grid, asked.until
    with Lock(out) if out is not None else nullcontext():
        checkpoints = Checkpoints(out, asked.key, checkpoint_every, resume)
        if checkpoints.finished and out is not None:
            log.info("'%s' holds this run already, complete.", out)
            return open(out)
        plan, frames, dense = asked.laid()
        check_fits(plan, 0 if out is not None else frames.size, asked.record)
        provenance = _provenance(asked)
        recorder = Recorder(
            plan, asked.record, frames, dense, out, overwrite or resume, provenance, member_names,
            len(models) > 1 or not isinstance(members, int), checkpoints.identity,
            checkpoints.counts,
        )  # fmt: skip
        # Small products lose more to waking threads than they gain (fifty times, on a busy machine).
        blas = _libraries().limit(limits=1 if grid.cells < THREADED else None, user_api="blas")
        try:
            with checkpoints:
                batches = _batches(plan, factory, asked.paces, recorder)
                checkpoints.join(batches, recorder)
                tell = heart(progress, started, until, batches)
                beat = both(tell, checkpoints.beat)
                for frame in frames:
                    if not recorder.has(float(frame)):
                        _advance(batches, float(frame), beat)
                        recorder.write(float(frame), batches)
                _advance(batches, until, beat)
                recorder.finish_traces(batches, until)
                ledger = replace(collected_ledger(batches), dtype=batches[0].ops.precision)
                spatial = None
                if check:
                    spatial = _companion(asked, device, recorder, checkpoints.beat)
            budget = Budget(float(ledger.largest_error.max(initial=0.0)), spatial, asked.rtol)
            provenance |= {
                "backend": batches[0].ops.name,
                "precision": batches[0].ops.precision,
                "backend_why": " ".join(dict.fromkeys(said)),
                "wall_s": round(checkpoints.wall, 3),
                "restarts": checkpoints.restarts,
            }
            failures = _failures(batches)
            for sentence in [*failures.values(), *ledger.warnings()]:
                log.warning(sentence)
            recorder.close(ledger, budget, provenance, failures)
            checkpoints.remove()
        except BaseException as stopped:
            recorder.abandon(stopped)
            raise
        finally:
            blas.restore_original_limits()
    return open(out) if out is not None else Results(recorder.parts())


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that have threads; finding them takes milliseconds."""
    return ThreadpoolController()


def _batches(
    plan: Plan, factory: Callable[[Plan], Any], paces: Sequence[Pace], recorder: Recorder
) -> list[Batch]:
    """The members in blocks that advance together: neighbours of one pace."""
    first, out = 0, []
    # Where members do not all fit on the device, blocks of them take turns there.
    room = getattr(factory, "room", None)
    fits = plan.members if room is None else max(room(plan), 1)
    while first < plan.members:
        pace, last = paces[first], first + 1
        most = first + (_block(plan, pace.stepper) if room is None or pace.stepper is RKC2 else fits)
        while last < min(most, plan.members) and _alike(paces[last], pace):
            last += 1
        part = plan.take(range(first, last))
        watch = Watch.of(part, recorder.watched(part))
        out.append(Batch(part, factory, pace.stepper, pace.rtol, watch, recorder.asked))
        if fits < plan.members:
            out[-1].leave_device()
        first = last
    return out


def _alike(one: Pace, other: Pace) -> bool:
    return one.stepper is other.stepper and one.rtol == other.rtol


def _advance(batches: Sequence[Batch], until: float, beat: Callable[[Batch], None]) -> None:
    """Bring all members to `until`; one that cannot go on stays behind, unless it is the last."""
    members = sum(b.plan.members for b in batches)
    for batch in batches:
        away = batch.away
        batch.advance(until, beat, forgiving=members > 1)
        if away:
            batch.leave_device()
    failures = _failures(batches)
    if len(failures) == members:
        raise StepError(next(iter(failures.values())))


def _failures(batches: Sequence[Batch]) -> dict[int, str]:
    """Members that could not go on, and why."""
    words = [word for b in batches for word in b.failed]
    return {k: f"Member {k} {word}" for k, word in enumerate(words) if word}


def _block(plan: Plan, stepper: Stepper) -> int:
    """Members that advance together: blocks that stay in cache, one by one for RKC2."""
    return 1 if stepper.name == "RKC2" else max(1, BLOCK_CELLS // plan.grid.cells)


def _provenance(asked: Setting) -> dict[str, Any]:
    import scipy

    from microdomain import __version__

    return {
        "scenario": asked.models[0].hash,
        "members": [m.hash[:12] for m in asked.models] if len(set(asked.models)) > 1 else [],
        "trials": list(asked.trials),
        "microdomain": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
        "scheme": ", ".join(s.name for s in asked.steppers),
        "sources": [paper for s in asked.steppers for paper in s.sources],
        "rtol": asked.rtol,
        "accuracy": asked.accuracy,
        "seed": asked.seed,
    }


def _companion(asked: Setting, device: str, recorder: Recorder, beat: Callable[[], None]) -> float:
    """Largest relative difference at mouths and probes to a run at 1.5 times the spacing."""
    times = recorder.dense.tolist()
    points = dict(recorder.record.points)
    other = simulate(
        asked.models[0],
        asked.grid.coarsened(COARSER),
        until=asked.until,
        record=Record(times=times, points=points),
        members=asked.models,
        trials=asked.trials,
        device=device,
        seed=asked.seed,
        **asked.given,
        progress=lambda _: beat(),
    )
    mine = recorder.parts()
    worst = 0.0
    pairs = [(mine["mouths"]["concentration"], other._parts["mouths"]["concentration"])]
    if "probes" in mine:
        pairs += [(mine["probes"][n], other._parts["probes"][n]) for n in mine["probes"].data_vars]
    for a, b in pairs:
        # Where next to nothing is, the steps' absolute tolerance counts, not the ratio.
        difference = np.abs(a.values - b.values) / (np.abs(a.values) + ATOL_ION * asked.rtol)
        worst = max(worst, float(np.max(difference[np.isfinite(difference)], initial=0.0)))
    return worst
