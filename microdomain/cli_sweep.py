"""The command `sweep`: thousands of runs planned, computed, counted and collected."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import click

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group(name="sweep")
def sweep_group() -> None:
    """A scenario over axes of changes: plan, run, submit, status, collect.

    \b
        microdomain sweep plan bapta.toml -o bapta
        microdomain sweep run bapta --on local
        microdomain sweep collect bapta -o bapta.csv
    """


@sweep_group.command(name="plan")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder of the sweep; the file's name unless given."
)
def plan_command(file: Path, out: Path | None) -> None:
    """Resolve every point of the sweep in FILE and write the manifest."""
    from microdomain.sweep_plan import plan

    out = file.with_suffix("") if out is None else out
    sweep = plan(file, out)
    axes = " x ".join(f"{len(a['labels'])} {a['name']}" for a in sweep.about["axes"])
    click.echo(
        f"{sweep.title}: {len(sweep.points)} points ({axes}) in {len(sweep.batches())} batches, in {out}"
    )


@sweep_group.command(name="run")
@FOLDER
@click.option(
    "--on", default="here", help="here, local (a pool of processes), dask, dask://HOST:PORT, or slurm."
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes of the pool; one per GPU or core unless given."
)
@click.option("--shard", metavar="I/N", default="0/1", help="Only the I-th of N parts, I from 0.")
@click.option("--retry", is_flag=True, help="Try points again that failed.")
@click.option("--device", help="Instead of the scenario's: auto, cpu, cuda, numpy.")
@click.option(
    "--checkpoint-every", metavar="TIME", default="2 min", help="Wall time between two checkpoints."
)
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="Of the engine, such as partition=gpu."
)
def run_command(
    folder: Path,
    on: str,
    workers: int | None,
    shard: str,
    retry: bool,
    device: str | None,
    checkpoint_every: str,
    given: tuple[str, ...],
) -> None:
    """Compute the points of FOLDER that are not done yet.

    Exit code 0: all done; 1: some points failed (`microdomain sweep status` names them); 75: stopped by
    a signal, and the state is saved.
    """
    from microdomain.cli import FAILED, REQUEUE, Failure
    from microdomain.cli_progress import seconds
    from microdomain.sweep_run import run

    def told(outcome: Any, left: int) -> None:
        words = [f"{outcome.done} done"]
        words += [f"{len(outcome.failed)} failed"] if outcome.failed else []
        words += [f"{outcome.skipped} busy elsewhere"] if outcome.skipped else []
        words += ["stopped"] if outcome.stopped else []
        click.echo(f"{', '.join(words)}, {left} left", err=True)

    total = run(
        folder, on, workers, shard_of(shard), retry, device,
        seconds("--checkpoint-every", checkpoint_every), told, **dict(_pair(text) for text in given),
    )  # fmt: skip
    if total.stopped:
        raise Failure("Stopped by a signal. Every run is saved; the same command goes on.", REQUEUE)
    for index, words in sorted((total.failed or {}).items()):
        click.echo(f"point {index} failed: {words}", err=True)
    if total.failed:
        raise Failure(f"{len(total.failed)} points failed, {total.done} are done.", FAILED)
    if not (total.done or total.skipped):
        from microdomain.sweep_collect import status

        now = status(folder)
        rest = f"; {now.failed} failed before (--retry tries them again)" if now.failed else ""
        click.echo(f"Nothing to do: {now.done} of {now.points} points are done{rest}.")
        return
    click.echo(f"{total.done} points done" + (f", {total.skipped} busy elsewhere" if total.skipped else ""))


@sweep_group.command(name="submit")
@FOLDER
@click.option("--print", "only_print", is_flag=True, help="Print the script and submit nothing.")
@click.option("--tasks", type=click.IntRange(1), help="Tasks of the job array; one per batch unless given.")
@click.option("--gpu/--no-gpu", default=True, help="A GPU for every task.")
@click.option("--at-once", type=click.IntRange(1), help="Tasks that run at the same time, at most.")
@click.option("--time", default="04:00:00", help="Time limit of a task, as Slurm writes it.")
@click.option("--memory", default="4G", help="Memory of a task.")
@click.option("--cpus", type=click.IntRange(1), default=1, help="Cores of a task.")
@click.option("--partition", help="Slurm's partition.")
@click.option("--options", default="", help="More words for `microdomain sweep run`.")
def submit_command(folder: Path, only_print: bool, **given: Any) -> None:
    """Write a Slurm job array for FOLDER and submit it."""
    from microdomain.cli import FAILED, Failure
    from microdomain.sweep_plan import Sweep
    from microdomain.sweep_slurm import script

    text = script(folder, **given)
    if only_print:
        click.echo(text, nl=False)
        return
    Sweep(folder).check_sources()
    (folder / "logs").mkdir(exist_ok=True)
    job = folder / "job.sh"
    job.write_text(text, "utf-8")
    try:
        answer = subprocess.run(["sbatch", str(job)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failure(
            f"There is no sbatch here. The script is in '{job}': submit it where Slurm is, or run "
            f"`microdomain sweep run {shlex.quote(str(folder))} --on local`.",
            FAILED,
        ) from None
    if answer.returncode:
        raise Failure(f"sbatch refused '{job}': {answer.stderr.strip()}", FAILED)
    click.echo(answer.stdout.strip())


@sweep_group.command(name="status")
@FOLDER
def status_command(folder: Path) -> None:
    """How many points of FOLDER are done, and which failed and why."""
    from microdomain.sweep_collect import status

    click.echo(str(status(folder)))


@sweep_group.command(name="collect")
@FOLDER
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A file .csv, .parquet or .nc, or .zarr.",
)
@click.option("--no-traces", is_flag=True, help="Summaries only, without time courses (.nc, .zarr).")
def collect_command(folder: Path, out: Path, no_traces: bool) -> None:
    """Collect what is done: a table (.csv, .parquet), or a dataset over the axes (.zarr, .nc)."""
    from microdomain.sweep_collect import collect, status, write_dataset, write_table

    if out.suffix in (".csv", ".parquet"):
        write_table(folder, out)
    elif out.suffix in (".zarr", ".nc"):
        if out.exists():
            raise FileExistsError(f"'{out}' exists. Choose another name; nothing was changed.")
        data = collect(folder, traces=not no_traces)
        if out.suffix == ".nc":
            data.to_netcdf(out)
        else:
            write_dataset(data, out)
    else:
        raise ValueError(f"'{out}': give a name that ends with .csv, .parquet, .zarr or .nc.")
    now = status(folder)
    left = f", {now.failed} failed, {now.waiting} waiting" if now.failed or now.waiting else ""
    click.echo(f"{now.done} of {now.points} points in {out}{left}")


def shard_of(text: str) -> tuple[int, int]:
    """Part and number of parts from "2/8".

    >>> shard_of("2/8")
    (2, 8)
    """
    part, slash, parts = text.partition("/")
    if not (slash and part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise ValueError(f"--shard {text}: give I/N with I from 0 to N - 1, such as 0/8.")
    return int(part), int(parts)


def _pair(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"--set {text}: give KEY=VALUE, such as partition=gpu.")
    return key, int(value) if value.isdigit() else value


COMMANDS = [sweep_group]
