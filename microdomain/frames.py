"""How one array lies in a Zarr group: chunks, compression, names, and growth frame by frame.

`store` is the front; this file is what it writes with.  A frame is one entry along the growing
dimension; frames wait in a `Growth` until they are written together, their coordinate last, so
that the length of the coordinate is the number of frames that count.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import zarr

SHARED_CHUNK = 64 * 2**10
LARGEST_CHUNK = 256 * 2**20  # Blosc takes no buffer of 2 GiB or more


class Growth:
    """What grows along one dimension of one group: the frames that wait, and how many are written."""

    def __init__(self, node: zarr.Group, dim: str) -> None:
        self.node, self.group, self.dim = node, node.name, dim
        self.kinds: dict[str, tuple[tuple[str, ...], tuple[int, ...], np.dtype[Any], dict[str, Any]]] = {}
        self.waiting: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self.written = 0
        self.bytes = 0

    @classmethod
    def again(cls, node: zarr.Group, dim: str, count: int) -> Growth:
        """Go on with what has grown, from `count` frames; the coordinate is cut first, so that the
        group can be read at every moment."""
        growth = cls(node, dim)
        known: list[Any] = [array for _, array in node.arrays()]
        arrays = [array for array in known if (array.metadata.dimension_names or ("",))[0] == dim]
        arrays.sort(key=lambda array: array.basename != dim)
        for array in arrays:
            if array.shape[0] < count:
                raise ValueError(
                    f"'{node.store_path}' has {array.shape[0]} frames of '{array.basename}', and {count} are "
                    "known to have been written. Remove the checkpoint to start the run anew."
                )
            if array.shape[0] > count:
                array.resize((count, *array.shape[1:]))
        growth.written = count
        return growth

    def gather(self, variables: Mapping[str, Any], at: Any) -> None:
        """Copy frames of `variables` at the coordinate(s) `at` into the queue, checked."""
        where = np.array(at, dtype=np.float64)
        count = where.size
        frames: dict[str, np.ndarray] = {}
        kinds = dict(self.kinds)
        for name, variable in variables.items():
            if isinstance(variable, tuple):
                dims, values, attrs = unpack(name, variable)
            elif name in kinds:
                (dims, _, _, attrs), values = kinds[name], variable
            else:
                raise ValueError(
                    f"'{name}' is new in group '{self.group}': give (dims, values), not values alone."
                )
            block = np.array(values)
            block = block[np.newaxis] if where.ndim == 0 else block
            kind = kinds.setdefault(name, (dims, block.shape[1:], block.dtype, attrs))
            if block.ndim != len(dims) + 1 or block.shape != (count, *kind[1]) or dims != kind[0]:
                raise ValueError(
                    f"'{name}' in group '{self.group}' has frames of shape {kind[1]} over {kind[0]}; "
                    f"{count} of them at {self.dim} = {at} came as {np.shape(values)} over {dims}."
                )
            frames[name] = block.astype(kind[2], casting="same_kind", copy=False)
        if self.kinds and set(frames) != set(self.kinds):
            raise ValueError(
                f"Group '{self.group}' grows along '{self.dim}' by {listed(self.kinds)} together; "
                f"given were {listed(frames)}."
            )
        self.kinds = kinds
        self.waiting.append((where.reshape(count), frames))
        self.bytes += sum(block.nbytes for block in frames.values()) + where.nbytes

    def write(self) -> None:
        """Put the waiting frames on disk, the coordinate last; a second try writes the same places."""
        if not self.waiting:
            return
        at = np.concatenate([where for where, _ in self.waiting])
        old, new = self.written, self.written + len(at)
        notes = {"units": "ms"} if self.dim == "time" else {}
        rows: list[tuple[str, np.ndarray, tuple[str, ...], dict[str, Any]]] = [
            (name, np.concatenate([frames[name] for _, frames in self.waiting]), dims, attrs)
            for name, (dims, _, _, attrs) in self.kinds.items()
        ]
        rows.append((self.dim, at, (), notes))
        for name, block, dims, attrs in reversed(rows):  # the coordinate first: no frame counts yet
            if name not in self.node:
                frame = block.shape[1:]
                share = max(1, SHARED_CHUNK // max(1, block[:1].nbytes)) if name != self.dim else 1024
                chunks = (share, *chunk_shape(frame, block.itemsize))
                new_array(self.node, name, (0, *frame), (self.dim, *dims), block.dtype, chunks, attrs)
        arrays: list[Any] = [self.node[name] for name, _, _, _ in rows]
        try:
            for array, (_, block, _, _) in zip(arrays, rows, strict=True):
                array.resize((new, *block.shape[1:]))
                array[old:new] = block
        except OSError:
            with suppress(OSError):  # gives the room of half a frame back
                for array in reversed(arrays):
                    array.resize((old, *array.shape[1:]))
            raise
        self.written = new
        self.waiting.clear()
        self.bytes = 0


def write_array(node: zarr.Group, name: str, variable: Any) -> tuple[str, ...]:
    """Write a variable that does not grow, in place of what has its name; gives its dimensions."""
    dims, values, attrs = unpack(name, variable)
    array = np.asarray(values)
    made = new_array(
        node, name, array.shape, dims, array.dtype, chunk_shape(array.shape, array.itemsize), attrs
    )
    if array.size:
        made[...] = array
    return dims


def new_array(
    node: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, ...],
    attrs: Mapping[str, Any],
) -> zarr.Array[Any]:
    """Make an empty array, in place of what has its name."""
    from zarr.codecs import BloscCodec

    if len(dims) != len(shape):
        raise ValueError(f"'{name}' has {len(shape)} axes, but its dimensions are {dims}.")
    text = dtype.kind in "UOT"
    return node.create_array(
        name,
        shape=shape,
        dtype=str if text else dtype,
        chunks=chunks,
        compressors="auto" if text else BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        fill_value=np.nan if dtype.kind == "f" else None,  # what was never written shows
        dimension_names=dims,
        attributes={key: plain(value, f"{name}.{key}") for key, value in attrs.items()},
        overwrite=True,
    )


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """One chunk for the whole shape, halved along its leading axes while it is too large."""
    chunks = [max(1, n) for n in shape]
    for axis in range(len(chunks)):
        while chunks[axis] > 1 and int(np.prod(chunks)) * itemsize > LARGEST_CHUNK:
            chunks[axis] = -(-chunks[axis] // 2)
    return tuple(chunks)


def unpack(name: str, variable: Any) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    """Dimensions, values and attributes of a variable given as in xarray.Dataset."""
    if not isinstance(variable, tuple) or len(variable) not in (2, 3):
        raise ValueError(f"'{name}' must be (dims, values) or (dims, values, attrs), as in xarray.Dataset.")
    dims = (variable[0],) if isinstance(variable[0], str) else tuple(variable[0])
    return dims, variable[1], dict(variable[2]) if len(variable) == 3 else {}


def plain(value: Any, key: str) -> Any:
    """A value as JSON has it: NumPy's numbers and arrays become Python's, floats keep every bit."""
    if isinstance(value, Mapping):
        return {str(inner): plain(each, f"{key}.{inner}") for inner, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, f"{key}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist(), key)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    kind = type(value).__name__
    raise TypeError(f"Attribute '{key}' is a {kind}; a store keeps numbers, strings, lists and dictionaries.")


def listed(names: Iterable[str]) -> str:
    """Names in quotes, for an error's text."""
    return ", ".join(f"'{name}'" for name in names) or "none"


