"""Whether the parts of a model fit together: names, ions, walls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from microdomain.model import checks
from microdomain.model.currents import GHK, Ohmic
from microdomain.model.membrane import FACES, Held
from microdomain.model.patches import HeldPatch, check_patch, covers

if TYPE_CHECKING:
    from microdomain.model.model import Model

#: A round mouth may reach this far (um) beyond its face: rounding.
EDGE = 1e-9


def check_names(model: Model) -> None:
    """Every name once, and nobody binds, passes or carries an ion that is not there."""
    if not model.ions:
        raise ValueError("Model: no ions; give at least one, e.g. Ion('Ca', z=2, D=0.22, rest=0.1).")
    known = ", ".join(repr(ion.name) for ion in model.ions)
    users = [(f"Buffer {b.name!r} binds", b.binds) for b in model.buffers]
    users += [(f"{type(c).__name__} {c.name!r} binds", ion) for c in model.complexes for ion in c.ions]
    users += [(f"VolumePump {p.name!r} takes up", p.ion) for p in model.volume_pumps]
    users += [(f"Cluster {c.name!r} passes", c.ion) for c in model.channels]
    users += [(f"Pump {p.name!r} carries", p.ion) for p in model.pumps]
    for what, ion in users:
        if ion not in (i.name for i in model.ions):
            raise ValueError(f"{what} {ion!r}, which is not among the model's ions: {known}.")
    kinds = {"species": model.species, "clusters": tuple(c.name for c in model.channels)}
    for kind in ("pumps", "obstacles", "tissue", "held"):
        word = {"tissue": "media", "held": "held patches"}.get(kind, kind)
        kinds[word] = tuple(one.name for one in getattr(model, kind))
    for kind, names in kinds.items():
        for one in names:
            if names.count(one) > 1:
                raise ValueError(f"Model: two {kind} are called {one!r}; give each a name of its own.")


def checked_uptake(model: Model) -> tuple[tuple[str, float], ...]:
    """Rates of linear uptake as sorted pairs."""
    pairs = dict(model.uptake.items() if isinstance(model.uptake, Mapping) else model.uptake)
    for ion in pairs:
        model.ion(ion)
    return tuple(
        (ion, checks.number(k, f"Model: uptake of {ion!r}", "/ms", least=0))
        for ion, k in sorted(pairs.items())
    )


def check_outsides(model: Model) -> None:
    """Currents that ask for the concentration outside need one."""
    for cluster in model.channels:
        currents = cluster.current if isinstance(cluster.current, tuple) else (cluster.current,)
        for law in currents:
            local = isinstance(law, GHK) or (isinstance(law, Ohmic) and law.E is None)
            if local and not model.ion(cluster.ion).outside:
                raise ValueError(
                    f"Cluster {cluster.name!r} has a current {type(law).__name__} and its ion "
                    f"{cluster.ion!r} no outside concentration; give Ion(..., outside=2000), in uM."
                )


def check_walls(model: Model) -> None:
    """No channel and no pump on a wall that is held."""
    for channel in model.resolved_channels:
        for face in FACES:
            axis, side = divmod(FACES.index(face), 2)
            if channel.position[axis] == model.box[axis][side] and isinstance(model.walls[face], Held):
                raise ValueError(
                    f"Channel {channel.name!r} is on the held wall {face!r}, which would "
                    "swallow its ions. Close that wall, or move the channel."
                )

    for pump in model.pumps:
        if isinstance(model.walls[pump.face], Held):
            raise ValueError(
                f"Pump {pump.name!r} is on the held wall {pump.face!r}, which keeps every ion at rest "
                "by itself. Close that wall, or move the pump."
            )
        pump.check_patch(model.box)
    for patch in model.held:
        _check_held(model, patch)


def _check_held(model: Model, patch: HeldPatch) -> None:
    """No held patch beyond its face, on a held wall, or under a channel."""
    who = f"HeldPatch {patch.name!r}"
    if isinstance(model.walls[patch.face], Held):
        raise ValueError(
            f"{who} is on the wall {patch.face!r}, which is held as a whole. Close it, or leave "
            "the patch out."
        )
    check_patch(who, patch.face, patch.patch, model.box)
    axis, side = divmod(FACES.index(patch.face), 2)
    for channel in model.resolved_channels:
        place = tuple(p for a, p in enumerate(channel.position) if a != axis)
        if channel.position[axis] == model.box[axis][side] and covers(patch.patch, place):
            raise ValueError(
                f"Channel {channel.name!r} is on {who}, which would swallow its ions. Move one of them."
            )


def check_mouths(model: Model) -> None:
    """No round mouth beyond the edge of its face."""
    for c in model.resolved_channels:
        if c.mouth is None:
            continue
        for face in FACES:
            axis, side = divmod(FACES.index(face), 2)
            beyond = c.mouth.radius - abs(c.position[axis] - model.box[axis][side])
            if not c.normal[axis] and beyond > EDGE:
                raise ValueError(
                    f"Channel {c.name!r}: its mouth of radius {1e3 * c.mouth.radius:g} nm reaches beyond "
                    f"face {face!r}. Make it smaller or move it."
                )
