"""Every backend equals the reference, every operation, on random graded grids with random walls."""

import numpy as np
import pytest
from plans import CASES, random_plan, random_state

from microdomain.backends.reference import Reference
from microdomain.devices_cases import uniform_plan
from microdomain.weights import Fluxes

#: Relative to the largest value of an array.
CLOSE = {"float64": 1e-13, "float32": 2e-5}

#: Weights of two heights along z, of which as many are taken as a grid has cells there.
LAYERS = np.random.default_rng(3).uniform(-1, 1, (2, 40))


def difference(expected, got):
    expected, got = np.asarray(expected, dtype=float), np.asarray(got, dtype=float)
    assert expected.shape == got.shape
    scale = np.abs(expected).max(initial=0.0)
    return np.abs(expected - got).max(initial=0.0) / (scale if scale > 0 else 1.0)


class Pair:
    """One plan on the reference and on a device, with the same state and fluxes."""

    def __init__(self, case, prepare, precision="float64", seed=1):
        self.plan = plan = random_plan(case, seed)
        self.reference, self.ops = Reference(plan), prepare(precision)(plan)
        self.y = self.reference.vector(random_state(plan, seed))
        t = np.linspace(0.3, 0.8, plan.members)
        fluxes = Fluxes(plan)
        self.weights, self.blob = fluxes.weights(t), fluxes.blob(t, t, np.full(plan.members, 0.01))
        self.near, self.here = self.reference.near(self.weights), self.ops.near(self.weights)
        self.g = np.linspace(0.003, 0.05, plan.members)
        self.F = self.reference.rhs(self.y, self.near, self.blob)

    def sent(self, y):
        return self.ops.vector(y)

    def parts(self, y):
        """Every species' cells and every refined buffer's sub-cells, each on its own scale."""
        coarse, fine = self.plan.coarse(y), self.plan.fine(y)
        return [coarse[:, s] for s in range(self.plan.species)] + [
            fine[:, r] for r in range(len(self.plan.refined))
        ]

    def differences(self, expected, got):
        got = self.ops.host(got)
        return [difference(a, b) for a, b in zip(self.parts(expected), self.parts(got), strict=True)]


@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("case", CASES)
def test_vectors(case, precision, device):
    two = Pair(case, device, precision)
    plan, y, F, g = two.plan, two.y, two.F, two.g
    found = {
        "near": [difference(two.near.average, two.ops.host(two.here.average))],
        "ripple": [difference(two.near.ripple, two.ops.host(two.here.ripple))],
        "rhs": two.differences(F, two.ops.rhs(two.sent(y), two.here, two.blob)),
        "advance": two.differences(
            two.reference.advance(y, two.near, two.blob, g, 0.1 * y),
            two.ops.advance(two.sent(y), two.here, two.blob, g, two.sent(0.1 * y)),
        ),
        "add_blobs": two.differences(
            two.reference.add_blobs(y, two.blob), two.ops.add_blobs(two.sent(y), two.blob)
        ),
        "combine": two.differences(
            two.reference.combine(y, [(0.1, F), (-0.3, y)]),
            two.ops.combine(two.sent(y), [(0.1, two.sent(F)), (-0.3, two.sent(y))]),
        ),
        "scale": two.differences(two.reference.scale(y, g), two.ops.scale(two.sent(y), g)),
    }
    a, b = np.array([0.1, -0.2, 0.3]), np.array([0.5, 0.4, -0.3])
    expected = two.reference.mix(y, [F, y, F], a, b)
    got = two.ops.mix(two.sent(y), [two.sent(F), two.sent(y), two.sent(F)], a, b)
    found["mix"] = two.differences(expected[0], got[0]) + two.differences(expected[1], got[1])
    factor = two.reference.factor(two.reference.linearise(y, two.near), g, 1.2)
    here = two.ops.factor(two.ops.linearise(two.sent(y), two.here), g, 1.2)
    k, z = two.reference.solve(factor, F)
    got_k, got_z = two.ops.solve(here, two.sent(F))
    found["solve"] = two.differences(k, got_k)
    leaks = plan.uptake.any() or not all(axis.closed for axis in plan.axes)
    if leaks:
        moving = slice(plan.carried if plan.leaks else plan.ions)
        found["solve z"] = [
            difference(plan.coarse(z)[:, moving], plan.coarse(two.ops.host(got_z))[:, moving])
        ]
    k, _ = two.reference.stage(factor, y, two.near, two.blob, g, 0.3 * F)
    found["stage"] = two.differences(
        k, two.ops.stage(here, two.sent(y), two.here, two.blob, g, two.sent(0.3 * F))[0]
    )
    worst = {name: max(values) for name, values in found.items()}
    assert max(worst.values()) < CLOSE[precision], worst


