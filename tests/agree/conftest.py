"""Backends under test: the compiled one, and the CUDA one on a stand-in for CuPy or on a card."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import standin

from microdomain.backends import missing


@pytest.fixture(scope="session")
def standin_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(params=["compiled", "cuda on a stand-in", "cuda"])
def device(request, monkeypatch, standin_folder):
    """A `prepare` function of one backend; one that does not work here is skipped with its reason."""
    from microdomain.backends import compiled, cuda

    if request.param == "cuda on a stand-in":
        if standin.COMPILER is None:
            pytest.skip("no C++ compiler")
        monkeypatch.setitem(sys.modules, "cupy", standin.module(standin_folder))
        return cuda.prepare
    reason = missing(request.param)
    if reason:
        pytest.skip(reason)
    return compiled.prepare if request.param == "compiled" else cuda.prepare
