"""Buffers and channels from the literature, by name: numbers and sources are data in presets/*.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from microdomain.model import Buffer, Competing, TwoSite
from microdomain.model.checks import nearest
from microdomain.quantities import parse

#: What a buffer's entry gives, and the dimension of each.
BUFFER_NUMBERS = {"k_on": "on-rate", "K_d": "concentration", "D": "diffusion"}
_DIMENSION = {"k_T": "on-rate", "k_R": "on-rate", "koff_T": "rate", "koff_R": "rate", "D": "diffusion"}
#: What an entry says about itself.
ABOUT = ("source", "typical", "mark")
Complex = TwoSite | Competing


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


@cache
def _complexes() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/complexes.toml").read_text("utf-8"))


def complex_names() -> tuple[str, ...]:
    """The names of all buffers with several bound forms, as in the file.

    >>> "calmodulin-N" in complex_names()
    True
    """
    return tuple(_complexes())


def numbers(name: str) -> dict[str, Any]:
    """What a scenario's buffer table takes over from a preset: rates with units, and the kind.

    Raises
    ------
    ValueError                    naming the nearest buffer and all others
    """
    if isinstance(name, str) and name in _complexes():
        return {k: v for k, v in _complexes()[name].items() if k not in ABOUT}
    if not isinstance(name, str) or name not in _library():
        known = [*names(), *complex_names()]
        raise ValueError(f"No preset {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return {k: v for k, v in entry(name).items() if k in BUFFER_NUMBERS}


def complex_entry(name: str) -> dict[str, Any]:
    """One buffer with several bound forms as it is written in the library.

    Raises
    ------
    ValueError                    naming the nearest one and all others
    """
    library = _complexes()
    if not isinstance(name, str) or name not in library:
        raise ValueError(f"No preset {name!r}.{nearest(name, library)} There are: {', '.join(library)}.")
    return dict(library[name])


def complex_buffer(preset: str, /, total: float, **changes: Any) -> Complex:
    """A `TwoSite` or `Competing` buffer of the library.

    Parameters
    ----------
    preset : str                  one of `complex_names()`
    total : float, uM             all forms together
    **changes                     any argument of the class; they win over the library

    >>> complex_buffer("calmodulin-N", total=100).k_R
    32.0
    """
    written = {k: v for k, v in complex_entry(preset).items() if k not in ABOUT}
    kind = written.pop("kind")
    values: dict[str, Any] = {"name": preset.replace("-", "_"), "total": total}
    for key, value in written.items():
        if key == "sites":
            values[key] = {i: (parse(a, "on-rate"), parse(b, "rate")) for i, (a, b) in value.items()}
        else:
            values[key] = parse(value, _DIMENSION[key])
    return (TwoSite if kind == "two-site" else Competing)(**{**values, **changes})


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
    numbers = {key: parse(entry(preset)[key], dimension) for key, dimension in BUFFER_NUMBERS.items()}
    return Buffer(**{"name": preset, "total": total, **numbers, **changes})


def sources(*wanted: str) -> str:
    """The sources of these buffers (all where none is named), one a line, unconfirmed ones marked."""
    lines = []
    for name in wanted or names():
        one = entry(name)
        mark = f" [{one['mark']}]" if "mark" in one else ""
        lines.append(f"{name}: {one['source']}{mark}")
    return "\n".join(lines)
