"""Grids: faces, widths, grading, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microdomain as md
from microdomain.grid import Grid

ION = md.Ion("Ca", z=2, D=0.22, rest=0.1)
BOX = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0))


def model(positions=((0.0, 0.0),), box=BOX):
    return md.Model(box=box, ions=[ION], channels=md.Cluster(list(positions)) if positions else ())


def test_shape_is_z_y_x():
    grid = Grid([0, 1], [0, 1, 2], [0, 1, 2, 4])
    assert grid.shape == (3, 2, 1)
    assert grid.cells == 6
    assert grid.volume == 8
    np.testing.assert_array_equal(grid.volumes[:, 0, 0], [1, 1, 2])
    np.testing.assert_array_equal(grid.centres[2], [0.5, 1.5, 3.0])


def test_uniform_keeps_the_box():
    grid = Grid.uniform(model(), spacing=0.3)
    assert [f[0] for f in grid.faces] == [-1, -1, 0]
    assert [f[-1] for f in grid.faces] == [1, 1, 1]
    assert grid.shape == (3, 7, 7)
    np.testing.assert_allclose(grid.widths[0], 2 / 7)


def test_the_default_grid_of_one_channel():
    """20 nm at the channel, at most 80 nm far away, neighbours within the growth, symmetric."""
    grid = Grid.graded(model())
    assert grid.cells == pytest.approx(16384, rel=0.1)
    assert grid.spacing_at((0, 0, 0)) == pytest.approx(0.020, rel=0.1)
    for w in grid.widths:
        assert w.max() <= 0.080 * 1.1
        assert max((w[1:] / w[:-1]).max(), (w[:-1] / w[1:]).max()) < 1.2 * 1.02
    np.testing.assert_allclose(grid.x_faces, -grid.x_faces[::-1], atol=1e-15)


places = st.lists(st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)), min_size=1, max_size=4, unique=True)


@settings(max_examples=25)
@given(places.filter(lambda p: all(abs(a[0] - b[0]) > 0.02 for i, a in enumerate(p) for b in p[:i])))
def test_every_channel_has_fine_cells(positions):
    grid = Grid.graded(model(positions))
    for x, y in positions:
        assert grid.spacing_at((x, y, 0.0)) < 0.020 * 1.35
    for w, (lo, hi) in zip(grid.widths, BOX, strict=True):
        assert w.sum() == pytest.approx(hi - lo)
        assert max((w[1:] / w[:-1]).max(), (w[:-1] / w[1:]).max()) < 1.3


def test_the_union_of_members():
    one, two = model([(0.5, 0.0)]), model([(-0.5, 0.0)])
    grid = Grid.graded([one, two])
    assert grid == Grid.graded([two, one])
    for x in (-0.5, 0.5):
        assert grid.spacing_at((x, 0, 0)) < 0.025


def test_without_channels_it_is_uniform():
    grid = Grid.graded(model(positions=()), far=0.25)
    np.testing.assert_allclose(grid.widths[0], 0.25)


def test_equality_and_hash():
    a, b = Grid.graded(model()), Grid.graded(model())
    assert a == b
    assert hash(a) == hash(b)
    assert a != Grid.graded(model(), near=0.03)
    assert a != "a grid"


def test_cell_at_walls_and_faces():
    grid = Grid([0, 1, 2], [0, 1, 2], [0, 1, 2])
    assert grid.cell_at((0, 1, 2)) == (0, 1, 1)
    assert grid.cell_at((-1, 0.999, 5)) == (0, 0, 1)


def test_coarsened_keeps_the_grading():
    fine = Grid.graded(model())
    coarse = fine.coarsened(1.5)
    for n, m in zip(fine.shape, coarse.shape, strict=True):
        assert abs(m - n / 1.5) <= 1
        assert m % 2 == n % 2 == 0
    assert coarse.spacing_at((0, 0, 0)) == pytest.approx(1.5 * fine.spacing_at((0, 0, 0)), rel=0.15)
    assert [f[-1] for f in coarse.faces] == [1, 1, 1]


def test_repr():
    assert repr(Grid.uniform(model(), 0.5)) == "Grid  4 x 4 x 2 = 32 cells (x, y, z), 500 to 500 nm"


@pytest.mark.parametrize(
    ("faces", "text"),
    [
        ([0.0], "x_faces needs at least two face positions, got shape"),
        ([0.0, 1.0, 1.0], "x_faces must be finite and strictly increasing"),
        ([0.0, np.nan], "x_faces must be finite and strictly increasing"),
    ],
)
def test_bad_faces(faces, text):
    with pytest.raises(ValueError, match=text):
        Grid(faces, [0, 1], [0, 1])


def test_bad_grading():
    with pytest.raises(ValueError, match=r"growth = 1\.0: give a ratio above 1"):
        Grid.graded(model(), growth=1.0)
    with pytest.raises(ValueError, match=r"near = -0\.02: give a positive length in um"):
        Grid.graded(model(), near=-0.02)
    with pytest.raises(ValueError, match="spacing = nan: give a positive length"):
        Grid.uniform(model(), spacing=float("nan"))


def test_faces_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Grid.graded(model()).x_faces[0] = 3.0
