"""What a run is asked for, checked and completed: the models, the grid, the record, the scheme."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.fluxes import common_edges, fluxes_of
from microdomain.grid import Grid
from microdomain.grid_spacing import REACH, near_spacing, shortest_reach
from microdomain.model import Model
from microdomain.pace import Pace, is_restless, pace_of
from microdomain.plan import Plan, lay
from microdomain.record import Record
from microdomain.steppers.base import Stepper
from microdomain.steppers.rkc import RKC2
from microdomain.steppers.rosenbrock import ROS2, ROS34PW2

log = logging.getLogger(__name__)

SCHEMES: dict[str, Stepper] = {"ros2": ROS2, "ros34pw2": ROS34PW2, "rkc2": RKC2}

#: What an accuracy stands for: parts of `near_spacing`, growth, far (um), and rtol.
ACCURACIES = {
    "default": (1.0, 1.2, 0.080, 1e-2),
    "high": (0.5, 1.12, 0.050, 2e-3),
}


@dataclass(frozen=True, eq=False)
class Setting:
    """All that decides the numbers of a run, the backend aside.

    Attributes
    ----------
    models : tuple of Model         one per member
    trials : tuple of int           trial number of each member
    grid : Grid
    until : float, ms
    record : Record
    paces : tuple of Pace           scheme and tolerance of each member
    seed : int
    given : dict                    `rtol`, `scheme`, `accuracy` and `precision` as they were given
    accuracy : str                  what was asked for in a word; says so where grid or rtol were given
    """

    models: tuple[Model, ...]
    trials: tuple[int, ...]
    grid: Grid
    until: float
    record: Record
    paces: tuple[Pace, ...]
    seed: int
    given: dict[str, Any]
    accuracy: str = "default"

    @property
    def rtol(self) -> float:
        """The loosest tolerance of a member."""
        return max(p.rtol for p in self.paces)

    @property
    def precision(self) -> str:
        """Of states and tables."""
        return str(self.given["precision"])

    @property
    def steppers(self) -> tuple[Stepper, ...]:
        """The schemes of the members, each once."""
        return tuple({p.stepper.name: p.stepper for p in self.paces}.values())

    def laid(self) -> tuple[Plan, np.ndarray, np.ndarray]:
        """The plan, and the times of fields and of mouths and probes (ms)."""
        fluxes = fluxes_of(self.models, self.until, self.seed, self.trials)
        plan = lay(self.models, self.grid, fluxes=fluxes)
        edges = common_edges(self.models, plan.history, plan.channel_rows)
        restless = any(is_restless(m, self.until) for m in set(self.models))
        return plan, *self.record.schedule(self.until, edges, restless)

    @property
    def key(self) -> str:
        """SHA-256 of it all."""
        hashes = {m: m.hash for m in set(self.models)}
        faces = [np.asarray(f, dtype=float).tobytes() for f in self.grid.faces]
        content = {
            "models": [hashes[m] for m in self.models],
            "trials": list(self.trials),
            "grid": [hashlib.sha256(face).hexdigest() for face in faces],
            "until": self.until,
            "record": repr(self.record),
            "paces": [(p.stepper.name, p.rtol) for p in self.paces],
            "seed": self.seed,
        }
        if self.precision != "float64":
            content["precision"] = self.precision
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def setting(
    model: Model,
    grid: Grid | None,
    until: float,
    record: Record | None,
    rtol: float | None,
    accuracy: str,
    members: int | range | Sequence[Model],
    trials: Sequence[int] | None,
    scheme: str | None,
    seed: int,
    precision: str = "float64",
) -> Setting:
    """Check what `simulate` was given and fill in what was left out; its arguments, in short."""
    models, numbers = _ensemble(model, members, trials)
    until = _positive("until", until)
    share, growth, far, preset_rtol = _accuracy(accuracy)
    rtol = None if rtol is None else _positive("rtol", rtol)
    own = [name for name, given in (("grid", grid), ("rtol", rtol)) if given is not None]
    word = {0: accuracy, 1: f"{accuracy}, own {' and '.join(own)}", 2: "own grid and rtol"}[len(own)]
    grid = Grid.graded(models, share * near_spacing(models), growth, far) if grid is None else grid
    if said := blurred(models, grid):
        log.warning(said)
    record = Record() if record is None else record
    known: dict[Model, Pace] = {}
    for m in models:
        if m not in known:
            known[m] = _pace(scheme, m, until, rtol, preset_rtol, accuracy == "default")
    return Setting(
        tuple(models), tuple(numbers), grid, until, record, tuple(known[m] for m in models), seed,
        {"rtol": rtol, "scheme": scheme, "accuracy": accuracy, "precision": precision}, word,
    )  # fmt: skip


def blurred(models: Sequence[Model], grid: Grid) -> str:
    """What to do where buffers bind calcium within less than a cell; an empty text where they do not.

    Parameters
    ----------
    models : sequence of Model
    grid : Grid

    Returns
    -------
    str                             a sentence, or ""
    """
    reach = shortest_reach(models)
    places = {c.position for m in models for c in m.resolved_channels}
    cell = min((grid.spacing_at(p) for p in places), default=0.0)
    if cell <= reach:
        return ""
    return (
        f"At rest the buffers bind what enters within {1e3 * reach:.2g} nm, less than a cell at the channels "
        f"({1e3 * cell:.2g} nm): concentrations there may be off by several per cent. Give "
        f"Grid.graded(model, near={REACH * reach:.2g}), or let check=True estimate the error."
    )


def _ensemble(
    model: Model, members: int | range | Sequence[Model], trials: Sequence[int] | None
) -> tuple[list[Model], list[int]]:
    if isinstance(members, int):
        members = range(members)
    if isinstance(members, range):
        if len(members) == 0:
            raise ValueError(f"members = {members}: give at least one.")
        models, own = [model] * len(members), list(members)
    else:
        models = list(members)
        own = list(range(len(models)))
    if not models or not all(isinstance(m, Model) for m in models):
        raise ValueError("members: give a count, a range of trial numbers, or a list of Models.")
    numbers = own if trials is None else list(trials)
    if len(numbers) != len(models):
        raise ValueError(f"trials: {len(numbers)} numbers for {len(models)} members; give one for each.")
    return models, numbers


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} = {value}: give a positive number.")
    return float(value)


def _accuracy(name: str) -> tuple[float, float, float, float]:
    if name not in ACCURACIES:
        raise ValueError(f"accuracy = {name!r}: give {' or '.join(map(repr, ACCURACIES))}.")
    return ACCURACIES[name]


def _pace(
    scheme: str | None, model: Model, until: float, rtol: float | None, preset: float, by_default: bool
) -> Pace:
    if scheme is None:
        return pace_of(model, until, rtol, preset, by_default)
    if scheme.lower() not in SCHEMES:
        raise ValueError(f"scheme = {scheme!r}: give one of {', '.join(map(repr, SCHEMES))}.")
    return Pace(SCHEMES[scheme.lower()], preset if rtol is None else rtol)
