"""Movies of a slice: one scene, repainted frame by frame, with a time axis beneath.

The frames of a result are rarely even in time: many while a channel opens, few at rest.  Every recorded frame
is shown equally long, and the axis beneath shows when it was: a line of ticks, one per frame, its mark, and
bars while channels are open.  Colours span all frames, so that a colour means one value throughout.

The mesh and the near field's kernels are made once, see `readings`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.model.gating import TIMED
from microdomain.report_text import milliseconds
from microdomain.view import gl
from microdomain.view.fields import field_of
from microdomain.view.picture import placed
from microdomain.view.plane import Plane, carries, check_cut, mesh, staged
from microdomain.view.readings import Readings

if TYPE_CHECKING:
    from microdomain.results import Results

MOVIES = (".mp4", ".gif")
#: Height of the time axis beneath the picture, pixels; width of a gif, which has no motion to compress by.
STRIP, GIF_WIDTH = 56, 960
Progress = Callable[[float], None]


def planes(
    results: Results,
    field: str | None,
    times: Sequence[float] | None,
    axis: int,
    level: float,
    member: int,
    V: float | None = None,
    g: float | None = None,
    progress: Progress | None = None,
) -> list[Plane]:
    """The same slice at many times, with one span of colours.

    Parameters
    ----------
    results : Results
    field : str or None                   as in `microdomain.view.fields`
    times : sequence of float or None, ms recorded times; all of them unless given
    axis, level : int, float              the plane: normal to x, y, z at so many um
    member : int
    V, g : float, mV and nS/um^2          of a driving force and of a current density
    progress : callable, optional         called with the part that is done, 0 to 1

    Returns
    -------
    list of Plane

    Raises
    ------
    ValueError                            a field, plane or time that is not there
    """
    model = check_cut(results, axis, level, member)
    wanted = field_of(model, field, results.dataset.data_vars, V, g)
    known = np.asarray(results.dataset["time"].values, float)
    shown = known if times is None else known[results._frames(times)]
    if not shown.size:
        raise ValueError("This result has no frames to show.")
    points, triangles = mesh(model, axis, level)
    values = Readings(results, points, member).of(wanted, [float(t) for t in shown], progress)
    frames = [
        staged(results, wanted, (points, triangles, row), axis, level, float(t), member)
        for row, t in zip(values, shown, strict=True)
    ]
    span = dataclasses.replace(frames[0], values=values.ravel()).limits
    return [dataclasses.replace(plane, span=span) for plane in frames]


def movie(
    path: Path, frames: Sequence[Plane], spans: Sequence[tuple[float, float]], fps: float, progress: Progress
) -> None:
    """Draw planes to a file.

    Parameters
    ----------
    path : Path                           .mp4 or .gif
    frames : sequence of Plane            as `planes` made them
    spans : sequence of (on, off), ms     when channels are open
    fps : float                           frames per second
    progress : callable                   called with the part that is done, 0 to 1
    """
    times = [plane.time for plane in frames]
    with _writer(path, fps) as write:
        for k, image in enumerate(images(frames)):
            write(np.vstack([image, strip(image.shape[1], times, k, spans)]))
            progress((k + 1) / len(frames))


def images(frames: Sequence[Plane]) -> Iterator[np.ndarray]:
    """Pictures (height, width, 3) of planes: by VTK where it can draw, else flat maps by matplotlib."""
    if gl.missing():
        for plane in frames:
            yield _flat(plane)
        return
    from microdomain.view import scene

    plotter: Any = scene.scene(frames[0])
    shown = frames[0]
    try:
        with gl.off_screen():
            # Sampling every pixel more than once would more than double the time of a frame.
            plotter.ren_win.SetMultiSamples(0)
            for plane in frames:
                scene.repaint(plotter, plane, shown)
                shown = plane
                plotter.render()
                yield np.asarray(plotter.screenshot(return_img=True))
    finally:
        plotter.close()


def _flat(plane: Plane) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from microdomain.view import plots

    canvas = FigureCanvasAgg(plots.slice_map(plane))
    canvas.draw()
    return np.array(canvas.buffer_rgba())[:, :, :3]


def open_spans(results: Results, member: int) -> list[tuple[float, float]]:
    """Intervals (ms) in which at least one channel of a member is open, within the recorded time.

    Parameters
    ----------
    results : Results
    member : int

    Returns
    -------
    list of (on, off)
    """
    times = np.asarray(results.dataset["time"].values, float)
    marks = {times[0], times[-1]}
    channels = results.models[member].resolved_channels
    for c in channels:
        openings = c.gate.intervals() if isinstance(c.gate, TIMED) else ()
        marks |= {float(np.clip(t, times[0], times[-1])) for pair in openings for t in pair}
    edges = sorted(marks)
    out: list[tuple[float, float]] = []
    for a, b in pairwise(edges):
        if any(carries(c, 0.5 * (a + b)) for c in channels):
            joined = out and out[-1][1] == a
            out = [*out[:-1], (out[-1][0], b)] if joined else [*out, (a, b)]
    return out


def strip(
    width: int, times: Sequence[float], now: int, spans: Sequence[tuple[float, float]] = ()
) -> np.ndarray:
    """The time axis: a tick per frame where it lies in time, a mark and a stamp for the present one.

    Parameters
    ----------
    width : int                           pixels
    times : sequence of float, ms
    now : int                             index of the present frame
    spans : sequence of (on, off), ms     drawn as bars

    Returns
    -------
    array (STRIP, width, 3) of bytes
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (width, STRIP), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(18)
    left, right, line = 24, width - 24, 16
    first, last = times[0], times[-1]

    def at(t: float) -> float:
        return left + (right - left) * ((t - first) / (last - first) if last > first else 0.5)

    for on, off in spans:
        if off > first and on < last:
            pen.rectangle((at(max(on, first)), line - 9, at(min(off, last)), line - 5), fill="#D55E00")
    pen.line((left, line, right, line), fill="#303030", width=2)
    for t in times:
        pen.line((at(t), line, at(t), line + 6), fill="#909090", width=1)
    x = at(times[now])
    pen.polygon([(x, line - 3), (x - 7, line + 11), (x + 7, line + 11)], fill="#303030")
    stamp = f"t = {milliseconds(times[now])}"
    half = 0.5 * pen.textlength(stamp, font=font)
    pen.text(
        (min(max(x, left + half), right - half), line + 13), stamp, fill="#303030", font=font, anchor="ma"
    )
    ends = ((left, "la", milliseconds(first)), (right, "ra", milliseconds(last)))
    for end, anchor, text in ends:
        if abs(x - end) > 2 * half + 60:
            pen.text((end, line + 13), text, fill="#909090", font=font, anchor=anchor)
    return np.array(image)


