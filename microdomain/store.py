"""Arrays and dictionaries on disk: a Zarr v3 folder that grows while a run goes on.

The contract
------------
A store holds groups: "/" is the root, "solver" or "solver/history" lie below it.  A group is what
xarray calls a dataset: arrays whose dimensions have names, and a dictionary of attributes. ::

    x = ("x", centres, {"units": "um"})
    with store.create("out.zarr", attrs={"model": {...}}, coords={"x": x}) as out:
        out.put("solver", {"kappa": ("member", kappa)}, attrs={"plan": {...}})
        out.append("/", {"Ca": (("z", "y", "x"), field, {"units": "uM"})}, time=0.1)
        out.append("mouths", {"Ca": ("channel", values, {"units": "uM"})}, time=0.1)
    store.read("out.zarr")              # the root as a lazy xarray.Dataset
    store.read("out.zarr", "mouths")

- A variable is ``(dims, values)`` or ``(dims, values, attrs)`` as in `xarray.Dataset`; once it has
  been appended to, bare values do.  Values are NumPy arrays (fetch them from a device first).
- The keyword of `append` names the growing dimension and its coordinate; ``time`` is in ms.  A
  group may grow along several.  A 1-D coordinate appends that many frames at once.
- Frames are copied, gathered, and written after 16 MiB or a second; `Writer.flush` writes now.
- One chunk is one frame; frames below 64 KiB share one.  Blosc, zstd level 3, byte shuffle.
- A frame counts when its coordinate stands on disk, which is written last.  `read` cuts to the
  frames that count, so it opens a store at every moment, also after a kill between two writes.
- The root's attribute ``complete`` is False until `Writer.close`; ``partial_because`` tells why a
  run that raised stopped.  ``xarray.open_zarr(path, consolidated=False)`` opens closed stores, too.
- `create` refuses a path that exists.  ``overwrite=True`` deletes it, but only a Zarr store.

Only this file and `read`'s callers know Zarr; nothing here knows what a result is.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.frames import (
    Growth,
    counted_frames,
    leftovers_ignored,
    listed,
    open_root,
    plain,
    stranger,
    write_array,
)

if TYPE_CHECKING:
    import xarray
    import zarr

FORMAT = 1
FLUSH_BYTES = 16 * 2**20
FLUSH_SECONDS = 1.0


def create(
    path: str | Path,
    attrs: Mapping[str, Any] | None = None,
    coords: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Writer:
    """Begin a store.

    Parameters
    ----------
    path : str or Path            folder to make; missing parents are made, too
    attrs : dict, optional        attributes of the root: numbers, strings, lists, dictionaries
    coords : dict, optional       coordinates of the root: name -> (dims, values[, attrs])
    overwrite : bool              delete a store that stands there; anything else is left alone

    Returns
    -------
    Writer                        a context manager; leaving it closes the store

    Raises
    ------
    FileExistsError               the path exists, or is no Zarr store and so is not deleted
    OSError                       no permission, or the disk is full
    """
    import zarr

    path = Path(path)
    with _sentences(path, "starting it"):
        _make_room(path, overwrite)
        root = zarr.open_group(path, mode="w", zarr_format=3)
        root.attrs.update({"microdomain_store": FORMAT, "complete": False})
    writer = Writer(path, root)
    writer.put("/", attrs=attrs, coords=coords)
    return writer


def read(path: str | Path, group: str = "/") -> xarray.Dataset:
    """A group of a store as a dataset; arrays are fetched from disk when they are used.

    Parameters
    ----------
    path : str or Path            a store, complete or not; one that is being written will do
    group : str                   "/" for the root, else the name given to `Writer.put` or `append`

    Returns
    -------
    xarray.Dataset                without frames that were not written to the end

    Raises
    ------
    FileNotFoundError             there is nothing at the path
    ValueError                    the path is no store of ours, or has no such group
    """
    import xarray

    root = open_root(path)
    inside = group.strip("/")
    if inside and inside not in groups(path):
        raise ValueError(f"No group '{group}' in '{path}'; it has {listed(groups(path))}.")
    node: Any = root[inside] if inside else root
    with leftovers_ignored():
        counts, crooked = counted_frames(node)
        lazily = partial(
            xarray.open_dataset, path, engine="zarr", group=inside, consolidated=False, chunks=None
        )
        if crooked:
            # Arrays of unequal length make no dataset: each is opened alone and cut to the frames that count.
            names = set(node.array_keys())
            parts = [lazily(drop_variables=names - {name}) for name in sorted(names)]
            cut = [part.isel({d: slice(n) for d, n in counts.items() if d in part.dims}) for part in parts]
            data = xarray.merge(cut, compat="no_conflicts", join="exact", combine_attrs="override")
        else:
            data = lazily()
    for name in [name for name, variable in data.variables.items() if variable.dtype.kind == "T"]:
        text = data[name]  # from NumPy's newer kind of text to the one that every tool knows
        data[name] = text.dims, np.array(text.values.tolist(), dtype=str).reshape(text.shape), text.attrs
    return data


def groups(path: str | Path) -> tuple[str, ...]:
    """Names of the groups below the root of a store, sorted.

    Parameters
    ----------
    path : str or Path            a store

    Returns
    -------
    tuple of str                  such as ("mouths", "solver", "solver/history")
    """
    import zarr

    root = open_root(path)
    with leftovers_ignored():
        found = [name for name, node in root.members(max_depth=None) if isinstance(node, zarr.Group)]
    return tuple(sorted(found))


class Writer:
    """An open store; made by `create`, closed by `close` or by leaving its ``with`` block.

    Parameters
    ----------
    path : Path                   the store's folder
    root : zarr.Group             its root
    """

    def __init__(self, path: Path, root: zarr.Group) -> None:
        self.path = path
        self.closed = False
        self._root = root
        self._growths: dict[tuple[str, str], Growth] = {}
        self._flushed = time.monotonic()

    def put(
        self,
        group: str,
        variables: Mapping[str, Any] | None = None,
        attrs: Mapping[str, Any] | None = None,
        coords: Mapping[str, Any] | None = None,
    ) -> None:
        """Write arrays that do not grow, or attributes; what stands under the same names is replaced.

        Parameters
        ----------
        group : str                   "/" or a name; made if it is new
        variables, coords : dict      name -> (dims, values[, attrs]); text arrays are allowed
        attrs : dict                  numbers, strings, lists, dictionaries
        """
        with _sentences(self.path, f"writing its group '{group}'"):
            node = self._node(group)
            for name, variable in (variables or {}).items():
                write_array(node, name, variable)
            spans = {name: write_array(node, name, variable) for name, variable in (coords or {}).items()}
            beside = [name for name, dims in spans.items() if dims != (name,)]
            if beside:  # how xarray knows a coordinate that is no dimension
                known = str(node.attrs.get("coordinates", "")).split()
                node.attrs["coordinates"] = " ".join(dict.fromkeys([*known, *beside]))
            if attrs:
                node.attrs.update({key: plain(value, key) for key, value in attrs.items()})

    def append(self, group: str, variables: Mapping[str, Any], **index: Any) -> None:
        """Add frames along a growing dimension.

        Parameters
        ----------
        group : str                   "/" or a name; made if it is new
        variables : dict              name -> (dims, frame[, attrs]) the first time, then frame will do;
                                      the growing dimension is not among dims; every call has the same names
        **index : float or (n,) array the growing dimension = its coordinate; an array stands for n
                                      frames, which are then the values' first axis

        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with create(folder + "/a.zarr") as out:
        ...         out.append("/", {"Ca": ("x", np.ones(3))}, time=0.0)
        ...         out.append("/", {"Ca": np.ones((2, 3))}, time=[0.1, 0.2])
        ...     read(folder + "/a.zarr")["Ca"].shape
        (3, 3)
        """
        if len(index) != 1:
            raise TypeError(
                f"append takes one growing dimension, as in time=0.1; given were {listed(index)}."
            )
        ((dim, at),) = index.items()
        if self.closed or (group, dim) not in self._growths:
            with _sentences(self.path, f"beginning its group '{group}'"):
                self._growths[group, dim] = Growth(self._node(group), dim)
        self._growths[group, dim].gather(variables, at)
        waiting = sum(each.bytes for each in self._growths.values())
        if waiting >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write every frame that waits in memory."""
        with _sentences(self.path, "writing frames"):
            for growth in self._growths.values():
                growth.write()
        self._flushed = time.monotonic()

    def close(self, complete: bool = True, reason: str | None = None) -> None:
        """Write what waits and say whether the store is whole; closing twice does nothing.

        Parameters
        ----------
        complete : bool               False leaves the store marked as partial
        reason : str, optional        kept as the attribute `partial_because`
        """
        if self.closed:
            return
        self.flush()
        with _sentences(self.path, "closing it"):
            self._root.attrs.update({"complete": complete} | ({"partial_because": reason} if reason else {}))
        self.closed = True

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        # The error on its way out matters more than a second one from the same full disk.
        with suppress(OSError):
            self.close(complete=False, reason=f"{kind.__name__}: {error}".removesuffix(": "))
        self.closed = True

    def _node(self, group: str) -> zarr.Group:
        if self.closed:
            raise ValueError(f"'{self.path}' is closed; nothing can be added to it.")
        return self._root.require_group(group.strip("/")) if group.strip("/") else self._root


def _make_room(path: Path, overwrite: bool) -> None:
    if not (path.exists() or path.is_symlink()):
        return
    if not overwrite:
        raise FileExistsError(
            f"'{path}' exists. Choose another name, or allow it to be replaced (--overwrite)."
        )
    foreign = stranger(path)
    if foreign is not None:
        raise FileExistsError(
            f"'{path}' is not a Zarr store, or holds more than one ('{foreign}'). Nothing was deleted; "
            "choose another name."
        )
    shutil.rmtree(path)


@contextmanager
def _sentences(path: Path, doing: str) -> Iterator[None]:
    """Full disks and missing permissions, said so that a user can act."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = OSError(
                f"The disk that holds '{path}' was full while {doing}. What was recorded before stays "
                "readable; free some space, or choose another place."
            )
            full.errno = error.errno
            raise full from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise PermissionError(
                f"'{path}' may not be written (while {doing}). Choose a place that you own."
            ) from error
        raise
