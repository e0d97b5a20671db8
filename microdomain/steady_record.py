"""A steady state written down as the single frame of a Results."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from microdomain.backends.reference import Reference
from microdomain.ledger import Budget, Ledger
from microdomain.plan import Plan
from microdomain.reading import Watch
from microdomain.reading_cusps import Cusps
from microdomain.record import Record
from microdomain.recorder import Recorder
from microdomain.results import Results
from microdomain.steady_solve import LATE, Solution
from microdomain.steppers.base import Standing, per_ion, stage_flows
from microdomain.weights import Fluxes

#: Papers the solver stands on.
SOURCES = (
    "Saad, Schultz: SIAM J. Sci. Stat. Comput. 7, 856 (1986)",
    "Lynch, Rice, Thomas: Numer. Math. 6, 185 (1964)",
    "Wagner, Keizer: Biophys. J. 67, 447 (1994)",
)


class Still:
    """A steady state that answers a Recorder like a batch that stands at a late time.

    Parameters
    ----------
    plan : Plan
    solution : Solution
    watch : Watch                       points to be read
    """

    def __init__(self, plan: Plan, solution: Solution, watch: Watch) -> None:
        self.plan, self.solution, self.watch = plan, solution, watch
        self.ops: Any = Reference(plan)
        self.failed = [""] * plan.members  # nobody stays behind, as members of a run may
        self.fluxes = Fluxes(plan)
        self.live: list[None] = [None] * plan.members
        near = self.ops.near(solution.weights)
        self.standing = Standing(np.full(plan.members, LATE), solution.y, near, solution.weights)
        # One row of what a batch traces, at the watched points: no step ends before or after it.
        u = plan.coarse(solution.y)[:, : plan.ions]
        slopes = self.ops.walls.slopes(solution.y, near) if self.ops.walls is not None else ()
        readings = watch.grid_part(u, plan.rest[:, : plan.ions], slopes)
        if self.fluxes.sources.any:
            readings = readings + Cusps(plan, watch.points).added(self.hidden())
        held = self.ops.free(solution.y) + self.fluxes.per_ion(self.fluxes.mass(solution.weights))
        mean = held / plan.volume
        self.trace = [[(LATE, readings[m], mean[m])] for m in range(plan.members)]
        self.jumps = [np.empty(0)] * plan.members

    def state(self) -> np.ndarray:
        """State vectors (member, size)."""
        return self.solution.y

    def hidden(self) -> np.ndarray:
        """Sources in sub-cells, see `reading_cusps.Sources`."""
        return self.fluxes.sources.at(self.ops, self.standing.y, self.standing.near)

    def forget(self, before: float) -> None:
        """Nothing was traced."""

    def ledger(self) -> Ledger:
        """What enters and leaves in one millisecond, and what the box holds."""
        plan, s = self.plan, self.solution
        flows = stage_flows(self.ops, self.fluxes, s.weights, s.blob, s.y, self.standing.near)
        held = per_ion(plan, self.ops.amounts(s.y)) + self.fluxes.per_ion(self.fluxes.mass(s.weights))
        none = np.zeros(plan.members, dtype=int)
        return Ledger(
            ions=plan.names[: plan.ions],
            start=held,
            influx=self.fluxes.per_ion(s.flux * plan.pair_count),
            walls=flows.walls + self.fluxes.per_ion(flows.loss),
            uptake=flows.uptake,
            end=held.copy(),
            corrections=np.zeros_like(held),
            steps=s.newton,
            rejected=none,
            negative=none.copy(),
            lowest=np.asarray(self.ops.lowest(s.y, self.standing.near)),
            largest_error=np.zeros(plan.members),
            pumps=plan.pumps.names,
            pumped=flows.pumps.transpose(1, 0, 2),
        )


def recorded(
    plan: Plan,
    solution: Solution,
    record: Record | None,
    spatial: float | None,
    rtol: float,
    about: dict[str, Any],
) -> Results:
    """Results with one frame.

    Parameters
    ----------
    plan : Plan
    solution : Solution
    record : Record or None         its fields and points are used
    spatial : float or None         largest relative difference to another grid
    rtol : float                    the difference that was wanted
    about : dict                    joins the provenance

    Returns
    -------
    Results
    """
    import scipy

    from microdomain import __version__

    record = Record() if record is None else record
    moment = np.array([LATE])
    model = plan.models[0]
    provenance = {
        "scenario": model.hash,
        "members": [],
        "trials": [0],
        "microdomain": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
        "scheme": "steady state, Newton-Krylov",
        "sources": list(SOURCES),
        "rtol": rtol,
        "backend": "numpy",
        "newton": int(solution.newton.sum()),
        "krylov": int(solution.krylov.sum()),
        "residual": float(solution.residual.max()),
        **about,
    }
    recorder = Recorder(plan, record, moment, moment, None, False, provenance, None, plan.members > 1)
    still: Any = Still(plan, solution, Watch.of(plan, recorder.watched(plan)))
    recorder.write(LATE, [still])
    recorder.close(still.ledger(), Budget(0.0, spatial, rtol), provenance)
    parts = recorder.parts()
    parts["solver"].attrs["kappa"] = plan.kappa.tolist()
    return Results(parts)
