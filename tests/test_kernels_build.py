"""Building the kernels: compilers, caches and their refusals, races, paths with spaces."""

import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "agree"))

from plans import random_plan, random_state

from microdomain.backends import build, missing, sources
from microdomain.backends.base import Unavailable
from microdomain.backends.choose import choose
from microdomain.backends.compiled import prepare, threads
from microdomain.backends.reference import Reference

needs_compiler = pytest.mark.skipif(bool(missing("compiled")), reason=missing("compiled") or "-")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder with a space in its name."""
    path = tmp_path / "a cache with spaces"
    monkeypatch.setenv(build.VARIABLE, str(path))
    return path


@pytest.fixture
def no_compiler(monkeypatch, tmp_path):
    """A PATH without compilers and no ziglang."""
    build.compiler.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(build, "_has_zig", lambda: False)
    yield
    build.compiler.cache_clear()


def test_signatures_come_from_the_text():
    found = sources.signatures()["near_patch"]
    assert [a.name for a in found[:3]] == ["first", "last", "nz"]
    assert [a.kind for a in found if a.pointer] == ["wide", "wide", "double", "real", "real", "real"]


def test_text_has_no_include_and_no_name_of_a_user():
    text = sources.text(random_plan("two ions, three members"))
    assert "#include" not in text
    for name in ("Ca", "Mg", "mobile0"):
        assert f'"{name}"' not in text


@pytest.mark.parametrize("word", ["atomic", "__syncthreads", "__shared__", "fast-math"])
def test_kernels_keep_the_rules(word):
    for path in sources.folder().glob("*.c"):
        assert word not in path.read_text()
    assert not any(word in flag for flag in build.FLAGS)


@needs_compiler
def test_build_in_a_folder_with_spaces_then_load(cache):
    text = "int answer(void) { return 42; }\n"
    assert build.build(text).answer() == 42
    made = list(cache.glob("*.so"))
    assert len(made) == 1
    before = made[0].stat().st_mtime_ns
    assert build.build(text).answer() == 42
    assert made[0].stat().st_mtime_ns == before
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@needs_compiler
def test_a_text_that_does_not_compile_says_so(cache):
    with pytest.raises(Unavailable, match=r"(?s)did not compile the kernels: .*error"):
        build.build("int answer(void) { return nonsense; }\n")


def _build(text):
    return build.build(text).answer()


@needs_compiler
def test_processes_that_build_at_once(cache):
    text = "int answer(void) { return 7; }\n" + "".join(
        f"double f{k}(double x) {{ return x * {k}; }}\n" for k in range(300)
    )
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_build, [text] * 3) == [7, 7, 7]
    assert len(list(cache.glob("*.so"))) == 1
    assert [p for p in cache.iterdir() if p.is_dir()] == []


def test_a_cache_that_others_can_write_is_refused(cache):
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(Unavailable, match="can be written by others; run chmod go-w on it"):
        build.cache_folder()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners here")
def test_a_cache_of_another_user_is_refused(cache, monkeypatch):
    cache.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    with pytest.raises(Unavailable, match="belongs to another user; point MICRODOMAIN_CACHE_DIR"):
        build.cache_folder()


def test_a_cache_that_cannot_be_made(cache):
    cache.write_text("a file")
    with pytest.raises(Unavailable, match=r"cannot be made .*; point MICRODOMAIN_CACHE_DIR to a folder"):
        build.cache_folder()


def test_without_a_compiler_auto_falls_back_and_says_so(no_compiler, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    said = []
    factory = choose("auto", said.append)
    assert factory(random_plan("one ion, no buffer")).name == "numpy"
    assert len(said) == 1
    assert "NumPy" in said[0]
    assert 'pip install "microdomain[compiler]"' in said[0]


@pytest.mark.parametrize("device", ["cpu", "compiled"])
def test_without_a_compiler_a_named_device_does_not_fall_back(no_compiler, device):
    with pytest.raises(Unavailable, match=f"device='{device}' was named, but no C compiler was found"):
        choose(device)


def test_cuda_named_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(Unavailable, match="was named, but CuPy is not installed; pip install"):
        choose("cuda")


def test_cuda_named_without_a_card(monkeypatch, tmp_path):
    import standin

    cupy = standin.module(tmp_path)
    cupy.cuda.is_available = lambda: False
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(
        Unavailable,
        match=r"device='cuda' was named, but CuPy finds no GPU. Use device='auto' to fall back to the CPU.",
    ):
        choose("cuda")


def test_cuda_with_too_little_memory(monkeypatch, tmp_path):
    import standin

    from microdomain.backends import cuda

    plan = random_plan("two ions, three members")
    each = plan.size * cuda.VECTORS * 8
    monkeypatch.setitem(sys.modules, "cupy", standin.module(tmp_path, free=2 * each + 5))
    with pytest.raises(
        MemoryError, match=r"3 members of .* cells need about .* GB are free on the GPU; at most 2"
    ):
        cuda.prepare()(plan)


def test_unknown_device():
    with pytest.raises(ValueError, match="device='gpu' is not known; give one of 'auto', 'numpy'"):
        choose("gpu")


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True).returncode != 0,
    reason="ziglang is not installed",
)
def test_ziglang_alone_builds(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    build.compiler.cache_clear()
    try:
        assert build.compiler()[-2:] == ("ziglang", "cc")
        plan = random_plan("one channel, two buffers")
        ops, reference = prepare()(plan), Reference(plan)
        y = random_state(plan, 3)
        near = np.zeros(plan.pair_loss.shape)
        expected = reference.rhs(y, reference.near(near), np.zeros(plan.pair_member.size))
        got = ops.rhs(ops.vector(y), ops.near(near), np.zeros(plan.pair_member.size))
        assert np.allclose(ops.host(got), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    finally:
        build.compiler.cache_clear()


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads() == 2


def test_only_one_file_imports_cupy():
    package = Path(sources.__file__).parents[1]
    found = [p.name for p in package.rglob("*.py") if "import cupy" in p.read_text()]
    assert found == ["cuda.py"]


def test_kernels_have_no_python():
    assert list(sources.folder().glob("*.py")) == []
