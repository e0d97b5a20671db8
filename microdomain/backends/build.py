"""Compiling the kernels at first use, into a cache that is the user's own.

A shared object that others can write would be code execution by invitation, so the folder must
belong to the user and be writable by nobody else.  A file is compiled under a temporary name and
then renamed: two processes that build at once never see half a file.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from microdomain.backends.base import Unavailable

#: Never -ffast-math: it would break the conservation laws and the search for NaN.
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
#: Tried in order: threads, or only the vector pragmas.
PARALLEL = (("-fopenmp",), ("-fopenmp-simd",))
#: Overrides the cache folder, e.g. where a home directory is small or read-only.
VARIABLE = "MICRODOMAIN_CACHE_DIR"


@cache
def compiler() -> tuple[str, ...]:
    """The C compiler: $CC, cc, clang, gcc, or clang as shipped by ziglang.

    Returns
    -------
    tuple of str                    the command's first words

    Raises
    ------
    Unavailable
        If there is none.
    """
    named = shlex.split(os.environ.get("CC", ""))
    for words in (named, ["cc"], ["clang"], ["gcc"]):
        if words and shutil.which(words[0]):
            return (str(shutil.which(words[0])), *words[1:])
    if _has_zig():
        return (sys.executable, "-m", "ziglang", "cc")
    raise Unavailable(
        "no C compiler was found, and NumPy is about three times slower;"
        ' install one, or pip install "microdomain[compiler]".'
    )


def _has_zig() -> bool:
    import importlib.util

    return importlib.util.find_spec("ziglang") is not None


@cache
def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    return done.stdout


@cache
def processor() -> str:
    """What the machine code depends on: model and features of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in lines if line.startswith(wanted))


def cache_folder() -> Path:
    """The user's own cache folder, made if need be and checked.

    Returns
    -------
    Path

    Raises
    ------
    Unavailable
        If it cannot be made, belongs to someone else, or others may write there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named)
    else:
        import platformdirs

        path = Path(platformdirs.user_cache_dir("microdomain", appauthor=False)) / "kernels"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as reason:
        raise Unavailable(
            f"the kernel cache {path} cannot be made ({reason.strerror});"
            f" point {VARIABLE} to a folder of your own."
        ) from None
    _check_own(path)
    return path


def _check_own(path: Path) -> None:
    """Refuse what someone else could have written."""
    if not hasattr(os, "getuid"):
        return
    found = path.stat()
    if found.st_uid != os.getuid():
        raise Unavailable(
            f"the kernel cache {path} belongs to another user; point {VARIABLE} to a folder of your own."
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unavailable(f"the kernel cache {path} can be written by others; run chmod go-w on it.")


def build(text: str) -> ctypes.CDLL:
    """Compile a text, or take it from the cache, and load it.

    Parameters
    ----------
    text : str                      C without includes

    Returns
    -------
    ctypes.CDLL
    """
    command, where, complaint = compiler(), cache_folder(), ""
    # ziglang ships clang without its OpenMP library.
    for parallel in PARALLEL[1:] if "ziglang" in command else PARALLEL:
        flags = FLAGS + parallel
        words = (text, *flags, *command, _version(command), processor())
        name = hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]
        library, failed = where / f"{name}.so", where / f"{name}.failed"
        if not library.exists() and not failed.exists():
            complaint = _compile(command, flags, text, library)
            if complaint and parallel != PARALLEL[-1]:
                # Remember it: a compiler without OpenMP would be asked again by every process.
                failed.write_text(complaint)
        if library.exists():
            _check_own(library)
            return ctypes.CDLL(str(library))
    raise Unavailable(f"{' '.join(command)} did not compile the kernels: {complaint.strip()[:500]}")


def _compile(command: tuple[str, ...], flags: tuple[str, ...], text: str, target: Path) -> str:
    """Compile under a temporary name, then rename; the compiler's complaint, empty when it worked."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        source, made = Path(folder) / "kernels.c", Path(folder) / "kernels.so"
        source.write_text(text, encoding="ascii")
        # zig keeps what it builds for itself; a home directory may be small or read-only.
        place = {"ZIG_GLOBAL_CACHE_DIR": str(target.parent / "zig"), "ZIG_LOCAL_CACHE_DIR": folder}
        done = subprocess.run(
            [*command, *flags, "-o", str(made), str(source)],
            capture_output=True,
            text=True,
            env={**os.environ, **place},
        )
        if done.returncode != 0:
            return done.stderr or f"exit status {done.returncode}"
        try:
            ctypes.CDLL(str(made))
        except OSError as reason:  # e.g. a compiler that takes -fopenmp but ships no OpenMP library
            return str(reason)
        made.chmod(0o700)
        os.replace(made, target)
    return ""
