"""The implicit solve beside obstacles against a dense one, and what it costs in steps."""

import numpy as np
import pytest

import microdomain as md
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.reference import Reference
from microdomain.mask_box import lay_box
from microdomain.plan import lay

D = 0.22
CALCIUM = md.Ion("Ca", z=2, D=D, rest=0.1, outside=2000)


def model(*obstacles, **changes):
    settings = {"box": ((-0.2, 0.2), (-0.2, 0.2), (0, 0.3)), "ions": [CALCIUM], "obstacles": obstacles}
    return md.Model(**(settings | changes))


def second(plan):
    """L_m2 as a dense matrix: Kronecker sums of the axes, and the rows of the mask."""
    x, y, z = (a.second for a in plan.axes)
    ones = [np.eye(len(a)) for a in (x, y, z)]
    out = np.kron(z, np.kron(ones[1], ones[0])) + np.kron(ones[2], np.kron(y, ones[0]))
    out += np.kron(ones[2], np.kron(ones[1], x))
    rows = plan.mask.operator
    np.add.at(out, (rows.cells[:, None], rows.index2), rows.second)
    return out


SHAPES = {
    "ball": [md.Ball((0.05, 0, 0.12), 0.04)],
    "wall with a hole": [
        md.Block((-1, -1, 0.1), (1, -0.03, 0.16)),
        md.Block((-1, 0.03, 0.1), (1, 1, 0.16), name="b"),
    ],
    "cell": [md.Inside(md.Cylinder((0, 0, 0.15), 0.19))],
    "two rooms": [md.Block((-1, -1, 0.1), (1, 1, 0.16))],
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("g", [1e-4, 1e-2, 1.0])
def test_the_solve_is_nearly_that_of_the_dense_matrix(name, g):
    """To a few percent of a random right-hand side, at all steps, and to round-off in every room's amount."""
    asked = model(*SHAPES[name])
    plan = lay([asked], md.Grid.uniform(asked, 0.04))
    ops, mask = beside_obstacles(Reference(plan)), plan.mask
    y = np.tile(plan.rest[:, :, None], (1, 1, plan.grid.cells)).reshape(1, -1)
    near = ops.near(np.zeros((0, plan.pair_loss.shape[1])))
    factor = ops.factor(ops.linearise(y, near), np.array([g]), 1.2)
    fluid = mask.component >= 0
    r = np.random.default_rng(1).normal(size=(1, plan.size)) * fluid
    got = ops.solve(factor, r)[0][0]
    dense = np.eye(plan.grid.cells) - 1.2 * g * D * second(plan)
    exact = np.zeros(plan.grid.cells)
    exact[fluid] = np.linalg.solve(dense[np.ix_(fluid, fluid)], r[0, fluid])
    weight = (mask.phi * plan.grid.volumes).ravel()
    error = np.sqrt((weight * (got - exact) ** 2).sum() / (weight * r[0] ** 2).sum())
    assert error < 0.03
    for part in range(mask.free.size):
        mine = weight * (mask.component == part)
        assert mine @ got == pytest.approx(mine @ r[0], abs=1e-13 * np.abs(mine @ np.abs(r[0])))
    assert (got[~fluid] == 0).all()


def test_the_box_holds_what_is_touched_and_knows_its_rows():
    asked = model(*SHAPES["ball"])
    plan = lay([asked], md.Grid.uniform(asked, 0.02))
    box, rows = lay_box(plan.mask, plan.grid, plan.axes), plan.mask.operator
    assert np.isin(rows.cells, box.cells).all()
    assert box.cells.size < 0.5 * plan.grid.cells
    np.testing.assert_array_equal(box.cells[box.place], rows.cells)
    # A field of the box: its image by L_m2 has nothing but what the rows say, in the box and on the ring.
    field = np.zeros(plan.grid.cells)
    inner = np.random.default_rng(2).normal(size=box.cells.size)
    field[box.cells] = inner
    axes = [a.second for a in plan.axes[::-1]]
    cube = field.reshape(plan.grid.shape)
    bare = sum(np.moveaxis(np.tensordot(a, cube, (1, k)), 0, k) for k, a in enumerate(axes)).ravel()
    hat = inner.reshape(box.shape)
    for k, inverse in enumerate(box.inverse):
        hat = np.moveaxis(np.tensordot(inverse, hat, (1, k)), 0, k)
    hat = hat * box.rates.reshape(box.shape)
    for k, vectors in enumerate(box.vectors):
        hat = np.moveaxis(np.tensordot(vectors, hat, (1, k)), 0, k)
    np.testing.assert_allclose(hat.ravel(), bare[box.cells], rtol=1e-9, atol=1e-9 * np.abs(bare).max())
    ring = box.asked[box.touched :]
    outside = np.setdiff1d(np.flatnonzero(np.abs(bare) > 1e-9), box.cells)
    np.testing.assert_array_equal(np.sort(ring), outside)
    read = (inner[box.inner_index] * box.inner_weight).sum(axis=1)
    np.testing.assert_allclose(read[box.touched :], bare[ring], rtol=1e-12)
    whole = (field[box.index] * box.weight).sum(axis=1)
    np.testing.assert_allclose(read[: box.touched], whole[: box.touched], rtol=1e-12)


def test_steps_beside_a_vesicle_are_as_long_as_without():
    channels = md.Cluster([(0, 0)], current=md.Fixed(0.2), gate=md.Pulse(0, 0.5))
    vesicle = md.Ball((0.06, 0.01, 0.045), 0.03)
    grid = md.Grid.graded(model(vesicle, channels=channels))
    steps = []
    for obstacles in ((), (vesicle,)):
        ledger = md.simulate(model(*obstacles, channels=channels), grid, until=1.0).ledger
        steps.append(int(ledger.steps[0] + ledger.rejected[0]))
    assert steps[1] <= 1.1 * steps[0]