@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("case", CASES)
def test_numbers(case, precision, device):
    two = Pair(case, device, precision)
    y, F = two.y, two.F
    new = 1.01 * y
    vectors = (two.sent(1e-4 * F), two.sent(y), two.sent(new))
    found = {
        "norm": difference(
            two.reference.norm(1e-4 * F, y, new, two.near, two.near, 1e-2),
            two.ops.norm(*vectors, two.here, two.here, 1e-2),
        ),
        "lowest": difference(two.reference.lowest(y, two.near), two.ops.lowest(two.sent(y), two.here)),
        "speed": difference(two.reference.speed(y, two.near), two.ops.speed(two.sent(y), two.here)),
        "amounts": difference(two.reference.amounts(y), two.ops.amounts(two.sent(y))),
        "free": difference(two.reference.free(y), two.ops.free(two.sent(y))),
        "layers": difference(
            two.reference.layers(y, LAYERS[:, : two.plan.grid.shape[0]]),
            two.ops.layers(two.sent(y), LAYERS[:, : two.plan.grid.shape[0]]),
        ),
        "outflow": difference(two.reference.outflow(y, 2), two.ops.outflow(two.sent(y), 2)),
        "excess": difference(
            two.reference.excess(y, two.near) + 1, two.ops.excess(two.sent(y), two.here) + 1
        ),
    }
    assert max(found.values()) < CLOSE[precision], found


@pytest.mark.parametrize("plus", [False, True], ids=["", "plus a vector"])
@pytest.mark.parametrize("blobs", [False, True], ids=["", "blobs"])
@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("case", CASES)
def test_a_step_closes_in_one_sweep(case, precision, blobs, plus, device):
    two = Pair(case, device, precision)
    y, F = two.y, two.F
    a, b = np.array([1e-4, -2e-4]), np.array([3e-5, 1e-5])
    later = 0.7 * two.weights
    near, here = two.reference.near(later), two.ops.near(later)
    amount = 1e-3 * two.blob if blobs else 0.0 * two.blob
    add = 0.01 * y if plus else None
    expected = two.reference.close_step(y, [F, y], a, b, amount, add, two.near, near, 1e-2)
    sent = (two.sent(y), [two.sent(F), two.sent(y)], a, b, amount, two.sent(add) if plus else None)
    got = two.ops.close_step(*sent, two.here, here, 1e-2)
    worst = max(two.differences(expected[0], got[0]))
    worst = max(worst, *(difference(e, g) for e, g in zip(expected[1:], got[1:], strict=True)))
    assert worst < CLOSE[precision]
    # What the sweep found in passing is what a pass of its own finds, to the last bit.
    fresh = two.ops.vector(two.ops.host(got[0]))
    assert np.array_equal(two.ops.lowest(fresh, here), got[2])
    if precision == "float64":
        bars = [two.ops.factor(two.ops.linearise(v, here), two.g, 1.2).bars for v in (got[0], fresh)]
        assert np.array_equal(*(two.ops.host(b) for b in bars))


def test_norm_sees_what_is_not_a_number(device):
    two = Pair("one channel, two buffers", device)
    bad = two.y.copy()
    bad[0, 5] = np.nan
    got = two.ops.norm(two.sent(bad), two.sent(two.y), two.sent(two.y), two.here, two.here, 1e-2)
    assert got[0] > 1e20


def test_a_closing_step_sees_what_is_not_a_number(device):
    two = Pair("one channel, two buffers", device)
    bad = two.F.copy()
    bad[0, 5] = np.nan
    one, none = np.array([1e-4]), 0.0 * two.blob
    got = two.ops.close_step(two.sent(two.y), [two.sent(bad)], one, one, none, None, two.here, two.here, 1e-2)
    assert got[1][0] > 1e20


@pytest.mark.parametrize("precision", CLOSE)
def test_rows_that_end_within_a_turn(precision, device):
    """21 cells: two wide registers and a part of one, whose overlap must not be added twice."""
    plan = uniform_plan(21)
    reference, ops, y, g = Reference(plan), device(precision)(plan), random_state(plan, 2), np.array([0.01])
    fluxes, t = Fluxes(plan), np.array([0.5])
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, g)
    expected = reference.advance(y, reference.near(weights), blob, g, 0.1 * y)
    got = ops.advance(ops.vector(y), ops.near(weights), blob, g, ops.vector(0.1 * y))
    for a, b in zip(plan.coarse(expected)[0], plan.coarse(ops.host(got))[0], strict=True):
        assert difference(a, b) < CLOSE[precision]


def test_a_member_does_not_depend_on_its_batch(device):
    two = Pair("two ions, three members", device)
    one = two.plan.take([1])
    ops = device("float64")(one)
    pairs = two.plan.pair_member == 1
    near = ops.near(two.weights[pairs])
    alone = ops.stage(
        ops.factor(ops.linearise(ops.vector(two.y[1:2]), near), two.g[1:2], 1.2),
        ops.vector(two.y[1:2]), near, two.blob[pairs], two.g[1:2],
    )[0]  # fmt: skip
    factor = two.ops.factor(two.ops.linearise(two.sent(two.y), two.here), two.g, 1.2)
    together = two.ops.stage(factor, two.sent(two.y), two.here, two.blob, two.g)[0]
    assert np.array_equal(ops.host(alone)[0], two.ops.host(together)[1])


def test_twice_the_same_bits(device):
    runs = []
    for _ in range(2):
        two = Pair("slow buffer, cluster", device)
        factor = two.ops.factor(two.ops.linearise(two.sent(two.y), two.here), two.g, 1.2)
        k, _ = two.ops.stage(factor, two.sent(two.y), two.here, two.blob, two.g)
        runs.append(two.ops.host(k).tobytes())
    assert runs[0] == runs[1]
