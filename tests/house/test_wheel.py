"""The wheel carries the package, the kernels, the examples and the presets, and nothing else."""

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    alone = ["--no-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", "--wheel", *alone, "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def contents(wheel):
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


#: A scenario from the command line, cut off from the network; the first word hides modules.
ALONE = """
import socket, sys

def none(*_, **__):
    raise OSError("there is no network")

socket.socket.connect = socket.getaddrinfo = none
if sys.argv[1] == "hidden":
    from microdomain.backends import build
    build._has_zig = lambda: False
sys.argv[1:2] = []
import microdomain
assert "a place of its own" in microdomain.__file__, microdomain.__file__
from microdomain.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("zig", ["hidden", "there"])
def test_the_wheel_computes_without_a_compiler_and_with_ziglang_alone(wheel, zig, tmp_path):
    """Unpacked in a path with blanks, PATH empty, offline; the dependencies are this environment's."""
    if zig == "there" and find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    place = tmp_path / "a place of its own"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    (place / "empty").mkdir()
    words = ["run", "single-channel", "-o", "out.zarr", "--until", "0.02 ms"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, zig, *words], cwd=place, capture_output=True, text=True,
        env={
            "PATH": str(place / "empty"), "HOME": str(place), "PYTHONPATH": str(place / "site"),
            "OMP_NUM_THREADS": "1", "MICRODOMAIN_CACHE_DIR": str(place / "kernels of mine"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"computed by {'numpy' if zig == 'hidden' else 'compiled'}" in done.stdout
    assert ("no C compiler was found" in done.stdout) == (zig == "hidden")
    assert len(list(place.glob("kernels of mine/*.so"))) == (zig == "there")
    assert (place / "out.zarr" / "zarr.json").is_file()
