"""[[model.tissue]] and [[model.held]] of a scenario: the tables, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from microdomain.model import HeldPatch, Tissue
from microdomain.quantities import parse
from microdomain.scenario_obstacles import Solid, obstacle
from microdomain.scenario_pumps import AnyPatch, patch_of
from microdomain.scenario_table import Table


def _profiled(given: Any) -> Any:
    """A number, or pairs of a position and a number."""
    try:
        if not isinstance(given, list):
            return parse(given, "dimensionless")
        return tuple((parse(x, "length"), parse(v, "dimensionless")) for x, v in given)
    except (TypeError, ValueError):
        sentence = f'{given!r} is no profile; give a number, or pairs as in [["0 nm", 0.2], ["1 um", 0.4]].'
        raise PydanticCustomError("profile", "{sentence}", {"sentence": sentence}) from None


Profiled = Annotated[Any, BeforeValidator(_profiled)]


class TissueTable(Table):
    """[[model.tissue]]"""

    name: str = "tissue"
    free_volume: Profiled = 1.0
    tortuosity: Profiled = 1.0
    along: Literal["x", "y", "z"] = "z"
    shape: Solid | None = None


class HeldTable(Table):
    """[[model.held]]"""

    name: str = "patch"
    face: Literal["x-", "x+", "y-", "y+", "z-", "z+"]
    patch: AnyPatch | None = None


def tissue(part: Any, folder: Path) -> Tissue:
    """The Tissue of a validated table; a file that its shape names is looked for in `folder`."""
    shape: Any = None if part.shape is None else obstacle(part.shape, folder)
    return Tissue(part.free_volume, part.tortuosity, shape, part.along, part.name)


def held(part: Any) -> HeldPatch:
    """The HeldPatch of a validated table."""
    return HeldPatch(part.face, patch_of(part.patch), part.name)
