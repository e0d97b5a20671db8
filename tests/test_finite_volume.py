"""The operators of one axis: rows, walls, eigenbasis, readings."""

import numpy as np
import pytest

from microdomain.finite_volume import CLOSED, HELD, lay_axis

FACES = np.array([0.0, 0.1, 0.22, 0.36, 0.5, 0.7, 0.95, 1.2])
PAIRS = [(CLOSED, CLOSED), (CLOSED, HELD), (HELD, CLOSED), (HELD, HELD)]


def averages(power, faces=FACES):
    return np.diff(faces ** (power + 1)) / (power + 1) / np.diff(faces)


@pytest.mark.parametrize(("lower", "upper"), PAIRS)
@pytest.mark.parametrize(("rows", "out"), [("fourth", "outflow4"), ("second", "outflow2")])
def test_rows_conserve_what_they_move(lower, upper, rows, out):
    """h times the rows sums to what leaves through held walls, and to nothing where both are closed."""
    axis = lay_axis(FACES, lower, upper)
    np.testing.assert_allclose(axis.widths @ getattr(axis, rows), -getattr(axis, out), atol=1e-11)
    assert axis.closed == (lower == upper == CLOSED)
    if axis.closed:
        assert not getattr(axis, out).any()
        np.testing.assert_allclose(getattr(axis, rows) @ np.ones(axis.n), 0, atol=1e-10)


def test_inner_rows_are_exact_for_cubics():
    """Five-point rows: the second derivative of x^3 averaged over inner cells is 6 times the centre."""
    axis = lay_axis(FACES, CLOSED, CLOSED)
    inner = slice(2, -2)
    for power, exact in ((1, 0 * averages(1)), (2, 2 + 0 * averages(1)), (3, 6 * averages(1))):
        np.testing.assert_allclose((axis.fourth @ averages(power))[inner], exact[inner], atol=1e-9)


def test_at_a_held_wall_the_excess_vanishes():
    """u = x is odd about the held wall at 0: no curvature, and its flux 1 goes out there."""
    axis = lay_axis(FACES, HELD, CLOSED)
    assert (axis.fourth @ averages(1))[:4] == pytest.approx(0, abs=1e-10)
    assert axis.outflow4[:4] @ averages(1)[:4] == pytest.approx(1.0)
    # A spline sees a few mirrored cells, then its end: 3e-7.
    assert axis.reading(np.array([0.0]))[0] @ averages(1) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("lower", "upper"), PAIRS)
def test_the_eigenbasis_is_that_of_the_second_order_rows(lower, upper):
    axis = lay_axis(FACES, lower, upper)
    np.testing.assert_allclose(axis.vectors @ np.diag(axis.rates) @ axis.inverse, axis.second, atol=1e-9)
    np.testing.assert_allclose(axis.vectors @ axis.inverse, np.eye(axis.n), atol=1e-12)
    assert axis.rates.max() <= 0
    assert (axis.rates.max() == 0) == axis.closed


def test_the_spectrum_reaches_four_thirds():
    """What decides the factor 1.2 of the implicit side."""
    axis = lay_axis(np.linspace(0, 1, 65), CLOSED, CLOSED)
    assert np.linalg.eigvals(axis.fourth).real.min() / axis.rates.min() == pytest.approx(4 / 3, abs=0.01)


def test_readings_are_exact_for_what_is_flat_and_near_for_what_bends():
    axis = lay_axis(FACES, CLOSED, CLOSED)
    x = np.array([0.0, 0.05, 0.31, 0.9, 1.2])
    np.testing.assert_allclose(axis.reading(x).sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(axis.centre_values.sum(axis=1), 1.0, rtol=1e-12)
    centres = 0.5 * (FACES[1:] + FACES[:-1])
    inner = slice(1, -1)
    np.testing.assert_allclose((axis.centre_values @ averages(2))[inner], centres[inner] ** 2, atol=1e-12)


def test_the_band_is_the_matrix():
    axis = lay_axis(FACES, HELD, CLOSED)
    band = axis.band()
    assert band.shape == (axis.n, 5)
    rebuilt = sum(np.diag(band[max(0, -k) : axis.n - max(0, k), k + 2], k) for k in range(-2, 3))
    np.testing.assert_array_equal(rebuilt, axis.fourth)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(("lower", "upper"), PAIRS)
def test_axes_with_few_cells(n, lower, upper):
    """Mirrors of mirrors: even one cell works."""
    axis = lay_axis(np.linspace(0, 0.3, n + 1), lower, upper)
    assert np.isfinite(axis.fourth).all()
    assert axis.reading(np.array([0.1])).shape == (1, n)
    if axis.closed:
        np.testing.assert_allclose(axis.fourth @ np.ones(n), 0, atol=1e-9)
