"""Buffers with several bound forms from the literature: calmodulin, calretinin, parvalbumin, ATP with Mg."""

from __future__ import annotations

import tomllib
from collections.abc import Container
from functools import cache
from importlib.resources import files
from typing import Any

from microdomain import presets
from microdomain.model import Competing, TwoSite
from microdomain.model.checks import nearest
from microdomain.quantities import parse

_DIMENSION = {"k_T": "on-rate", "k_R": "on-rate", "koff_T": "rate", "koff_R": "rate", "D": "diffusion"}
#: What an entry says about itself.
ABOUT = ("source", "typical", "mark")
Complex = TwoSite | Competing


@cache
def _complexes() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/complexes.toml").read_text("utf-8"))


def complex_names() -> tuple[str, ...]:
    """The names of all buffers with several bound forms, as in the file.

    >>> "calmodulin-N" in complex_names()
    True
    """
    return tuple(_complexes())


def numbers(name: str, given: Container[str] = ()) -> dict[str, Any]:
    """What a scenario's buffer table takes over from a preset: rates with units, and the kind.

    Raises
    ------
    ValueError                    no such buffer, or one whose source lacks a number that is not in `given`
    """
    if isinstance(name, str) and name in _complexes():
        return {k: v for k, v in _complexes()[name].items() if k not in ABOUT}
    if not isinstance(name, str) or name not in presets.names():
        known = [*presets.names(), *complex_names()]
        raise ValueError(f"No preset {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return dict(presets.buffer_numbers(name, given))


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
