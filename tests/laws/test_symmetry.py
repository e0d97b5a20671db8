"""A mirrored, turned or shifted question has the mirrored, turned or shifted answer."""

import dataclasses

import numpy as np
import pytest

import microdomain as md

BUFFERS = [
    md.Buffer("fixed", total=400, k_on=0.1, K_d=10),
    md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
]
CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1)
PLACES = [(0.03, -0.05), (-0.08, 0.04)]
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))


def model(positions, box=BOX, face="z-", walls=None):
    channels = md.Cluster(positions, current=md.Fixed(0.1), gate=md.Pulse(0, 0.2), face=face)
    return md.Model(
        box=box,
        ions=[CALCIUM],
        buffers=BUFFERS,
        channels=channels,
        walls=md.Walls() if walls is None else walls,
    )


def field(some, grid, **keywords):
    """[Ca] of every recorded frame (time, z, y, x), and of the mouths."""
    record = md.Record(times=[0.01, 0.2, 0.3])
    results = md.simulate(some, grid, until=0.3, record=record, device="numpy", **keywords)
    return results.dataset.Ca.values, results.mouths.concentration.values


def grid_of(some):
    return md.Grid.graded(some, near=0.035, far=0.08)


def mirrored(grid, axis):
    faces = list(grid.faces)
    faces[axis] = -faces[axis][::-1]
    return md.Grid(*faces)


def test_reflection():
    walls = md.Walls(x=(md.Closed(), md.Held()))
    some = model(PLACES, walls=walls)
    turned = model([(-x, y) for x, y in PLACES], walls=md.Walls(x=(md.Held(), md.Closed())))
    grid = grid_of(some)
    a, a_mouths = field(some, grid)
    b, b_mouths = field(turned, mirrored(grid, 0))
    np.testing.assert_allclose(b[..., ::-1], a, rtol=1e-10)
    np.testing.assert_allclose(b_mouths, a_mouths, rtol=1e-10)


def test_exchange_of_axes():
    """x and y exchanged."""
    some = model(PLACES)
    turned = model([(y, x) for x, y in PLACES])
    grid = grid_of(some)
    a, _ = field(some, grid)
    b, _ = field(turned, md.Grid(grid.y_faces, grid.x_faces, grid.z_faces))
    np.testing.assert_allclose(b.swapaxes(2, 3), a, rtol=1e-10)


@pytest.mark.parametrize(("face", "order"), [("x-", (2, 0, 1)), ("y-", (1, 2, 0))])
def test_another_face(face, order):
    """The membrane on another face: the axes (x, y, z) of the first model become `order` of this one."""
    some = model(PLACES)
    grid = grid_of(some)
    a, a_mouths = field(some, grid)
    # Axis k of the turned box is axis order[k] of the first one.
    box = tuple(BOX[k] for k in order)
    positions = [tuple((*p, 0.0)[k] for k in order) for p in PLACES]
    turned = model(positions, box=box, face=face)
    b, b_mouths = field(turned, md.Grid(*(grid.faces[k] for k in order)))
    # Fields are [time, z, y, x]: axis k of (x, y, z) is array axis 3 - k.
    back = np.transpose(b, (0, *(3 - order.index(2 - k) for k in range(3))))
    np.testing.assert_allclose(back, a, rtol=1e-10)
    np.testing.assert_allclose(b_mouths, a_mouths, rtol=1e-10)


def test_translation():
    shift = (3.0, -7.0, 11.0)
    some = model(PLACES)
    grid = grid_of(some)
    moved_box = tuple((lo + s, hi + s) for (lo, hi), s in zip(BOX, shift, strict=True))
    channels = dataclasses.replace(
        some.channels[0],
        positions=[(x + shift[0], y + shift[1], shift[2]) for x, y in PLACES],
        centred=False,
    )
    moved = md.Model(box=moved_box, ions=[CALCIUM], buffers=BUFFERS, channels=channels)
    a, _ = field(some, grid)
    b, _ = field(moved, md.Grid(*(f + s for f, s in zip(grid.faces, shift, strict=True))))
    np.testing.assert_allclose(b, a, rtol=1e-4)


def test_a_channel_on_the_membrane_is_twice_one_in_the_interior():
    """The plane through an interior channel is a plane of symmetry, as good as a closed wall."""
    half = model([(0.03, -0.05)])
    whole_box = (*BOX[:2], (-0.2, 0.2))
    channels = md.Cluster([(0.03, -0.05, 0.0)], current=md.Fixed(0.2), gate=md.Pulse(0, 0.2), face=None)
    whole = md.Model(box=whole_box, ions=[CALCIUM], buffers=BUFFERS, channels=channels)
    grid = grid_of(half)
    z = np.concatenate([-grid.z_faces[:0:-1], grid.z_faces])
    a, _ = field(half, grid)
    b, _ = field(whole, md.Grid(grid.x_faces, grid.y_faces, z))
    n = a.shape[1]
    np.testing.assert_allclose(b[:, n:], a, rtol=1e-6)
    np.testing.assert_allclose(b[:, :n][:, ::-1], a, rtol=1e-6)


def test_channels_that_share_a_flux_are_those_that_do_not():
    """Equal currents are folded once; an immeasurably different one has its own row and the same answer."""
    apart = md.Cluster(PLACES, current=[md.Fixed(0.1), md.Fixed(0.1 * (1 + 1e-13))], gate=md.Pulse(0, 0.2))
    some = model(PLACES)
    grid = grid_of(some)
    a, _ = field(some, grid)
    b, _ = field(dataclasses.replace(some, channels=apart), grid)
    np.testing.assert_allclose(b, a, rtol=1e-10)
