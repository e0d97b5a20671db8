"""Scenario files: TOML with units <-> a Model, and the settings of grid, run and record.

A scenario is data: nothing in it is executed, no formula is read.  Unknown keys are errors, a plain
number is in house units, a file name is relative to the scenario, and the numbers of that file
become part of the model and so of the hash.
"""

from __future__ import annotations

import copy
import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microdomain.model import Model
from microdomain.model.checks import nearest
from microdomain.model.toml_text import table

if TYPE_CHECKING:
    from microdomain import scenario_schema as schema

_MEMBER_KEYS = ("name", "model")


class ScenarioError(ValueError):
    """A scenario that cannot be read; the text says which key of which file, and what was expected."""


@dataclass(frozen=True)
class Scenario:
    """What a scenario file holds, in house units.

    Attributes
    ----------
    title : str
    model : Model                 the scenario's [model]
    members : list of Model       one for each [[run.member]], or `members` times the model; else empty
    labels : list of str          names of the members
    grid : dict                   of kind, near, growth, far, spacing (um): those that are given
    run : dict                    of until (ms), rtol, accuracy, seed, device, members: those that are given
    record : dict                 of every, times (ms), fields, points {name: (x, y, z)} and sensors: those
                                  that are given
    path : Path or None           where it was read from
    """

    title: str
    model: Model
    members: list[Model]
    labels: list[str]
    grid: dict[str, Any]
    run: dict[str, Any]
    record: dict[str, Any]
    path: Path | None = None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that decides the numbers: not the title, the path or the device."""
        content = {
            "model": self.model.hash,
            "members": [member.hash for member in self.members],
            "grid": self.grid,
            "run": {k: v for k, v in self.run.items() if k != "device"},
            "record": self.record,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def examples() -> dict[str, str]:
    """Names and titles of the built-in scenarios.

    >>> "single-channel" in examples()
    True
    """
    found = [f for f in files("microdomain.examples").iterdir() if f.name.endswith(".toml")]
    titles = {
        f.name.removesuffix(".toml"): tomllib.loads(f.read_text("utf-8")).get("title", "") for f in found
    }
    return dict(sorted(titles.items()))


def example_text(name: str) -> str:
    """The text of a built-in scenario.

    Raises
    ------
    ScenarioError                 naming those there are
    """
    known = examples()
    if name not in known:
        raise ScenarioError(f"No example {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return files("microdomain.examples").joinpath(f"{name}.toml").read_text("utf-8")


def load(path: Any) -> Scenario:
    """Read a scenario file, or a built-in example by its name.

    Parameters
    ----------
    path : path or str            a file; where there is none, the name of an example

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError                 for no such file, bad TOML, unknown keys, wrong units, a bad model

    >>> load("single-channel").model.species
    ('Ca', 'endogenous', 'BAPTA')
    """
    file = Path(path)
    if file.is_file():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            raise ScenarioError(f"{file} is not a text file in UTF-8.") from None
        return loads(text, folder=file.parent, path=file, called=str(path))
    known = examples()
    if str(path) in known:
        return loads(example_text(str(path)), called=f"example {path}")
    kind = "is a folder, not a scenario" if file.is_dir() else "does not exist"
    raise ScenarioError(
        f"{str(path)!r} {kind}, and no built-in example has that name.{nearest(str(path), known)} "
        f"Examples: {', '.join(known)}."
    )


def loads(text: str, folder: Any = ".", path: Path | None = None, called: str = "scenario") -> Scenario:
    """Read a scenario from its text; files that it names are looked for in `folder`."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{called} is not valid TOML: {error}.") from None
    except RecursionError:
        raise ScenarioError(f"{called} nests its lists or tables too deeply.") from None
    try:
        return from_tables(given, Path(folder), path)
    except ScenarioError as error:
        raise ScenarioError(f"{called}: {error}") from None


def from_tables(given: dict[str, Any], folder: Path = Path(), path: Path | None = None) -> Scenario:
    """A scenario from tables as `tomllib` gives them."""
    from microdomain import scenario_build as build

    if "model" not in given:
        hint = nearest("model", given)
        raise ScenarioError(
            f"there is no [model]; a scenario needs at least [model] with box and ions.{hint}"
        )
    tables = _validated(given)
    model = _model(tables, folder)
    run = build.given(tables.run, leave=("member",))
    changes = tables.run.member if tables.run else []
    if changes and "members" in run:
        raise ScenarioError("run: give either members (a count) or [[run.member]] tables, not both.")
    members, labels = [], []
    for k, change in enumerate(changes):
        label = change.get("name", f"member {k}")
        try:
            changed = replaced({"model": given["model"]}, _member_changes(change))
            members.append(_model(_validated(changed), folder))
        except ScenarioError as error:
            raise ScenarioError(f"run.member {k + 1} ({label!r}): {error}") from None
        labels.append(str(label))
    if "members" in run:
        members = [model] * run["members"]
        labels = [str(k) for k in range(run["members"])]
    record = _record(build.given(tables.record) | build.given(tables, only=("sensors",)), model)
    _check_run(run)
    return Scenario(tables.title, model, members, labels, build.given(tables.grid), run, record, path)


