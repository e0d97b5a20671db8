"""`import microdomain` and `microdomain --help` answer at once: what is heavy loads where it is used."""

import resource
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import microdomain

ROOT = Path(__file__).parents[2]
HEAVY = ["numpy", "scipy", "pyvista", "vtk", "cupy", "pydantic", "pint", "xarray", "zarr", "matplotlib"]
REPORT = f"\nimport sys; print('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
TRIES = 12


def fastest(command, enough):
    """Least processor time of several runs of a command, in seconds; stops when it is short enough.

    One thread that waits for nothing takes that long on an idle machine; a busy one only adds waiting.
    """
    best = float("inf")
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        if best < enough:
            break
    return best


def loaded(code):
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.rpartition("loaded:")[2].split()


def test_import_loads_nothing_heavy():
    assert loaded("import microdomain" + REPORT) == []


def test_import_is_fast():
    assert fastest([sys.executable, "-c", "import microdomain"], 0.3) < 0.3


def test_the_base_of_a_script_leaves_the_heavy_rooms_closed():
    """Asking for the model and the grid loads NumPy at most."""
    code = "import microdomain as md; md.Ion, md.Model, md.Grid, md.units, md.electro" + REPORT
    assert set(loaded(code)) <= {"numpy", "scipy"}


HELP = "import sys; sys.argv = ['microdomain', '--help']; from microdomain.cli import main\n"


def test_help_loads_nothing_heavy():
    """Every --help, of the commands too: click reads their docstrings, not their modules."""
    code = HELP + "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code" + REPORT
    assert loaded(code) == []


def test_help_is_fast():
    assert fastest([sys.executable, "-c", HELP + "main()"], 0.15) < 0.15


def test_every_name_of_the_front_door_is_there():
    for name in microdomain.__all__:
        assert getattr(microdomain, name) is not None
    assert set(microdomain.__all__) <= set(dir(microdomain))


def test_simulate_stays_a_function_whoever_imports_its_file_first():
    code = (
        "import microdomain.simulate, microdomain as md; assert callable(md.simulate), md.simulate" + REPORT
    )
    assert "pyvista" not in loaded(code)


def test_modules_are_modules():
    for name in ("units", "electro", "oracles", "view"):
        assert isinstance(getattr(microdomain, name), ModuleType)


def test_an_unknown_name_is_a_sentence():
    with pytest.raises(
        AttributeError, match=r"Module 'microdomain' has no name 'simulat'; dir\(microdomain\)"
    ):
        microdomain.simulat  # noqa: B018


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert microdomain.__version__ == project["version"]
    assert f"\nversion: {project['version']}\n" in (ROOT / "CITATION.cff").read_text()
