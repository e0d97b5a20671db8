"""Looking at results: slices, profiles, time courses.

>>> import microdomain as md
>>> md.view.slice, md.view.profile, md.view.time_courses            # doctest: +ELLIPSIS
(<function slice at ...>, <function profile at ...>, <function time_courses at ...>)

Slices are drawn by PyVista where VTK can draw, else as flat maps by matplotlib.  Both are loaded when
a picture is asked for, not before.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from microdomain.results import Results
    from microdomain.view.plane import Plane

__all__ = ["Picture", "check_file", "profile", "slice", "time_courses"]

#: Endings of files that each kind of picture can be saved as.
SOLID, FLAT = (".png", ".jpg", ".jpeg", ".tif", ".bmp"), (".png", ".jpg", ".jpeg", ".tif", ".pdf", ".svg")


class Picture:
    """A slice, ready to be shown or saved.  Made by `slice`.

    Parameters
    ----------
    plane : Plane                 the mesh and the values on it
    flat : bool                   a 2D map by matplotlib, even where VTK can draw

    Attributes
    ----------
    values : array (P,)           of the field at `points` (P, 3); mV or uM, as `plane.unit` says
    note : str                    one line on why the picture is flat where nobody asked for it; else empty
    """

    def __init__(self, plane: Plane, flat: bool = False) -> None:
        from microdomain.view import gl

        self.plane = plane
        reason = "" if flat else gl.missing()
        self.flat = flat or bool(reason)
        self.note = f"The picture is a 2D map. {reason}" if reason else ""

    @property
    def points(self) -> np.ndarray:
        """Points of the mesh, (P, 3), um."""
        return self.plane.points

    @property
    def values(self) -> np.ndarray:
        """The field at the points, (P,)."""
        return self.plane.values

    @property
    def title(self) -> str:
        """What the picture shows, in a line."""
        from microdomain.view import colours

        return colours.title_of(self.plane)

    def save(self, path: str | Path) -> Path:
        """Draw to a file; its ending says the format (PDF and SVG are always flat maps).

        Returns
        -------
        Path
        """
        path = check_file(path)
        if self.flat or path.suffix.lower() not in SOLID:
            self.figure().savefig(path)
            return path
        from PIL import Image

        from microdomain.view import scene

        Image.fromarray(scene.image(self.plane)).save(path)
        return path

    def figure(self) -> Figure:
        """The flat map as a matplotlib figure."""
        from microdomain.view import plots

        return plots.slice_map(self.plane)

    def plotter(self, off_screen: bool = True) -> Any:
        """The scene as a PyVista plotter, to which more can be added."""
        from microdomain.view import scene

        return scene.scene(self.plane, off_screen)

    def show(self) -> None:
        """Show it: in a window where there is a display, else in the notebook, else not at all."""
        if self.flat or _headless():
            _show_image(self)
        else:
            self.plotter(off_screen=False).show()

    def _repr_png_(self) -> bytes:
        """What a notebook displays."""
        import io
        import tempfile

        if self.flat:
            held = io.BytesIO()
            self.figure().savefig(held, format="png")
            return held.getvalue()
        with tempfile.TemporaryDirectory() as folder:
            return self.save(Path(folder) / "picture.png").read_bytes()


def slice(
    results: Results,
    field: str | None = None,
    time: float | None = None,
    *,
    x: float | None = None,
    y: float | None = None,
    z: float | None = None,
    member: int = 0,
    flat: bool = False,
) -> Picture:
    """A slice through a result, with its channels, units and time.

    Parameters
    ----------
    results : Results
    field : str                   "E_Ca" or "Ca"; unless given E_Ca, where the outside concentration is known
    time : float, ms              the recorded field nearest to it; when the mouths see most unless given
    x, y, z : float, um           one of them: where the plane cuts that axis; the membrane unless given
    member : int
    flat : bool                   a 2D map by matplotlib, even where VTK can draw

    Returns
    -------
    Picture                       `.show()` or `.save("cluster.png")`

    Raises
    ------
    ValueError                    for a field, member or plane that is not there
    """
    from microdomain.view import gl
    from microdomain.view.plane import cut

    _need_matplotlib()
    planes = [(axis, level) for axis, level in enumerate((x, y, z)) if level is not None]
    if len(planes) > 1:
        raise ValueError("A slice is one plane: give one of x, y and z.")
    axis, level = planes[0] if planes else _membrane(results, member)
    # Whether VTK can draw is asked of a child process, which takes as long as the reading.
    probe = Thread(target=gl.missing)
    if not flat:
        probe.start()
    try:
        plane = cut(results, field, time, axis, float(level), member)
    finally:
        if not flat:
            probe.join()
    return Picture(plane, flat)


def profile(
    results: Results, channel: int | None = None, time: float | None = None, member: int | None = None
) -> Figure:
    """[Ca] and E_Ca against distance; see `microdomain.view.plots.profile` for the arguments."""
    from microdomain.view import plots

    _need_matplotlib()
    return plots.profile(results, channel, time, member)


def time_courses(results: Results, member: int = 0, most: int = 6) -> Figure:
    """[Ca], E_Ca and influx at the mouths; see `microdomain.view.plots.time_courses` for the arguments."""
    from microdomain.view import plots

    _need_matplotlib()
    return plots.time_courses(results, member, most)


def check_file(path: str | Path) -> Path:
    """The path of a picture, or an error if it could not be written there.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    ValueError                    an ending that is no picture's
    FileNotFoundError             a folder that is not there
    """
    path = Path(path)
    if path.suffix.lower() not in (*SOLID, *FLAT):
        raise ValueError(f"'{path}': pictures end in {', '.join(dict.fromkeys((*SOLID, *FLAT)))}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"'{path}': there is no folder '{path.parent}'.")
    _need_matplotlib()
    return path


def _membrane(results: Results, member: int) -> tuple[int, float]:
    """The face that most channels stand on; the floor where none stands on any."""
    model = results.models[min(max(member, 0), results.members - 1)]
    faces = [channel.face for channel in model.resolved_channels if channel.face]
    face = max(faces, key=faces.count) if faces else "z-"
    axis = "xyz".index(face[0])
    return axis, model.box[axis][1 if face[1] == "+" else 0]


def _need_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise ImportError('Pictures need matplotlib (and PyVista for 3D): pip install "microdomain[view]".')


def _headless() -> bool:
    """No window can open, or none should: a test, a notebook, a machine without a display."""
    import sys

    if os.environ.get("PYVISTA_OFF_SCREEN", "").lower() in ("true", "1") or _in_notebook():
        return True
    return sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _in_notebook() -> bool:
    import sys

    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _show_image(picture: Picture) -> None:
    if _in_notebook():
        from importlib import import_module

        import_module("IPython.display").display(picture)
        return
    from tempfile import gettempdir

    path = picture.save(Path(gettempdir()) / f"microdomain-{os.getpid()}.png")
    print(f"There is no display; {picture.title} is drawn to {path}.")
