"""The command `microdomain`: what can be called, how an error is said, and what the exit code means.

Commands load when they are called: `microdomain --help` imports click and nothing else.

Exit codes: 0 done, 1 failed, 2 bad input, 75 stopped by a signal with its state saved (it wants to be
queued again), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import traceback
import warnings
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

DONE, FAILED, BAD_INPUT, REQUEUE, INTERRUPTED = 0, 1, 2, 75, 130

# Section -> command -> (module, what it does in one line).  The line is what `--help` prints, so that
# the module need not be loaded for it.
_SECTIONS = {
    "Scenarios": {
        "run": ("cli_run", "Run a scenario, store the result, print its report."),
        "sweep": ("cli_sweep", "A scenario over axes of changes: plan, run, submit, status, collect."),
        "steady": ("cli_run", "Solve for the steady state around channels that stay open."),
        "examples": ("cli_library", "List the built-in scenarios, or print one as TOML."),
        "presets": ("cli_library", "List buffers, dyes, channels, pumps and sensors, with sources."),
        "devices": ("cli_library", "What this machine can compute on."),
    },
    "Results": {
        "reversal": ("cli_results", "E_Ca at channel mouths and probes, as a table or CSV."),
        "release": ("cli_release", "Release probability, rate and latency at sensors, and their distances."),
        "render": ("cli_results", "Draw a slice of E_Ca or of a concentration."),
        "report": ("cli_results", "Print the closing report of a stored result again."),
        "view": ("cli_view", "Look at a result in the browser."),
        "movie": ("cli_view", "Draw every frame as an mp4 or gif, its time beneath."),
        "export": ("cli_view", "Write a result as VTK files for ParaView."),
    },
    "Electrochemistry": {
        "nernst": ("cli_electro", "Equilibrium potential of an ion."),
        "ghk": ("cli_electro", "Reversal potential of a membrane that passes several ions."),
        "donnan": ("cli_electro", "Donnan equilibrium: charged molecules that cannot leave."),
        "pump": ("cli_electro", "What pumps and exchanger must do, and what ATP gives."),
        "pumpleak": ("cli_electro", "The cell that keeps its volume, and the one that bursts."),
    },
}
_COMMANDS = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}

_WRONG_PATHS = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Failure(click.ClickException):
    """An error as one sentence, with the exit code that it calls for."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


class LazyGroup(click.Group):
    """Commands that are imported when they are called; errors that are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name; None for a name that is not there."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"microdomain.{_COMMANDS[cmd_name][0]}")
        command: click.Command = next(each for each in module.COMMANDS if each.name == cmd_name)
        if not any(option.name == "debug" for option in command.params):
            command.params.append(_debug_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, or an error with the nearest one."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(_COMMANDS)}."
            raise click.UsageError(f"No command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, from the table above: nothing is imported."""
        for title, section in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()], col_max=12)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; what goes wrong leaves as a sentence and an exit code."""
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning  # type: ignore[assignment]
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit):
                raise
            except (KeyboardInterrupt, click.Abort):
                raise Failure("Stopped by Ctrl-C.", INTERRUPTED) from None
            except BrokenPipeError:
                raise  # the reader of a pipe went away; click leaves quietly
            except Exception as error:
                if ctx.meta.get("microdomain.debug"):
                    traceback.print_exc()
                raise failure(error) from error


def failure(error: Exception) -> Failure:
    """What an exception of the package means on the command line.

    >>> failure(ValueError("Buffer 'BAPTA': total = -1 uM must not be negative.")).exit_code
    2
    """
    text = str(error)
    if isinstance(error, OSError):
        reason = text if error.filename is None else f"{error.filename}: {error.strerror}."
        mistaken = isinstance(error, (*_WRONG_PATHS, PermissionError)) and error.errno not in _FULL
        return Failure(reason, BAD_INPUT if mistaken else FAILED)
    if isinstance(error, MemoryError):
        return Failure(text or "There is not enough memory.", BAD_INPUT)
    # numpy.linalg.LinAlgError is a ValueError, yet nobody's input.
    if isinstance(error, ValueError) and type(error).__module__.partition(".")[0] != "numpy":
        return Failure(text, BAD_INPUT)
    if isinstance(error, ImportError | RuntimeError) and text:
        return Failure(text, FAILED)
    name = type(error).__name__
    return Failure(f"{name}: {text or 'no further word'}. Run it again with --debug to see where.", FAILED)


def _say_warning(message: Any, category: Any, filename: Any, lineno: Any, *_: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["microdomain.debug"] = True


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_debug,
        help="Show the traceback of an error.",
    )


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from microdomain import __version__

        click.echo(f"microdomain {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    params=[_debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and leave.",
)
def cli() -> None:
    """Calcium around open ion channels, and the reversal potential that each channel sees.

    \b
        microdomain examples
        microdomain run cluster -o cluster.zarr --picture cluster.png
        microdomain reversal cluster.zarr

    A quantity carries its unit ("2 ms", "100 nM"); a plain number is in um, ms, uM, pA, mV, K.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Parameters
    ----------
    arguments : list of str       words behind `microdomain`; those of the process unless given
    """
    cli.main(args=arguments, prog_name="microdomain")


if __name__ == "__main__":
    main()
