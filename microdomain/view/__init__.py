"""Looking at results: slices, isosurfaces, volumes, profiles, time courses, movies.

>>> import microdomain as md
>>> md.view.slice, md.view.profile, md.view.time_courses            # doctest: +ELLIPSIS
(<function slice at ...>, <function profile at ...>, <function time_courses at ...>)

Slices are drawn by PyVista where VTK can draw, else as flat maps by matplotlib.  Both are loaded when
a picture is asked for, not before.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from microdomain.view.picture import Picture, check_file, need_matplotlib

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from microdomain.electro import Course
    from microdomain.results import Results
    from microdomain.view.picture import Panels
    from microdomain.view.solid import Solid

__all__ = [
    "Picture",
    "bands",
    "check_file",
    "coupling",
    "donnan",
    "isosurfaces",
    "movie",
    "panels",
    "profile",
    "pump_leak",
    "slice",
    "time_courses",
    "volume",
]


def slice(
    results: Results,
    field: str | None = None,
    time: float | None = None,
    *,
    x: float | None = None,
    y: float | None = None,
    z: float | None = None,
    member: int = 0,
    V: float | None = None,
    g: float | None = None,
    flat: bool = False,
) -> Picture:
    """A slice through a result, with its channels, units and time.

    Parameters
    ----------
    results : Results
    field : str                   "E_Ca", "Ca", "V-E_Ca", "I_Ca", a buffer for its occupancy, or one form of a
                                  buffer with several; unless given E_Ca, where the outside is known
    time : float, ms              the recorded field nearest to it; when the mouths see most unless given
    x, y, z : float, um           one of them: where the plane cuts that axis; the membrane unless given
    member : int
    V : float, mV                 membrane voltage of "V-E_Ca" and "I_Ca"; the model's unless given
    g : float, nS/um^2            conductance per area of "I_Ca" = g (V - E_Ca); 1 unless given
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

    need_matplotlib()
    axis, level = _plane_of(results, (x, y, z), member)
    # Whether VTK can draw is asked of a child process, which takes as long as the reading.
    probe = Thread(target=gl.missing)
    if not flat:
        probe.start()
    try:
        plane = cut(results, field, time, axis, level, member, V, g)
    finally:
        if not flat:
            probe.join()
    return Picture(plane, flat)


def isosurfaces(
    results: Results,
    field: str | None = None,
    time: float | None = None,
    *,
    levels: Sequence[float] | int = 3,
    member: int = 0,
    V: float | None = None,
    g: float | None = None,
    camera: str = "close",
) -> Solid:
    """Surfaces on which a field has one value, with the channels.

    Parameters
    ----------
    results : Results
    field, time, member, V, g     as in `slice`
    levels : sequence or int      values in the field's unit, or how many evenly between its ends
    camera : str                  "above" the box, "close" to the channels, or along "x", "y", "z"

    Returns
    -------
    Solid                         `.show()`, `.save("surfaces.png", transparent=True)`

    Raises
    ------
    ValueError                    a field, member, camera or level that is not there
    RuntimeError                  VTK cannot draw here; with what to install
    """
    from microdomain.view.solid import solid

    need_matplotlib()
    return solid(results, field, time, levels, member, V, g, camera)


def volume(
    results: Results,
    field: str | None = None,
    time: float | None = None,
    *,
    member: int = 0,
    V: float | None = None,
    g: float | None = None,
    camera: str = "close",
) -> Solid:
    """A field around the channels as coloured fog; arguments and errors as in `isosurfaces`.

    Returns
    -------
    Solid
    """
    from microdomain.view.solid import solid

    need_matplotlib()
    return solid(results, field, time, None, member, V, g, camera)


def panels(*pictures: Picture | Solid) -> Panels:
    """Pictures side by side, at one height.

    Returns
    -------
    Panels                        `.show()`, `.save("both.png")`

    Raises
    ------
    ValueError                    no picture was given
    """
    from microdomain.view.picture import Panels

    return Panels(pictures)


