"""A page of its own: a slice with its channels, and an isosurface, that turns in any browser.

Everything is inside the file.  There are no volumes in it: from a file, browsers draw them empty.
"""

from __future__ import annotations

import json
import re
import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.view.plane import Plane


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
        stage.plain = True
        plane = stage.draw(wanted.name, t, axis, level, member, iso=0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on how its own parts may be called in the future
            stage.plotter.export_html(str(path))
        # The template asks its maker's site for icons; a page of its own asks nobody.
        text = path.read_bytes()
        text = re.sub(rb"https?://[^\"'\s]*/(favicon)", rb"data:,\1", text)
        head, end, tail = text.rpartition(b"</body>")
        # What draws the scene empties the body first; the legend stands beside it.
        words = json.dumps(_legend(plane)).replace("</", "<\\/")
        script = f"<script>document.documentElement.insertAdjacentHTML('beforeend', {words})</script>"
        path.write_bytes(head + script.encode() + end + tail)
    finally:
        stage.plotter.close()
    return path


def _legend(plane: Plane) -> str:
    """Title and colour bar as plain HTML: the page's own drawing knows no logarithmic bar."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    from microdomain.view import colours

    low, high = (float(v) for v in plane.shade(plane.limits))
    shades = ", ".join(to_hex(colormaps[colours.map_of(plane)](k / 32)) for k in range(33))
    values = colours.ticks_of(plane)
    heights = [100 * (float(plane.shade(v)) - low) / (high - low) for v in values]
    ticks = "".join(
        f'<span style="position:absolute;left:24px;bottom:{height:.2f}%;transform:translateY(50%)">'
        f"{colours.number_of(plane, v)}</span>"
        for v, height in zip(values, heights, strict=True)
    )
    style = (
        "position:fixed;z-index:9;pointer-events:none;font:14px sans-serif;color:#303030;white-space:nowrap"
    )
    return (
        f'<div style="{style};left:16px;top:12px;font-size:18px">{escape(colours.title_of(plane))}</div>'
        f'<div style="{style};right:40px;top:8%">{escape(colours.label_of(plane))}</div>'
        f'<div style="{style};right:70px;top:15%;bottom:15%;width:18px;'
        f'background:linear-gradient(to top, {shades})">{ticks}</div>'
    )
