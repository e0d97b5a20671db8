"""All that the library holds, kind by kind: what `microdomain presets` lists and shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from microdomain import presets, presets_complexes, presets_pumps


@dataclass(frozen=True)
class Shelf:
    """One kind of presets.

    Attributes
    ----------
    names : callable              () -> tuple of str
    entry : callable              name -> the entry as it stands in its file
    head : tuple of str           of the columns between the name and the source
    row : callable                entry -> the texts of these columns
    use : str                     how a scenario asks for one
    """

    names: Callable[[], tuple[str, ...]]
    entry: Callable[[str], dict[str, Any]]
    head: tuple[str, ...]
    row: Callable[[dict[str, Any]], tuple[str, ...]]
    use: str


def _buffer(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(entry.get(number, "yours") for number in ("k_on", "K_d", "D"))


def _complex(entry: dict[str, Any]) -> tuple[str, ...]:
    pairs = entry.get("sites") or {w: (entry[f"k_{w}"], entry[f"koff_{w}"]) for w in "TR"}
    return entry["kind"], "; ".join(f"{word} {a}, {b}" for word, (a, b) in pairs.items()), entry["D"]


def _gate(entry: dict[str, Any]) -> tuple[str, ...]:
    law = " ".join(f"{p['name']}^{p['power']}" for p in entry["particles"])
    return law, ", ".join(f"{key} {entry[key]}" for key in ("g", "P") if key in entry), entry["temperature"]


def _current(entry: dict[str, Any]) -> tuple[str, ...]:
    law = dict(entry["current"])
    return law.pop("kind"), ", ".join(f"{key} {value}" for key, value in law.items()), entry["at"]


def _sensor(entry: dict[str, Any]) -> tuple[str, ...]:
    chains = entry.get("chains") or {word: entry[word] for word in ("fast", "slow") if word in entry}
    sites = " + ".join(str(c["sites"]) for c in chains.values()) if chains else str(entry["sites"])
    fusion = entry.get("gamma") or ("l f^n" if "f" in entry else "yours")
    return entry["kind"], sites, fusion


def _pump(entry: dict[str, Any]) -> tuple[str, ...]:
    numbers = [f"{k} {v}" for k, v in entry.items() if k not in ("kind", *presets_pumps.ABOUT)]
    return entry["kind"], ", ".join(numbers)


SHELVES = {
    "buffer": Shelf(
        presets.names, presets.entry, ("k_on", "K_d", "D"), _buffer,
        '[model.buffers.NAME] preset = "{}", total = ...',
    ),
    "complex": Shelf(
        presets_complexes.complex_names, presets_complexes.complex_entry, ("kind", "rates", "D"), _complex,
        '[model.buffers.NAME] preset = "{}", total = ...',
    ),
    "channel": Shelf(
        presets.channel_names, presets.channel_entry, ("gate", "carries", "at"), _gate,
        'gate = {{ preset = "{}" }} in [[model.channels]]',
    ),
    "current": Shelf(
        presets.current_names, presets.current_entry, ("kind", "carries", "at"), _current,
        'current = {{ preset = "{}" }} in [[model.channels]]',
    ),
    "sensor": Shelf(
        presets.sensor_names, presets.sensor_entry, ("kind", "sites", "fusion"), _sensor,
        '[sensors.NAME] preset = "{}", at = [x, y, z]',
    ),
    "pump": Shelf(
        presets_pumps.pump_names, presets_pumps.pump_entry, ("law", "numbers"), _pump,
        'law = {{ preset = "{}" }} in [[model.pumps]]',
    ),
}  # fmt: skip


def source(entry: dict[str, Any]) -> str:
    """An entry's source, marked where numbers are unconfirmed.

    >>> source({"source": "A. Nonymous (1999)", "mark": "from memory"})
    'A. Nonymous (1999) [unconfirmed: from memory]'
    """
    return entry["source"] + (f" [unconfirmed: {entry['mark']}]" if "mark" in entry else "")


def find(name: str) -> tuple[str, dict[str, Any]]:
    """The kind and the entry of a preset, whatever its kind.

    Parameters
    ----------
    name : str

    Returns
    -------
    (str, dict)

    Raises
    ------
    ValueError                    listing the names that come close

    >>> find("BAPTA")[0]
    'buffer'
    """
    for kind, shelf in SHELVES.items():
        if name in shelf.names():
            return kind, shelf.entry(name)
    known = {each: kind for kind, shelf in SHELVES.items() for each in shelf.names()}
    lower = {each.lower(): each for each in known}
    close = [lower[word] for word in get_close_matches(name.lower(), lower, n=4, cutoff=0.5)]
    close += [each for word, each in lower.items() if name and name.lower() in word and each not in close]
    hint = ", ".join(f"{each} ({known[each]})" for each in close[:6])
    raise ValueError(
        f"No preset {name!r}. " + (f"Close to it: {hint}." if hint else "`microdomain presets` lists all.")
    )


def listing(kind: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of the table of one kind.

    Parameters
    ----------
    kind : str                    one of `SHELVES`

    Returns
    -------
    (tuple of str, list of tuples of str)
    """
    shelf = SHELVES[kind]
    rows = [
        (name, *shelf.row(entry), source(entry)) for name in shelf.names() for entry in [shelf.entry(name)]
    ]
    return (kind, *shelf.head, "source"), rows
