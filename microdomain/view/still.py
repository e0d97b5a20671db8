"""A page of its own: a slice with its channels, and an isosurface, that turns in any browser.

Everything is inside the file: the viewer (vtk.js, as trame-vtk ships it), the meshes, the legend.  It asks
no network for anything.  There are no volumes in it: from a file, browsers draw them empty.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from microdomain.view import gl
    from microdomain.view.fields import field_of
    from microdomain.view.picture import placed
    from microdomain.view.plane import frame_time, membrane_of

    path = placed(path, (".html",), "a page ends in")
    needs = (
        "" if find_spec("trame_vtk") else 'A page of its own needs trame-vtk: pip install "microdomain[web]"'
    )
    reason = needs or gl.missing()
    if reason:
        raise RuntimeError(reason)
    from microdomain.view.stage import Stage

    wanted = field_of(results.models[member], field, results.dataset.data_vars)
    axis, level = membrane_of(results, member)
    stage = Stage(results)
    try:
        t = frame_time(results, time, member)
        stage.plain = True
        plane = stage.draw(wanted.name, t, axis, level, member, iso=0.5)
        path.write_text(_page(_scene(stage.plotter), legend(plane)), encoding="utf-8")
    finally:
        stage.plotter.close()
    return path


def _scene(plotter: Any) -> bytes:
    """What a plotter shows, packed as vtk.js reads it: a description, and every array once."""
    from trame_vtk.modules.vtk.serializers import (
        SynchronizationContext,
        extract_array_hash,
        initialize_serializers,
        reference_id,
        serialize,
    )

    window = plotter.render_window
    plotter.render()
    initialize_serializers()
    context: Any = SynchronizationContext()
    context.set_ignore_last_dependencies(True)
    scene = serialize(None, window, reference_id(window), context, 1)
    camera = plotter.camera
    scene["extra"] = {
        "vtkRefId": reference_id(window),
        "centerOfRotation": camera.GetFocalPoint(),
        "camera": reference_id(camera),
    }
    arrays = {
        entry["hash"]: dict(**entry, content=context.get_cached_data_array(entry["hash"], False))
        for entry in extract_array_hash(scene)
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("index.json", json.dumps({"hashes": arrays, "scene": scene}))
    return held.getvalue()


def _page(scene: bytes, legend: str) -> str:
    """The viewer that trame-vtk ships, a scene and a legend in one text."""
    from trame_vtk.tools.vtksz2html import write_html

    held = io.StringIO()
    write_html(scene, held)
    # The viewer asks its maker's site for icons; a page of its own asks nobody.
    text = re.sub(r"https?://[^\"'\s]*/(favicon)", r"data:,\1", held.getvalue())
    head, end, tail = text.rpartition("</body>")
    # What draws the scene empties the body first; the legend stands beside it.
    words = json.dumps(legend).replace("</", "<\\/")
    return (
        f"{head}<script>document.documentElement.insertAdjacentHTML('beforeend', {words})</script>{end}{tail}"
    )


def legend(plane: Plane, position: str = "fixed", titled: bool = True) -> str:
    """Title and colour bar as plain HTML: the page's own drawing knows no logarithmic bar.

    Parameters
    ----------
    plane : Plane
    position : str                "fixed" in the window, or "absolute" in what holds it
    titled : bool                 with a title

    Returns
    -------
    str
    """
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
        f"position:{position};z-index:9;pointer-events:none;"
        "font:14px sans-serif;color:#303030;white-space:nowrap"
    )
    words = escape(colours.title_of(plane)) if titled else ""
    return (
        f'<div style="{style};left:16px;top:12px;font-size:18px">{words}</div>'
        f'<div style="{style};right:40px;top:8%">{escape(colours.label_of(plane))}</div>'
        f'<div style="{style};right:70px;top:15%;bottom:15%;width:18px;'
        f'background:linear-gradient(to top, {shades})">{ticks}</div>'
    )
