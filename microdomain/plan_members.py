"""What the members of one run must share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microdomain.model import Model
from microdomain.model.chemistry import structure
from microdomain.wall_pumps import pump_places


def shared(model: Model) -> dict[str, Any]:
    """What a model shares with every other member of its run, by the words of an error."""
    return {
        "box": model.box,
        "walls": model.walls,
        "obstacles": model.obstacles,
        "tissue": model.tissue,
        "held patches": model.held,
        "pumps (names, places, Hill coefficients)": pump_places(model),
        "ions (names, z, D)": [(i.name, i.z, i.D) for i in model.ions],
        "buffers (names, D, binds)": [(b.name, b.D, b.binds) for b in model.buffers],
        "reactions (species, D, layers, equations)": structure(model),
    }


def check_alike(models: Sequence[Model]) -> None:
    """Refuse members that differ in what they share."""
    first = shared(models[0])
    for k, m in enumerate(models[1:], 1):
        for what, mine in shared(m).items():
            if mine != first[what]:
                raise ValueError(
                    f"Member {k} differs from member 0 in its {what}. Members share box, walls, obstacles,"
                    " tissue, held patches, where pumps are, species, D and equations of reactions; run"
                    " models that differ there separately."
                )
