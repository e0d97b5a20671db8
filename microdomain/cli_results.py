"""The commands that read a stored result: reversal, render, report."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from microdomain.results import Results

HEAD = (
    "time ms",
    "member",
    "place",
    "x um",
    "y um",
    "z um",
    "ion",
    "concentration uM",
    "reversal mV",
    "influx pA",
)


@click.command(name="reversal")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values instead of a table.")
@click.option(
    "--time", "at", metavar="TIME", help='Only the recorded time nearest to this one, such as "1 ms".'
)
def reversal_command(result: Path, as_csv: bool, at: str | None) -> None:
    """E_Ca at every channel mouth and probe of RESULT.

    The table has the times at which fields were recorded, the CSV every time that was recorded.
    """
    from microdomain.results import open as open_result

    results = open_result(result)
    t = None if at is None else _time(at)
    rows = list(reversal_rows(results, t, frames_only=not as_csv))
    if as_csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([name.replace(" ", "_") for name in HEAD])
        writer.writerows(rows)
        click.echo(text.getvalue(), nl=False)
        return
    from microdomain.report_text import table

    keep = [k for k, name in enumerate(HEAD) if name != "member" or results.members > 1]
    short = [[_short(value) for value in row] for row in rows]
    head = [HEAD[k] for k in keep]
    words = [k for k, name in enumerate(head) if name in ("member", "place", "ion")]
    click.echo(
        table(
            head,
            [[row[k] for k in keep] for row in short],
            right=[k for k in range(len(head)) if k not in words],
        )
    )


def reversal_rows(
    results: Results, at: float | None = None, frames_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """One row per time, member and place: `HEAD` names the columns; what is unknown is an empty text.

    Parameters
    ----------
    results : Results
    at : float, ms                only the recorded time nearest to it
    frames_only : bool            only the times at which fields were recorded

    Yields
    ------
    tuple
    """
    import numpy as np

    from microdomain.electro import reversal
    from microdomain.report import of_member, times_of

    times = times_of(results.mouths)
    if results.probes:  # a run that was stopped may have written mouths but not yet probes
        times = times[: results.probes.sizes.get("time", 0)]
    if at is not None and times.size:
        chosen = [int(np.argmin(np.abs(times - at)))]
    elif frames_only:
        frames = np.asarray(results.dataset["time"].values, float)
        chosen = [int(k) for k in np.flatnonzero(np.isin(times, frames))]
    else:
        chosen = list(range(times.size))
    names = results.member_names or tuple(str(m) for m in range(results.members))
    parts = []
    for m, model in enumerate(results.models):
        mouths = of_member(results.mouths, m)
        columns = [
            np.asarray(mouths[name].transpose("time", "channel").values, float)
            for name in ("concentration", "reversal", "influx")
        ]
        parts.append((names[m], model, columns, of_member(results.probes, m) if results.probes else None))
    for k in chosen:
        for name, model, (c, E, influx), probes in parts:
            for n, channel in enumerate(model.resolved_channels):
                yield (
                    times[k],
                    name,
                    channel.name,
                    *channel.position,
                    channel.ion,
                    c[k, n],
                    E[k, n],
                    influx[k, n],
                )
            if probes is None:
                continue
            for ion in model.ions:
                values = np.asarray(probes[ion.name].isel(time=k).values, float)
                known = ion.outside is not None
                volts = (
                    reversal(values, ion.outside, ion.z, model.temperature)
                    if known
                    else np.full(values.size, np.nan)
                )
                for p, label in enumerate(probes["point"].values):
                    place = tuple(float(probes[axis].values[p]) for axis in "xyz")
                    yield (times[k], name, str(label), *place, ion.name, values[p], volts[p], "")


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value or "-"
    return "-" if value != value else f"{value:.6g}"


def _time(text: str) -> float:
    from microdomain.quantities import parse

    try:
        return parse(float(text), "time")
    except ValueError:
        return parse(text, "time")


@click.command(name="render")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A PNG file."
)
@click.option("--field", help="E_Ca, Ca, or the same of another ion.  [default: E_Ca where it is known]")
@click.option(
    "--time", "at", metavar="TIME", help="The recorded field nearest to this time.  [default: at the peak]"
)
@click.option(
    "--z", "height", metavar="LENGTH", help='Height of the slice, such as "10 nm".  [default: the membrane]'
)
@click.option("--member", type=click.IntRange(0), default=0, help="Number of the member.", show_default=True)
@click.option("--flat", is_flag=True, help="The 2D map by matplotlib, even where 3D drawing works.")
def render_command(
    result: Path, out: Path, field: str | None, at: str | None, height: str | None, member: int, flat: bool
) -> None:
    """Draw a slice through RESULT: E_Ca or a concentration, channels as rings."""
    from microdomain.cli_run import draw
    from microdomain.quantities import parse
    from microdomain.results import open as open_result
    from microdomain.view import check_file

    check_file(out)
    where: dict[str, Any] = {"member": member, "flat": flat}
    if at is not None:
        where["time"] = _time(at)
    if height is not None:
        try:
            where["z"] = float(height)
        except ValueError:
            where["z"] = parse(height, "length")
    draw(open_result(result), out, field, **where)


@click.command(name="report")
@click.argument("result", type=click.Path(path_type=Path))
def report_command(result: Path) -> None:
    """Print the closing report of RESULT again; of a run that was stopped, what there is."""
    from microdomain.report import report
    from microdomain.results import open as open_result

    click.echo(report(open_result(result), str(result)))
    sys.stdout.flush()


COMMANDS = [reversal_command, render_command, report_command]
