"""[sensors.NAME] of a scenario: a release sensor, from the library or written out, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from microdomain import presets_sensors
from microdomain.model.toml_text import table
from microdomain.quantities import parse


def sensor_table(given: Any) -> dict[str, Any]:
    """A sensor's table as plain numbers: what `Sensor.to_dict` writes, and `at` (um)."""
    try:
        if not isinstance(given, dict) or "at" not in given:
            raise ValueError('a sensor needs a place, such as at = ["20 nm", "0 nm", "10 nm"].')
        at = given["at"]
        if not isinstance(at, list) or len(at) != 3:
            raise ValueError(f"at = {at!r}; a place has three coordinates, x, y and z.")
        place = [parse(x, "length") for x in at]
        sensor = presets_sensors.from_table({k: v for k, v in given.items() if k != "at"})
    except (ValueError, TypeError) as error:
        raise PydanticCustomError("sensor", "{sentence}", {"sentence": str(error)}) from None
    return {**sensor.to_dict(), "at": place}


def sensor_lines(sensors: Mapping[str, dict[str, Any]]) -> list[str]:
    """The lines of [sensors.NAME] tables, each written out as a scheme."""
    lines = []
    for name, given in sensors.items():
        steps = [dict(zip(("from", "to", "k", "n"), step, strict=True)) for step in given["steps"]]
        lines += table(f"[sensors.{json.dumps(name)}]", {"kind": "scheme", **given, "steps": steps})
    return lines
