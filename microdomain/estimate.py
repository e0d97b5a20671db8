"""Whether a run fits, and how long it will take."""

from __future__ import annotations

from pathlib import Path

from microdomain.plan import Plan
from microdomain.record import Record

#: Bytes a run needs per member in flight, in units of its state vector (stages, factors, near field).
VECTORS = 40
#: More of them beside obstacles: work arrays of the implicit solves.
BESIDE = 9


def bytes_needed(plan: Plan, kept_frames: int, record: Record) -> float:
    """Memory of a run on the host.

    Parameters
    ----------
    plan : Plan
    kept_frames : int               frames kept in memory; 0 where they go to a store
    record : Record

    Returns
    -------
    float, bytes
    """
    fields = 2 * plan.ions + len(record.fields)
    beside, vectors = 0, VECTORS
    if plan.mask is not None:
        beside, vectors = plan.mask.samples.nbytes, VECTORS + BESIDE
    return beside + 8.0 * (
        plan.size * (vectors + 2 * plan.members) + kept_frames * plan.members * fields * plan.grid.cells
    )


def check_fits(plan: Plan, kept_frames: int, record: Record) -> None:
    """Refuse what cannot fit, before anything is allocated.

    Raises
    ------
    ValueError                      with what is needed, what is free, and what would fit
    """
    need, free = bytes_needed(plan, kept_frames, record), free_memory()
    if free is not None and need > 0.9 * free:
        raise ValueError(
            f"This run needs about {need / 2**30:.1f} GiB ({plan.grid.cells} cells, {plan.members} members,"
            f" {kept_frames} frames in memory), and {free / 2**30:.1f} GiB are free."
            " Use a coarser grid, fewer members or frames, or stream to a store with out=..."
        )


def free_memory() -> float | None:
    """Bytes of memory that are free, or None where the system does not say."""
    try:
        with Path("/proc/meminfo").open() as info:
            for line in info:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * float(line.split()[1])
    except OSError:
        pass
    return None
