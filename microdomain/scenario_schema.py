"""The shape of a scenario file: which keys there are, and what kind of quantity each holds.

Only `microdomain.scenario` imports this file, and with it pydantic, when a scenario is read.  Fields
are named as in the file; numbers arrive in house units.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from microdomain import presets
from microdomain.model.checks import nearest
from microdomain.quantities import parse


def _read(value: Any, dimension: str) -> float:
    try:
        return parse(value, dimension)
    except ValueError as error:
        raise PydanticCustomError("quantity", "{sentence}", {"sentence": str(error)}) from None


def _quantity(dimension: str) -> BeforeValidator:
    return BeforeValidator(partial(_read, dimension=dimension))


# Optional fields simply have the default None: TOML has no null, so None never comes from a file.
Length = Annotated[float | None, _quantity("length")]
Time = Annotated[float | None, _quantity("time")]
Concentration = Annotated[float | None, _quantity("concentration")]
Rate = Annotated[float | None, _quantity("rate")]
OnRate = Annotated[float | None, _quantity("on-rate")]
Diffusion = Annotated[float | None, _quantity("diffusion")]
Current = Annotated[float | None, _quantity("current")]
Charge = Annotated[float | None, _quantity("charge")]
Voltage = Annotated[float | None, _quantity("voltage")]
Temperature = Annotated[float | None, _quantity("temperature")]
Number = Annotated[float | None, _quantity("dimensionless")]
Point = list[Length]


class Table(BaseModel):
    """A table of the file: keys that it does not have are refused, with the nearest it has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    known = list(cls.model_fields)
                    raise PydanticCustomError(
                        "key",
                        "{sentence}",
                        {"sentence": f"unknown key {key!r}.{nearest(key, known)} It has {', '.join(known)}."},
                    )
        return given


class IonTable(Table):
    """[model.ions.NAME]"""

    z: int
    D: Diffusion
    rest: Concentration
    outside: Concentration = None
    initial: Concentration = None


def _with_preset(given: Any) -> Any:
    """Numbers of the library under those of the file."""
    if not isinstance(given, dict) or "preset" not in given:
        return given
    try:
        entry = presets.entry(given["preset"])
    except (ValueError, TypeError) as error:
        raise PydanticCustomError("preset", "{sentence}", {"sentence": str(error)}) from None
    numbers = {key: entry[key] for key in presets.BUFFER_NUMBERS}
    return {**numbers, **{key: value for key, value in given.items() if key != "preset"}}


class BufferTable(Table):
    """[model.buffers.NAME]"""

    total: Concentration
    k_on: OnRate
    K_d: Concentration
    D: Diffusion = 0.0
    binds: str = "Ca"
    bound: Concentration = None


class FixedTable(Table):
    kind: Literal["fixed"]
    i: Current


class GaussianTable(Table):
    kind: Literal["gaussian"]
    at: Time
    fwhm: Time
    peak: Current = None
    charge: Charge = None


class CurrentTable(Table):
    kind: Literal["table"]
    file: str | None = None
    times: list[Time] | None = None
    values: list[Current] | None = None


class OpenTable(Table):
    kind: Literal["open"]


class PulseTable(Table):
    kind: Literal["pulse"]
    on: Time = 0.0
    off: Time = None


class TrainTable(Table):
    kind: Literal["train"]
    start: Time
    width: Time
    period: Time
    count: int


class LatticeTable(Table):
    n: list[int] = Field(min_length=2, max_length=2)
    pitch: Length
    centre: Point | None = None


class RingTable(Table):
    n: int
    radius: Length
    centre: Point | None = None


class RandomTable(Table):
    n: int
    within: Point
    exclusion: Length = None
    seed: int = 0
    centre: Point | None = None

    @model_validator(mode="before")
    @classmethod
    def _radius(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("within"), str | int | float):
            return {**given, "within": [given["within"]]}
        return given


def _currents(given: Any) -> Any:
    """One or several; a quantity is short for a fixed current."""
    items = given if isinstance(given, list) else [given]
    return [{"kind": "fixed", "i": i} if isinstance(i, str | int | float) else i for i in items]


def _several(given: Any) -> Any:
    return given if isinstance(given, list) else [given]


AnyCurrent = Annotated[FixedTable | GaussianTable | CurrentTable, Field(discriminator="kind")]
AnyGate = Annotated[OpenTable | PulseTable | TrainTable, Field(discriminator="kind")]

#: The ways to say where channels are; a cluster has one of them.
LAYOUTS = ("positions", "lattice", "ring", "random", "file")


class ClusterTable(Table):
    """[[model.channels]]"""

    name: str = "channels"
    face: Literal["x-", "x+", "y-", "y+", "z-", "z+", "inside"] = "z-"
    ion: str = "Ca"
    pore: Length = None
    positions: list[Point] | None = None
    centred: bool = False
    lattice: LatticeTable | None = None
    ring: RingTable | None = None
    random: RandomTable | None = None
    file: str | None = None
    current: Annotated[list[AnyCurrent], BeforeValidator(_currents)]
    gate: Annotated[list[AnyGate], BeforeValidator(_several)] = []

    @model_validator(mode="after")
    def _one_layout(self) -> ClusterTable:
        given = [word for word in LAYOUTS if getattr(self, word) is not None]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none"
            raise PydanticCustomError(
                "layout",
                "{sentence}",
                {"sentence": f"give one of {', '.join(LAYOUTS)} to place channels; {found}."},
            )
        return self


class WallsTable(Table):
    """[model.walls]: one word, or a pair (lower, upper)."""

    x: Annotated[list[Literal["closed", "held"]], BeforeValidator(_several)] = ["closed"]
    y: Annotated[list[Literal["closed", "held"]], BeforeValidator(_several)] = ["closed"]
    z: Annotated[list[Literal["closed", "held"]], BeforeValidator(_several)] = ["closed"]


class HoldTable(Table):
    kind: Literal["hold"]
    V: Voltage


def _voltage(given: Any) -> Any:
    return {"kind": "hold", "V": given} if isinstance(given, str | int | float) else given


class ModelTable(Table):
    """[model]"""

    box: list[list[Length]]
    temperature: Temperature = None
    ions: dict[str, IonTable]
    buffers: dict[str, Annotated[BufferTable, BeforeValidator(_with_preset)]] = {}
    channels: list[ClusterTable] = []
    walls: WallsTable | None = None
    uptake: dict[str, Rate] = {}
    voltage: Annotated[HoldTable | None, BeforeValidator(_voltage)] = None


class GridTable(Table):
    """[grid]"""

    kind: Literal["graded", "uniform"] = "graded"
    near: Length = None
    growth: Number = None
    far: Length = None
    spacing: Length = None


class RunTable(Table):
    """[run]"""

    until: Time = None
    rtol: Number = None
    accuracy: Literal["default", "high"] | None = None
    seed: int | None = None
    device: str | None = None
    members: int | None = Field(default=None, ge=1, le=1_000_000)
    member: list[dict[str, Any]] = []


class RecordTable(Table):
    """[record]"""

    every: Time = None
    times: list[Time] | None = None
    fields: list[str] | None = None
    points: dict[str, Point] | None = None


class ScenarioTable(Table):
    """The whole file."""

    title: str = ""
    model: ModelTable
    grid: GridTable | None = None
    run: RunTable | None = None
    record: RecordTable | None = None
