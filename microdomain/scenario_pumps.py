"""[[model.pumps]] of a scenario: the tables, and the pumps that they describe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from microdomain import presets_pumps
from microdomain.model import Circle, ConstantFlux, HillPump, LinearPump, Pump, Rectangle, SurfacePump
from microdomain.scenario_table import (
    Concentration,
    Density,
    Flux,
    Length,
    OnRate,
    Point,
    Rate,
    Table,
    Velocity,
)

Leak = Literal["rest"] | Flux


class LinearTable(Table):
    kind: Literal["linear"]
    P: Velocity
    leak: Leak = "rest"


class HillTable(Table):
    kind: Literal["hill"]
    Vmax: Flux
    K: Concentration
    n: int = 1
    leak: Leak = "rest"


class SurfaceTable(Table):
    kind: Literal["surface"]
    density: Density
    k_on: OnRate
    k_off: Rate
    k_cat: Rate
    k_leak: Rate = 0.0
    leak: Leak = "rest"


class FluxTable(Table):
    kind: Literal["flux"]
    J: Flux


class RectangleTable(Table):
    kind: Literal["rectangle"]
    centre: Point
    size: Point


class CircleTable(Table):
    kind: Literal["circle"]
    centre: Point
    radius: Length


def _with_preset(given: Any) -> Any:
    """Numbers of the library under those of the file."""
    if not isinstance(given, dict) or "preset" not in given:
        return given
    try:
        entry = presets_pumps.pump_entry(given["preset"])
    except ValueError as error:
        raise PydanticCustomError("preset", "{sentence}", {"sentence": str(error)}) from None
    numbers = {key: value for key, value in entry.items() if key not in presets_pumps.ABOUT}
    return {**numbers, **{key: value for key, value in given.items() if key != "preset"}}


AnyLaw = Annotated[
    Annotated[LinearTable | HillTable | SurfaceTable | FluxTable, Field(discriminator="kind")],
    BeforeValidator(_with_preset),
]
AnyPatch = Annotated[RectangleTable | CircleTable, Field(discriminator="kind")]


class PumpTable(Table):
    """[[model.pumps]]"""

    name: str = "pump"
    face: Literal["x-", "x+", "y-", "y+", "z-", "z+"] = "z-"
    ion: str = "Ca"
    law: AnyLaw
    patch: AnyPatch | None = None


def pump(part: PumpTable) -> Pump:
    """The Pump of a validated table."""
    laws: dict[str, Any] = {
        "linear": LinearPump, "hill": HillPump, "surface": SurfacePump, "flux": ConstantFlux,
    }  # fmt: skip
    law = laws[part.law.kind](**_given(part.law))
    return Pump(law, part.face, part.ion, patch_of(part.patch), part.name)


def patch_of(part: Any) -> Any:
    """The patch of a validated table; None where there is none."""
    patches: dict[str, Any] = {"rectangle": Rectangle, "circle": Circle}
    return None if part is None else patches[part.kind](**_given(part))


def _given(part: Table) -> dict[str, Any]:
    return {k: getattr(part, k) for k in type(part).model_fields if k in part.model_fields_set - {"kind"}}
