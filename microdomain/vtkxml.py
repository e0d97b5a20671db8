"""VTK's XML files written by hand, so that ParaView reads results and the base install needs no VTK.

Three kinds: ``.vti`` (a uniform grid), ``.vtr`` (a graded grid), ``.pvd`` (a series of either in
time).  The layout is that of the VTK file formats guide (Kitware): an XML head that names each array
and its offset, then all arrays as raw little-endian bytes, each after its length as a UInt64. ::

    <DataArray type="Float64" Name="Ca (uM)" format="appended" offset="0"/>  ...
    <AppendedData encoding="raw"> _ [8 bytes: length][bytes][8 bytes: length][bytes] ... </AppendedData>

Arrays are ``[z, y, x]`` with x contiguous, which is VTK's own order; a last axis of three makes a
vector.  Cell data have one value per cell, point data one per corner of the grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

VTK_NAMES = {
    "f8": "Float64",
    "f4": "Float32",
    "i8": "Int64",
    "i4": "Int32",
    "i2": "Int16",
    "i1": "Int8",
    "u8": "UInt64",
    "u4": "UInt32",
    "u2": "UInt16",
    "u1": "UInt8",
}


def write_image(
    path: str | Path,
    origin: Sequence[float],
    spacing: Sequence[float],
    cell_data: Mapping[str, Any] | None = None,
    point_data: Mapping[str, Any] | None = None,
) -> Path:
    """Write a uniform grid as `.vti`.

    Parameters
    ----------
    path : str or Path            ends in .vti
    origin : (x, y, z), um        the lower corner of the box
    spacing : (x, y, z), um       edges of one cell
    cell_data : dict              name -> (nz, ny, nx[, 3]) array, one value per cell
    point_data : dict             name -> (nz + 1, ny + 1, nx + 1[, 3]) array, one value per corner

    Returns
    -------
    Path                          the file written
    """
    cells = _cells(cell_data, point_data)
    extent = " ".join(f"0 {n}" for n in cells)
    head = (
        f'WholeExtent="{extent}" Origin="{_numbers(origin)}" Spacing="{_numbers(spacing)}" '
        'Direction="1 0 0 0 1 0 0 0 1"'
    )
    return _write(Path(path), ".vti", "ImageData", head, extent, cells, cell_data, point_data, ())


def write_rectilinear(
    path: str | Path,
    faces: Sequence[Any],
    cell_data: Mapping[str, Any] | None = None,
    point_data: Mapping[str, Any] | None = None,
) -> Path:
    """Write a graded grid as `.vtr`.

    Parameters
    ----------
    path : str or Path            ends in .vtr
    faces : three arrays, um      coordinates of the cell faces along x, y and z, ascending
    cell_data : dict              name -> (nz, ny, nx[, 3]) array, one value per cell
    point_data : dict             name -> (nz + 1, ny + 1, nx + 1[, 3]) array, one value per corner

    Returns
    -------
    Path                          the file written
    """
    axes = [np.asarray(axis, dtype=np.float64) for axis in faces]
    for name, axis in zip("xyz", axes, strict=True):
        if axis.ndim != 1 or axis.size < 2 or not (np.diff(axis) > 0).all():
            raise ValueError(
                f"The faces along {name} must be two or more ascending numbers; given was {axis}."
            )
    cells = tuple(axis.size - 1 for axis in axes)
    extent = " ".join(f"0 {n}" for n in cells)
    head = f'WholeExtent="{extent}"'
    return _write(Path(path), ".vtr", "RectilinearGrid", head, extent, cells, cell_data, point_data, axes)


def write_series(path: str | Path, frames: Iterable[tuple[float, str | Path]]) -> Path:
    """Write a time series as `.pvd`, a list of `.vti` or `.vtr` files.

    Parameters
    ----------
    path : str or Path            ends in .pvd
    frames : (time, file) pairs   time in ms; files are named relative to the folder of `path`

    Returns
    -------
    Path                          the file written
    """
    path = _checked(Path(path), ".pvd")
    rows = [
        f'    <DataSet timestep="{float(time)!r}" group="" part="0" file={quoteattr(_beside(path, file))}/>'
        for time, file in frames
    ]
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="Collection" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        "  <Collection>",
        *rows,
        "  </Collection>",
        "</VTKFile>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write(
    path: Path,
    suffix: str,
    kind: str,
    head: str,
    extent: str,
    cells: tuple[int, ...],
    cell_data: Mapping[str, Any] | None,
    point_data: Mapping[str, Any] | None,
    axes: Sequence[np.ndarray],
) -> Path:
    blocks: list[np.ndarray] = []
    offset = 0

    def declare(name: str, values: Any, components: int = 1) -> str:
        nonlocal offset
        array = _plain(name, values)
        blocks.append(array)
        place, offset = offset, offset + 8 + array.nbytes
        return (
            f'<DataArray type="{VTK_NAMES[array.dtype.str[1:]]}" Name={quoteattr(name)} '
            f'NumberOfComponents="{components}" format="appended" offset="{place}"/>'
        )

    def section(tag: str, data: Mapping[str, Any] | None, shape: tuple[int, ...]) -> list[str]:
        lines = [f"<{tag}>"]
        for name, values in (data or {}).items():
            given = np.shape(values)
            if given[:3] != shape[::-1] or given[3:] not in ((), (3,)):
                raise ValueError(
                    f"'{name}' has shape {given}; {tag} of this grid has {shape[::-1]} as [z, y, x]."
                )
            lines.append(declare(name, values, 3 if given[3:] else 1))
        return [*lines, f"</{tag}>"]

    piece = [
        *section("PointData", point_data, tuple(n + 1 for n in cells)),
        *section("CellData", cell_data, cells),
    ]
    if axes:
        piece += [
            "<Coordinates>",
            *(declare(n, a) for n, a in zip("xyz", axes, strict=True)),
            "</Coordinates>",
        ]
    lines = [
        '<?xml version="1.0"?>',
        f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        f"<{kind} {head}>",
        f'<Piece Extent="{extent}">',
        *piece,
        f"</Piece>\n</{kind}>",
        '<AppendedData encoding="raw">\n_',
    ]
    with _checked(path, suffix).open("wb") as file:
        file.write("\n".join(lines).encode())
        for array in blocks:
            file.write(np.uint64(array.nbytes).astype("<u8").tobytes())
            file.write(array.data)
        file.write(b"\n</AppendedData>\n</VTKFile>\n")
    return path


def _plain(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if little.dtype.str[1:] not in VTK_NAMES:
        raise TypeError(f"'{name}' is of type {array.dtype}; a VTK file holds integers, float32 and float64.")
    return little


def _cells(cell_data: Mapping[str, Any] | None, point_data: Mapping[str, Any] | None) -> tuple[int, ...]:
    for data, more in ((cell_data, 0), (point_data, 1)):
        for values in (data or {}).values():
            return tuple(n - more for n in np.shape(values)[2::-1])
    raise ValueError("A uniform grid takes its size from its data; give cell_data or point_data.")


def _numbers(values: Sequence[float]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _beside(path: Path, file: str | Path) -> str:
    file = Path(file)
    return (file.relative_to(path.parent) if file.is_relative_to(path.parent) else file).as_posix()


def _checked(path: Path, suffix: str) -> Path:
    if path.suffix != suffix:
        raise ValueError(f"'{path}' must end in {suffix}; ParaView goes by the name.")
    return path
