"""The command `release`: what the release sensors of a stored result say."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click


@click.command(name="release")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values instead of a table.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    help="Also draw this many vesicles a sensor, by chance, and count them.",
)
def release_command(result: Path, as_csv: bool, trials: int | None) -> None:
    """Release probability, peak rate, latency and coupling distance at every sensor of RESULT.

    Sensors are placed by [sensors.NAME] tables of a scenario.  `half by` is the time by which half of all
    that is released is released; distances go straight to the channels that opened.
    """
    from microdomain.report_release import HEAD, release_rows, release_table
    from microdomain.results import open as open_result

    results = open_result(result)
    if as_csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(release_rows(results))
        click.echo(text.getvalue(), nl=False)
    else:
        click.echo(release_table(results))
    if trials is None:
        return
    import numpy as np

    from microdomain.release import release_times

    for name in results._parts["sensors"]["sensor"].values:
        times = np.atleast_2d(release_times(results, str(name), trials).values)
        for m, row in enumerate(times):
            whose = f" of {results.member_names[m] if results.member_names else f'member {m}'}"
            fused = int(np.isfinite(row).sum())
            share = f"{fused} of {trials} vesicles fused ({fused / trials:.4g})"
            click.echo(f"{name}{whose if results.members > 1 else ''}: {share}", err=as_csv)


COMMANDS = [release_command]
