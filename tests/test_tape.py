"""Tapes: launches and products written down once, and replayed wherever their arrays are."""

import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "agree"))

import standin
from plans import random_plan, random_state

from microdomain.backends import compiled, cuda, missing, tape
from microdomain.backends.pool import Pool
from microdomain.weights import Fluxes

CASE = "two ions, three members"
needs_compiler = pytest.mark.skipif(bool(missing("compiled")), reason=missing("compiled") or "-")


@pytest.fixture
def processor():
    """A device of the compiled backend, with a plan of three members."""
    return compiled.Processor(random_plan(CASE))


def summed(device, y, v, out):
    """out = y + 2 v, by a kernel that is told of y as all its other vectors."""
    terms = (2, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, y, v, y, y, y)
    device.call("combine", 1, y.size, 0, 1, y.size, None, *terms, out, None)


def told(device, y, v, out, key="sum"):
    device.replay(key, (y, v, out), lambda: summed(device, y, v, out))
    return out


def some(device, *values, size=37):
    made = [device.empty(size) for _ in values]
    for a, value in zip(made, values, strict=True):
        a[...] = value
    return made


@needs_compiler
def test_a_tape_follows_its_arrays(processor):
    y, v, out, w, other = some(processor, 1.0, 2.0, 0.0, 10.0, 0.0)
    assert set(told(processor, y, v, out)) == {5.0}
    assert set(told(processor, w, v, other)) == {14.0}
    assert set(out) == {5.0}
    assert set(told(processor, y, w, other)) == {21.0}
    assert len(processor._tapes) == 1


@needs_compiler
def test_arrays_that_are_the_same_have_a_tape_of_their_own(processor):
    y, v, out = some(processor, 1.0, 2.0, 0.0)
    assert set(told(processor, y, y, out)) == {3.0}
    assert set(told(processor, y, v, out)) == {5.0}
    assert set(told(processor, v, v, out)) == {6.0}
    assert len(processor._tapes) == 2


@needs_compiler
def test_an_absent_array_has_a_tape_of_its_own(processor):
    y, v, out, also = some(processor, 1.0, 2.0, 0.0, 0.0)

    def both(also):
        terms = (2, 1.0, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, y, v, y, y, y)
        processor.replay(
            "both",
            (y, v, out, also),
            lambda: processor.call("combine", 1, y.size, 0, 1, y.size, None, *terms, out, also),
        )

    both(None)
    assert not also.any()
    both(also)
    assert set(also) == {6.0}
    also[...] = 0.0
    both(None)
    assert not also.any()


@needs_compiler
def test_a_freed_array_leaves_nothing_behind(processor):
    y, v = some(processor, 1.0, 2.0)
    before = set()
    for value in range(20):
        [out] = some(processor, 0.0)
        y[...] = value
        assert set(told(processor, y, v, out)) == {value + 4.0}
        before.add(out.ctypes.data)
        del out
    assert len(before) == 1, "the tape held an array, and the pool could not give it out again"


@needs_compiler
def test_an_array_that_is_not_told_of_is_held(processor):
    v, out = some(processor, 2.0, 0.0)

    def recorded(fixed):
        processor.replay("fixed", (v, out), lambda: summed(processor, fixed, v, out))

    recorded(np.full(37, 7.0))
    filled = [np.full(37, 9.0) for _ in range(50)]
    processor.replay("fixed", (v, out), lambda: pytest.fail("recorded twice"))
    assert set(out) == {11.0}
    assert len(filled) == 50


@needs_compiler
def test_products_are_those_of_numpy(processor):
    random = np.random.default_rng(5)
    stack, left, right = (processor.put(random.normal(size=s)) for s in ((4, 3, 7), (5, 3), (7, 6)))
    beside, below, many = (processor.empty(*s) for s in ((4, 5, 7), (4, 3, 6), (4, 3, 3)))
    other = processor.put(random.normal(size=(4, 7, 3)))

    def record():
        processor.product(left, stack, beside)
        processor.product(stack, right, below)
        processor.product(stack, other, many)

    for direct in (True, False):
        for out in (beside, below, many):
            out[...] = 0.0
        record() if direct else processor.replay("products", (stack,), record)
        for got, expected in ((beside, left @ stack), (below, stack @ right), (many, stack @ other)):
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


@needs_compiler
def test_a_wide_product_is_taken_in_pieces(processor):
    random = np.random.default_rng(6)
    left, wide = (processor.put(random.normal(size=s)) for s in ((30, 30), (2, 30, 46 * 46)))
    out = processor.empty(2, 30, 46 * 46)
    assert compiled.pieces(30, 30, 46 * 46) == 2
    assert compiled.pieces(30, 30, 46) == 1
    # Of a prime number of columns there are no pieces of some length.
    assert compiled.pieces(40, 40, 2113) == 1
    processor.product(left, wide, out)
    np.testing.assert_allclose(out, left @ wide, rtol=0, atol=1e-12)


