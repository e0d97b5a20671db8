"""One channel, two buffers (P1): every reference point, on every face, at every place of a cell."""

import numpy as np
import pytest

import microdomain as md
from microdomain.backends.base import Unavailable

from .problems import ABOVE, HEIGHTS, P1, P1_MOUTH, P1_TIMES, cell, run, worst


@pytest.fixture(scope="module")
def p1():
    return run(cell(), P1_TIMES)


def test_every_point_by_default(p1):
    assert worst(p1.at(ABOVE), P1) < 0.011


def test_the_mouth_at_five_nanometres(p1):
    assert worst(p1.mouths.concentration.values[:, 0], P1_MOUTH) < 0.011


def test_the_grid_is_small_and_the_steps_are_few(p1):
    assert p1.grid.cells < 20_000
    assert p1.ledger.steps[0] < 80


def test_the_reversal_potential_at_the_mouth_is_nernst_of_the_known_concentration(p1):
    # 26.72666/2 mV ln(2000/70.571) at 37 C
    assert p1.mouths.reversal.values[3, 0] == pytest.approx(13.36333 * np.log(2000 / 70.571), abs=0.15)


def test_states_in_float32():
    """Half the memory, the same error; the account says so, and what it is worth."""
    record = md.Record(times=list(P1_TIMES))
    results = md.simulate(cell(), until=max(P1_TIMES), record=record, precision="float32", device="auto")
    if results.provenance["backend"] == "numpy":
        pytest.skip("NumPy runs in float64 only")
    assert worst(results.at(ABOVE), P1) < 0.011
    assert results.provenance["precision"] == results.ledger.dtype == "float32"
    assert 1e-12 < abs(results.ledger.closure).max() < 1e-6
    assert "states in float32: totals hold to about 1e-6" in str(results.ledger)


def test_numpy_has_float64_only():
    with pytest.raises(Unavailable, match="NumPy runs in float64 only"):
        run(cell(), (0.001,), precision="float32")


@pytest.mark.slow
def test_every_point_at_high_accuracy():
    assert worst(run(cell(), P1_TIMES, accuracy="high").at(ABOVE), P1) < 0.004


@pytest.mark.parametrize("scheme", ["ros2", "rkc2"])
def test_the_other_schemes_agree(p1, scheme):
    other = run(cell(), P1_TIMES, scheme=scheme)
    assert worst(other.at(ABOVE), P1) < 0.011
    assert worst(other.at(ABOVE), p1.at(ABOVE)) < 0.005


NEAR = 0.6
BOXES = {
    "x": ((0.0, NEAR), (-NEAR, NEAR), (-NEAR, NEAR)),
    "y": ((-NEAR, NEAR), (0.0, NEAR), (-NEAR, NEAR)),
    "z": ((-NEAR, NEAR), (-NEAR, NEAR), (0.0, NEAR)),
}


@pytest.mark.parametrize("face", ["x-", "x+", "y-", "y+", "z-", "z+"])
def test_a_channel_on_each_face(face):
    """The walls of this smaller box, 0.6 um away, change nothing at these points and times."""
    axis = "xyz".index(face[0])
    model = cell(face=face, box=BOXES[face[0]])
    points = np.zeros((HEIGHTS.size, 3))
    points[:, axis] = HEIGHTS if face[1] == "-" else NEAR - HEIGHTS
    assert worst(run(model, P1_TIMES).at(points), P1) < 0.011


def test_a_channel_in_the_interior_fills_a_whole_sphere():
    """Twice the current into full space is P1: the plane of the membrane is a plane of symmetry."""
    box = ((-0.5, 0.5),) * 3
    model = cell([(0.0, 0.0, 0.0)], current=0.2, face=None, box=box)
    results = run(model, P1_TIMES)
    for axis in range(3):
        for sign in (-1, 1):
            points = np.zeros((HEIGHTS.size, 3))
            points[:, axis] = sign * HEIGHTS
            assert worst(results.at(points), P1) < 0.011


RAYS = [(0, 0, 1), (1, 0, 0), (0, -1, 0), (0.6, 0, 0.8), (-0.48, 0.64, 0.6)]


@pytest.mark.parametrize(
    ("offset", "near"),
    [((0.010, 0.010), 0.02), ((0.006, -0.003), 0.02), ((0.010, 0.0), 0.02), ((0.0023, 0.0077), 0.02)],
)
def test_off_grid_channels(offset, near):
    """The channel stands anywhere in its cell, and it is read along rays in every direction."""
    centred = cell(box=BOXES["z"])
    grid = md.Grid.graded(centred, near=near)
    results = run(cell([offset], box=BOXES["z"]), P1_TIMES, grid=grid)
    for ray in RAYS:
        points = np.array([*offset, 0.0]) + HEIGHTS[:, None] * np.array(ray)
        assert worst(results.at(points), P1) < 0.015, ray


def test_an_off_centre_channel_with_its_own_grid():
    results = run(cell([(0.31, -0.27)]), P1_TIMES)
    for ray in RAYS:
        points = np.array([0.31, -0.27, 0.0]) + HEIGHTS[:, None] * np.array(ray)
        assert worst(results.at(points), P1) < 0.015, ray
