"""A planned sweep: a folder with a manifest of points, and what of it is done.

::

    folder/sweep.json          title, axes, the scenario's tables, fingerprints of the files read
    folder/manifest.jsonl      a line per point: its place, its changes, the hash of its scenario
    folder/results/*.zarr      runs of points that share a grid and species, as members
    folder/done/KEY.json       a point that is done, with its summary: written last, renamed at once
    folder/failed/KEY.json     a point that cannot be done, and why
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microdomain.grid_spacing import near_spacing
from microdomain.plan_members import shared
from microdomain.scenario import Scenario, ScenarioError, example_text, examples, from_tables, replaced
from microdomain.sweep_axes import places, read_axes

FORMAT = 1
#: Points per batch, where a sweep file does not say: at most this many, and at least eight batches.
MOST, LEAST_BATCHES = 16, 8
_KEYS = ("title", "scenario", "axis", "batch")


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes
    ----------
    index : int                   its line in the manifest
    at : tuple of int             its place on every axis
    changes : dict                key path -> value
    key : str                     hash of its resolved scenario
    group : str                   points of one group can be members of one run
    """

    index: int
    at: tuple[int, ...]
    changes: dict[str, Any]
    key: str
    group: str


class Sweep:
    """A planned sweep, made by `plan` and opened from its folder.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    FileNotFoundError             no sweep was planned there
    ValueError                    the manifest was edited, or is of another version
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            about = json.loads((self.folder / "sweep.json").read_text("utf-8"))
            lines = (self.folder / "manifest.jsonl").read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"No sweep was planned in '{folder}'. Begin with `microdomain sweep plan FILE -o {folder}`."
            ) from None
        except ValueError:
            raise ValueError(f"'{self.folder / 'sweep.json'}' was changed by hand; plan it again.") from None
        if about.get("format") != FORMAT:
            raise ValueError(f"'{folder}' was planned by another version; plan it again.")
        if hashlib.sha256(lines).hexdigest() != about["manifest"]:
            raise ValueError(
                f"'{self.folder / 'manifest.jsonl'}' was changed by hand. Results are filed by what it said; "
                "change the sweep file and plan it into another folder."
            )
        self.about: dict[str, Any] = about
        self.points = [
            Point(n, tuple(line["at"]), line["changes"], line["key"], line["group"])
            for n, line in enumerate(map(json.loads, lines.decode().splitlines()))
        ]

    @property
    def title(self) -> str:
        """What the sweep file says it is."""
        return str(self.about["title"])

    def scenario(self, point: Point) -> Scenario:
        """The resolved scenario of a point.

        Raises
        ------
        ValueError                it is not what was planned: a file that it names has changed
        """
        asked = from_tables(replaced(self.about["tables"], point.changes), Path(self.about["folder"]))
        if asked.hash != point.key:
            raise ValueError(
                f"Point {point.index} is not what was planned: a file that the scenario names has changed, "
                "or microdomain itself. Plan the sweep into another folder."
            )
        return asked

    def check_sources(self) -> None:
        """Refuse to run when the scenario or the sweep file has changed since it was planned.

        Raises
        ------
        ValueError
        """
        for name, fingerprint in self.about["sources"].items():
            file = Path(name)
            if file.is_file() and _fingerprint(file) != fingerprint:
                raise ValueError(
                    f"'{name}' has changed since the sweep was planned. Plan it into another folder, or "
                    "restore the file; nothing was run."
                )

    def marked(self, word: str) -> set[str]:
        """Keys of the points that are "done" or "failed"."""
        try:
            return {name.removesuffix(".json") for name in os.listdir(self.folder / word) if name[0] != "."}
        except FileNotFoundError:
            return set()

    def mark(self, word: str, key: str, content: dict[str, Any]) -> None:
        """Write that a point is done or failed, at once or not at all."""
        path = self.folder / word / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{key}.{os.getpid()}")
        new.write_text(json.dumps(content), "utf-8")
        os.replace(new, path)

    def read_mark(self, word: str, key: str) -> dict[str, Any]:
        """What `mark` wrote."""
        content: dict[str, Any] = json.loads((self.folder / word / f"{key}.json").read_text("utf-8"))
        return content

    def batches(self, shard: tuple[int, int] = (0, 1)) -> list[list[Point]]:
        """Points that run together, of one shard: the same whatever is done already.

        Parameters
        ----------
        shard : (i, n)            the i-th of n parts, every n-th point of the manifest
        """
        mine = [p for p in self.points if p.index % shard[1] == shard[0]]
        size = self.about["batch"] or max(1, min(MOST, -(-len(mine) // LEAST_BATCHES)))
        groups: dict[str, list[Point]] = {}
        seen: set[str] = set()
        for point in mine:
            if point.key not in seen:  # points whose changes come to the same are one
                seen.add(point.key)
                groups.setdefault(point.group, []).append(point)
        return [g[i : i + size] for g in groups.values() for i in range(0, len(g), size)]


def plan(file: str | Path, folder: str | Path) -> Sweep:
    """Resolve every point of a sweep file and write the manifest.

    Parameters
    ----------
    file : str or Path            a sweep file: scenario, batch and ``[[axis]]`` tables
    folder : str or Path          where the sweep lives; it must not hold another one

    Returns
    -------
    Sweep

    Raises
    ------
    ScenarioError                 what is wrong with the file, or with a point
    FileExistsError               the folder holds another sweep
    """
    file, folder = Path(file), Path(folder)
    given = _read(file)
    for key in given:
        if key not in _KEYS:
            raise ScenarioError(f"{file}: unknown key {key!r}; a sweep file has {', '.join(_KEYS)}.")
    batch = given.get("batch")
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        raise ScenarioError(f"{file}: batch = {batch!r}; give how many points may run together.")
    source, tables = _tables(file, given.get("scenario"))
    try:
        axes = read_axes(given.get("axis"))
        rows = places(axes)
        lines = [_line(at, changes, tables, source.parent) for at, changes in rows]
    except ScenarioError as error:
        raise ScenarioError(f"{file}: {error}") from None
    manifest = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode()
    about = {
        "format": FORMAT,
        "title": given.get("title", file.stem),
        "batch": batch,
        "axes": [
            {
                "name": a.name,
                "labels": list(a.labels),
                "unit": a.unit,
                "keys": sorted({k for p in a.places for k in p}),
            }
            for a in axes
        ],
        "tables": tables,
        "folder": str(source.parent.resolve()),
        "sources": {str(f.resolve()): _fingerprint(f) for f in {file, source} if f.is_file()},
        "manifest": hashlib.sha256(manifest).hexdigest(),
    }
    _settle(folder, manifest, about)
    return Sweep(folder)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ScenarioError(f"There is no sweep file '{file}'.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file} is not valid TOML: {error}.") from None


def _tables(file: Path, name: Any) -> tuple[Path, dict[str, Any]]:
    """The scenario that a sweep file names, beside it or built in, and its tables."""
    if not isinstance(name, str):
        raise ScenarioError(f'{file}: name the scenario to vary, such as scenario = "cluster.toml".')
    source = file.parent / name
    if source.is_file():
        return source, _read(source)
    if name in examples():
        return source, tomllib.loads(example_text(name))
    raise ScenarioError(
        f"{file}: no scenario {name!r} beside it, nor an example of that name ({', '.join(examples())})."
    )


def _line(at: Sequence[int], changes: dict[str, Any], tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    try:
        asked = from_tables(replaced(tables, changes), folder)
    except ScenarioError as error:
        told = ", ".join(f"{k} = {v!r}" for k, v in changes.items())
        raise ScenarioError(f"the point with {told}: {error}") from None
    if asked.run.get("until") is None:
        raise ScenarioError("how long? The scenario has no run.until; give it there or on an axis.")
    return {"at": list(at), "changes": changes, "key": asked.hash, "group": group_of(asked)}


def group_of(asked: Scenario) -> str:
    """Points with the same word run on the same grid, whoever runs beside them, and can be members.

    Grid and species are those of the point alone, so that no number depends on what it is batched with.
    """
    models = asked.members or [asked.model]
    first = models[0]
    sites = sorted({(c.position, c.ion) for m in models for c in m.resolved_channels})
    content = {
        # Frozen parts of plain numbers, down to the points of a surface: their text says all of them.
        "shared": repr(shared(first)),
        "channels": sites,
        "spacing": near_spacing(models),
        "grid": asked.grid,
        "record": asked.record,
        "run": {k: v for k, v in asked.run.items() if k not in ("member", "members")},
        "edges": _edges(asked, models),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _edges(asked: Scenario, models: Sequence[Any]) -> list[str]:
    """What decides the times of a record that names none: gates, and waveforms that move."""
    if {"every", "times"} & set(asked.record):
        return []
    channels = [c for m in models for c in m.resolved_channels]
    moving = [c.current for c in channels if not isinstance(getattr(c.current, "i", None), float)]
    return sorted({repr(c.gate) for c in channels} | {repr(current) for current in moving})


def _settle(folder: Path, manifest: bytes, about: dict[str, Any]) -> None:
    """Write the plan; planning the same again changes nothing, another one is refused."""
    text = json.dumps(about, indent=1)
    known = folder / "sweep.json"
    if known.exists():
        if json.loads(known.read_text("utf-8")).get("manifest") == about["manifest"]:
            return
        raise FileExistsError(f"'{folder}' holds another sweep. Plan this one into another folder.")
    (folder / "logs").mkdir(parents=True, exist_ok=True)  # Slurm writes no log where it has no folder
    for name, content in (("manifest.jsonl", manifest), ("sweep.json", text.encode())):
        new = folder / f".{name}.new"
        new.write_bytes(content)
        os.replace(new, folder / name)


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
