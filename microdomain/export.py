"""Results for ParaView: one VTK file per frame and a .pvd that lists them in time.

A uniform grid becomes ``.vti``, a graded one ``.vtr``.  Fields are cell data: concentrations and potentials
are the values at the cell centres, near field included; bound buffers are cell averages.  (ParaView draws
cells flat; its filter "Cell Data to Point Data" makes them smooth.)

    folder/results.pvd, folder/results_0000.vti, folder/results_0001.vti, ...

Several members become several series, ``results_NAME.pvd`` or ``results_member0.pvd``.  The files are
written by `vtkxml`; nothing here needs VTK.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microdomain import vtkxml
from microdomain.grid import Grid

#: Cells whose widths differ by less than this part count as equal.
EVEN = 1e-9


def export(
    results: Any, path: str | Path, fields: Sequence[str] | None = None, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write a result as VTK files.

    Parameters
    ----------
    results : Results
    path : str or Path              a folder, made if need be; or a .pvd, whose frames go beside it
    fields : sequence of str        recorded species and "E_<ion>", e.g. ("Ca", "E_Ca"); when left out all
                                    species, and E of every ion whose outside concentration is known
    overwrite : bool                replace an earlier export of this name, its frames included

    Returns
    -------
    tuple of Path                   the .pvd files, one per member; array names carry units, "E_Ca (mV)"

    Raises
    ------
    ValueError                      a field that the result does not have
    FileExistsError                 an export of this name is there already
    """
    path = Path(path)
    series = path.suffix == ".pvd"
    folder, stem = (path.parent, path.stem) if series else (path, "results")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"'{folder}' is a file; give a folder or a .pvd to export to.")
    data = {f"{name} ({units})": values for name, units, values in _fields(results, fields)}
    names = [stem] if results.members == 1 else [f"{stem}_{label}" for label in _labels(results)]
    _make_room(folder, names, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    times = np.asarray(results.dataset["time"].values, dtype=float)
    written = []
    for m, name in enumerate(names):
        frames = []
        for k, t in enumerate(times):
            cells = {label: _frame(values, m, k) for label, values in data.items()}
            frames.append((float(t), _write(folder / f"{name}_{k:04d}", results.grid, cells)))
        written.append(vtkxml.write_series(folder / f"{name}.pvd", frames))
    return tuple(written)


def _fields(results: Any, fields: Sequence[str] | None) -> list[tuple[str, str, Any]]:
    """Name, unit and map of every field that was asked for."""
    known = [str(name) for name in results.dataset.data_vars]
    volts = [f"E_{i.name}" for i in results.model.ions if i.outside is not None]
    chosen = [*known, *volts] if fields is None else [fields] if isinstance(fields, str) else list(fields)
    if not chosen:
        raise ValueError("fields is empty; name at least one, or leave it out for all.")
    out = []
    for name in chosen:
        if name not in known and name not in volts:
            raise ValueError(f"No field '{name}' in this result; it has {', '.join([*known, *volts])}.")
        values = results.dataset[name] if name in known else results.reversal(name.removeprefix("E_"))
        out.append((name, str(values.attrs.get("units", "uM")), values))
    return out


def _labels(results: Any) -> list[str]:
    """Members as parts of file names, none twice."""
    names = results.member_names or [f"member{m}" for m in range(results.members)]
    plain = [re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.") for name in names]
    return [f"{m}-{name}" if plain.count(name) > 1 or not name else name for m, name in enumerate(plain)]


def _make_room(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Refuse, or delete, what an earlier export of these names left."""
    frame = re.compile(rf"({'|'.join(map(re.escape, names))})(_\d{{4,}}\.vt[ir]|\.pvd)")
    there = sorted(p for p in folder.iterdir() if frame.fullmatch(p.name)) if folder.is_dir() else []
    if there and not overwrite:
        raise FileExistsError(
            f"'{there[0]}' exists. Choose another name, or allow it to be replaced (overwrite=True)."
        )
    for old in there:
        old.unlink()


def _frame(values: Any, member: int, k: int) -> np.ndarray:
    frame = values.isel(time=k)
    frame = frame.isel(member=member) if "member" in frame.dims else frame
    return np.asarray(frame.transpose("z", "y", "x").values)


def _write(stem: Path, grid: Grid, cells: dict[str, np.ndarray]) -> Path:
    even = all(np.ptp(w) <= EVEN * w.max() for w in grid.widths)
    if not even:
        return vtkxml.write_rectilinear(stem.with_name(stem.name + ".vtr"), grid.faces, cells)
    origin = [float(f[0]) for f in grid.faces]
    spacing = [float((f[-1] - f[0]) / (f.size - 1)) for f in grid.faces]
    return vtkxml.write_image(stem.with_name(stem.name + ".vti"), origin, spacing, cells)
