"""Can VTK draw here?  Asked of a child process, for a missing GL does not raise: it kills.

VTK's wheels carry no OpenGL.  On a system without it the first picture ends in a segmentation fault
that no `except` sees, so a child draws a triangle first, once per process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

#: What installs an OpenGL that draws without a display, on Debian and Ubuntu.
APT = "apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri"

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
    return next((window for window in windows if _draws(window)), None)


def _draws(window: str) -> bool:
    environment = os.environ | ({_WINDOW: window} if window else {})
    try:
        child = subprocess.run(
            [sys.executable, "-c", _TRIANGLE], capture_output=True, env=environment, timeout=120
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return child.returncode == 0
