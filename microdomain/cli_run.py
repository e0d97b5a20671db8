"""The command `run`: a scenario in, a stored result, a report and perhaps a picture out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from microdomain.results import Results
    from microdomain.scenario import Scenario


@click.command(name="run")
@click.argument("scenario")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Where to store the result, a Zarr folder."
)
@click.option("--overwrite", is_flag=True, help="Replace a result that stands there.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw the result, too.")
@click.option("--until", metavar="TIME", help='End of the run, such as "2 ms".')
@click.option("--rtol", type=float, help="Tolerance of the adaptive steps, such as 1e-2.")
@click.option("--accuracy", type=click.Choice(["default", "high"]), help="Grid and tolerance in one word.")
@click.option("--check", is_flag=True, help="Run again on a coarser grid for an error estimate in space.")
@click.option("--device", help="auto, numpy, ... (see `microdomain devices`).")
@click.option("--precision", type=click.Choice(["float64", "float32"]), help="Of states, on kernels.")
@click.option("--seed", type=int, help="Of all random streams.")
@click.option("--members", type=click.IntRange(1), help="How many trials run as one ensemble.")
@click.option("--resume", is_flag=True, help="Go on with the run that stands there; begin where none does.")
@click.option(
    "--checkpoint-every",
    metavar="TIME",
    default="5 min",
    help="Wall time between checkpoints.",
    show_default=True,
)
@click.option("--estimate", is_flag=True, help="Say how large and how long the run would be, and stop.")
@click.option(
    "--log", type=click.Choice(["text", "json"]), default="text", help="Progress as text or JSON lines."
)
def run_command(
    scenario: str,
    out: Path | None,
    overwrite: bool,
    picture: Path | None,
    check: bool,
    resume: bool,
    checkpoint_every: str,
    estimate: bool,
    log: str,
    **given: Any,
) -> None:
    """Run SCENARIO, a TOML file or the name of a built-in example.

    The result goes to OUT while the run goes on: Ctrl-C loses nothing that was recorded.  Without -o it
    is stored in the working folder under the scenario's name.  SIGUSR1 and SIGTERM save the state and
    leave with exit code 75; the same command with --resume goes on, bit for bit.
    """
    from microdomain.cli_progress import ProgressShown, seconds
    from microdomain.scenario import load

    asked = load(scenario)
    out = Path(f"{Path(scenario).stem}.zarr") if out is None else out
    run = Settings.of(asked, given)
    every = seconds("--checkpoint-every", checkpoint_every)
    if estimate:
        _say_estimate(asked, run)
        return
    _check_places(out, overwrite or resume, picture)
    shown = ProgressShown(Path(scenario).stem, json=log == "json")
    click.echo(f"{asked.title or scenario}: {run.until:g} ms, to {out}", err=True)
    finished = resume and _finished(out)
    with shown:
        results = run.simulate(asked, out, overwrite, check, shown, resume, every)
    if finished:
        click.echo(f"'{out}' holds this run already, complete.", err=True)
    if log == "json":
        about = {k: results.provenance.get(k) for k in ("wall_s", "restarts", "backend", "scenario")}
        shown.say("done", out=str(out), closure=float(abs(results.ledger.closure).max()), **about)
    from microdomain.report import report

    click.echo(report(results, asked.title, asked.labels))
    if results.partial:
        raise _stopped(out)
    click.echo(f"\nstored in {out}")
    if picture is not None:
        draw(results, picture)


@dataclass(frozen=True)
class Settings:
    """The run settings of a scenario with those of the command line in their place."""

    until: float
    keywords: dict[str, Any]

    @classmethod
    def of(cls, asked: Scenario, given: dict[str, Any]) -> Settings:
        """Settings from [run] and from options; options that were left out are None."""
        from microdomain.quantities import parse

        settings = {k: v for k, v in asked.run.items() if k != "members"}
        chosen = {k: v for k, v in given.items() if v is not None}
        if "accuracy" in chosen and "rtol" not in chosen:
            settings.pop("rtol", None)  # the word on the command line stands for a tolerance, too
        if "until" in chosen:
            text = chosen.pop("until")
            settings["until"] = parse(_number(text), "time")
        count = chosen.pop("members", None)
        if count is not None and len(set(asked.members)) > 1:
            raise ValueError(
                f"--members {count}: this scenario has {len(asked.members)} members of its own, "
                "in [[run.member]]."
            )
        settings |= chosen
        if settings.get("until") is None:
            raise ValueError('How long? The scenario has no run.until; give --until, such as --until "2 ms".')
        if not settings["until"] > 0:
            raise ValueError(f'--until {given["until"]!r}: give a time above 0, such as "2 ms".')
        until = settings.pop("until")
        if count is not None:
            settings["members"] = count
        elif asked.members:
            settings |= {"members": asked.members, "member_names": asked.labels}
        return cls(until, settings)

    def simulate(
        self,
        asked: Scenario,
        out: Path,
        overwrite: bool,
        check: bool,
        progress: Callable[[Any], None],
        resume: bool = False,
        checkpoint_every: float | None = None,
    ) -> Results:
        """Run; Ctrl-C leaves the partial store and says so, a signal of a scheduler also a checkpoint."""
        from microdomain.checkpoint import Stopped
        from microdomain.cli import REQUEUE, Failure
        from microdomain.scenario_run import grid_of, record_of
        from microdomain.simulate import simulate

        try:
            return simulate(
                asked.model,
                grid_of(asked),
                until=self.until,
                record=record_of(asked, self.until),
                out=out,
                overwrite=overwrite,
                check=check,
                progress=progress,
                resume=resume,
                checkpoint_every=checkpoint_every,
                **self.keywords,
            )
        except KeyboardInterrupt:
            raise _stopped(out) from None
        except Stopped as stop:
            raise Failure(str(stop), REQUEUE) from None


def _say_estimate(asked: Scenario, run: Settings) -> None:
    from microdomain.cli import BAD_INPUT, Failure
    from microdomain.forecast import forecast
    from microdomain.scenario_run import grid_of, record_of

    found = forecast(
        asked.model, grid_of(asked), until=run.until, record=record_of(asked, run.until), **run.keywords
    )
    if not found.fits:
        raise Failure(str(found), BAD_INPUT)
    click.echo(str(found))


def _finished(out: Path) -> bool:
    from microdomain import store

    return out.exists() and bool(store.read(out).attrs.get("complete"))


def draw(results: Results, path: Path, field: str | None = None, **where: Any) -> None:
    """Draw a slice to a file, and say what was drawn and, in one line, what it was drawn without."""
    from microdomain import view

    started = time.perf_counter()
    picture = view.slice(results, field, **where)
    picture.save(path)
    if picture.note:
        click.echo(picture.note, err=True)
    click.echo(f"{picture.title} drawn to {path} ({time.perf_counter() - started:.1f} s)")


def _number(text: str) -> Any:
    """A plain number is in house units; anything else is a quantity with its unit."""
    try:
        return float(text)
    except ValueError:
        return text


def _check_places(out: Path | None, overwrite: bool, picture: Path | None) -> None:
    """Refuse what would fail after a long run."""
    if out is not None and out.exists() and not overwrite:
        raise FileExistsError(
            f"'{out}' exists. Choose another name, or allow it to be replaced (--overwrite)."
        )
    if picture is None:
        return
    from microdomain import view

    view.check_file(picture)


def _stopped(out: Path) -> click.ClickException:
    from microdomain.cli import INTERRUPTED, Failure

    if not out.exists():
        return Failure("Stopped by Ctrl-C before anything was recorded.", INTERRUPTED)
    return Failure(
        f"Stopped by Ctrl-C. What was recorded until then is in '{out}', marked as partial "
        f"(`microdomain report {out}`).",
        INTERRUPTED,
    )


@click.command(name="steady")
@click.argument("scenario")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Store the result, too: a Zarr folder.")
@click.option("--overwrite", is_flag=True, help="Replace a result that stands there.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw the result, too.")
@click.option("--rtol", type=float, default=1e-2, show_default=True, help="Wanted change from grid to grid.")
@click.option("--open", "opened", is_flag=True, help="Hold every gate open, whatever the scenario says.")
@click.option("--held", is_flag=True, help="Hold at rest every wall that carries no channel.")
def steady_command(
    scenario: str,
    out: Path | None,
    overwrite: bool,
    picture: Path | None,
    rtol: float,
    opened: bool,
    held: bool,
) -> None:
    """Where the ions of SCENARIO settle around channels that stay open.

    Needs gates that stay open (or --open), currents that are constant or follow the concentration at a
    voltage that stays, and a held wall (or --held) or uptake where the ions leave.
    """
    from microdomain.report import report
    from microdomain.scenario import load
    from microdomain.scenario_run import grid_of, record_of
    from microdomain.steady import Refinement, held_open, held_walls, steady_state
    from microdomain.steady_check import check_steady

    asked = load(scenario)
    _check_places(out, overwrite, picture)
    models = dict(zip(asked.labels, asked.members, strict=True)) if len(set(asked.members)) > 1 else {}
    if models and out is not None:
        raise ValueError(
            f"-o {out}: this scenario has {len(models)} members, and each settles in its own state."
        )
    for label, model in (models or {asked.title: asked.model}).items():
        model = held_open(model) if opened else model
        model = held_walls(model) if held else model
        check_steady(model, scenario=True)
        results = steady_state(
            model,
            grid_of(asked),
            rtol=rtol,
            record=record_of(asked, None),
            progress=lambda sentence: click.echo(sentence, err=True),
        )
        click.echo(report(results, label))
        click.echo(f"\n{Refinement(**results.provenance['refinement'])}\n")
        if out is not None:
            results.save(out, overwrite=overwrite)
            click.echo(f"stored in {out}")
        if picture is not None:
            draw(results, picture)


COMMANDS = [run_command, steady_command]
