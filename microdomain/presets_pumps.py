"""Pumps from the literature, by name: numbers and sources are data in presets/pumps.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from microdomain.model.checks import nearest
from microdomain.model.pumps import ConstantFlux, HillPump, LinearPump, SurfacePump
from microdomain.quantities import parse

#: What the numbers of a law are.
DIMENSIONS = {
    "P": "velocity", "Vmax": "flux", "K": "concentration", "n": "dimensionless", "density": "density",
    "k_on": "on-rate", "k_off": "rate", "k_cat": "rate", "k_leak": "rate", "leak": "flux", "J": "flux",
}  # fmt: skip
_KINDS: dict[str, Any] = {
    "linear": LinearPump,
    "hill": HillPump,
    "surface": SurfacePump,
    "flux": ConstantFlux,
}
#: Keys of an entry that say where it is from.
ABOUT = ("source", "mark")


@cache
def _library() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/pumps.toml").read_text("utf-8"))


def pump_names() -> tuple[str, ...]:
    """The names of all pumps, as in the file.

    >>> "PMCA-Bartol" in pump_names()
    True
    """
    return tuple(_library())


def pump_entry(name: str) -> dict[str, Any]:
    """One pump as it is written in the library: `kind`, texts with units, `source`, `mark` if there is one.

    Raises
    ------
    ValueError                    naming the nearest pump and all others

    >>> pump_entry("pump-BCM")["K"]
    '0.4 uM'
    """
    library = _library()
    if not isinstance(name, str) or name not in library:
        raise ValueError(f"No pump preset {name!r}.{nearest(name, library)} There are: {', '.join(library)}.")
    return dict(library[name])


def pump(preset: str, /, **changes: Any) -> LinearPump | HillPump | SurfacePump | ConstantFlux:
    """The law of a pump of the library.

    Parameters
    ----------
    preset : str                  one of `pump_names()`
    **changes                     any argument of the law; they win over the library

    Returns
    -------
    LinearPump, HillPump, SurfacePump or ConstantFlux

    Raises
    ------
    ValueError                    no such pump, or one whose density is not in the library and not given

    >>> pump("PMCA-Keller", density=180).K
    0.5
    """
    given = {key: value for key, value in pump_entry(preset).items() if key not in ABOUT}
    law = _KINDS[given.pop("kind")]
    numbers = {key: value if key == "n" else parse(value, DIMENSIONS[key]) for key, value in given.items()}
    if law is SurfacePump and "density" not in numbers | changes:
        raise ValueError(
            f"Pump preset {preset!r} has rates and no density; give density=, in molecules per um^2."
        )
    made: LinearPump | HillPump | SurfacePump | ConstantFlux = law(**(numbers | changes))
    return made
