"""Round mouths and what shares a run: geometry, readings through obstacles, members, forecasts."""

import dataclasses

import numpy as np
import pytest

import microdomain as md
from microdomain import estimate
from microdomain.backends import cuda
from microdomain.mouths import disc_kernel, in_plane
from microdomain.plan import lay
from microdomain.plan_members import shared
from microdomain.reading import Near, reach_of
from microdomain.record import Record
from microdomain.scenario import loads
from microdomain.sweep_plan import group_of

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
WALL = md.Block((0.02, -1, -1), (0.06, 1, 1), name="wall")


def model(**changes):
    settings = {"box": ((-0.3, 0.3), (-0.3, 0.3), (0, 0.3)), "ions": [CALCIUM]}
    return md.Model(**(settings | {"channels": md.Cluster([(0, 0)])} | changes))


def round_mouth(radius, at=(0.0, 0.0), **changes):
    return model(channels=md.Cluster([at], name="ca", mouth=md.Disc(radius)), **changes)


def test_a_wide_mouth_reads_finite_numbers_at_all_ages():
    """At young ages the argument of the Bessel function passes 1e9, where F is 1/(pi a^2) inside."""
    found = in_plane(0.2, 0.22, np.array([0.0, 0.05, 0.15, 0.5]), np.array([1e-12, 1e-9, 1e-3]))
    np.testing.assert_allclose(found[:2, :3], 1 / (np.pi * 0.2**2), rtol=1e-6)
    assert not found[0, 3]
    results = md.simulate(round_mouth(0.2), until=0.01, record=md.Record(points={"nose": (0.1, 0, 0)}))
    assert np.isfinite(results.at([(0.0, 0, 0), (0.1, 0, 0), (0.2, 0, 0.001)]).values).all()


@pytest.mark.parametrize("mouth", [None, md.Disc(0.01)])
def test_a_mouth_does_not_show_through_an_obstacle(mouth):
    asked = model(channels=md.Cluster([(0, 0)], current=0.1, mouth=mouth), obstacles=[WALL])
    plan = lay([asked], md.Grid.uniform(asked, 0.02))
    near = Near(plan)
    near.weights = lambda t: [np.ones((plan.pair_member.size, w.nodes.size)) for w in near.windows]
    field = near.at_centres(np.zeros(1))[0, 0]
    x = plan.grid.centres[0]
    assert field[0, :, x < 0.02].max() > 1
    assert not field[..., x > 0.06].any()