@needs_compiler
def test_a_kernel_refuses_what_it_cannot_read(processor):
    y, v, out = some(processor, 1.0, 2.0, 0.0)
    with pytest.raises(
        TypeError, match=r"A kernel takes contiguous arrays of float64, got float64 in \(16,\)"
    ):
        told(processor, np.ones(74)[::2], v, out)
    assert processor._writing is None
    assert set(told(processor, y, v, out)) == {5.0}


def test_only_what_was_used_last_is_kept():
    kept = tape.Recent(3)
    for k in range(3):
        assert kept.keep(k, f"tape {k}") == f"tape {k}"
    assert kept.get(0) == "tape 0"
    kept.keep(3, "tape 3")
    assert [kept.get(k) for k in range(4)] == ["tape 0", None, "tape 2", "tape 3"]
    assert len(kept) == 3


@needs_compiler
def test_a_device_keeps_few_tapes(processor, monkeypatch):
    y, v, out = some(processor, 1.0, 2.0, 0.0)
    for k in range(compiled.TAPES + 5):
        told(processor, y, v, out, key=k)
    assert len(processor._tapes) == compiled.TAPES


def test_a_pool_gives_out_what_nobody_uses():
    pool, real = Pool(), np.dtype(float)
    first = pool.empty((3, 4), real)
    place, row = first.ctypes.data, first[1:]
    second = pool.empty((3, 4), real)
    del first
    third = pool.empty((3, 4), real)
    assert len({place, second.ctypes.data, third.ctypes.data}) == 3, "a row of the first is in use"
    del row
    assert pool.empty((3, 4), real).ctypes.data == place
    assert pool.empty((4, 3), real).ctypes.data != place
    assert all(a.ctypes.data % 64 == 0 for a in (second, third))


def stages(prepare, count):
    """The same stage several times over arrays that come and go; its digests, and the operations."""
    plan = random_plan(CASE)
    ops, t = prepare("float64")(plan), np.linspace(0.3, 0.8, plan.members)
    fluxes, g = Fluxes(plan), np.linspace(0.003, 0.05, plan.members)
    blob = fluxes.blob(t, t, np.full(plan.members, 0.01))
    y, near = ops.vector(random_state(plan, 1)), ops.near(fluxes.weights(t))
    factor = ops.factor(ops.linearise(y, near), g, 1.2)
    # Digests, not bytes: what is kept between two stages moves the next one's arrays elsewhere.
    return [sha256(ops.host(ops.stage(factor, y, near, blob, g)[0])).digest() for _ in range(count)], ops


@needs_compiler
def test_a_replayed_stage_has_the_same_bits():
    found, ops = stages(compiled.prepare, 3)
    assert len(set(found)) == 1
    assert len(ops.device._tapes) == 1


@pytest.fixture
def card(monkeypatch, tmp_path):
    """The stand-in for CuPy, where `import cupy` looks."""
    if standin.COMPILER is None:
        pytest.skip("no C++ compiler")
    module = standin.module(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setattr(standin.Graph, "launched", 0)
    return module


def test_a_stage_becomes_graphs_at_the_second_sight(card):
    found, ops = stages(cuda.prepare, 6)
    assert len(set(found)) == 1
    # Before, between and after the products, each time but the first that the arrays are the same.
    assert standin.Graph.launched > 0
    assert standin.Graph.launched % 3 == 0
    assert 1 <= len(ops.device._tapes) <= 6


def test_where_graphs_are_refused_kernels_are_launched_one_by_one(card, monkeypatch, caplog):
    expected, _ = stages(cuda.prepare, 1)

    def refuse(self):
        raise RuntimeError("cudaErrorStreamCaptureUnsupported")

    monkeypatch.setattr(standin.Stream, "begin_capture", refuse)
    found, _ = stages(cuda.prepare, 6)
    assert set(found) == set(expected)
    assert [r.getMessage() for r in caplog.records] == [
        "Kernels are launched one by one, for CUDA graphs are refused: cudaErrorStreamCaptureUnsupported"
    ]
    assert standin.Graph.launched == 0


def test_a_card_keeps_few_graphs(card):
    device = cuda.Card(card, random_plan(CASE))
    y, v = some(device, 1.0, 2.0)
    outs = some(device, *[0.0] * (cuda.GRAPHS + 3))
    for out in outs:
        told(device, y, v, out)
    assert len(device._tapes) == cuda.GRAPHS
    for _ in range(3):
        outs[-1][...] = 0.0
        assert set(device.get(told(device, y, v, outs[-1]))) == {5.0}
    assert standin.Graph.launched == 3
