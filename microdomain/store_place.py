"""Where a store may be put, how it gets there, and how a disk that refuses it is spoken of."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microdomain.frames import stranger

#: Behind the name of a store that is not in its place yet, and of one that was replaced.
BEGUN, REPLACED = ".begun~", ".replaced~"


def make_room(path: Path, overwrite: bool) -> None:
    """Delete a store that may be replaced; see `check_room`."""
    if check_room(path, overwrite):
        shutil.rmtree(path)


def check_room(path: Path, overwrite: bool) -> bool:
    """Whether a store stands there that may be replaced; what may not be replaced is an error."""
    if not (path.exists() or path.is_symlink()):
        return False
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
    return True


def exchange(begun: Path, path: Path) -> None:
    """Put a store in its place; one that stands there is moved aside first and deleted last."""
    old = path.with_name(path.name + REPLACED)
    if old.is_dir():
        shutil.rmtree(old)
    if path.exists():
        path.rename(old)
    begun.rename(path)
    if old.is_dir():
        shutil.rmtree(old)


def clear_leftovers(path: Path) -> None:
    """Delete what processes that were killed left beside a store."""
    for word in (BEGUN, REPLACED):
        left = path.with_name(path.name + word)
        if left.is_dir():
            shutil.rmtree(left)


@contextmanager
def sentences(path: Path, doing: str) -> Iterator[None]:
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
