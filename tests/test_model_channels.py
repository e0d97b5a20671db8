"""Clusters: where each pattern puts its channels, on every face, and what is refused."""

import math

import pytest

from microdomain.model import Closed, Cluster, Fixed, Held, Ion, Model, Open, Pulse, Walls
from microdomain.model.layouts import scattered

BOX = ((-1, 1), (-2, 2), (0, 1))
CALCIUM = Ion("Ca", z=2, D=0.22, rest=0.1)


def places(*clusters, box=BOX, **kw):
    return [c.position for c in Model(box=box, ions=[CALCIUM], channels=clusters, **kw).resolved_channels]


def test_lattice_is_centred_on_its_face():
    points = places(Cluster.lattice(4, 2, pitch=0.04), box=((0, 2), (0, 4), (0, 1)))
    assert len(points) == 8
    assert [sum(c) / 8 for c in zip(*points, strict=True)] == pytest.approx([1, 2, 0])
    assert points[0] == pytest.approx((1 - 0.06, 2 - 0.02, 0))
    assert math.dist(points[0], points[1]) == pytest.approx(0.04)


def test_a_given_centre_is_in_the_coordinates_of_the_box():
    assert places(Cluster.lattice(1, 1, pitch=1, centre=(0.5, -0.25)))[0] == (0.5, -0.25, 0)
    assert places(Cluster.lattice(1, 1, pitch=1, face="x+", centre=(1, 0.5, 0.25)))[0] == (1, 0.5, 0.25)


# The two coordinates along a face are taken in the order of the axes; the normal points inwards.
@pytest.mark.parametrize(
    ("face", "position", "normal"),
    [
        ("x-", (-1, 0.1, 0.2), (1, 0, 0)),
        ("x+", (1, 0.1, 0.2), (-1, 0, 0)),
        ("y-", (0.1, -2, 0.2), (0, 1, 0)),
        ("y+", (0.1, 2, 0.2), (0, -1, 0)),
        ("z-", (0.1, 0.2, 0), (0, 0, 1)),
        ("z+", (0.1, 0.2, 1), (0, 0, -1)),
    ],
)
def test_two_coordinates_or_three_on_every_face(face, position, normal):
    two = Cluster([(0.1, 0.2)], face=face)
    three = Cluster([position], face=face)
    for cluster in (two, three):
        model = Model(box=BOX, ions=[CALCIUM], channels=cluster)
        (channel,) = model.resolved_channels
        assert channel.position == position
        assert channel.normal == normal
        assert channel.face == face


def test_inside_the_box():
    model = Model(box=BOX, ions=[CALCIUM], channels=Cluster([(0.1, 0.2, 0.3)], face=None))
    (channel,) = model.resolved_channels
    assert (channel.position, channel.normal, channel.face) == ((0.1, 0.2, 0.3), (0, 0, 1), None)
    assert places(Cluster.ring(2, 0.1, face=None)) == [
        pytest.approx((0.1, 0, 0.5)),
        pytest.approx((-0.1, 0, 0.5)),
    ]


def test_ring():
    points = places(Cluster.ring(6, radius=0.05, centre=(0.2, 0.3)))
    assert all(math.dist(p, (0.2, 0.3, 0)) == pytest.approx(0.05) for p in points)
    assert math.dist(points[0], points[1]) == pytest.approx(0.05)  # a hexagon


def test_random_keeps_its_distance_and_repeats_by_seed():
    cluster = Cluster.random(30, within=0.2, exclusion=0.02, seed=7)
    assert cluster == Cluster.random(30, within=0.2, exclusion=0.02, seed=7)
    assert cluster != Cluster.random(30, within=0.2, exclusion=0.02, seed=8)
    apart = min(math.dist(a, b) for i, a in enumerate(cluster.positions) for b in cluster.positions[:i])
    assert apart >= 0.02
    assert max(math.hypot(*p) for p in cluster.positions) <= 0.2
    sides = Cluster.random(50, within=(0.4, 0.1), seed=1).positions
    assert max(abs(x) for x, _ in sides) <= 0.2
    assert max(abs(y) for _, y in sides) <= 0.05


def test_random_fills_the_disc_evenly():
    points = scattered(2000, within=1.0, exclusion=0, seed=3)
    inner = sum(math.hypot(*p) < math.sqrt(0.5) for p in points) / 2000
    assert inner == pytest.approx(0.5, abs=0.04)  # 3.6 standard errors


def test_random_says_when_there_is_no_room():
    with pytest.raises(
        ValueError, match=r"only \d+ of 50 channels found room at least 20 nm apart in a disc"
    ):
        Cluster.random(50, within=0.03, exclusion=0.02)


def test_from_csv(tmp_path):
    path = tmp_path / "gold.csv"
    path.write_text("x_nm,y_nm\n10,20\n-30,40\n")
    assert Cluster.from_csv(path).positions == ((0.01, 0.02), (-0.03, 0.04))
    path.write_text("0.1,0.2,0.3\n")
    assert Cluster.from_csv(path, face=None).positions == ((0.1, 0.2, 0.3),)
    path.write_text("x,y,z,w\n1,2,3,4\n")
    with pytest.raises(ValueError, match="line 2: 4 columns, expected x, y, z"):
        Cluster.from_csv(path)


