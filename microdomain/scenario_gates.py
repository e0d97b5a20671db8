"""Gates, their rates, and voltage protocols as a scenario writes them.

Rates are named forms with units.  The unit of `a` is that of what the form stands for: a rate (/ms),
a time constant (ms) or a steady state (a number).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from microdomain import presets
from microdomain.model import canonical
from microdomain.model.checks import nearest
from microdomain.quantities import parse
from microdomain.scenario_table import Table, Time, Voltage

#: Keys of every form and the dimension of each; "own" is that of what the form stands for.
FORM_KEYS: dict[str, dict[str, str]] = {
    "constant": {"a": "own"},
    "exp": {"a": "own", "v": "voltage", "V_0": "voltage"},
    "sigmoid": {"a": "own", "V_half": "voltage", "k": "voltage"},
    "linoid": {"a": "own", "V_half": "voltage", "k": "voltage"},
    "bell": {"a": "own", "V_0": "voltage", "w": "dimensionless"},
    "calcium": {"k": "on-rate"},
    "table": {"V": "voltage", "values": "own"},
    "sum": {"parts": "forms"},
    "inverse": {"parts": "inverse forms"},
    "split": {"at": "voltage", "below": "form", "above": "form"},
}
_INVERSE = {"rate": "time", "time": "rate", "dimensionless": "dimensionless"}


def form(given: Any, dimension: str) -> Any:
    """A form of `microdomain.model.rates` from its table.

    Parameters
    ----------
    given : dict                  with a `kind` and the keys of `FORM_KEYS`, quantities as texts or numbers
    dimension : str               of its value: "rate", "time" or "dimensionless"

    Returns
    -------
    Constant, Exp, ... or any other form

    Raises
    ------
    ValueError                    naming the key
    """
    return canonical.untagged("rate", _house(given, dimension))


def _house(given: Any, dimension: str) -> dict[str, Any]:
    """The same table in house units."""
    if not isinstance(given, dict):
        raise ValueError(f'{given!r} is no rate; expected a table such as {{ kind = "constant", a = 0.5 }}.')
    kind = given.get("kind")
    if kind not in FORM_KEYS:
        raise ValueError(
            f"no rate of kind {kind!r}; there are {', '.join(FORM_KEYS)}.{nearest(str(kind), FORM_KEYS)}"
        )
    out: dict[str, Any] = {"kind": kind}
    for key, value in given.items():
        if key == "kind":
            continue
        known = FORM_KEYS[kind]
        if key not in known:
            raise ValueError(
                f"unknown key {key!r} of a rate of kind {kind!r}.{nearest(key, known)} "
                f"It has {', '.join(known)}."
            )
        out[key] = _read(value, known[key], dimension)
    return out


def _read(value: Any, what: str, dimension: str) -> Any:
    if what.endswith("forms"):
        inner = _INVERSE[dimension] if what.startswith("inverse") else dimension
        return [_house(part, inner) for part in value]
    if what == "form":
        return _house(value, dimension)
    what = dimension if what == "own" else what
    return [parse(v, what) for v in value] if isinstance(value, list) else parse(value, what)


def _validated(given: Any, read: Any) -> Any:
    try:
        return read(given)
    except (ValueError, TypeError) as error:
        raise PydanticCustomError("form", "{sentence}", {"sentence": str(error)}) from None


def _of(dimension: str) -> BeforeValidator:
    return BeforeValidator(partial(_validated, read=partial(form, dimension=dimension)))


def _transition(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not {"from", "to"} <= given.keys():
        raise ValueError(
            f"{given!r} is no transition; expected "
            '{ from = "C", to = "O", kind = "constant", a = "0.5 /ms" }.'
        )
    rate = form({k: v for k, v in given.items() if k not in ("from", "to")}, "rate")
    return {"source": given["from"], "target": given["to"], "rate": rate}


class ParticleTable(Table):
    name: str = "m"
    power: int = 1
    inf: Annotated[Any, _of("dimensionless")] = None
    tau: Annotated[Any, _of("time")] = None
    alpha: Annotated[Any, _of("rate")] = None
    beta: Annotated[Any, _of("rate")] = None


class HHTable(Table):
    kind: Literal["hh"]
    particles: list[ParticleTable]


class MarkovTable(Table):
    kind: Literal["markov"]
    states: list[str]
    open: list[str]
    rates: list[Annotated[Any, BeforeValidator(partial(_validated, read=_transition))]]
    start: str | None = None


def with_channel_preset(given: Any) -> Any:
    """A gate's table, its particles from the library where it names a preset."""
    if not isinstance(given, dict) or "preset" not in given:
        return given
    extra = set(given) - {"preset", "kind"}
    if extra:
        raise PydanticCustomError(
            "preset",
            "{sentence}",
            {"sentence": f"a gate with a preset has no other key; found {sorted(extra)}."},
        )
    entry = _validated(given["preset"], presets.channel_entry)
    return {"kind": "hh", "particles": entry["particles"]}


class HoldTable(Table):
    kind: Literal["hold"]
    V: Voltage


class StepsTable(Table):
    kind: Literal["steps"]
    times: list[Time]
    values: list[Voltage]
    before: Voltage = -70.0


class RampTable(Table):
    kind: Literal["ramp"]
    low: Voltage
    high: Voltage
    start: Time
    stop: Time


class PulsesTable(Table):
    kind: Literal["pulses"]
    base: Voltage
    to: Voltage
    start: Time
    width: Time
    period: Time = 1e6
    count: int = 1


class ActionPotentialTable(Table):
    kind: Literal["action-potential"]
    rest: Voltage = -80.0
    peak: Voltage = 40.0
    start: Time = 0.2
    rise: Time = 0.15
    fall: Time = 0.25


class TraceTable(Table):
    kind: Literal["table"]
    file: str | None = None
    times: list[Time] | None = None
    values: list[Voltage] | None = None


def voltage_table(given: Any) -> Any:
    """A voltage alone is short for holding it."""
    return {"kind": "hold", "V": given} if isinstance(given, str | int | float) else given
