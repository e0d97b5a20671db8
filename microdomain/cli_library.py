"""The commands that show what there is: examples, presets, devices."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click


@click.command(name="examples")
@click.argument("name", required=False)
def examples_command(name: str | None) -> None:
    """List the built-in scenarios, or print the one called NAME as TOML.

    A name of this list serves wherever a scenario file does; `microdomain examples cluster > my.toml`
    begins a scenario of your own.
    """
    from microdomain import scenario

    if name is not None:
        click.echo(scenario.example_text(name), nl=False)
        return
    found = scenario.examples()
    width = max(len(each) for each in found)
    for each, title in found.items():
        click.echo(f"{each:<{width}}  {title}")


@click.command(name="presets")
@click.argument("name", required=False)
@click.option(
    "--kind",
    type=click.Choice(["buffer", "complex", "channel", "current", "sensor", "pump"]),
    help="Only presets of this kind.",
)
def presets_command(name: str | None, kind: str | None) -> None:
    """List the library with units and sources, or print all that is known of the one called NAME.

    In a scenario: preset = "BAPTA" in a buffer's or a sensor's table; keys given beside it win.
    A channel's gate is gate = { preset = "calyx" }.  "unconfirmed" marks what is not to be cited.
    """
    from microdomain.presets_catalogue import SHELVES, find, listing, source
    from microdomain.report_text import table

    if name is not None:
        found, entry = find(name)
        click.echo(f"{'kind':<11} {found}")
        for key, value in entry.items():
            if key not in ("source", "mark"):
                click.echo(f"{'law' if key == 'kind' else key:<11} {value}")
        click.echo(f"{'source':<11} {source(entry)}")
        click.echo(f"{'use':<11} {SHELVES[found].use.format(name)}")
        return
    shown = [table(*listing(each), right=()) for each in SHELVES if kind in (None, each)]
    click.echo("\n\n".join(shown))


@click.command(name="devices")
@click.option("--check", is_flag=True, help="Run every kernel on each device against the NumPy reference.")
def devices_command(check: bool) -> None:
    """What this machine can compute on, and what `--device auto` takes."""
    if find_spec("microdomain.devices") is not None:
        outcome = import_module("microdomain.devices").report(check=check)
        if isinstance(outcome, str):
            click.echo(outcome)
        elif outcome is not None:
            text, passed = outcome
            click.echo(text)
            if not passed:
                raise click.exceptions.Exit(1)
        return
    click.echo(_devices())
    if check:
        click.echo("NumPy is the reference itself: there is nothing to check it against.")


def _devices() -> str:
    """One line for each device and for drawing: that it works, or why it does not."""
    import os

    from microdomain.backends import missing
    from microdomain.view import gl

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = {"numpy": "NumPy", "cpu": "compiled kernels", "cuda": "CUDA through CuPy"}
    lines = []
    for name, word in words.items():
        # The reason comes as the sentence that a run with --device would end in.
        reason = missing(name).partition(" was named, but ")[2].partition(" Use device='auto'")[0]
        lines.append(f"{name:<8} {word}: {reason or 'works'}")
    lines.append(f"{'drawing':<8} {gl.missing() or 'PyVista: works'}")
    return "\n".join([*lines, f"{cores} cores. --device auto takes the last of numpy, cpu, cuda that works."])


COMMANDS = [examples_command, presets_command, devices_command]
