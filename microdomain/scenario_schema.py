"""The shape of a scenario file: which keys there are, and what kind of quantity each holds.

Only `microdomain.scenario` imports this file, and with it pydantic, when a scenario is read.  Fields
are named as in the file; numbers arrive in house units.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from microdomain import presets
from microdomain.scenario_chemistry import AnyBuffer, ReactionTable, SpeciesTable, VolumePumpTable
from microdomain.scenario_gates import (
    ActionPotentialTable,
    HHTable,
    HoldTable,
    MarkovTable,
    PulsesTable,
    RampTable,
    StepsTable,
    TraceTable,
    voltage_table,
    with_channel_preset,
)
from microdomain.scenario_obstacles import AnyObstacle
from microdomain.scenario_pumps import PumpTable
from microdomain.scenario_sensors import sensor_table
from microdomain.scenario_table import (
    Charge,
    Concentration,
    Conductance,
    Current,
    Diffusion,
    Length,
    Number,
    Permeability,
    Point,
    Rate,
    Table,
    Temperature,
    Time,
    Voltage,
)
from microdomain.scenario_tissue import HeldTable, TissueTable


class IonTable(Table):
    """[model.ions.NAME]"""

    z: int
    D: Diffusion
    rest: Concentration
    outside: Concentration = None
    initial: Concentration = None


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


class OhmicTable(Table):
    kind: Literal["ohmic"]
    g: Conductance
    E: Voltage = None


class GHKTable(Table):
    kind: Literal["ghk"]
    P: Permeability


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
    return [
        {"kind": "fixed", "i": i} if isinstance(i, str | int | float) else _preset_current(i) for i in items
    ]


def _preset_current(given: Any) -> Any:
    """The library's numbers of a unitary current; keys of the file win."""
    if not isinstance(given, dict) or "preset" not in given:
        return given
    try:
        current = presets.current_entry(given["preset"])["current"]
    except (ValueError, TypeError) as error:
        raise PydanticCustomError("preset", "{sentence}", {"sentence": str(error)}) from None
    return {**current, **{key: value for key, value in given.items() if key != "preset"}}


def _several(given: Any) -> Any:
    return given if isinstance(given, list) else [given]


AnyCurrent = Annotated[
    FixedTable | GaussianTable | CurrentTable | OhmicTable | GHKTable, Field(discriminator="kind")
]
AnyGate = Annotated[
    Annotated[OpenTable | PulseTable | TrainTable | HHTable | MarkovTable, Field(discriminator="kind")],
    BeforeValidator(with_channel_preset),
]
AnyVoltage = Annotated[
    HoldTable | StepsTable | RampTable | PulsesTable | ActionPotentialTable | TraceTable,
    Field(discriminator="kind"),
]

#: The ways to say where channels are; a cluster has one of them.
LAYOUTS = ("positions", "lattice", "ring", "random", "file")


class DiscTable(Table):
    radius: Length


class ClusterTable(Table):
    """[[model.channels]]"""

    name: str = "channels"
    face: Literal["x-", "x+", "y-", "y+", "z-", "z+", "inside"] = "z-"
    ion: str = "Ca"
    pore: Length = None
    mouth: DiscTable | None = None
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


class ModelTable(Table):
    """[model]"""

    box: list[list[Length]]
    temperature: Temperature = None
    ions: dict[str, IonTable]
    buffers: dict[str, AnyBuffer] = {}
    molecules: dict[str, SpeciesTable] = {}
    reactions: list[ReactionTable] = []
    volume_pumps: list[VolumePumpTable] = []
    channels: list[ClusterTable] = []
    walls: WallsTable | None = None
    obstacles: list[AnyObstacle] = []
    tissue: list[TissueTable] = []
    held: list[HeldTable] = []
    uptake: dict[str, Rate] = {}
    pumps: list[PumpTable] = []
    voltage: Annotated[AnyVoltage | None, BeforeValidator(voltage_table)] = None


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
    precision: Literal["float64", "float32"] | None = None
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
    sensors: dict[str, Annotated[dict[str, Any], BeforeValidator(sensor_table)]] = {}
