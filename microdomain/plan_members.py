"""What the members of one run must share."""

from __future__ import annotations

from collections.abc import Sequence

from microdomain.model import Model
from microdomain.model.chemistry import structure
from microdomain.wall_pumps import pump_places


def check_alike(models: Sequence[Model]) -> None:
    """Refuse members that differ in what they share."""
    first = models[0]
    for k, m in enumerate(models[1:], 1):
        same = {
            "box": m.box == first.box,
            "walls": m.walls == first.walls,
            "obstacles": m.obstacles == first.obstacles,
            "pumps (names, places, Hill coefficients)": pump_places(m) == pump_places(first),
            "ions (names, z, D)": [(i.name, i.z, i.D) for i in m.ions]
            == [(i.name, i.z, i.D) for i in first.ions],
            "buffers (names, D, binds)": [(b.name, b.D, b.binds) for b in m.buffers]
            == [(b.name, b.D, b.binds) for b in first.buffers],
            "reactions (species, D, equations)": structure(m) == structure(first),
        }
        for what, alike in same.items():
            if not alike:
                raise ValueError(
                    f"Member {k} differs from member 0 in its {what}. Members share box, walls, obstacles,"
                    " species and D; run models that differ there separately."
                )
