"""A user's script passes a strict type checker: lists where the package keeps tuples, and every example."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CELL = re.compile(r"^```(?:python|\{code-cell\})[^\n]*\n(?::[\w-]+:[^\n]*\n)*(.*?)^```$", re.M | re.S)

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")

SCRIPT = """
from dataclasses import replace

import numpy as np

import microdomain as md
from microdomain.model.rates import Constant, Exp, Lookup, Sum

calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
layer = md.Buffer("fixed", total=400, k_on=0.1, K_d=10, profile={"z": [(0, 1), (1, 0.5)]})
atp = md.Competing("ATP", 200, {"Ca": (0.5, 45), "Mg": (0.5, 22.5)}, D=0.2)
held = md.Walls(x=md.Held(), y=[md.Closed(), md.Closed()])
gate = md.Markov(["C", "O"], "O", [("C", "O", 0.5), ("O", "C", Sum([Constant(1), Exp(1, 20)]))])
cluster = md.Cluster([[0, 0], (0.1, 0)], current=[0.1, md.Fixed(md.Table([0, 1, 2], [0, 1, 0]))], gate=gate)
model = md.Model(
    box=[[-1, 1], [-1, 1], [0, 1]],
    ions=[calcium, md.Ion("Mg", z=2, D=0.2, rest=500, outside=1000)],
    buffers=[layer, atp],
    channels=cluster,
    walls=held,
    uptake={"Ca": 0.4},
    voltage=md.Steps(np.array([0.0, 1.0]), [-80, 0]),
    obstacles=md.Ball([0, 0, 0.5], 0.1),
    pumps=md.Pump(md.LinearPump(0.01), patch=md.Circle([0, 0], 0.1)),
    molecules=[md.Species("A", total=1, contains={"A": 1}), md.Species("B", contains={"A": 1})],
    reactions=[md.Reaction("A -> B", md.TimedRate([0, 1], [0, 20]))],
)
rate = Lookup([-80, 0], np.linspace(0, 1, 2))
sensor = md.Sensor(["R", "F"], [("R", "F", 0.1, 1), ("F", "R", 4)], {"F": 6})
placed = {"s": (sensor, [0, 0, 0.1])}
record = md.Record(times=[0.5], fields=["fixed"], points={"p": [0, 0, 0.1]}, sensors=placed)
record = replace(record, times=[0.5, 1.0])
model = replace(model, channels=[cluster], ions=list(model.ions))
kept: tuple[md.Ion, ...] = model.ions
more: tuple[tuple[str, float], ...] = model.uptake
"""

WRONG = """
import microdomain as md

calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
md.Model(box=[(-1, 1), (-1, 1), (0, 1)], ions=["Ca"])
md.Model(box=[(-1, 1), (-1, 1), (0, 1)])
md.Cluster([(0, 0)], current="0.1 pA")
md.Record(times="1 ms")
"""


def mypy(folder, *files):
    """What mypy says of files as a user's own; microdomain is followed, not blamed."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    more = ["--no-error-summary", f"--cache-dir={folder / 'cache'}", "--disable-error-code=import-untyped"]
    done = subprocess.run(
        [*command, *more, *files], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "microdomain" / "py.typed").is_file()


def test_the_script_runs():
    exec(compile(SCRIPT, "script", "exec"), {})


@pytest.mark.slow
def test_what_a_user_writes_passes(tmp_path):
    """Lists and arrays for tuples, the README's script, the pages' cells and the notebooks."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        cells = CELL.findall(page.read_text(encoding="utf-8"))
        if cells and "_generated" not in page.parts and "build" not in page.parts:
            name = page.relative_to(ROOT).with_suffix("").as_posix().replace("/", "_").replace(".", "_")
            (tmp_path / f"{name}.py").write_text("\n".join(cells), encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("*.py"):
        (tmp_path / notebook.name).write_text(notebook.read_text(encoding="utf-8"), encoding="utf-8")
    files = sorted(path.name for path in tmp_path.glob("*.py"))
    assert {"README.py", "docs_tutorial.py", "docs_howto_pumps.py", "feedback.py"} <= set(files)
    assert mypy(tmp_path, *files) == ""


@pytest.mark.slow
def test_what_is_wrong_is_still_refused(tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    lines = {
        int(line.split(":")[1]) for line in mypy(tmp_path, "wrong.py").splitlines() if ": error:" in line
    }
    assert lines == {5, 6, 7, 8}
