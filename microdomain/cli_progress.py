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
    json : bool                   lines of JSON, for programs that read logs; never a bar
    """

    def __init__(
        self, title: str, terminal: bool | None = None, interval: float = INTERVAL, json: bool = False
    ) -> None:
        self.title, self.json = title, json
        self.terminal = (sys.stderr.isatty() if terminal is None else terminal) and not json
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
            if self.json:
                self.say(
                    "progress", **{k: getattr(progress, k) for k in ("t", "until", "steps", "rate", "left")}
                )
                return
            click.echo(f"{100 * progress.t / progress.until:3.0f} %  {words(progress)}", err=True)

    def say(self, event: str, **content: Any) -> None:
        """A line of JSON on stderr: what happened, when (s since 1970), and numbers (ms, s)."""
        from json import dumps

        known = {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in content.items()}
        line = {"event": event, "title": self.title, "time": round(time.time(), 3), **known}
        click.echo(dumps(line, allow_nan=False), err=True)

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


def seconds(option: str, text: str) -> float:
    """Wall time of an option: "90 s", "5 min", "1 h", or a plain number of seconds.

    >>> seconds("--checkpoint-every", "5 min")
    300.0
    """
    number, _, unit = text.strip().partition(" ")
    scale = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}.get(unit.strip())
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if scale is None or not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{option} {text!r}: give a time such as '90 s', '5 min' or '1 h'.")
    return value * scale
