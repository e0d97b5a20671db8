"""What every test stands on: strict floats, fixed seeds, the backends, and an order from cheap to dear."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from microdomain import backends
from microdomain.view import gl

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYVISTA_OFF_SCREEN", "true")

# A NaN, an overflow or a division by zero inside the package is an error at its first appearance.
np.seterr(all="raise", under="ignore")

settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

KINDS = ("house", "unit", "agree", "laws", "order", "science")
BACKENDS = ("numpy", "compiled", "cuda")


def pytest_collection_modifyitems(items):
    """House rules first, then unit tests, agreement, laws, orders and science; slow ones at the end."""

    def rank(item):
        kind = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        return item.get_closest_marker("slow") is not None, KINDS.index(kind if kind in KINDS else "unit")

    items.sort(key=rank)


def pytest_runtest_setup(item):
    if item.get_closest_marker("gl") and gl.missing():
        pytest.skip(gl.missing())


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
