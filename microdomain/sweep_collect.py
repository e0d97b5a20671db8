"""What a sweep came to: how far it is, one dataset over its axes, one table of its points."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.sweep_plan import Sweep

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Status:
    """How far a sweep is.

    Attributes
    ----------
    points, done, failed, waiting : int
    stopped : int                 batches that were begun and go on from a checkpoint
    errors : dict                 index of a failed point -> why
    """

    points: int
    done: int
    failed: int
    waiting: int
    stopped: int
    errors: dict[int, str]

    def __str__(self) -> str:
        lines = [f"{self.points} points: {self.done} done, {self.failed} failed, {self.waiting} waiting"]
        if self.stopped:
            lines.append(f"{self.stopped} batches were begun and go on when the sweep is run again")
        lines += [f"point {n} failed: {words}" for n, words in sorted(self.errors.items())[:10]]
        if len(self.errors) > 10:
            lines.append(f"... and {len(self.errors) - 10} more")
        return "\n".join(lines)


def status(folder: str | Path) -> Status:
    """Count what is done.

    Parameters
    ----------
    folder : str or Path          a planned sweep

    Returns
    -------
    Status
    """
    sweep = Sweep(folder)
    done, failed = sweep.marked("done"), sweep.marked("failed")
    mine = [p for p in sweep.points if p.key in failed and p.key not in done]
    try:
        begun = sum(name.endswith(".checkpoint") for name in os.listdir(sweep.folder / "results"))
    except FileNotFoundError:
        begun = 0
    count = sum(p.key in done for p in sweep.points)
    errors = {p.index: str(sweep.read_mark("failed", p.key)["error"]) for p in mine}
    return Status(len(sweep.points), count, len(mine), len(sweep.points) - count - len(mine), begun, errors)


def table(folder: str | Path) -> tuple[list[str], list[list[Any]]]:
    """A row per point: its changes, its summary, and whether it is done.

    Parameters
    ----------
    folder : str or Path          a planned sweep

    Returns
    -------
    columns, rows
    """
    sweep = Sweep(folder)
    done, failed = sweep.marked("done"), sweep.marked("failed")
    keys = list(dict.fromkeys(key for p in sweep.points for key in p.changes))
    found = {p.index: sweep.read_mark("done", p.key)["summary"] for p in sweep.points if p.key in done}
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    rows = []
    for p in sweep.points:
        state = "done" if p.key in done else "failed" if p.key in failed else "waiting"
        told = found.get(p.index, {})
        rows.append([p.index, state, *(p.changes.get(k) for k in keys), *(told.get(n) for n in names)])
    return ["point", "state", *keys, *names], rows


def write_table(folder: str | Path, file: str | Path) -> Path:
    """Write the table of a sweep as CSV or Parquet, as the file's ending says.

    Parameters
    ----------
    folder : str or Path          a planned sweep
    file : str or Path            ends with .csv or .parquet

    Returns
    -------
    Path

    Raises
    ------
    ValueError                    another ending
    ImportError                   Parquet needs pandas and pyarrow
    """
    file = Path(file)
    if file.suffix not in (".csv", ".parquet"):
        raise ValueError(f"'{file}': a table ends with .csv or .parquet.")
    columns, rows = table(folder)
    new = file.with_name(f".{file.name}.new")
    if file.suffix == ".csv":
        with new.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([columns, *rows])
    else:
        try:
            import pandas
            import pyarrow  # noqa: F401
        except ImportError:
            raise ImportError(
                'A Parquet file needs `pip install "microdomain[batch]"`; CSV does not.'
            ) from None
        frame = pandas.DataFrame(rows, columns=columns)
        for name in columns:  # values of several kinds in one column are written as text
            if frame[name].dtype == object:
                frame[name] = frame[name].map(lambda v: v if v is None or isinstance(v, str) else str(v))
        frame.to_parquet(new, index=False)
    os.replace(new, file)
    return file


def collect(folder: str | Path, traces: bool = True) -> xarray.Dataset:
    """One dataset over the swept axes; what is not done is NaN.

    Parameters
    ----------
    folder : str or Path          a planned sweep
    traces : bool                 add time courses at mouths and probes, where all points have the same times

    Returns
    -------
    xarray.Dataset                summaries over the axes; `concentration`, `reversal`, `influx` over the
                                  axes, time and channel; probes over the axes, time and point
    """
    import xarray

    sweep = Sweep(folder)
    axes = sweep.about["axes"]
    names = [axis["name"] for axis in axes]
    shape = tuple(len(axis["labels"]) for axis in axes)
    coords: dict[str, Any] = {}
    for axis in axes:
        attrs = {"keys": ", ".join(axis["keys"])} | ({"units": axis["unit"]} if axis["unit"] else {})
        coords[axis["name"]] = (axis["name"], np.array(axis["labels"]), attrs)
    for n, axis in enumerate(axes):  # an axis that moves several keys carries what they are
        for key in axis["keys"] if len(axis["keys"]) > 1 or axis["labels"] == list(range(shape[n])) else ():
            values = [None] * shape[n]
            for p in sweep.points:
                values[p.at[n]] = p.changes.get(key)
            coords[key] = (axis["name"], np.array([str(v) for v in values]))
    done = sweep.marked("done")
    data: dict[str, Any] = {}
    marks = {p.index: sweep.read_mark("done", p.key) for p in sweep.points if p.key in done}
    for index, mark in marks.items():
        for name, value in mark["summary"].items():
            data.setdefault(name, np.full(shape, np.nan))[sweep.points[index].at] = value
    variables = {name: (names, values) for name, values in data.items()}
    out = xarray.Dataset(variables, coords=coords, attrs={"title": sweep.title, "points": len(sweep.points)})
    return out.merge(_traces(sweep, marks, names, shape)) if traces and marks else out


def write_dataset(data: xarray.Dataset, path: str | Path) -> None:
    """Write a dataset as a Zarr store, which `xarray.open_zarr(path, consolidated=False)` opens.

    Parameters
    ----------
    data : xarray.Dataset
    path : str or Path            must not exist
    """
    from microdomain import store

    def parts(variables: Any) -> dict[str, Any]:
        return {str(name): (v.dims, v.values, dict(v.attrs)) for name, v in variables.items()}

    with store.create(path, attrs=dict(data.attrs), aside=True) as out:
        out.put("/", parts(data.data_vars), coords=parts(data.coords))
        out.settle()


def _traces(
    sweep: Sweep, marks: dict[int, dict[str, Any]], names: list[str], shape: tuple[int, ...]
) -> xarray.Dataset:
    """Time courses of all points; an empty dataset where their times or channels differ."""
    import xarray

    from microdomain import store

    whole: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    wanted = {"mouths": ("concentration", "reversal", "influx"), "probes": None}
    for run in sorted({mark["run"] for mark in marks.values()}):
        path = sweep.folder / "results" / run
        for group in [g for g in wanted if g in store.groups(path)]:
            data = store.read(path, group).load()
            for name in wanted[group] or map(str, data.data_vars):
                values = data[name]
                place = str(values.dims[-1])
                mine: dict[str, Any] = {"time": data["time"].values, place: data[place].values}
                known = {k: coords.setdefault(k, v) for k, v in mine.items()}
                if any(not np.array_equal(known[k], mine[k]) for k in mine):
                    return xarray.Dataset(attrs={"traces": "left out: times or channels differ"})
                title = f"[{name}]" if group == "probes" else name
                if title not in whole:
                    blank = np.full((*shape, len(mine["time"]), len(mine[place])), np.nan)
                    whole[title] = ((*names, "time", place), blank, dict(values.attrs))
                for index, mark in marks.items():
                    if mark["run"] == run:
                        own = values.isel(member=slice(*mark["members"])).mean("member", keep_attrs=True)
                        whole[title][1][sweep.points[index].at] = own.transpose("time", place).values
    ticks = {k: (k, v, {"units": "ms"} if k == "time" else {}) for k, v in coords.items()}
    return xarray.Dataset(whole, coords=ticks)
