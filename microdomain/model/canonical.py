"""A model's parts as plain dictionaries, and back: the form that is hashed, stored and written as TOML.

Numbers are in house units, `kind` names the class, what is None or a class's only default is left
out.  The parts of a list keep their order.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from microdomain.model.channels import Cluster
from microdomain.model.checks import nearest
from microdomain.model.complexes import Competing, TwoSite
from microdomain.model.currents import GHK, Fixed, Gaussian, Ohmic, Table
from microdomain.model.gating import Open, Pulse, Train
from microdomain.model.membrane import Closed, Held, Walls
from microdomain.model.mouths import Disc
from microdomain.model.obstacles import Ball, Block, Cylinder, Ellipsoid, Inside, Surface
from microdomain.model.patches import Circle, HeldPatch, Rectangle
from microdomain.model.pumps import ConstantFlux, HillPump, LinearPump, Pump, SurfacePump
from microdomain.model.rates import (
    FORMS,
    Bell,
    Calcium,
    Constant,
    Exp,
    Inverse,
    Linoid,
    Lookup,
    Sigmoid,
    Split,
    Sum,
)
from microdomain.model.reactions import Reaction, TimedRate, VolumePump
from microdomain.model.schemes import HH, Markov, Particle, Transition
from microdomain.model.species import Buffer, Ion, Species
from microdomain.model.tissue import Tissue
from microdomain.model.voltage import ActionPotential, Hold, Pulses, Ramp, Steps, Trace

# fmt: off
_KINDS: dict[str, dict[str, type]] = {
    "current": {"fixed": Fixed, "gaussian": Gaussian, "table": Table, "ohmic": Ohmic, "ghk": GHK},
    "gate": {"open": Open, "pulse": Pulse, "train": Train, "hh": HH, "markov": Markov},
    "rate": {
        "constant": Constant, "exp": Exp, "sigmoid": Sigmoid, "linoid": Linoid, "bell": Bell,
        "calcium": Calcium, "table": Lookup, "sum": Sum, "inverse": Inverse, "split": Split,
    },
    "complex": {"two-site": TwoSite, "competing": Competing},
    "wall": {"closed": Closed, "held": Held},
    "law": {"linear": LinearPump, "hill": HillPump, "surface": SurfacePump, "flux": ConstantFlux},
    "patch": {"rectangle": Rectangle, "circle": Circle},
    "voltage": {
        "hold": Hold, "steps": Steps, "ramp": Ramp, "pulses": Pulses,
        "action-potential": ActionPotential, "table": Trace,
    },
    "obstacle": {
        "block": Block, "ball": Ball, "ellipsoid": Ellipsoid, "cylinder": Cylinder, "surface": Surface,
        "inside": Inside,
    },
}
# fmt: on


def plain(part: Any) -> dict[str, Any]:
    """The fields of an ion, buffer, gate, waveform or voltage that are set, without its kind.

    >>> plain(Pulse(0, 1))
    {'on': 0.0, 'off': 1.0}
    """
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    return {k: _written(v) for k, v in values.items() if v is not None and v != math.inf}


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(v) for v in value]
    if isinstance(value, Transition):
        return {"from": value.source, "to": value.target, **tagged("rate", value.rate)}
    if isinstance(value, Particle | TimedRate):
        return plain(value)
    if isinstance(value, Block | Ball | Ellipsoid | Cylinder | Surface):
        return tagged("obstacle", value)
    return tagged("rate", value) if isinstance(value, FORMS) else value


def _read(cls: type, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a gate or a form, its parts built."""
    parts = dict(given)
    if cls is HH:
        parts["particles"] = tuple(build(Particle, _forms(p), "particle") for p in parts.get("particles", ()))
    elif cls is Markov:
        parts["rates"] = tuple(_transition(r) for r in parts.get("rates", ()))
    elif cls in (Sum, Inverse):
        parts["parts"] = tuple(untagged("rate", p) for p in parts.get("parts", ()))
    return _forms(parts)


def _forms(given: dict[str, Any]) -> dict[str, Any]:
    return {k: untagged("rate", v) if isinstance(v, dict) else v for k, v in given.items()}