def test_the_window_of_a_round_mouth_reaches_across_it():
    """At cell centres and at points there is one reach: the same numbers, at the far rim too."""
    asked = round_mouth(0.1)
    plan = lay([asked], md.Grid.uniform(asked, 0.02))
    near = Near(plan)
    site, window = plan.sites[0], near.windows[0]
    point = dataclasses.replace(site, disc=None)
    assert reach_of(site, window) == pytest.approx(reach_of(point, window) + 0.2, rel=1e-12)
    near.weights = lambda t: [np.ones((plan.pair_member.size, w.nodes.size)) for w in near.windows]
    z, y, x = np.meshgrid(*plan.grid.centres[::-1], indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    other = near.at_points(np.zeros(1), near.kernels(points), len(points))
    np.testing.assert_allclose(near.at_centres(np.zeros(1)).reshape(1, 1, -1), other, rtol=1e-9, atol=1e-12)


def test_a_mouth_that_touches_a_wall_is_mirrored_in_it():
    """Its centre stands further from the wall than a point's window reaches, its rim does not."""
    radius = 0.25
    asked = round_mouth(radius, at=(0.3 - radius, 0))
    plan = lay([asked], md.Grid.uniform(asked, 0.02))
    site, window = plan.sites[0], plan.windows[0]
    assert reach_of(dataclasses.replace(site, disc=None), window) < radius
    ages, at_wall = window.nodes, np.array([(0.3, 0.0, 0.0)])
    one = in_plane(radius, CALCIUM.D, np.array([radius]), ages)[:, 0]
    flat = site.disc[2][2].density(np.zeros(1), ages)[:, 0]
    np.testing.assert_allclose(
        disc_kernel(site.disc, CALCIUM.D, at_wall, ages)[:, 0], 2 * one * flat, rtol=1e-9
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: round_mouth(0.03, at=(0.28, 0)),
            r"Channel 'ca\[0\]': its mouth of radius 30 nm reaches beyond face 'x\+'. Make it smaller",
        ),
        (
            lambda: round_mouth(0.03, obstacles=[WALL]),
            r"The mouth of channel 'ca\[0\]' at .* lies in obstacle 'w",
        ),
        (
            lambda: model(obstacles=[md.Ball((0.1, 0, 0.2), 0.02), md.Ball((0.2, 0, 0.2), 0.02)]),
            r"Model: two obstacles are called 'ball'; give each a name of its own",
        ),
    ],
)
def test_a_mouth_fits_its_face_and_obstacles_have_names(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_mouth_may_touch_the_edge():
    assert round_mouth(0.3).resolved_channels[0].mouth == md.Disc(0.3)
    assert round_mouth(0.02, obstacles=[WALL]).obstacles == (WALL,)


# -- what members share ------------------------------------------------------------------------


def layered(depth):
    fixed = md.Buffer("fixed", total=100, k_on=0.1, K_d=1, layer=("z-", depth))
    return model(buffers=[fixed])


def test_members_share_the_layers_of_their_buffers():
    first, other = layered(0.05), layered(0.1)
    with pytest.raises(
        ValueError, match=r"Member 1 differs from member 0 in its reactions .species, D, layers"
    ):
        lay([first, other], md.Grid.uniform(first, 0.05))


def test_points_of_a_sweep_with_other_obstacles_or_layers_are_of_other_groups():
    many = [model(), model(obstacles=[WALL]), layered(0.05), layered(0.1)]
    many.append(model(obstacles=[dataclasses.replace(WALL, upper=(0.07, 1, 1))]))
    groups = {group_of(asked(one)) for one in many}
    assert len(groups) == len({repr(shared(one)) for one in many}) == len(many)
    assert group_of(asked(model())) == group_of(asked(model(temperature=300)))


def asked(one):
    return loads(one.to_toml())


# -- text --------------------------------------------------------------------------------------


def test_the_tree_shows_mouths_obstacles_and_where_buffers_are():
    profile = {"x": [(-0.3, 1.0), (0.3, 0.5)]}
    buffers = [
        md.Buffer("dye", total=100, k_on=0.1, K_d=1, D=0.2, D_bound=0.1),
        md.Buffer("sheet", total=100, k_on=0.1, K_d=1, layer=("z-", 0.05)),
        md.Buffer("slope", total=100, k_on=0.1, K_d=1, profile=profile),
    ]
    corners = ((0.1, 0, 0.2), (0.2, 0, 0.2), (0.1, 0.1, 0.2), (0.1, 0, 0.25))
    er = md.Surface(corners, ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)), name="er")
    cell = md.Inside(md.Ball((0, 0, 0), 0.5), held=True)
    text = repr(round_mouth(0.01, buffers=buffers, obstacles=[WALL, er, cell]))
    for words in (
        "D = 0.2 um^2/ms, bound form 0.1 um^2/ms",
        "immobile, within 0.05 um of z-",
        "immobile, profile along x",
        "on z-, round mouths of radius 10 nm, ",
        "wall  block, 0.02 .. 0.06 x -1 .. 1 x -1 .. 1 um",
        "er  surface of 4 triangles",
        "cell  inside of a ball, -0.5 .. 0.5 x -0.5 .. 0.5 x -0.5 .. 0.5 um, held outside",
    ):
        assert words in text


# -- memory ------------------------------------------------------------------------------------


def test_forecasts_know_obstacles():
    plain, beside = (lay([one], md.Grid.uniform(one, 0.05)) for one in (model(), model(obstacles=[WALL])))
    more = estimate.bytes_needed(beside, 0, Record()) - estimate.bytes_needed(plain, 0, Record())
    assert more == 8 * 9 * plain.size + beside.mask.samples.size
    real = np.dtype("float32")
    assert cuda._bytes_each(beside, real) - cuda._bytes_each(plain, real) == 4 * 9 * plain.size
