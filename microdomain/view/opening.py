"""What a page does once, in a thread: opening a store, reading its first slice, loading VTK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microdomain.view import gl
from microdomain.view.guard import Shelf

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.view.looks import Looks


#: What a page shows before it knows a result.
BLANK: dict[str, Any] = {
    "opened": False,
    "ready": False,
    "flat": "",
    "legend": "",
    "playing": False,
    "dragging": False,
    "fields": [],
    "field": "",
    "people": [],
    "member": 0,
    "frame": 0,
    "last": 1,
    "axis": 2,
    "level": 0.0,
    "low": 0.0,
    "high": 1.0,
    "camera": "above",
    "log": True,
    "iso_on": False,
    "iso": 0.5,
    "iso_text": "",
    "stamp": "",
    "chart": "",
    "line": "",
    "trouble": "",
    "readout": "The result is being opened ...",
}


def opened(shelf: Shelf, name: str) -> Results:
    """A store of the shelf as a result.

    Parameters
    ----------
    shelf : Shelf
    name : str

    Returns
    -------
    Results

    Raises
    ------
    ValueError                    no such store; one without frames
    """
    from microdomain.results import open as open_result

    results = open_result(shelf.find(name))
    if not results.dataset.sizes.get("time", 0):
        raise ValueError(f"'{name}' holds no frames yet.")
    return results


def first_slice(results: Results) -> tuple[int, int, float]:
    """Frame, axis and level that a page begins with: the membrane when the mouths see most.

    Parameters
    ----------
    results : Results

    Returns
    -------
    (int, int, float)             the level in um
    """
    from microdomain.view.plane import frame_time, membrane_of

    times = results.dataset["time"].values.astype(float)
    return int(abs(times - frame_time(results, None)).argmin()), *membrane_of(results, 0)


def first_look(shelf: Shelf, name: str) -> tuple[Results, Looks]:
    """A store, and its first picture read and drawn once, so that the page need not wait for it.

    Parameters
    ----------
    shelf : Shelf
    name : str

    Returns
    -------
    (Results, Looks)
    """
    results = opened(shelf, name)
    from microdomain.view.fields import names_of
    from microdomain.view.looks import PIXELS, Looks, flat_picture

    looks = Looks(results)
    frame, axis, level = first_slice(results)
    field = names_of(results.model, results.dataset.data_vars)[0]
    time = float(results.dataset["time"].values[frame])
    flat_picture(*looks.plane(field, time, axis, level, 0, True, PIXELS))
    return results, looks


def load_vtk() -> None:
    """Load what draws scenes; whether VTK can draw here has been asked of a child process meanwhile."""
    from microdomain.view import stage  # noqa: F401

    if gl.missing():
        raise RuntimeError(gl.missing())