def replaced(tables: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Tables with some keys replaced; neither argument is touched.

    Parameters
    ----------
    tables : dict                 as `tomllib` gives them
    changes : dict                nested tables, or dotted paths as keys; a cluster is addressed by its
                                  name or number; a table that has a `kind` replaces the whole table

    Raises
    ------
    ScenarioError                 for a cluster that is not there

    >>> replaced({"run": {"seed": 1, "until": 2}}, {"run.seed": 7})
    {'run': {'seed': 7, 'until': 2}}
    """
    result = copy.deepcopy(tables)
    for key, value in changes.items():
        steps = key.split(".")
        nested: Any = value
        for step in reversed(steps):
            nested = {step: nested}
        result = _merged(result, nested, "")
    return result


def _merged(base: Any, change: Any, where: str) -> Any:
    if isinstance(base, list) and isinstance(change, dict):
        items = list(base)
        names = [item.get("name", "channels") if isinstance(item, dict) else None for item in base]
        for key, value in change.items():
            if key in names:
                k = names.index(key)
            elif key.isdigit() and int(key) < len(items):
                k = int(key)
            else:
                known = ", ".join(repr(n) for n in names if n) or f"numbers 0 to {len(items) - 1}"
                raise ScenarioError(f"{where} has no {key!r}; it has {known}.")
            items[k] = _merged(items[k], value, f"{where}.{key}")
        return items
    if not isinstance(base, dict) or not isinstance(change, dict) or "kind" in change:
        return copy.deepcopy(change)
    from microdomain.scenario_schema import LAYOUTS

    # A new layout takes the place of the old one.
    moved = where.startswith("model.channels") and any(word in change for word in LAYOUTS)
    result = {k: v for k, v in base.items() if not (moved and k in LAYOUTS)}
    for key, value in change.items():
        here = f"{where}.{key}" if where else key
        result[key] = _merged(base[key], value, here) if key in base else copy.deepcopy(value)
    return result


def _member_changes(change: dict[str, Any]) -> dict[str, Any]:
    for key in change:
        if key.split(".")[0] not in _MEMBER_KEYS:
            raise ScenarioError(
                f"unknown key {key!r}.{nearest(key, _MEMBER_KEYS)} "
                "A member has a name and replaces keys of the model, such as model.buffers.BAPTA.total."
            )
    return {k: v for k, v in change.items() if k != "name"}


def to_toml(
    model: Model,
    title: str = "",
    grid: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
    record: dict[str, Any] | None = None,
) -> str:
    """The text of a scenario, numbers in house units; `loads` of it gives an equal Model and settings."""
    lines = [model.to_toml(title)]
    for word, content in (("grid", grid), ("run", run), ("record", record)):
        if content:
            lines += table(f"[{word}]", {k: v for k, v in content.items() if k != "sensors"})
    if record and "sensors" in record:
        from microdomain.scenario_sensors import sensor_lines

        lines += sensor_lines(record["sensors"])
    return "\n".join(lines)


def _validated(given: dict[str, Any]) -> schema.ScenarioTable:
    from pydantic import ValidationError

    from microdomain import scenario_schema as schema
    from microdomain.scenario_faults import sentences

    try:
        return schema.ScenarioTable.model_validate(given)
    except ValidationError as error:
        raise ScenarioError("\n".join(sentences(error, given))) from None


def _model(tables: schema.ScenarioTable, folder: Path) -> Model:
    from microdomain import scenario_build as build

    try:
        return build.model(tables.model, folder)
    except (ValueError, TypeError, OSError) as error:
        raise ScenarioError(str(error)) from None


def _record(record: dict[str, Any], model: Model) -> dict[str, Any]:
    for name in record.get("fields", ()):
        if name not in model.species:
            known = ", ".join(repr(s) for s in model.species)
            raise ScenarioError(f"record.fields: no species {name!r} in this model; it has {known}.")
    if "points" in record:
        record["points"] = {name: tuple(point) for name, point in record["points"].items()}
    for name, point in record.get("points", {}).items():
        if len(point) != 3:
            raise ScenarioError(
                f"record.points.{name}: {len(point)} coordinates; a point has three, x, y and z."
            )
        _inside(f"record.points.{name}", point, model)
    for name, sensor in record.get("sensors", {}).items():
        _inside(f"sensors.{name}", sensor["at"], model)
    if "every" in record and "times" in record:
        raise ScenarioError("record: give either every or times, not both.")
    if "every" in record and record["every"] <= 0:
        raise ScenarioError(f"record.every = {record['every']:g} ms must be more than 0.")
    times = record.get("times", [])
    if any(t < 0 for t in times) or sorted(set(times)) != list(times):
        raise ScenarioError("record.times must increase from 0 ms or later.")
    return record


def _inside(where: str, point: Any, model: Model) -> None:
    if not all(low <= v <= high for v, (low, high) in zip(point, model.box, strict=True)):
        place = ", ".join(f"{v:g}" for v in point)
        raise ScenarioError(f"{where}: ({place}) um lies outside the box.")


def _check_run(run: dict[str, Any]) -> None:
    if run.get("until", 1.0) <= 0:
        raise ScenarioError(f"run.until = {run['until']:g} ms must be more than 0.")
    if not 0 < run.get("rtol", 0.01) < 1:
        raise ScenarioError(f"run.rtol = {run['rtol']:g} must lie between 0 and 1, such as 1e-2.")
    if run.get("seed", 0) < 0:
        raise ScenarioError(f"run.seed = {run['seed']} must not be negative.")
