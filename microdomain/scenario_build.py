"""From the validated tables of a scenario to a Model.

Faults are the model's own sentences (ValueError, TypeError, OSError); `microdomain.scenario` says in
which file they stand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microdomain.model import (
    GHK,
    HH,
    ActionPotential,
    Closed,
    Cluster,
    Current,
    Disc,
    Fixed,
    Gate,
    Gaussian,
    Held,
    Hold,
    Ion,
    Markov,
    Model,
    Ohmic,
    Open,
    Particle,
    Pulse,
    Pulses,
    Ramp,
    Steps,
    Table,
    Trace,
    Train,
    Transition,
    Voltage,
    Walls,
)
from microdomain.scenario_chemistry import chemistry


def given(part: Any, leave: tuple[str, ...] = (), only: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The keys of a table that the file gives."""
    if part is None:
        return {}
    wanted = part.model_fields_set - {*leave} if only is None else part.model_fields_set & {*only}
    return {k: getattr(part, k) for k in type(part).model_fields if k in wanted}


def model(part: Any, folder: Path) -> Model:
    """The Model of a validated [model] table; files that it names are looked for in `folder`."""
    settings: dict[str, Any] = {}
    if part.temperature is not None:
        settings["temperature"] = part.temperature
    if part.voltage is not None:
        settings["voltage"] = _voltage(part.voltage, folder)
    if part.walls is not None:
        walls: dict[str, Any] = {}
        for axis in "xyz":
            pair = [{"closed": Closed(), "held": Held()}[word] for word in getattr(part.walls, axis)]
            walls[axis] = _one_or_all(pair)
        settings["walls"] = Walls(**walls)
    if part.obstacles:
        from microdomain.scenario_obstacles import obstacle

        settings["obstacles"] = tuple(obstacle(one, folder) for one in part.obstacles)
    if part.tissue or part.held:
        from microdomain.scenario_tissue import held, tissue

        settings["tissue"] = tuple(tissue(one, folder) for one in part.tissue)
        settings["held"] = tuple(held(one) for one in part.held)
    return Model(
        box=part.box,
        ions=tuple(Ion(name, **given(ion)) for name, ion in part.ions.items()),
        **chemistry(part),
        channels=tuple(_cluster(cluster, folder) for cluster in part.channels),
        uptake=part.uptake,
        pumps=tuple(_pump(pump) for pump in part.pumps),
        **settings,
    )


def _pump(part: Any) -> Any:
    from microdomain.scenario_pumps import pump

    return pump(part)


def _cluster(part: Any, folder: Path) -> Cluster:
    kw: dict[str, Any] = {
        "name": part.name,
        "face": None if part.face == "inside" else part.face,
        "ion": part.ion,
        "current": _one_or_all([_current(c, folder) for c in part.current]),
    }
    if part.pore is not None:
        kw["pore"] = part.pore
    if part.mouth is not None:
        kw["mouth"] = Disc(part.mouth.radius)
    if part.gate:
        kw["gate"] = _one_or_all([_gate(g) for g in part.gate])
    if part.lattice is not None:
        nx, ny = part.lattice.n
        return Cluster.lattice(nx, ny, pitch=part.lattice.pitch, centre=part.lattice.centre, **kw)
    if part.ring is not None:
        return Cluster.ring(part.ring.n, radius=part.ring.radius, centre=part.ring.centre, **kw)
    if part.random is not None:
        settings = {**given(part.random), **kw}
        within = settings.pop("within")
        return Cluster.random(within=within[0] if len(within) == 1 else within, **settings)
    if part.file is not None:
        return Cluster.from_csv(folder / part.file, centred=part.centred, **kw)
    return Cluster(part.positions, centred=part.centred, **kw)


def _one_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else tuple(items)


def _current(part: Any, folder: Path) -> Current:
    if part.kind == "fixed":
        return Fixed(part.i)
    settings = given(part, leave=("kind",))
    if part.kind in ("ohmic", "ghk"):
        return Ohmic(**settings) if part.kind == "ohmic" else GHK(**settings)
    if part.kind == "gaussian":
        return Fixed(Gaussian(**settings))
    return Fixed(_tabled(Table, "A current", part, settings, folder))


def _tabled(cls: Any, what: str, part: Any, settings: dict[str, Any], folder: Path) -> Any:
    """A table from its file or its own numbers."""
    if part.file is not None:
        if len(settings) > 1:
            raise ValueError(f"{what} of kind 'table' has either a file or times and values, not both.")
        return cls.from_csv(folder / part.file)
    if set(settings) != {"times", "values"}:
        raise ValueError(f"{what} of kind 'table' needs a file, or times and values.")
    return cls(**settings)


def _gate(part: Any) -> Gate:
    settings = given(part, leave=("kind",))
    if part.kind == "hh":
        return HH(tuple(Particle(**given(p)) for p in part.particles))
    if part.kind == "markov":
        settings["rates"] = tuple(Transition(**r) for r in part.rates)
        return Markov(**settings)
    kinds: dict[str, type] = {"open": Open, "pulse": Pulse, "train": Train}
    gate: Gate = kinds[part.kind](**settings)
    return gate


def _voltage(part: Any, folder: Path) -> Voltage:
    settings = given(part, leave=("kind",))
    if part.kind == "table":
        trace: Voltage = _tabled(Trace, "A voltage", part, settings, folder)
        return trace
    kinds: dict[str, type] = {
        "hold": Hold, "steps": Steps, "ramp": Ramp, "pulses": Pulses, "action-potential": ActionPotential,
    }  # fmt: skip
    protocol: Voltage = kinds[part.kind](**settings)
    return protocol
