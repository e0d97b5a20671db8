"""Concentrations at points: near field and grid part together."""

import numpy as np
import pytest

import microdomain as md
from microdomain.plan import lay
from microdomain.reading import NEAREST, Near, Watch
from microdomain.reading_fields import centre_values, read_points

FLUX = 1e6 / (2 * 96485.33212)
ION = md.Ion("Ca", z=2, D=0.22, rest=0.1)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))


def laid(positions=((0.0, 0.0),), members=1):
    channels = md.Cluster(list(positions), current=md.Fixed(0.1))
    model = md.Model(box=BOX, ions=[ION], channels=channels)
    grid = md.Grid.graded(model, near=0.02)
    return lay([model] * members, grid)


def flat(plan, value=0.1):
    return np.full((plan.members, plan.ions, *plan.grid.shape), value)


def test_the_near_field_at_points_is_that_at_centres():
    plan = laid()
    t = np.array([1.0])
    near = Near(plan)
    field = near.at_centres(t)[0, 0]
    cx, cy, cz = plan.grid.centres
    for ix, iy, iz in ((0, 0, 0), (10, 8, 3), (9, 10, 0)):
        point = np.array([[cx[ix], cy[iy], cz[iz]]])
        found = near.at_points(t, near.kernels(point), 1)[0, 0, 0]
        assert found == pytest.approx(field[iz, iy, ix], rel=1e-12, abs=1e-7)


def test_close_to_a_channel_the_source_rules():
    """J / 2 pi D r: at 2 nm the window holds all but 3 % of it."""
    plan = laid()
    r = np.array([1e-3, 2e-3])
    points = np.column_stack([r, 0 * r, 0 * r])
    found = read_points(plan, np.array([1.0]), flat(plan), points)[0, 0]
    np.testing.assert_allclose(found, 0.1 * FLUX / (2 * np.pi * 0.22 * r), rtol=0.05)


def test_at_the_channel_itself_it_is_read_beside_it():
    plan = laid()
    at, beside = read_points(plan, np.array([1.0]), flat(plan), [(0, 0, 0), (0, 0, NEAREST)])[0, 0]
    assert np.isfinite(at)
    assert at == pytest.approx(beside, rel=1e-9)


def test_a_flat_grid_part_is_read_flat():
    plan = laid()
    points = np.random.default_rng(1).uniform([-0.2, -0.2, 0.0], 0.2, (40, 3))
    watch = Watch.of(plan, points)
    np.testing.assert_allclose(watch.grid_part(flat(plan, 3.0), plan.rest[:, :1]), 3.0, rtol=1e-12)
    before = np.array([-1.0])
    np.testing.assert_allclose(read_points(plan, before, flat(plan, 3.0), points), 3.0, rtol=1e-12)
    np.testing.assert_allclose(centre_values(plan, before, flat(plan, 3.0)), 3.0, rtol=1e-12)


def test_points_are_read_alone_as_among_others():
    plan = laid([(0.0, 0.0), (0.05, 0.03)], members=2)
    rng = np.random.default_rng(2)
    u = flat(plan) + 0.01 * rng.random((2, 1, *plan.grid.shape))
    points = rng.uniform([-0.2, -0.2, 0.0], 0.2, (30, 3))
    t = np.array([0.5, 1e-3])
    together = read_points(plan, t, u, points)
    for k in (0, 7, 29):
        np.testing.assert_allclose(read_points(plan, t, u, points[k])[..., 0], together[..., k], rtol=1e-13)


def test_outside_the_box():
    plan = laid()
    with pytest.raises(
        ValueError, match=r"Point 1 at \(0, 0, 0\.3\) um is outside the box, .* 0 to 0\.2 um along z"
    ):
        read_points(plan, np.zeros(1), flat(plan), [(0, 0, 0.1), (0, 0, 0.3)])
    with pytest.raises(ValueError, match="Point 0 at"):
        read_points(plan, np.zeros(1), flat(plan), [(np.nan, 0, 0.1)])
