"""The commands that show a stored result as more than one picture: view, movie, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click


@click.command(name="view")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: a free one]"
)
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.option(
    "--export",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one slice as a page of its own (.html) instead.",
)
@click.option("--field", help="With --export: as in `movie`.")
def view_command(result: Path, port: int, no_browser: bool, page: Path | None, field: str | None) -> None:
    """Look at RESULT in the browser: a store, or a folder of stores.

    The page is served to this machine only, under an address with a secret.  Ctrl-C ends it.
    """
    if page is not None:
        from microdomain.results import open as open_result
        from microdomain.view.still import export_page

        click.echo(f"page written to {export_page(open_result(result), page, field)}")
        return
    from microdomain.view.web import serve

    serve(result, port, not no_browser, lambda url: print(url, flush=True))


@click.command(name="movie")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that ends in .mp4 or .gif.",
)
@click.option("--field", help="E_Ca, Ca, V-E_Ca, I_Ca, a buffer.  [default: E_Ca where it is known]")
@click.option("--x", metavar="LENGTH", help="Cut the box at this x.")
@click.option("--y", metavar="LENGTH", help="Cut the box at this y.")
@click.option(
    "--z", metavar="LENGTH", help='Cut the box at this z, such as "10 nm".  [default: the membrane]'
)
@click.option("--member", type=click.IntRange(0), default=0, help="Number of the member.", show_default=True)
@click.option("--fps", type=float, default=12.0, help="Recorded frames per second.", show_default=True)
def movie_command(
    result: Path, out: Path, field: str | None, member: int, fps: float, **cut: str | None
) -> None:
    """Draw every recorded frame of RESULT as a movie of a slice, its time on an axis beneath."""
    from microdomain import view
    from microdomain.results import open as open_result

    started = time.perf_counter()
    where: dict[str, Any] = {axis: length(text) for axis, text in cut.items() if text is not None}
    path = view.movie(open_result(result), field, out, member=member, fps=fps, **where)
    click.echo(f"movie drawn to {path} ({time.perf_counter() - started:.1f} s)")


def length(text: str) -> float:
    """A length in um from "10 nm", or from a plain number.

    >>> round(length("10 nm"), 9), length("0.5")
    (0.01, 0.5)
    """
    from microdomain.quantities import parse

    try:
        return float(text)
    except ValueError:
        return parse(text, "length")


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


COMMANDS = [view_command, movie_command, export_command]
