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
def presets_command(name: str | None) -> None:
    """List the buffers of the library, or print all that is known of the one called NAME.

    In a scenario: preset = "BAPTA" in a buffer's table; keys given beside it win.
    """
    from microdomain import presets

    if name is not None:
        for key, value in presets.entry(name).items():
            click.echo(f"{key:<7} {value}")
        return
    rows = []
    for each in presets.names():
        entry = presets.entry(each)
        mark = f" [{entry['mark']}]" if "mark" in entry else ""
        rows.append((each, *(entry[key] for key in ("k_on", "K_d", "D")), entry["source"] + mark))
    from microdomain.report_text import table

    click.echo(table(("buffer", "k_on", "K_d", "D", "source"), rows, right=()))


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
    """The devices as this version knows them: NumPy computes; a GPU is only named."""
    import os

    import numpy

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"numpy   NumPy {numpy.__version__}, {cores} cores; what 'auto' takes\n{_graphics()}"


def _graphics() -> str:
    from microdomain.view import gl

    missing = gl.missing()
    return f"drawing {missing or 'PyVista and GL work'}"


COMMANDS = [examples_command, presets_command, devices_command]
