"""One file that holds all a run needs to go on, and the lock that keeps a second process away.

The file is written under a temporary name, forced to the disk and renamed, so that at every moment
either the old state or the new one stands there whole.  It lies beside the store (``out.zarr`` has
``out.zarr.checkpoint`` and, while a process writes, ``out.zarr.lock``): a store holds results only.

The lock is the kernel's (`flock`): it goes away with the process that held it, however that died.
"""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

FORMAT = 2
_ABOUT = "about"


class Stopped(RuntimeError):
    """A signal ended the run; its state is saved and it wants to be started again.

    Attributes
    ----------
    signal : int                  number of the signal
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text, signal)
        self.signal = signal

    def __str__(self) -> str:
        return str(self.args[0])


def place(out: str | Path) -> Path:
    """Where the checkpoint of a store lies."""
    out = Path(out)
    return out.with_name(out.name + ".checkpoint")


def save(path: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write a checkpoint in place of the old one; a crash at any moment leaves one of the two.

    Parameters
    ----------
    path : str or Path
    arrays : dict                 name -> array, numbers only
    about : dict                  what JSON can hold

    Raises
    ------
    OSError                       the disk is full, or the place may not be written; the old one stands
    """
    path = Path(path)
    new = path.with_name(path.name + ".new")
    text = np.frombuffer(json.dumps({"format": FORMAT, **about}).encode(), dtype=np.uint8)
    try:
        with new.open("wb") as file:
            np.savez(file, **{_ABOUT: text}, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        _force(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text_ = f"The disk that holds '{path}' was full while a checkpoint was written."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            text_ = f"'{path}' may not be written, so there can be no checkpoint."
        else:
            raise
        said = OSError(f"{text_} The one before it stands; free some space, or choose another place.")
        said.errno = error.errno
        raise said from error


def load(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and dictionary of a checkpoint, None where there is none.

    Raises
    ------
    ValueError                    what stands there is no checkpoint, or one of another format
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop(_ABOUT).tobytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{path}' is no checkpoint that can be read ({error}). Remove it to start the run anew."
        ) from None
    if about.pop("format", None) != FORMAT:
        raise ValueError(f"'{path}' was written by another version. Remove it to start the run anew.")
    return arrays, about


def _force(folder: Path) -> None:
    """Make a rename in a folder outlast a power cut, where the file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def force_changed(folder: str | Path, since: float) -> None:
    """Force files of a folder that changed after a time (s since 1970) to the disk.

    What a checkpoint says is written must not be lost by a power cut that the checkpoint outlasts.
    """
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.stat(path).st_mtime >= since:
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)


class Lock:
    """Only one process writes a store; the second is refused while the first lives.

    Parameters
    ----------
    out : str or Path             the store

    Raises
    ------
    BlockingIOError               another process holds it (on entering)
    """

    def __init__(self, out: str | Path) -> None:
        out = Path(out)
        self.out, self.path = out, out.with_name(out.name + ".lock")
        self._file: IO[str] | None = None

    def __enter__(self) -> Lock:
        import fcntl

        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = self.path.open("a+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                file.close()
                raise BlockingIOError(
                    f"'{self.out}' is being written by {holder}. Wait for it, or choose another name."
                ) from None
            # Whoever held it before may have removed the file that was just locked.
            if self._still_there(file):
                break
            file.close()
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        self._file = file
        return self

    def _still_there(self, file: IO[str]) -> bool:
        try:
            return os.stat(self.path).st_ino == os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self.path.unlink(missing_ok=True)
            self._file.close()
            self._file = None
