"""A slice, ready to be shown in a window or a notebook, or saved."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.figure import Figure

    from microdomain.view.plane import Plane

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
        if self.flat or headless():
            show_image(self)
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


class Panels:
    """Pictures side by side.  Made by `panels`.

    Parameters
    ----------
    pictures : sequence           anything that a notebook displays as an image

    Raises
    ------
    ValueError                    there is none
    """

    def __init__(self, pictures: Sequence[Any]) -> None:
        if not pictures:
            raise ValueError("panels: give at least one picture.")
        self.pictures = tuple(pictures)

    @property
    def title(self) -> str:
        """What the pictures show."""
        return " | ".join(p.title for p in self.pictures)

    def image(self) -> np.ndarray:
        """All pictures in one array (height, width, 3), as high as the highest."""
        import io

        import numpy as np
        from PIL import Image

        drawn = [Image.open(io.BytesIO(p._repr_png_())).convert("RGB") for p in self.pictures]
        height = max(each.height for each in drawn)
        sized = [each.resize((round(each.width * height / each.height), height)) for each in drawn]
        return np.hstack([np.asarray(each) for each in sized])

    def save(self, path: str | Path) -> Path:
        """Draw to a file; its ending says the format."""
        from PIL import Image

        path = check_file(path)
        if path.suffix.lower() not in SOLID:
            raise ValueError(f"'{path}': panels are saved as {', '.join(SOLID)}.")
        Image.fromarray(self.image()).save(path)
        return path

    def show(self) -> None:
        """Show them: in the notebook, or as a file whose place is said."""
        show_image(self)

    def _repr_png_(self) -> bytes:
        """What a notebook displays."""
        import io

        from PIL import Image

        held = io.BytesIO()
        Image.fromarray(self.image()).save(held, format="png")
        return held.getvalue()


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
    path = placed(path, tuple(dict.fromkeys((*SOLID, *FLAT))), "pictures end in")
    need_matplotlib()
    return path


def placed(path: str | Path, endings: Sequence[str], words: str) -> Path:
    """A path with one of some endings in a folder that exists, or the error that `check_file` names.

    Parameters
    ----------
    path : str or Path
    endings : sequence of str     such as ".png"
    words : str                   what has these endings, as in "pictures end in"

    Returns
    -------
    Path
    """
    path = Path(path)
    if path.suffix.lower() not in endings:
        listed = " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))
        raise ValueError(f"'{path}': {words} {listed}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"'{path}': there is no folder '{path.parent}'.")
    return path


def need_matplotlib() -> None:
    """Say what to install where there is no matplotlib."""
    if find_spec("matplotlib") is None:
        raise ImportError('Pictures need matplotlib (and PyVista for 3D): pip install "microdomain[view]".')


def headless() -> bool:
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


def show_image(picture: Any) -> None:
    """Show anything that can be saved: in the notebook, or as a file whose place is said."""
    if _in_notebook():
        from importlib import import_module

        import_module("IPython.display").display(picture)
        return
    from tempfile import gettempdir

    path = picture.save(Path(gettempdir()) / f"microdomain-{os.getpid()}.png")
    print(f"There is no display; {picture.title} is drawn to {path}.")