class _writer:
    """A file that takes pictures; one that failed half-way is not left behind."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._held: Any = None

    def __enter__(self) -> Callable[[np.ndarray], None]:
        import imageio

        if self.path.suffix.lower() == ".gif":
            self._held = imageio.get_writer(self.path, mode="I", duration=1000.0 / self.fps, loop=0)
        else:
            # Players want even sides; quality 8 of 10 keeps the thin lines.
            how: dict[str, Any] = {"codec": "libx264", "quality": 8, "macro_block_size": 2}
            self._held = imageio.get_writer(
                self.path, fps=self.fps, output_params=["-preset", "veryfast"], **how
            )
        return self._write

    def _write(self, image: np.ndarray) -> None:
        if self.path.suffix.lower() == ".gif" and image.shape[1] > GIF_WIDTH:
            from PIL import Image

            small = (GIF_WIDTH, round(image.shape[0] * GIF_WIDTH / image.shape[1]))
            image = np.array(Image.fromarray(image).resize(small, Image.Resampling.LANCZOS))
        self._held.append_data(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._held.close()
        if kind is not None:
            self.path.unlink(missing_ok=True)


@contextmanager
def shown(progress: Progress | None, title: str) -> Iterator[Progress]:
    """The caller's own progress, else a bar where stderr is a terminal, else silence."""
    if progress is not None or not sys.stderr.isatty():
        yield progress or (lambda part: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(title), BarColumn(bar_width=30), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda part: bar.update(task, completed=part)


def check_movie(path: str | Path) -> Path:
    """The path of a movie, or an error if it could not be written there.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    ValueError                            an ending that is no movie's
    FileNotFoundError                     a folder that is not there
    """
    return placed(path, MOVIES, "movies end in")
