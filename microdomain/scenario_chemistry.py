"""The chemistry of a scenario: buffers of every kind, species, reactions, pumps in the volume.

Imported by `scenario_schema` when a scenario is read; `chemistry` makes the model's parts of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from microdomain import presets_complexes
from microdomain.model import Buffer, Competing, Reaction, Species, TimedRate, TwoSite, VolumePump
from microdomain.model.reactions import parsed
from microdomain.quantities import parse
from microdomain.scenario_table import Concentration, Diffusion, OnRate, Rate, Table, Time


def _refuse(sentence: object) -> PydanticCustomError:
    return PydanticCustomError("chemistry", "{sentence}", {"sentence": str(sentence)})


def _quantity(value: Any, dimension: str) -> float:
    try:
        return parse(value, dimension)
    except ValueError as error:
        raise _refuse(error) from None


def with_preset(given: Any) -> Any:
    """Numbers of the library under those of the file; the kind that the file or the library says."""
    if not isinstance(given, dict):
        return given
    if "preset" not in given:
        return {"kind": "plain", **given}
    try:
        numbers = presets_complexes.numbers(given["preset"], given)
    except (ValueError, TypeError) as error:
        raise PydanticCustomError("preset", "{sentence}", {"sentence": str(error)}) from None
    return {"kind": "plain", **numbers, **{key: value for key, value in given.items() if key != "preset"}}


def _layer(given: Any) -> Any:
    if isinstance(given, list) and len(given) == 2:
        return (given[0], _quantity(given[1], "length"))
    raise _refuse(f'{given!r} is not a layer; give a face and a depth, such as ["z-", "50 nm"].')


def _profile(given: Any) -> Any:
    """{ z = [["0 nm", 1.0], ["1 um", 0.5]] }, or the same as a list of pairs."""
    pairs = given.items() if isinstance(given, dict) else given
    try:
        return [(axis, [(_quantity(at, "length"), float(f)) for at, f in knots]) for axis, knots in pairs]
    except PydanticCustomError:
        raise
    except (TypeError, ValueError):
        raise _refuse(
            f"{given!r} is not a profile; give pairs of position and factor for an axis, such as "
            '{ z = [["0 nm", 1.0], ["1 um", 0.5]] }.'
        ) from None


def _sites(given: Any) -> Any:
    """{ Ca = ["0.5 /uM/ms", "45 /ms"] }, or rows of ion, k_on, koff."""
    try:
        rows = [(i, *v) for i, v in given.items()] if isinstance(given, dict) else [tuple(r) for r in given]
        return [(i, _quantity(k_on, "on-rate"), _quantity(koff, "rate")) for i, k_on, koff in rows]
    except PydanticCustomError:
        raise
    except (TypeError, ValueError):
        raise _refuse(
            f"{given!r} are not sites; give for every ion its k_on and koff, such as "
            '{ Ca = ["0.5 /uM/ms", "45 /ms"] }.'
        ) from None


class BufferTable(Table):
    """[model.buffers.NAME]"""

    kind: Literal["plain"] = "plain"
    total: Concentration
    k_on: OnRate
    K_d: Concentration
    D: Diffusion = 0.0
    binds: str = "Ca"
    bound: Concentration = None
    D_bound: Diffusion = None
    layer: Annotated[Any, BeforeValidator(_layer)] = None
    profile: Annotated[Any, BeforeValidator(_profile)] = None


class TwoSiteTable(Table):
    """[model.buffers.NAME] of kind "two-site": rate constants per site."""

    kind: Literal["two-site"]
    total: Concentration
    k_T: OnRate
    koff_T: Rate
    k_R: OnRate
    koff_R: Rate
    D: Diffusion = 0.0
    binds: str = "Ca"
    start: str | None = None


class CompetingTable(Table):
    """[model.buffers.NAME] of kind "competing"."""

    kind: Literal["competing"]
    total: Concentration
    sites: Annotated[Any, BeforeValidator(_sites)]
    D: Diffusion = 0.0
    start: str | None = None


AnyBuffer = Annotated[
    Annotated[BufferTable | TwoSiteTable | CompetingTable, Field(discriminator="kind")],
    BeforeValidator(with_preset),
]


class SpeciesTable(Table):
    """[model.molecules.NAME]"""

    D: Diffusion = 0.0
    total: Concentration = 0.0
    initial: Concentration = None
    contains: dict[str, int] | None = None


class TimedTable(Table):
    """forward = { times = [..], values = [..] }"""

    times: list[Time]
    values: list[float]
    linear: bool = False


_ORDERS = {1: "rate", 2: "on-rate", 3: "third-order-rate"}


class ReactionTable(Table):
    """[[model.reactions]]"""

    equation: str
    forward: Any
    backward: Any = None

    @model_validator(mode="before")
    @classmethod
    def _rates(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("equation"), str):
            return given
        try:
            left, right, _ = parsed(given["equation"])
        except ValueError as error:
            raise _refuse(error) from None
        out = dict(given)
        for word, side in (("forward", left), ("backward", right)):
            order = _ORDERS.get(sum(n for _, n in side))
            if word in out and order:
                out[word] = _rate(out[word], order, word)
        return out


def _rate(value: Any, dimension: str, word: str) -> Any:
    if not isinstance(value, dict):
        return _quantity(value, dimension)
    if not isinstance(value.get("values"), list):
        raise _refuse(
            f"{word} in time needs times and values, such as {{ times = [0, 1], values = [0, 2] }}."
        )
    return TimedTable(**{**value, "values": [_quantity(v, dimension) for v in value["values"]]})


class VolumePumpTable(Table):
    """[[model.volume_pumps]]"""

    ion: str
    Vmax: Annotated[float, BeforeValidator(lambda v: _quantity(v, "concentration-rate"))]
    K: Concentration
    n: int = 1
    name: str = "SERCA"


def _given(part: Any) -> dict[str, Any]:
    leave = ("kind",)
    return {k: getattr(part, k) for k in type(part).model_fields if k in part.model_fields_set - {*leave}}


def chemistry(part: Any) -> dict[str, Any]:
    """Arguments of `Model` from a validated [model] table: buffers, molecules, reactions, pumps."""
    kinds: dict[str, type] = {"plain": Buffer, "two-site": TwoSite, "competing": Competing}
    reactions = []
    for r in part.reactions:
        timed: dict[str, Any] = {
            k: TimedRate(**_given(v)) if isinstance(v, TimedTable) else v for k, v in _given(r).items()
        }
        reactions.append(Reaction(**timed))
    return {
        "buffers": tuple(kinds[b.kind](name, **_given(b)) for name, b in part.buffers.items()),
        "molecules": tuple(Species(name, **_given(s)) for name, s in part.molecules.items()),
        "reactions": tuple(reactions),
        "volume_pumps": tuple(VolumePump(**_given(p)) for p in part.volume_pumps),
    }
