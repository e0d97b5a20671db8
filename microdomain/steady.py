"""The steady state around channels that stay open: solved at h and h/2, the difference reported.

A march in time to the same state takes minutes where this takes a fraction of a second, because
Newton's method needs 3 to 8 linear solves, each preconditioned by fast diagonalisation
(`steady_newton`).  What costs so little is always done twice: the second grid has half the spacing
everywhere, and the difference at mouths and from 10 to 200 nm stands beside the result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from microdomain.backends.choose import DEVICES
from microdomain.backends.reference import Reference
from microdomain.grid import GROWTH, Grid
from microdomain.grid_spacing import NEAR
from microdomain.model import Held, Model, Open, Walls
from microdomain.plan import Plan
from microdomain.reading_cusps import Sources
from microdomain.reading_fields import read_points
from microdomain.record import Record
from microdomain.results import Results
from microdomain.steady_check import check_steady
from microdomain.steady_feedback import settle
from microdomain.steady_problem import NoSteadyState
from microdomain.steady_record import recorded
from microdomain.steady_solve import LATE, Solution, lay_steady

__all__ = [
    "NoSteadyState",
    "Refinement",
    "check_steady",
    "grid_for",
    "held_open",
    "held_walls",
    "steady_state",
]

log = logging.getLogger("microdomain")

#: Distances from a channel (um) at which two grids are compared, beside its mouth.
HEIGHTS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
#: Channels at which they are compared, at most.
COMPARED = 32
#: The largest cells are this part of the box's longest side, so that walls far away cost nothing.
FAR = 0.1
#: Refinement stops before a grid has more cells than this.
MOST_CELLS = 5_000_000


@dataclass(frozen=True)
class Refinement:
    """How the steady state changed from one grid to the next, finer one.

    Attributes
    ----------
    spacing : tuple of float, um        largest cell at a channel, per grid, coarse to fine
    cells : tuple of int                per grid
    seconds : tuple of float            solution time per grid, set-up left out
    newton, krylov : tuple of int       iterations per grid
    distances : tuple of float, um      0 stands for the mouth, at each channel's pore distance
    difference : tuple of tuples        per pair of grids and distance: largest relative change of the
                                        concentration over the channels; NaN beyond the box
    """

    spacing: tuple[float, ...]
    cells: tuple[int, ...]
    seconds: tuple[float, ...]
    newton: tuple[int, ...]
    krylov: tuple[int, ...]
    distances: tuple[float, ...]
    difference: tuple[tuple[float, ...], ...]

    @property
    def spatial(self) -> float | None:
        """Largest difference between the last two grids; None where there is one grid only."""
        return float(np.nanmax(self.difference[-1])) if self.difference else None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, as in the provenance of a result; ``Refinement(**it)`` goes back."""
        return asdict(self)

    def __str__(self) -> str:
        head = "".join(f"{'mouth' if d == 0 else f'{1e3 * d:g} nm':>9}" for d in self.distances)
        lines = [f"Change from grid to grid, %{head}"]
        for k, row in enumerate(self.difference):
            label = f"{1e3 * self.spacing[k]:.3g} -> {1e3 * self.spacing[k + 1]:.3g} nm"
            lines.append(f"{label:<26}" + "".join(f"{100 * x:>9.2g}" for x in row))
        return "\n".join(lines)


def grid_for(model: Model, near: float = NEAR) -> Grid:
    """A grid fit for the steady state: fine at the channels, growing geometrically up to the walls.

    Steady fields fall like 1/r or faster, so cells of a fifth of the distance resolve them as well far
    away as near by: a box of 80 um takes 1.5 times as many cells along an axis as one of 2 um.

    Parameters
    ----------
    model : Model
    near : float, um              width at a channel; the growth follows it, so that half of `near`
                                  halves every cell

    Returns
    -------
    Grid

    >>> import microdomain as md
    >>> calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    >>> model = md.Model(box=((-40, 40), (-40, 40), (0, 40)), ions=[calcium], channels=md.Cluster([(0, 0)]))
    >>> grid_for(model).shape
    (33, 66, 66)
    """
    part = near / NEAR
    longest = max(high - low for low, high in model.box)
    growth = min(GROWTH**part, 1.5)
    return Grid.graded(model, near=near, growth=growth, far=max(FAR * longest * part, near))


