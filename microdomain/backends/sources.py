"""The kernels' text: found, completed with a plan's constants, and read for its signatures.

The text that a compiler sees is one string, header first and without any include, because NVRTC has
no headers and caches must see every character that matters.  No name of a user reaches it, only
counts and indices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microdomain.backends.base import Unavailable
from microdomain.backends.network_text import network_constants, network_functions
from microdomain.plan import SUB, Plan

#: In this order behind `launch.h`, the constants and `plan.h`.
FILES = ("rhs.c", "near.c", "factor.c", "solve.c", "walls.c", "combine.c", "reduce.c", "close.c", "mask.c")
#: C's name of a precision.
REAL = {"float64": "double", "float32": "float"}


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel as its C signature declares it."""

    kind: str
    pointer: bool
    name: str


@cache
def folder() -> Path:
    """Where the kernels are: inside an installed package, beside it in a working tree."""
    package = Path(__file__).resolve().parents[1]
    for found in (package / "kernels", package.parent / "kernels"):
        if (found / "launch.h").is_file():
            return found
    raise Unavailable(f"the kernels are missing beside {package}; install the package again.")


def constants(plan: Plan, precision: str = "float64") -> str:
    """The preprocessor lines that turn a plan's structure into constants.

    Parameters
    ----------
    plan : Plan
    precision : str                 "float64" or "float32"

    Returns
    -------
    str
    """
    slots = [plan.refined.index(j) if j in plan.refined else -1 for j in range(plan.buffers)]
    lines = {
        "real": REAL[precision],
        "IONS": plan.ions,
        "MOBILE": plan.mobile,
        "SPECIES": plan.species,
        "BUFFERS": plan.buffers,
        "REFINED": len(plan.refined),
        "SUB": SUB**3,
        "BINDS(j)": _choice("j", plan.binds),
        "REFINES(r)": _choice("r", plan.refined),
        "SLOT(j)": _choice("j", slots),
        "MOVERS": plan.movers,
    }
    return "".join(f"#define {name} {value}\n" for name, value in lines.items())


def _choice(index: str, values: tuple[int, ...] | list[int]) -> str:
    """A table as a constant expression: ((j) == 0 ? 2 : (j) == 1 ? 0 : 0)."""
    return "(" + "".join(f"({index}) == {k} ? {v} : " for k, v in enumerate(values)) + "0)"


def text(plan: Plan, precision: str = "float64") -> str:
    """Everything a compiler needs for one plan.

    Parameters
    ----------
    plan : Plan
    precision : str                 "float64" or "float32"

    Returns
    -------
    str
    """
    where = folder()
    parts = [_read(where / "launch.h"), constants(plan, precision), network_constants(plan.network)]
    parts += [_read(where / "plan.h"), network_functions(plan.network)]
    return "\n".join(parts + [_read(where / name) for name in FILES])


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="ascii")


@cache
def signatures() -> dict[str, tuple[Argument, ...]]:
    """Arguments of every kernel, read from the C text: the only place that declares them.

    Returns
    -------
    dict                            kernel name -> arguments in order
    """
    found = {}
    for name in FILES:
        for kernel, inside in re.findall(r"^KERNEL (\w+)\(([^)]*)\)", _read(folder() / name), re.MULTILINE):
            found[kernel] = tuple(_argument(part) for part in inside.split(","))
    return found


def _argument(declaration: str) -> Argument:
    words = declaration.replace("*", " * ").split()
    kind = [w for w in words[:-1] if w not in ("const", "restrict", "*")]
    return Argument(kind[0], "*" in words, words[-1])