def bands(
    results: Results, channel: int | None = None, quantiles: tuple[float, float] = (0.1, 0.9)
) -> Figure:
    """An ensemble at one mouth: median and band; see `microdomain.view.ensemble.bands` for the arguments."""
    from microdomain.view import ensemble

    need_matplotlib()
    return ensemble.bands(results, channel, quantiles)


def movie(
    results: Results,
    field: str | None = None,
    path: str | Path = "movie.mp4",
    *,
    times: Sequence[float] | None = None,
    x: float | None = None,
    y: float | None = None,
    z: float | None = None,
    member: int = 0,
    V: float | None = None,
    g: float | None = None,
    fps: float = 12.0,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """A movie of a slice: every recorded frame, with its time on an axis beneath.

    Parameters
    ----------
    results : Results
    field : str                   as in `slice`
    path : str or Path            .mp4 or .gif
    times : sequence of float, ms recorded times; all of them unless given
    x, y, z : float, um           one of them, as in `slice`
    member : int
    V, g : float                  as in `slice`
    fps : float                   recorded frames per second of the movie
    progress : callable           called with the part that is done, 0 to 1; a bar on a terminal unless given

    Returns
    -------
    Path

    Raises
    ------
    ValueError                    a field, plane, time, member or ending that is not there
    """
    from microdomain.view import cinema

    file = cinema.check_movie(path)
    need_matplotlib()
    if not 0.1 <= fps <= 120:
        raise ValueError(f"fps = {fps:g}: give 0.1 to 120 frames per second.")
    axis, level = _plane_of(results, (x, y, z), member)
    with cinema.shown(progress, file.name) as told:
        # Reading takes about a fifth of the time of drawing.
        planes = cinema.planes(
            results, field, times, axis, level, member, V, g, lambda part: told(0.2 * part)
        )
        spans = cinema.open_spans(results, member)
        cinema.movie(file, planes, spans, fps, lambda part: told(0.2 + 0.8 * part))
    return file


def profile(
    results: Results,
    channel: int | None = None,
    time: float | None = None,
    member: int | None = None,
    also: Sequence[str] = (),
) -> Figure:
    """[Ca] and E_Ca against distance; see `microdomain.view.plots.profile` for the arguments."""
    from microdomain.view import plots

    need_matplotlib()
    return plots.profile(results, channel, time, member, also)


def time_courses(results: Results, member: int = 0, most: int = 6) -> Figure:
    """[Ca], E_Ca and influx at the mouths; see `microdomain.view.plots.time_courses` for the arguments."""
    from microdomain.view import plots

    need_matplotlib()
    return plots.time_courses(results, member, most)


def coupling(results: Results, height: float = 0.01, ion: str | None = None, member: int = 0) -> Figure:
    """The highest [ion] by coupling distance; arguments in `microdomain.view.coupling_plot.coupling`."""
    from microdomain.view import coupling_plot

    need_matplotlib()
    return coupling_plot.coupling(results, height, ion, member)


def pump_leak(course: Course) -> Figure:
    """The course of a cell over time; see `microdomain.view.electro_plots.course_figure`."""
    from microdomain.view import electro_plots

    need_matplotlib()
    return electro_plots.course_figure(course)


def donnan(salt: float, charge: float, most: float = 2e5, temperature: float = 310.15) -> Figure:
    """A Donnan equilibrium by impermeant molecules; see `microdomain.view.electro_plots.donnan_figure`."""
    from microdomain.view import electro_plots

    need_matplotlib()
    return electro_plots.donnan_figure(salt, charge, most, temperature)


def _plane_of(results: Results, given: tuple[float | None, ...], member: int) -> tuple[int, float]:
    planes = [(axis, level) for axis, level in enumerate(given) if level is not None]
    if len(planes) > 1:
        raise ValueError("A slice is one plane: give one of x, y and z.")
    from microdomain.view.plane import membrane_of

    axis, level = planes[0] if planes else membrane_of(results, member)
    return axis, float(level)