def _transition(given: dict[str, Any]) -> Transition:
    arrow = {"source": given.get("from"), "target": given.get("to")}
    rest = {k: v for k, v in given.items() if k not in ("from", "to")}
    transition: Transition = build(Transition, {**arrow, "rate": untagged("rate", rest)}, "transition")
    return transition


def tagged(role: str, part: Any) -> dict[str, Any]:
    """A current, gate, wall or voltage with its kind.

    >>> tagged("current", Fixed(0.1))
    {'kind': 'fixed', 'i': 0.1}
    """
    if isinstance(part, Fixed) and not isinstance(part.i, float):
        part = part.i  # a waveform is a kind of its own: {kind = "gaussian", ...}
    kind = next(word for word, cls in _KINDS[role].items() if type(part) is cls)
    return {"kind": kind, **plain(part)}


def untagged(role: str, given: dict[str, Any]) -> Any:
    """The object that `tagged` came from.

    >>> untagged("gate", {"kind": "pulse", "on": 0.0, "off": 1.0})
    Pulse(on=0.0, off=1.0)
    """
    known = _KINDS[role]
    kind = given.get("kind")
    if kind not in known:
        raise ValueError(
            f"No {role} of kind {kind!r}; there are {', '.join(known)}.{nearest(str(kind), known)}"
        )
    arguments = {k: v for k, v in given.items() if k != "kind"}
    if role in ("gate", "rate"):
        arguments = _read(known[kind], arguments)
    if known[kind] is Inside and isinstance(arguments.get("shape"), dict):
        arguments["shape"] = untagged("obstacle", arguments["shape"])
    part = build(known[kind], arguments, f"{role} of kind {kind!r}")
    return Fixed(part) if isinstance(part, Gaussian | Table) else part


def build(cls: type, given: dict[str, Any], what: str) -> Any:
    """An object from its fields; a key that it does not have is refused by name."""
    known = [f.name for f in fields(cls)]
    for key in given:
        if key not in known:
            raise ValueError(
                f"Unknown key {key!r} of the {what}; it has {', '.join(known)}.{nearest(key, known)}"
            )
    try:
        return cls(**given)
    except TypeError as error:
        if "missing" not in str(error):
            raise
        missing = str(error).split(": ", 1)[-1]
        raise ValueError(f"The {what} lacks {missing}.") from None


def cluster_to_dict(cluster: Cluster) -> dict[str, Any]:
    """A cluster with its positions written out."""
    current = cluster.current
    gate = cluster.gate
    return {
        "name": cluster.name,
        "face": cluster.face or "inside",
        "ion": cluster.ion,
        "pore": cluster.pore,
        "positions": [list(p) for p in cluster.positions],
        "centred": cluster.centred,
        "current": [tagged("current", c) for c in current]
        if isinstance(current, tuple)
        else tagged("current", current),
        "gate": [tagged("gate", g) for g in gate] if isinstance(gate, tuple) else tagged("gate", gate),
        **({} if cluster.mouth is None else {"mouth": plain(cluster.mouth)}),
    }


def cluster_from_dict(given: dict[str, Any]) -> Cluster:
    """The cluster that `cluster_to_dict` came from."""
    face = given.get("face", "z-")
    parts = {**given, "face": None if face == "inside" else face}
    for role in ("current", "gate"):
        if isinstance(parts.get(role), list):
            parts[role] = tuple(untagged(role, part) for part in parts[role])
        elif role in parts:
            parts[role] = untagged(role, parts[role])
    if "mouth" in parts:
        parts["mouth"] = build(Disc, parts["mouth"], "mouth")
    parts["positions"] = tuple(tuple(p) for p in parts.get("positions", ()))
    cluster: Cluster = build(Cluster, parts, "cluster")
    return cluster


def pump_to_dict(pump: Pump) -> dict[str, Any]:
    """A pump with its law and patch."""
    patch = {} if pump.patch is None else {"patch": tagged("patch", pump.patch)}
    return {
        "name": pump.name, "face": pump.face, "ion": pump.ion, "law": tagged("law", pump.law), **patch,
    }  # fmt: skip