def steady_state(
    model: Model,
    grid: Grid | None = None,
    *,
    rtol: float = 1e-2,
    record: Record | None = None,
    check: bool = True,
    device: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> Results:
    """Where the ions settle around channels that stay open.

    Without a grid the state is solved on the grid that `grid_for` gives and on ever finer ones, each of
    half the spacing, until two differ by less than `rtol`; the finest is the result.  On a grid of
    your own the result stands on that grid, and one of half the spacing shows how far it can be trusted.

    Parameters
    ----------
    model : Model                 gates Open; constant currents, or GHK and Ohmic ones at a voltage that
                                  stays; and a held wall or uptake
    grid : Grid, optional
    rtol : float                  wanted relative difference at mouths and 10 to 200 nm from channels
    record : Record, optional     its fields and points (times mean nothing here)
    check : bool                  False: one grid, and no spatial error estimate
    device : {"auto", "numpy"}    the steady state is solved in NumPy
    progress : callable, optional takes a sentence before each grid

    Returns
    -------
    Results
        One frame, at a time long after every transient.  Its ledger says what enters and leaves in one
        millisecond; `budget.spatial` is the largest difference between the last two grids, and
        ``Refinement(**results.provenance["refinement"])`` the whole table.

    Raises
    ------
    NoSteadyState                 a ValueError: a closed box with influx, a gate that moves, a current that
                                  varies, or more taken out than can flow in
    ValueError                    an unknown device, a wrong rtol
    RuntimeError                  Newton's method did not settle
    """
    started = time.perf_counter()
    if device not in DEVICES:
        raise ValueError(f"device={device!r} is not known; give 'auto' or 'numpy'.")
    if DEVICES[device] not in ("auto", "numpy"):
        raise ValueError(
            f"device={device!r}: the steady state is solved in NumPy only; give device='numpy' or 'auto'."
        )
    if not 0.0 < rtol < 1.0:
        raise ValueError(f"rtol = {rtol}: give a relative tolerance between 0 and 1, e.g. 1e-2.")
    if record is not None and record.sensors:
        raise ValueError(
            f"steady_state: sensor {record.sensors[0][0]!r} is in the record, but release needs a course in "
            "time. Take results.at(...) and give its concentration to microdomain.sensors.release."
        )
    check_steady(model)
    levels = [_Level.of(model, grid_for(model) if grid is None else grid, progress)]
    while check and model.resolved_channels:
        last = levels[-1].plan.grid
        finer = last.coarsened(0.5) if grid is not None else grid_for(model, NEAR * 0.5 ** len(levels))
        if len(levels) > 1 and (levels[-1].change <= rtol or finer.cells > MOST_CELLS):
            break
        levels.append(_Level.of(model, finer, progress))
        levels[-1].compare(levels[-2])
        if grid is not None:
            break
    refinement = _told(levels)
    if refinement.spatial is not None and refinement.spatial > rtol:
        log.warning(
            f"The steady state changes by {100 * refinement.spatial:.2g} % when the spacing is halved, "
            f"more than rtol = {100 * rtol:g} %. Give a finer grid near the channels.\n{refinement}"
        )
    chosen = levels[0 if grid is not None else -1]
    return recorded(
        chosen.plan,
        chosen.solution,
        record,
        refinement.spatial,
        rtol,
        {"refinement": refinement.to_dict(), "wall_s": round(time.perf_counter() - started, 3)},
    )


def held_open(model: Model) -> Model:
    """The model with every gate open for good.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Model
    """
    return replace(model, channels=tuple(replace(c, gate=Open()) for c in model.channels))


def held_walls(model: Model) -> Model:
    """The model with every wall held at rest that carries no channel.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Model
    """
    used = {(k, c.position[k]) for c in model.resolved_channels for k in range(3)}
    walls = model.walls

    def pair(k: int, now: tuple[Any, Any]) -> tuple[Any, Any]:
        lower, upper = (one if (k, x) in used else Held() for one, x in zip(now, model.box[k], strict=True))
        return lower, upper

    return replace(model, walls=Walls(x=pair(0, walls.x), y=pair(1, walls.y), z=pair(2, walls.z)))


class _Level:
    """One grid's solution and its readings at the places where grids are compared."""

    def __init__(self, plan: Plan, solution: Solution, seconds: float) -> None:
        self.plan, self.solution, self.seconds = plan, solution, seconds
        self.readings = _readings(plan, solution)
        self.difference: tuple[float, ...] = ()

    @classmethod
    def of(cls, model: Model, grid: Grid, progress: Callable[[str], None] | None) -> _Level:
        if progress is not None:
            progress(f"Solving on {grid!r}")
        plan = lay_steady([model], grid)
        begun = time.perf_counter()
        solution = settle(plan)
        return cls(plan, solution, time.perf_counter() - begun)

    def compare(self, coarser: _Level) -> None:
        """Note the relative difference of the readings to a coarser grid's."""
        apart = np.abs(self.readings - coarser.readings) / np.abs(self.readings)
        seen = np.where(np.isnan(apart), -1.0, apart).max(axis=0)
        self.difference = tuple(float(x) if x >= 0 else float("nan") for x in seen)

    @property
    def change(self) -> float:
        """Largest difference to the coarser grid."""
        return float(np.nanmax(self.difference))


def _readings(plan: Plan, solution: Solution) -> np.ndarray:
    """Concentration at the mouth and above it, (channel, 1 + distances); NaN beyond the box."""
    model = plan.models[0]
    channels = model.resolved_channels
    if len(channels) > COMPARED:
        chosen = np.unique(np.linspace(0, len(channels) - 1, COMPARED).round().astype(int))
        channels = tuple(channels[k] for k in chosen)
    out = np.full((len(channels), 1 + len(HEIGHTS)), np.nan)
    low, high = np.array(model.box, dtype=float).T
    spots, where = [], []
    for n, c in enumerate(channels):
        for k, d in enumerate((c.pore, *HEIGHTS)):
            x = np.array(c.position) + d * np.array(c.normal)
            if (x >= low).all() and (x <= high).all():
                spots.append(x)
                where.append((n, k))
    if spots:
        u = plan.coarse(solution.y)[:, : plan.ions]
        ops = Reference(plan)
        hidden = Sources(plan).at(ops, solution.y, ops.near(solution.weights))
        values = read_points(plan, np.full(plan.members, LATE), u, np.array(spots), hidden)[0]
        for column, (n, k) in enumerate(where):
            out[n, k] = values[plan.names.index(channels[n].ion), column]
    return out


def _told(levels: list[_Level]) -> Refinement:
    """The table of all grids."""
    plans, solutions = [x.plan for x in levels], [x.solution for x in levels]
    model = plans[0].models[0]
    return Refinement(
        spacing=tuple(
            max((p.grid.spacing_at(c.position) for c in model.resolved_channels), default=float("nan"))
            for p in plans
        ),
        cells=tuple(p.grid.cells for p in plans),
        seconds=tuple(round(x.seconds, 4) for x in levels),
        newton=tuple(int(s.newton.sum()) for s in solutions),
        krylov=tuple(int(s.krylov.sum()) for s in solutions),
        distances=(0.0, *HEIGHTS),
        difference=tuple(x.difference for x in levels[1:]),
    )
