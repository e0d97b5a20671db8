"""Can VTK draw here?  Asked of a child process, for a missing GL does not raise: it kills.

VTK's wheels carry no OpenGL.  On a system without it the first picture ends in a segmentation fault
that no `except` sees, so a child draws a triangle first.  It costs half a second, so what worked is
remembered for a day, in a file whose name changes with the machine, its libraries, VTK and the display.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

#: What installs an OpenGL that draws without a display, on Debian and Ubuntu.
APT = "apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri"

#: Changes whenever a library is installed or removed; where there is none, nothing is remembered.
LIBRARIES = Path("/etc/ld.so.cache")
#: Seconds for which what worked is believed: drivers may be replaced without a trace here.
DAY = 86400.0

_WINDOW = "VTK_DEFAULT_OPENGL_WINDOW"
# EGL draws without a display; OSMesa where there is only that; VTK's own choice (X, WGL, Cocoa) last.
_WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow", "")
# A triangle by VTK alone: importing PyVista would take three times as long.
_TRIANGLE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkFiltersSources import vtkRegularPolygonSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow

def draw():
    window, renderer, actor, mapper = vtkRenderWindow(), vtkRenderer(), vtkActor(), vtkPolyDataMapper()
    source = vtkRegularPolygonSource()
    window.SetOffScreenRendering(True)
    window.SetSize(16, 16)
    window.AddRenderer(renderer)
    mapper.SetInputConnection(source.GetOutputPort())
    actor.SetMapper(mapper)
    renderer.AddActor(actor)
    window.Render()
    drawn = window.SupportsOpenGL()
    window.Finalize()
    return drawn

raise SystemExit(0 if draw() else 1)
"""


def missing() -> str:
    """Why VTK cannot draw off-screen here; an empty text where it can.  Takes a second, once.

    Returns
    -------
    str                           one sentence with what to install, or ""
    """
    if find_spec("pyvista") is None:
        return 'PyVista is not installed: pip install "microdomain[view]"'
    if _window() is None:
        return f"3D drawing needs OpenGL, which this system lacks: {APT}"
    return ""


@contextmanager
def off_screen() -> Iterator[None]:
    """Inside, VTK opens the kind of window that was found to draw without a display."""
    window = _window()
    wanted = {_WINDOW: window} if window else {}
    if window is not None:  # PyVista need not find it out once more
        wanted["ALLOW_PLOTTING"] = "true"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def _window() -> str | None:
    """The first kind of window that draws: a name for VTK, "" for its own choice, None for no kind."""
    given = os.environ.get(_WINDOW)
    if given:
        windows: tuple[str, ...] = (given,)
    else:
        windows = _WINDOWS if sys.platform.startswith("linux") else ("",)
    note = _note()
    with suppress(OSError):
        if note and time.time() - note.stat().st_mtime < DAY and (known := note.read_text()) in windows:
            return known
    found = next((window for window in windows if _draws(window)), None)
    if note and found is not None:
        with suppress(OSError):
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.write_text(found)
    return found


def _note() -> Path | None:
    """Where it is remembered which window draws; None where a change of the system would leave no trace."""
    vtk = find_spec("vtkmodules")
    try:
        marks = [LIBRARIES.stat(), Path(str(vtk and vtk.origin)).stat()]
    except OSError:
        return None
    named = ("DISPLAY", "WAYLAND_DISPLAY", "LD_LIBRARY_PATH", "LD_PRELOAD", _WINDOW)
    words = [_TRIANGLE, sys.executable, platform.node(), *(os.environ.get(name, "") for name in named)]
    words += [f"{mark.st_mtime_ns} {mark.st_size}" for mark in marks]
    folder = os.environ.get("MICRODOMAIN_CACHE_DIR")
    if not folder:
        import platformdirs

        folder = platformdirs.user_cache_dir("microdomain", appauthor=False)
    return Path(folder) / f"drawing-{sha256(chr(10).join(words).encode()).hexdigest()[:24]}"


def _draws(window: str) -> bool:
    environment = os.environ | ({_WINDOW: window} if window else {})
    try:
        child = subprocess.run(
            [sys.executable, "-c", _TRIANGLE], capture_output=True, env=environment, timeout=120
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return child.returncode == 0
