"""The wheel carries the package, the kernels, the examples and the presets, and nothing else."""

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    alone = ["--no-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", "--wheel", *alone, "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def tracked(folder):
    done = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return set(done.stdout.split())


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data(contents):
    files = tracked("microdomain")
    assert any(name.startswith("microdomain/examples/") and name.endswith(".toml") for name in files)
    assert any(name.startswith("microdomain/presets/") and name.endswith(".toml") for name in files)
    assert "microdomain/py.typed" in files
    assert files <= contents


@pytest.mark.slow
def test_the_wheel_holds_every_kernel_inside_the_package(contents):
    kernels = tracked("kernels")
    assert {f"microdomain/{name}" for name in kernels} <= contents


@pytest.mark.slow
def test_the_wheel_holds_nothing_else(contents):
    tops = {name.split("/")[0] for name in contents}
    assert tops == {"microdomain", "microdomain-0.1.0.dist-info"}
    assert "microdomain-0.1.0.dist-info/licenses/LICENSE" in contents
    assert not [name for name in contents if name.endswith((".pyc", ".so"))]
