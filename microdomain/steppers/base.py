"""What every stepper takes and gives: one attempted step of every member by its own dt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from microdomain.backends.base import Operations
from microdomain.weights import Fluxes


@dataclass(frozen=True, eq=False)
class Flows:
    """Amounts that passed in a step, by the stepper's own quadrature, uM um^3.

    Attributes
    ----------
    pairs : array (2, pair)             window to grid (`deposit`); window out through held walls (`loss`)
    ions : array (2 + pump, member, ion)   grid out through held walls (`walls`); taken up (`uptake`);
                                        carried out by every pump (`pumps`)
    """

    pairs: np.ndarray
    ions: np.ndarray

    @property
    def deposit(self) -> np.ndarray:
        """Window to grid (pair,)."""
        return np.asarray(self.pairs[0])

    @property
    def loss(self) -> np.ndarray:
        """Window out through held walls (pair,)."""
        return np.asarray(self.pairs[1])

    @property
    def walls(self) -> np.ndarray:
        """Grid out through held walls (member, ion)."""
        return np.asarray(self.ions[0])

    @property
    def uptake(self) -> np.ndarray:
        """Taken up in the volume (member, ion)."""
        return np.asarray(self.ions[1])

    @property
    def pumps(self) -> np.ndarray:
        """Carried out by every pump (pump, member, ion)."""
        return np.asarray(self.ions[2:])

    def scaled(self, pairs: Any, ions: Any) -> Flows:
        """Every flow times a factor; `pairs` (pair,) and `ions` (member, 1) or plain numbers."""
        return Flows(pairs * self.pairs, ions * self.ions)


def combined(terms: list[tuple[float, Flows]]) -> Flows:
    """Sum of factor * flows."""
    factor, first = terms[0]
    pairs, ions = factor * first.pairs, factor * first.ions
    for factor, flows in terms[1:]:
        pairs += factor * flows.pairs
        ions += factor * flows.ions
    return Flows(pairs, ions)


@dataclass(frozen=True, eq=False)
class Trial:
    """The outcome of one attempted step.

    Attributes
    ----------
    y : vectors                     the new state, ledger correction included
    near : near field at the end of the step
    weights : array (pair, Q)       folded weights at the end of the step
    error : array (member,)         error estimate in units of the tolerance (below 1 is good)
    lowest : array (member,), uM    smallest free concentration anywhere
    flows : Flows
    entered : array (pair,)         what came in through the channels, uM um^3
    correction : array (pair,)      what the ledger added to the grid, uM um^3
    """

    y: Any
    near: Any
    weights: np.ndarray
    error: np.ndarray
    lowest: np.ndarray
    flows: Flows
    entered: np.ndarray
    correction: np.ndarray


class Stepper(Protocol):
    """A time-stepping scheme."""

    @property
    def name(self) -> str:
        """Its name in the literature."""

    @property
    def order(self) -> int:
        """Order of the result in the step."""

    @property
    def exponent(self) -> float:
        """Of the error in the step-size controller: 1 / (order of the estimate + 1)."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Papers the scheme stands on."""

    def attempt(self, ops: Operations, fluxes: Fluxes, at: Standing, dt: np.ndarray, rtol: float) -> Trial:
        """Try one step of length ``dt[member]`` from where the members stand."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Where members stand between two steps: time (ms), state, near field and its folded weights."""

    t: np.ndarray
    y: Any
    near: Any
    weights: np.ndarray

    @classmethod
    def at(cls, ops: Operations, fluxes: Fluxes, t: np.ndarray, y: Any) -> Standing:
        """Fold the fluxes at t and lay the near field."""
        weights = fluxes.weights(t)
        return cls(t, y, ops.near(weights, fluxes.law(t, t)), weights)


def stage_flows(
    ops: Operations, fluxes: Fluxes, weights: np.ndarray, blob: np.ndarray, y: Any, near: Any
) -> Flows:
    """Rates of the four flows at a stage, uM um^3/ms."""
    pairs = np.stack([fluxes.deposit(weights, blob), fluxes.loss(weights)])
    return Flows(pairs, drained(ops, fluxes, y, near))


def drains(ops: Operations, fluxes: Fluxes) -> bool:
    """Whether the grid can lose ions at all: through walls, pumps or uptake."""
    return fluxes.walls_open or fluxes.takes_up or ops.walls is not None


def drained(ops: Operations, fluxes: Fluxes, y: Any, near: Any) -> np.ndarray:
    """Rates at which the grid loses ions at a state, as `Flows.ions`."""
    plan = ops.plan
    ions = no_flow(plan)
    if fluxes.walls_open:
        ions[0] = per_ion(plan, ops.outflow(y, 4))
    if ops.walls is not None:
        to_ions(plan, ions, ops.walls.outflow(y, near))
    if fluxes.takes_up:
        ions[1] = plan.uptake * ops.excess(y, near)
    return ions


def no_flow(plan: Any) -> np.ndarray:
    """`Flows.ions` where nothing flows."""
    return np.zeros((2 + len(plan.pumps.names), plan.members, plan.ions))


def to_ions(plan: Any, ions: np.ndarray, pumped: np.ndarray) -> None:
    """Write what pumps carry [pump, member] into `Flows.ions`."""
    for sheet in plan.pumps.sheets:
        for k in sheet.pumps:
            ions[2 + k, :, sheet.ion] = pumped[k]


def per_ion(plan: Any, species: np.ndarray) -> np.ndarray:
    """Sum what a species quantity [member, species] says of each ion, bound forms included."""
    out = species[:, : plan.ions].copy()
    for j, i in enumerate(plan.binds):
        out[:, i] += species[:, plan.at(j)]
    for k, s in enumerate(plan.forms):
        for i in range(plan.ions):
            if plan.network.content[k, i] and not plan.network.store[k]:
                out[:, i] += plan.network.content[k, i] * species[:, s]
    return out


def taken_up(plan: Any, species: np.ndarray) -> np.ndarray:
    """What pumps in the volume took up of each ion since the start: array (member, ion)."""
    out = np.zeros((species.shape[0], plan.ions))
    for k, s in enumerate(plan.forms):
        if plan.network.store[k]:
            out += plan.network.content[k] * species[:, s, None]
    return out


def balance(
    ops: Operations,
    fluxes: Fluxes,
    start: Standing,
    dt: np.ndarray,
    result: Callable[[], Any],
    flows: Flows,
    known: tuple[np.ndarray | None, Any] = (None, None),
) -> tuple[np.ndarray, np.ndarray, Standing]:
    """What the quadrature of the deposits missed, and where the step ends, its state left out.

    influx = change of M + loss + deposit holds exactly in time; the difference goes to the grid in
    the shape of the blob.  `known` are the weights and the near field at the end, as far as the stages
    said them already; `result` gives the step's own result, before that correction.
    Returns the influx and the correction per pair, uM um^3, and the new standing.
    """
    end = start.t + dt
    weights, near = known
    if weights is None:
        weights = fluxes.stage(ops, result() if fluxes.live else None, end, start.t, dt)
    if near is None:
        near = ops.near(weights, fluxes.law(end, end))
    entered = fluxes.influx(start.t, end)
    missed = entered - (fluxes.mass(weights) - fluxes.mass(start.weights)) - flows.loss - flows.deposit
    return entered, missed, Standing(end, None, near, weights)
