"""Release sensors by name, and from a table with units: data in presets/sensors.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from microdomain.model import Chain, Sensor
from microdomain.model.checks import nearest
from microdomain.quantities import parse

#: Numbers of a chain of sites, and of each kind of sensor beside its chains, with their dimensions.
CHAIN = {"sites": "count", "k_on": "on-rate", "k_off": "rate", "b": "dimensionless"}
KINDS: dict[str, dict[str, str]] = {
    "sequential": {**CHAIN, "gamma": "rate"},
    "allosteric": {**CHAIN, "l": "rate", "f": "dimensionless"},
    "joint": {"chains": "chains", "gamma": "rate"},
    "dual": {"fast": "chain", "slow": "chain", "gamma": "rate", "gamma_slow": "rate", "l": "rate"},
    "scheme": {"states": "texts", "steps": "steps", "fusion": "rates"},
}
_OPTIONAL = ("b", "start")
#: Keys of an entry of the library that are about it.
ABOUT = ("source", "mark", "temperature", "needs")


@cache
def _library() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("microdomain").joinpath("presets/sensors.toml").read_text("utf-8"))


def names() -> tuple[str, ...]:
    """The names of all sensors, as in the file.

    >>> "Felmy-2003" in names()
    True
    """
    return tuple(_library())


def entry(name: str) -> dict[str, Any]:
    """One sensor as it is written in the library: `kind`, numbers with units, `source`.

    Raises
    ------
    ValueError                    naming the nearest sensor and all others

    >>> entry("Felmy-2003")["gamma"]
    '6.96 /ms'
    """
    library = _library()
    if not isinstance(name, str) or name not in library:
        raise ValueError(
            f"No sensor preset {name!r}.{nearest(str(name), library)} There are: {', '.join(library)}."
        )
    return dict(library[name])


def sensor(preset: str, /, **changes: Any) -> Sensor:
    """A sensor of the library.

    Parameters
    ----------
    preset : str                  one of `names()`
    **changes                     numbers of its kind, in house units or as quantities; and `start`, a state;
                                  they win over the library

    Returns
    -------
    Sensor

    Raises
    ------
    ValueError                    an unknown name or key, or a number that the source does not give

    >>> sensor("Syt1", gamma=6).states
    ('S0', 'S1', 'S2', 'S3', 'S4')
    """
    return from_table({"preset": preset, **changes})


def from_table(given: Mapping[str, Any]) -> Sensor:
    """A sensor from a table as a scenario has it: a `preset` or a `kind`, and numbers with units.

    Parameters
    ----------
    given : dict

    Returns
    -------
    Sensor

    Raises
    ------
    ValueError, TypeError         naming the key

    >>> from_table({"kind": "sequential", "sites": 1, "k_on": "1e8 /M/s", "k_off": 4, "gamma": 6}).steps[0].k
    0.1
    """
    table = dict(given)
    if "preset" in table:
        library = entry(table.pop("preset"))
        table = {**{k: v for k, v in library.items() if k not in ABOUT}, **table}
    kind = table.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(
            f"no sensor of kind {kind!r}; give a kind ({', '.join(KINDS)}) "
            f"or a preset ({', '.join(names())})."
        )
    known = KINDS[kind]
    for key in table:
        if key not in known and key != "start":
            raise ValueError(
                f"unknown key {key!r} of a sensor of kind {kind!r}.{nearest(key, known)} "
                f"It has {', '.join([*known, 'start'])}."
            )
    missing = [key for key in known if key not in table and key not in _OPTIONAL]
    if missing:
        raise ValueError(
            f"a sensor of kind {kind!r} needs {' and '.join(missing)}; it has {', '.join(known)}."
        )
    start = {"start": table["start"]} if "start" in table else {}
    numbers = {key: _read(table[key], known[key], key) for key in known if key in table}
    if kind == "scheme":
        return Sensor(**numbers, **start)
    made: Sensor = getattr(Sensor, kind)(**numbers, **start)
    return made


def _read(value: Any, what: str, key: str) -> Any:
    if what == "count":
        return value
    if what in ("chains", "rates"):
        if not isinstance(value, Mapping) or not value:
            raise ValueError(f"{key} = {value!r}; expected a table of names.")
        return {name: _read(v, what[:-1], f"{key}.{name}") for name, v in value.items()}
    if what == "chain":
        if not isinstance(value, Mapping) or not {"sites", "k_on", "k_off"} <= set(value) <= set(CHAIN):
            raise ValueError(
                f"{key} = {value!r}; expected a table of {', '.join(CHAIN)} (b may be left out)."
            )
        return Chain(**{word: _read(v, CHAIN[word], word) for word, v in value.items()})
    if what == "texts":
        return tuple(value)
    if what == "steps":
        return tuple(_step(each) for each in value)
    return parse(value, what)


def _step(given: Any) -> tuple[str, str, float, int]:
    """One arrow: k has the unit 1/(uM^n ms), said in words for n = 0 and 1, a plain number above."""
    if not isinstance(given, Mapping) or not {"from", "to", "k"} <= set(given) <= {"from", "to", "k", "n"}:
        raise ValueError(
            f'{given!r} is no step; expected {{ from = "S0", to = "S1", k = "0.5 /uM/ms", n = 1 }}; '
            "n, the power of the concentration, is 0 when left out."
        )
    n = given.get("n", 0)
    if n not in (0, 1) and not isinstance(given["k"], int | float):
        raise ValueError(f"k = {given['k']!r} of a step with n = {n}; give a plain number, in 1/(uM^{n} ms).")
    k = parse(given["k"], "on-rate" if n == 1 else "rate") if n in (0, 1) else given["k"]
    return given["from"], given["to"], k, n
