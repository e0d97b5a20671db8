"""A canonical dictionary as the text of a scenario: the same words, numbers in house units."""

from __future__ import annotations

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def _key(word: str) -> str:
    return word if _BARE.match(word) else json.dumps(word)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)  # TOML's basic strings escape as JSON's do
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return "[" + ", ".join(_value(v) for v in value) + "]"


def table(heading: str, content: dict[str, Any]) -> list[str]:
    """The lines of one table, an empty one at its end.

    >>> table("[run]", {"until": 2.0})
    ['[run]', 'until = 2.0', '']
    """
    return [heading, *(f"{_key(k)} = {_value(v)}" for k, v in content.items()), ""]


def model_to_toml(model: dict[str, Any], title: str = "") -> str:
    """The [model] part of a scenario.

    Parameters
    ----------
    model : dict                  as `Model.to_dict` gives it
    title : str                   the scenario's title, if it shall have one

    Returns
    -------
    str                           TOML; `microdomain.load` of it gives an equal Model
    """
    lines = [f"title = {_value(title)}", ""] if title else []
    lines += table("[model]", {k: model[k] for k in ("box", "temperature")})
    for word in ("ions", "buffers"):
        for part in model[word]:
            rest = {k: v for k, v in part.items() if k != "name"}
            lines += table(f"[model.{word}.{_key(part['name'])}]", rest)
    for part in model.get("complexes", ()):
        lines += table(
            f"[model.buffers.{_key(part['name'])}]", {k: v for k, v in part.items() if k != "name"}
        )
    for part in model.get("molecules", ()):
        lines += table(
            f"[model.molecules.{_key(part['name'])}]", {k: v for k, v in part.items() if k != "name"}
        )
    for word in ("reactions", "volume_pumps"):
        for part in model.get(word, ()):
            lines += table(f"[[model.{word}]]", part)
    for cluster in model["channels"]:
        lines += table("[[model.channels]]", cluster)
    for obstacle in model.get("obstacles", ()):
        lines += table("[[model.obstacles]]", obstacle)
    for word in ("tissue", "held"):
        for part in model.get(word, ()):
            lines += table(f"[[model.{word}]]", part)
    for pump in model.get("pumps", ()):
        lines += table("[[model.pumps]]", pump)
    for word in ("uptake", "walls", "voltage"):
        if model[word]:
            lines += table(f"[model.{word}]", model[word])
    return "\n".join(lines)
