"""What a scenario asks of a run, as the arguments of `simulate`."""

from __future__ import annotations

from microdomain.grid import Grid
from microdomain.record import Record
from microdomain.scenario import Scenario


def grid_of(asked: Scenario) -> Grid | None:
    """The grid that a scenario asks for; None leaves it to the accuracy."""
    settings = dict(asked.grid)
    kind = settings.pop("kind", "graded")
    if kind == "uniform":
        return Grid.uniform(asked.model, **settings)
    return Grid.graded(asked.members or [asked.model], **settings) if settings else None


def record_of(asked: Scenario, until: float | None) -> Record | None:
    """What a scenario records, cut at the end of the run; without an end, the places only."""
    settings = dict(asked.record)
    if until is None:
        settings = {k: v for k, v in settings.items() if k not in ("every", "times", "sensors")}
    elif "times" in settings:
        kept = [t for t in settings["times"] if t <= until]
        settings["times"] = kept if kept and kept[-1] == until else [*kept, until]
    return Record(**settings) if settings else None
