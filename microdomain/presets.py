"""Buffers, channels and sensors from the literature, by name: numbers are data in presets/*.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Container
from functools import cache
from importlib.resources import files
from typing import Any

from microdomain.model import Buffer
from microdomain.model.checks import nearest
from microdomain.presets_sensors import entry as sensor_entry
from microdomain.presets_sensors import names as sensor_names
from microdomain.presets_sensors import sensor
from microdomain.quantities import parse

__all__ = [
    "buffer", "buffer_numbers", "channel_entry", "channel_names", "current_entry", "current_names", "entry",
    "names", "sensor", "sensor_entry", "sensor_names", "sources",
]  # fmt: skip

#: What a buffer's entry gives, and the dimension of each.
BUFFER_NUMBERS = {"k_on": "on-rate", "K_d": "concentration", "D": "diffusion"}


@cache
def _channels() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/channels.toml").read_text("utf-8"))


def channel_names() -> tuple[str, ...]:
    """The names of all channels, as in the file.

    >>> "calyx" in channel_names()
    True
    """
    return tuple(_channels())


def channel_entry(name: str) -> dict[str, Any]:
    """One channel as it is written in the library: `particles`, unitary numbers, `source`.

    Raises
    ------
    ValueError                    naming the nearest channel and all others

    >>> channel_entry("calyx")["g"]
    '48.9 nS'
    """
    library = _channels()
    if not isinstance(name, str) or name not in library:
        raise ValueError(
            f"No channel preset {name!r}.{nearest(name, library)} There are: {', '.join(library)}."
        )
    return dict(library[name])


@cache
def _library() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("microdomain").joinpath("presets/buffers.toml").read_text("utf-8"))


def names() -> tuple[str, ...]:
    """The names of all buffers, as in the file.

    >>> "BAPTA" in names()
    True
    """
    return tuple(_library())


def entry(name: str) -> dict[str, str]:
    """One buffer as it is written in the library: texts with units, `source`, and `mark` if there is one.

    Raises
    ------
    ValueError                    naming the nearest buffer and all others

    >>> entry("BAPTA")["K_d"]
    '220 nM'
    """
    library = _library()
    if not isinstance(name, str) or name not in library:
        raise ValueError(f"No preset {name!r}.{nearest(name, library)} There are: {', '.join(library)}.")
    return dict(library[name])


def buffer(preset: str, /, total: float, **changes: Any) -> Buffer:
    """A buffer of the library.

    Parameters
    ----------
    preset : str                  one of `names()`
    total : float, uM             free and bound together
    **changes                     any argument of `Buffer`; they win over the library

    Returns
    -------
    Buffer, called like the preset unless ``changes`` has another `name`

    >>> buffer("EGTA", total=2000).D
    0.2
    """
    numbers = {key: parse(text, BUFFER_NUMBERS[key]) for key, text in buffer_numbers(preset, changes).items()}
    return Buffer(**{"name": preset, "total": total, **numbers, **changes})


def buffer_numbers(preset: str, given: Container[str] = ()) -> dict[str, str]:
    """The numbers of a buffer, with units.

    Raises
    ------
    ValueError                    no such buffer, or one whose source lacks a number that is not in `given`

    >>> buffer_numbers("BAPTA")["K_d"]
    '220 nM'
    """
    library = entry(preset)
    lacking = [key for key in BUFFER_NUMBERS if key not in library and key not in given]
    if lacking:
        raise ValueError(
            f"Preset {preset!r}: its source does not give {lacking[0]}; give it beside the preset."
        )
    return {key: library[key] for key in BUFFER_NUMBERS if key in library}


@cache
def _currents() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/currents.toml").read_text("utf-8"))


def current_names() -> tuple[str, ...]:
    """The names of all unitary currents, as in the file.

    >>> "CaV2.2-Tay" in current_names()
    True
    """
    return tuple(_currents())


def current_entry(name: str) -> dict[str, Any]:
    """One unitary current as it is written in the library: `current`, the conditions `at`, `source`.

    Raises
    ------
    ValueError                    naming the nearest current and all others

    >>> current_entry("CaV2.2-Tay")["current"]["i"]
    '0.085 pA'
    """
    library = _currents()
    if not isinstance(name, str) or name not in library:
        raise ValueError(
            f"No current preset {name!r}.{nearest(str(name), library)} There are: {', '.join(library)}."
        )
    return dict(library[name])


def sources(*wanted: str) -> str:
    """The sources of these buffers (all where none is named), one a line, unconfirmed ones marked."""
    lines = []
    for name in wanted or names():
        one = entry(name)
        mark = f" [unconfirmed: {one['mark']}]" if "mark" in one else ""
        lines.append(f"{name}: {one['source']}{mark}")
    return "\n".join(lines)