def test_channels_are_numbered_through_and_named_by_cluster():
    clusters = (Cluster([(0, 0), (0.1, 0)], name="cav"), Cluster([(0.2, 0)], name="rest", current=0.3))
    channels = Model(box=BOX, ions=[CALCIUM], channels=clusters).resolved_channels
    assert [c.name for c in channels] == ["cav[0]", "cav[1]", "rest[0]"]
    assert [c.index for c in channels] == [0, 1, 2]
    assert channels[2].current == Fixed(0.3)


def test_one_for_all_or_one_per_channel():
    each = Cluster([(0, 0), (0.1, 0)], current=[0.1, Fixed(0.2)], gate=[Open(), Pulse(0, 1)])
    assert [each.current_of(k).i for k in (0, 1)] == [0.1, 0.2]
    assert [each.gate_of(k) for k in (0, 1)] == [Open(), Pulse(0, 1)]
    # Equal ones fold, so that the same question is the same model.
    assert Cluster([(0, 0), (0.1, 0)], current=[0.1, 0.1]) == Cluster([(0, 0), (0.1, 0)], current=0.1)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Cluster([]), ValueError, "Cluster 'channels' has no channel; give at least one position"),
        (lambda: Cluster([(0, 0)], face="top"), ValueError, "no face 'top'; give one of x-, x\\+"),
        (
            lambda: Cluster([(0, 0)], face=None),
            ValueError,
            "position 0 has 2 coordinates; expected three coordinates",
        ),
        (
            lambda: Cluster([(0,)]),
            ValueError,
            "position 0 has 1 coordinates; expected two coordinates along the face",
        ),
        (lambda: Cluster([0, 1]), TypeError, "position 0 = 0 is not a point"),
        (lambda: Cluster([(0, math.nan)]), ValueError, "position 0 = nan is not a finite number"),
        (
            lambda: Cluster([(0, 0)], pore=0),
            ValueError,
            "Cluster 'channels': pore = 0 um must be more than 0 um",
        ),
        (
            lambda: Cluster([(0, 0)], current=[0.1, 0.2]),
            ValueError,
            "2 currents for 1 channel; give one for all",
        ),
        (lambda: Cluster([(0, 0)], current="0.1"), TypeError, "current = '0.1'; expected Fixed"),
        (lambda: Cluster([(0, 0)], gate=1), TypeError, "gate = 1; expected Open"),
        (
            lambda: Cluster.lattice(2, 2, pitch=0),
            ValueError,
            "Cluster.lattice: pitch = 0 um must be more than 0",
        ),
        (
            lambda: Cluster.lattice(10**6, 10**6, pitch=1),
            ValueError,
            "channels are more than one model can hold",
        ),
        (
            lambda: Cluster.lattice(2, 2, pitch=1, centre=(0,)),
            ValueError,
            "give two coordinates along the face",
        ),
        (
            lambda: Cluster.random(2, within=(1, 1, 1)),
            ValueError,
            "give a radius, or the two sides of a rectangle",
        ),
        (
            lambda: Cluster.random(2, within=1, seed=-1),
            ValueError,
            "Cluster.random: seed = -1 must be a whole number",
        ),
    ],
)
def test_cluster_refuses(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        (
            Cluster([(0, 0), (0, 3)], name="cav"),
            r"Channel 1 of 'cav' at \(0, 3, 0\) um is outside the box: y goes from -2 to 2 um. Move it",
        ),
        (
            Cluster([(0, 0, 0.5)]),
            r"Channel 0 of 'channels' at \(0, 0, 0.5\) um is not on face 'z-' \(z = 0 um\)",
        ),
        (
            Cluster([(0, 0, 1)], face=None),
            r"lies on face 'z\+', but its cluster has face=None. Give face='z\+'",
        ),
    ],
)
def test_channel_outside_or_off_its_face(cluster, sentence):
    with pytest.raises(ValueError, match=sentence):
        places(cluster)


def test_two_channels_closer_than_their_pore_distance():
    points = [(0.1 * k, 0) for k in range(8)]
    points[7] = (0.3 + 0.004, 0)
    with pytest.raises(
        ValueError,
        match=r"Channels 3 and 7 of 'cav' are 4 nm apart, closer than their pore distance \(5 nm\). "
        "Move one, or give a smaller pore.",
    ):
        places(Cluster(points, name="cav"))
    near, far = Cluster([(0, 0)], name="a"), Cluster([(0.006, 0)], name="b", pore=0.008)
    with pytest.raises(ValueError, match=r"Channels 'a\[0\]' and 'b\[0\]' are 6 nm apart, .* \(8 nm\)"):
        places(near, far)
    assert len(places(Cluster([(0, 0), (0.005, 0)]))) == 2  # the pore distance itself is far enough


def test_a_channel_on_a_held_wall():
    held = Walls(z=(Held(), Closed()))
    with pytest.raises(
        ValueError, match=r"Channel 'channels\[0\]' is on the held wall 'z-', which would swallow"
    ):
        places(Cluster([(0, 0)]), walls=held)
    with pytest.raises(ValueError, match="is on the held wall 'x-'"):
        places(Cluster([(-1, 0)]), walls=Walls(x=Held()))
    assert len(places(Cluster([(0, 0)]), walls=Walls(x=Held(), z=(Closed(), Held())))) == 1
