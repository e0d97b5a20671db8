"""The commands that show a stored result elsewhere: export."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="export")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="A folder, or a .pvd file in one."
)
@click.option("--field", "fields", multiple=True, help="Ca, E_Ca, a buffer; may be repeated.  [default: all]")
@click.option("--overwrite", is_flag=True, help="Replace an export that stands there.")
def export_command(result: Path, out: Path, fields: tuple[str, ...], overwrite: bool) -> None:
    """Write RESULT as VTK files for ParaView: a file per frame, a .pvd that lists them in time."""
    from microdomain.results import open as open_result

    for path in open_result(result).export(out, fields=fields or None, overwrite=overwrite):
        click.echo(f"exported to {path}")


COMMANDS = [export_command]
