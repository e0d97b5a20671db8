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

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from microdomain.frames import (
    Growth,
    counted_frames,
    leftovers_ignored,
    listed,
    open_root,
    plain,
    write_array,
)
from microdomain.store_place import BEGUN, check_room, exchange, make_room, sentences
from microdomain.store_read import groups, read

if TYPE_CHECKING:
    import zarr

__all__ = ["Writer", "create", "groups", "read", "reopen"]

FORMAT = 1
FLUSH_BYTES = 16 * 2**20
FLUSH_SECONDS = 1.0
#: The dimension along which a run grows its groups.
GROWING = "time"


def create(
    path: str | Path,
    attrs: Mapping[str, Any] | None = None,
    coords: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    aside: bool = False,
) -> Writer:
    """Begin a store.

    Parameters
    ----------
    path : str or Path            folder to make; missing parents are made, too
    attrs : dict, optional        attributes of the root: numbers, strings, lists, dictionaries
    coords : dict, optional       coordinates of the root: name -> (dims, values[, attrs])
    overwrite : bool              delete a store that stands there; anything else is left alone
    aside : bool                  begin under another name; `Writer.settle` then puts it in its place at
                                  once, so that nobody ever sees a store without its beginning

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
    with sentences(path, "starting it"):
        begun = path.with_name(path.name + BEGUN) if aside else path
        if aside:
            check_room(path, overwrite)
            if begun.is_dir():  # a process was killed before it settled
                shutil.rmtree(begun)
        else:
            make_room(path, overwrite)
        root = zarr.open_group(begun, mode="w", zarr_format=3)
        root.attrs.update({"microdomain_store": FORMAT, "complete": False})
    writer = Writer(path, root, begun)
    writer.put("/", attrs=attrs, coords=coords)
    return writer


def reopen(path: str | Path, counts: Mapping[str, int]) -> Writer:
    """Go on with a store that was left, from a known number of frames.

    Parameters
    ----------
    path : str or Path
    counts : dict                 what `Writer.counts` gave; frames beyond them are cut off

    Returns
    -------
    Writer

    Raises
    ------
    ValueError                    the store has fewer frames than that
    """
    import zarr

    open_root(path)
    with sentences(Path(path), "opening it again"), leftovers_ignored():
        root = zarr.open_group(path, mode="r+", zarr_format=3)
        root.attrs["complete"] = False
        writer = Writer(Path(path), root)
        for group in ("/", *groups(path)):
            node = writer._node(group)
            for dim in counted_frames(node)[0]:
                key = f"{group} {dim}"
                if key in counts or dim == GROWING:
                    writer._growths[group, dim] = Growth.again(node, dim, counts.get(key, 0))
    return writer


class Writer:
    """An open store; made by `create`, closed by `close` or by leaving its ``with`` block.

    Parameters
    ----------
    path : Path                   the store's folder
    root : zarr.Group             its root
    begun : Path, optional        where it lies until it settles
    """

    def __init__(self, path: Path, root: zarr.Group, begun: Path | None = None) -> None:
        self.path = path
        self.begun = path if begun is None else begun
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
        with sentences(self.path, f"writing its group '{group}'"):
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
            with sentences(self.path, f"beginning its group '{group}'"):
                self._growths[group, dim] = Growth(self._node(group), dim)
        self._growths[group, dim].gather(variables, at)
        waiting = sum(each.bytes for each in self._growths.values())
        if waiting >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write every frame that waits in memory."""
        with sentences(self.path, "writing frames"):
            for growth in self._growths.values():
                growth.write()
        self._flushed = time.monotonic()

    def settle(self) -> None:
        """Put a store that was begun aside in its place; one that stands there goes when this one is in."""
        import zarr

        if self.begun == self.path:
            return
        self.flush()
        with sentences(self.path, "putting it in its place"):
            exchange(self.begun, self.path)
            self.begun = self.path
            self._root = zarr.open_group(self.path, mode="r+", zarr_format=3)
            self._growths.clear()

    @property
    def counts(self) -> dict[str, int]:
        """Frames on disk of every group and growing dimension, as "group dimension" -> count."""
        return {f"{group} {dim}": growth.written for (group, dim), growth in self._growths.items()}

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
        with sentences(self.path, "closing it"):
            about = {k: v for k, v in self._root.attrs.asdict().items() if k != "partial_because"}
            self._root.attrs.put(
                about | {"complete": complete} | ({"partial_because": reason} if reason else {})
            )
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
