"""The README keeps its word: its commands stand as they are called, its Python runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
COMMANDS = re.findall(r"^python3 -m venv .*$", README, re.M)
RUN = (
    'python3 -m venv .venv && .venv/bin/pip install ".[view]" && '
    ".venv/bin/microdomain run cluster -o cluster.zarr --picture cluster.png"
)


def test_two_commands_do_all_each_in_its_own_environment():
    use, develop = COMMANDS
    assert use == RUN
    assert develop.startswith("python3 -m venv .venv-dev && .venv-dev/bin/pip install ")
    assert develop.endswith(" && .venv-dev/bin/python -m pytest")


def test_the_system_packages_are_named():
    assert "apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri" in README
    installed = re.search(r'^packages="(.*)"$', (ROOT / ".ci" / "run").read_text(), re.M)
    assert installed is not None
    assert {"libegl1", "libgl1-mesa-dri", "slurm-wlm", "munge", "chromium"} <= set(installed[1].split())
    assert "slurm-wlm munge chromium" in README


def test_files_that_the_readme_links_to_exist():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def run(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_script_runs(tmp_path):
    script = "\n".join(block for block in BLOCKS if "md.view" not in block)
    assert "md.simulate(" in script
    run(script, tmp_path)
    assert (tmp_path / "cluster.zarr" / "zarr.json").exists()


@pytest.mark.slow
@pytest.mark.gl
def test_every_python_block_runs(tmp_path):
    assert any("md.view" in block for block in BLOCKS)
    run("\n".join(BLOCKS), tmp_path)


@pytest.mark.slow
def test_the_first_command_makes_a_picture(tmp_path):
    """The part of it behind the install, by this environment's own interpreter."""
    words = RUN.rpartition(" && ")[2].split()[1:]
    arguments = ["microdomain", *words]
    code = f"import sys; sys.argv = {arguments}; from microdomain.cli import main; sys.exit(main())"
    run(code, tmp_path)
    assert (tmp_path / "cluster.png").read_bytes().startswith(b"\x89PNG")


def test_constraints_are_versions_and_nothing_else():
    """A lock that names addresses would tie the project to one registry."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert len(pinned) > 50
    assert [line for line in pinned if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!]+", line)] == []
