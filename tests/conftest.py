"""What every test stands on: strict floats, fixed seeds, the backends, and an order from cheap to dear."""

import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from microdomain import backends

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYVISTA_OFF_SCREEN", "true")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

# A NaN, an overflow or a division by zero inside the package is an error at its first appearance.
np.seterr(all="raise", under="ignore")

settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

KINDS = ("house", "unit", "agree", "laws", "order", "science")
BACKENDS = ("numpy", "compiled", "cuda")
DRAW = (
    "import pyvista as pv; p = pv.Plotter(off_screen=True, window_size=(16, 16)); "
    "p.add_mesh(pv.Cube()); p.screenshot(return_img=True)"
)


def pytest_collection_modifyitems(items):
    """House rules first, then unit tests, agreement, laws, orders and science; slow ones at the end."""

    def rank(item):
        kind = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        return item.get_closest_marker("slow") is not None, KINDS.index(kind if kind in KINDS else "unit")

    items.sort(key=rank)


@cache
def draws():
    """Whether VTK can draw here; without GL it kills the process, so a child process tries."""
    return subprocess.run([sys.executable, "-c", DRAW], capture_output=True).returncode == 0


def pytest_runtest_setup(item):
    if item.get_closest_marker("gl") and not draws():
        pytest.skip("VTK cannot draw: apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri")


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(20)
    np.random.seed(20)  # noqa: NPY002  (for libraries that still draw from the global stream)


@pytest.fixture(params=BACKENDS)
def backend(request):
    """Name of a backend that works here; one that does not is skipped with its own reason."""
    reason = backends.missing(request.param)
    if reason:
        pytest.skip(reason)
    return request.param
