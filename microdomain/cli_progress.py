"""How far a run is: a bar on a terminal, one line per interval in a log."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from microdomain.report_text import duration

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds between two lines where stderr is no terminal.
INTERVAL = 10.0


class ProgressShown:
    """Shows a run's progress on stderr; pass it as `simulate(progress=...)`.

    Parameters
    ----------
    title : str                   what runs
    terminal : bool, optional     whether to draw a bar; asked of stderr unless given
    interval : float, s           time between two lines of a log
    """

    def __init__(self, title: str, terminal: bool | None = None, interval: float = INTERVAL) -> None:
        self.title = title
        self.terminal = sys.stderr.isatty() if terminal is None else terminal
        self.interval = interval
        self._said = time.monotonic()
        self._bar: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> ProgressShown:
        if self.terminal:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[words]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self.title, total=1.0, words="starting")
            self._bar.start()
        return self

    def __call__(self, progress: Any) -> None:
        """Show one report: t, until (ms), steps, rate (ms/s) and left (s), as in `simulate.Progress`."""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.t / progress.until, words=words(progress))
            return
        if time.monotonic() - self._said >= self.interval:
            self._said = time.monotonic()
            click.echo(f"{100 * progress.t / progress.until:3.0f} %  {words(progress)}", err=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def words(progress: Any) -> str:
    """Simulated time, number of steps, rate and time left in one line.

    >>> from types import SimpleNamespace
    >>> words(SimpleNamespace(t=0.5, until=2.0, steps=31, rate=0.25, left=6.0))
    '0.5 of 2 ms, step 31, 0.25 ms/s, 6 s left'
    """
    left = f", {duration(progress.left)} left" if math.isfinite(progress.left) else ""
    return f"{progress.t:.3g} of {progress.until:g} ms, step {progress.steps}, {progress.rate:.3g} ms/s{left}"
