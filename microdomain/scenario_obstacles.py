"""[[model.obstacles]] of a scenario: the tables, and the obstacles that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from microdomain.model import Ball, Block, Cylinder, Ellipsoid, Inside, Obstacle, Surface
from microdomain.scenario_table import Length, Point, Table


class BlockTable(Table):
    kind: Literal["block"]
    name: str = "block"
    lower: Point
    upper: Point


class BallTable(Table):
    kind: Literal["ball"]
    name: str = "ball"
    centre: Point
    radius: Length


class EllipsoidTable(Table):
    kind: Literal["ellipsoid"]
    name: str = "ellipsoid"
    centre: Point
    radii: Point


class CylinderTable(Table):
    kind: Literal["cylinder"]
    name: str = "cylinder"
    centre: Point
    radius: Length
    length: Length = None
    axis: Literal["x", "y", "z"] = "z"


class SurfaceTable(Table):
    """A file, whose lengths are multiples of `unit`, or the points and triangles themselves."""

    kind: Literal["surface"]
    name: str = "surface"
    file: str | None = None
    unit: Length = 1.0
    offset: Point | None = None
    points: list[Point] | None = None
    triangles: list[list[int]] | None = None


Solid = Annotated[
    BlockTable | BallTable | EllipsoidTable | CylinderTable | SurfaceTable, Field(discriminator="kind")
]


class InsideTable(Table):
    kind: Literal["inside"]
    name: str = "cell"
    shape: Solid
    held: bool = False


AnyObstacle = Annotated[
    BlockTable | BallTable | EllipsoidTable | CylinderTable | SurfaceTable | InsideTable,
    Field(discriminator="kind"),
]


def obstacle(part: Any, folder: Path) -> Obstacle:
    """The obstacle of a validated table; a file that it names is looked for in `folder`."""
    given = {k: getattr(part, k) for k in type(part).model_fields if k in part.model_fields_set - {"kind"}}
    if part.kind == "inside":
        return Inside(**{**given, "shape": obstacle(part.shape, folder)})
    if part.kind == "surface":
        return _surface(part, given, folder)
    kinds: dict[str, type] = {"block": Block, "ball": Ball, "ellipsoid": Ellipsoid, "cylinder": Cylinder}
    shape: Obstacle = kinds[part.kind](**given)
    return shape


def _surface(part: Any, given: dict[str, Any], folder: Path) -> Surface:
    if part.file is not None:
        from microdomain.surfaces import read

        offset = (0.0, 0.0, 0.0) if part.offset is None else part.offset
        return read(folder / part.file, unit=part.unit, offset=offset, name=part.name)
    if not {"points", "triangles"} <= set(given):
        raise ValueError(f"Obstacle {part.name!r} of kind 'surface' needs a file, or points and triangles.")
    return Surface(part.points, part.triangles, part.name)