def pump_from_dict(given: dict[str, Any]) -> Pump:
    """The pump that `pump_to_dict` came from."""
    parts = {k: untagged(k, v) if k in ("law", "patch") else v for k, v in given.items()}
    pump: Pump = build(Pump, parts, "pump")
    return pump


def chemistry_to_dict(model: Any) -> dict[str, Any]:
    """Species, reactions, pumps and buffers with several bound forms, where there are any."""
    parts = {
        "complexes": [tagged("complex", c) for c in model.complexes],
        "molecules": [{**plain(s), **_contents(s)} for s in model.molecules],
        "reactions": [plain(r) for r in model.reactions],
        "volume_pumps": [plain(p) for p in model.volume_pumps],
    }
    return {word: part for word, part in parts.items() if part}


def _contents(species: Species) -> dict[str, Any]:
    return {} if species.contains is None else {"contains": dict(species.contains)}


def _reaction(given: dict[str, Any]) -> Reaction:
    def rate(value: Any) -> Any:
        return build(TimedRate, value, "rate in time") if isinstance(value, dict) else value

    made: Reaction = build(Reaction, {k: rate(v) for k, v in given.items()}, "reaction")
    return made


def _chemistry_from_dict(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "complexes": tuple(untagged("complex", c) for c in given.get("complexes", ())),
        "molecules": tuple(build(Species, s, "species") for s in given.get("molecules", ())),
        "reactions": tuple(_reaction(r) for r in given.get("reactions", ())),
        "volume_pumps": tuple(build(VolumePump, p, "volume pump") for p in given.get("volume_pumps", ())),
    }


def parts_from_dict(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Model` from a canonical dictionary."""
    parts = dict(given)
    parts["box"] = tuple(tuple(side) for side in given.get("box", ()))
    parts["ions"] = tuple(build(Ion, ion, "ion") for ion in given.get("ions", ()))
    parts["buffers"] = tuple(build(Buffer, buffer, "buffer") for buffer in given.get("buffers", ()))
    parts["channels"] = tuple(cluster_from_dict(cluster) for cluster in given.get("channels", ()))
    if "pumps" in given:
        parts["pumps"] = tuple(pump_from_dict(pump) for pump in given["pumps"])
    parts |= _chemistry_from_dict(given)
    if "walls" in given:
        pairs = {
            axis: tuple(untagged("wall", {"kind": w}) for w in pair) for axis, pair in given["walls"].items()
        }
        parts["walls"] = build(Walls, pairs, "walls")
    if "voltage" in given:
        parts["voltage"] = untagged("voltage", given["voltage"])
    parts["obstacles"] = tuple(untagged("obstacle", one) for one in given.get("obstacles", ()))
    parts["tissue"] = tuple(_part(Tissue, one, "tissue", shape="obstacle") for one in given.get("tissue", ()))
    parts["held"] = tuple(_part(HeldPatch, one, "held patch", patch="patch") for one in given.get("held", ()))
    return parts


def walls_to_dict(walls: Walls) -> dict[str, list[str]]:
    """{"x": ["closed", "held"], ...}: lower and upper wall of each axis."""
    return {axis: [tagged("wall", wall)["kind"] for wall in getattr(walls, axis)] for axis in "xyz"}


def obstacles_to_dict(obstacles: tuple[Any, ...]) -> dict[str, Any]:
    """{"obstacles": [...]}, or nothing where there are none: such models keep their hash."""
    return {"obstacles": [tagged("obstacle", one) for one in obstacles]} if obstacles else {}


def tissue_to_dict(model: Any) -> dict[str, Any]:
    """{"tissue": [...], "held": [...]}, where there are any."""
    held = [{**plain(h), **({"patch": tagged("patch", h.patch)} if h.patch else {})} for h in model.held]
    parts = {"tissue": [plain(one) for one in model.tissue], "held": held}
    return {word: part for word, part in parts.items() if part}


def _part(cls: type, given: dict[str, Any], what: str, **roles: str) -> Any:
    """An object some of whose fields have a kind."""
    parts = {k: untagged(roles[k], v) if k in roles and isinstance(v, dict) else v for k, v in given.items()}
    return build(cls, parts, what)
