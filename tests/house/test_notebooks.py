"""Notebooks are scripts that run from top to bottom and end in an asserted number."""

from pathlib import Path

import jupytext
import nbclient
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
NAMES = [path.stem for path in NOTEBOOKS]


def test_there_is_one():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_ends_in_an_asserted_number(path):
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    assert "assert " in cells[-1]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the kernel's own plumbing warns of what is none of ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = jupytext.read(path)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