def counted_frames(node: zarr.Group) -> tuple[dict[str, int], bool]:
    """Frames that count along each dimension with a coordinate, and whether any array is longer."""
    counts: dict[str, int] = {}
    arrays = dict(node.arrays())
    crooked = False
    for dim, array in arrays.items():
        if array.metadata.dimension_names == (dim,) and array.dtype.kind == "f":  # type: ignore[union-attr]
            missing = np.flatnonzero(np.isnan(np.asarray(array[...])))
            counts[dim] = int(missing[0]) if missing.size else array.shape[0]
    for array in arrays.values():
        names = array.metadata.dimension_names or ()  # type: ignore[union-attr]
        lengths = zip(names, array.shape, strict=False)
        crooked |= any(counts.get(str(dim), length) != length for dim, length in lengths)
    return counts, crooked


def stranger(folder: Path, inner: bool = False) -> Path | None:
    """The first thing in a folder that belongs to no Zarr v3 store, None if all does."""
    if folder.is_symlink() or not folder.is_dir():
        return folder
    if inner and all(entry.suffix == ".partial" for entry in folder.iterdir()):
        return None  # a process was killed while it made an array
    try:
        kind = json.loads((folder / "zarr.json").read_text())["node_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return folder
    for entry in sorted(folder.iterdir()):
        if entry.name == "zarr.json" or entry.suffix == ".partial" or (kind == "array" and entry.name == "c"):
            continue
        found = entry if kind == "array" else stranger(entry, inner=True)
        if found is not None:
            return found
    return None


@contextmanager
def leftovers_ignored() -> Iterator[None]:
    """Zarr warns of the temporary files and empty folders that a killed write leaves; they harm nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Object at .* is not recognized")
        yield


def open_root(path: str | Path) -> zarr.Group:
    """The root of a store for reading, or a sentence about what stands there instead."""
    import zarr

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no store at '{path}'. Give the folder that a run wrote with -o or out=."
        )
    try:
        root = zarr.open_group(path, mode="r", zarr_format=3)
        ours = "microdomain_store" in root.attrs
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"'{path}' is not a Zarr store. Give the folder that a run wrote.") from error
    if not ours:
        raise ValueError(f"'{path}' is a Zarr store, but not one that microdomain wrote.")
    return root
