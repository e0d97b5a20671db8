"""A page of its own: a slice with its channels, and an isosurface, that turns in any browser.

Everything is inside the file.  There are no volumes in it: from a file, browsers draw them empty.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microdomain.results import Results


def export_page(
    results: Results, path: str | Path, field: str | None = None, time: float | None = None, member: int = 0
) -> Path:
    """Write a slice through the membrane as a self-contained page.

    Parameters
    ----------
    results : Results
    path : str or Path            ends in .html
    field : str or None           as in `microdomain.view.fields`
    time : float or None, ms      the recorded field nearest to it; when the mouths see most unless given
    member : int

    Returns
    -------
    Path

    Raises
    ------
    ValueError                    another ending, or a field that is not there
    RuntimeError                  what draws it is not installed
    """
    from microdomain.view import _membrane, gl
    from microdomain.view.fields import field_of
    from microdomain.view.plane import frame_time
    from microdomain.view.web import absent

    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ValueError(f"'{path}': a page ends in .html.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"'{path}': there is no folder '{path.parent}'.")
    reason = absent() or gl.missing()
    if reason:
        raise RuntimeError(reason)
    from microdomain.view.stage import Stage

    wanted = field_of(results.models[member], field, results.dataset.data_vars)
    axis, level = _membrane(results, member)
    stage = Stage(results)
    try:
        t = frame_time(results, time, member)
        stage.draw(wanted.name, t, axis, level, member, iso=0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on how its own parts may be called in the future
            stage.plotter.export_html(str(path))
    finally:
        stage.plotter.close()
    return path
