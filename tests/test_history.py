"""Fluxes over time: values, integrals, jumps."""

import numpy as np
import pytest
from scipy.integrate import quad

import microdomain as md
from microdomain.history import History, Pieces, flux_of

FLUX = 1e6 / (2 * 96485.33212)


def history(current, gate):
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    channels = md.Cluster([(0, 0)], current=md.Fixed(current), gate=gate)
    model = md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[ion], channels=channels)
    return History([flux_of(model.resolved_channels[0], 2)])


CASES = {
    "pulse": (0.1, md.Pulse(0.2, 0.7), lambda t: 0.1 * ((t >= 0.2) & (t < 0.7))),
    "open": (0.1, md.Open(), lambda t: 0.1 + 0 * t),
    "train": (
        0.2,
        md.Train(0.1, 0.1, 0.3, 3),
        lambda t: 0.2 * (((t - 0.1) % 0.3 < 0.1) & (t >= 0.1) & (t < 0.8)),
    ),
    "table": (
        md.Table((0.1, 0.4, 0.9), (0.0, 0.3, 0.1)),
        md.Open(),
        lambda t: np.interp(t, (0.1, 0.4, 0.9), (0.0, 0.3, 0.1), left=0, right=0),
    ),
    "gaussian": (
        md.Gaussian(peak=0.3, at=0.5, fwhm=0.2),
        md.Open(),
        lambda t: 0.3 * np.exp(-4 * np.log(2) * ((t - 0.5) / 0.2) ** 2),
    ),
    "cut gaussian": (
        md.Gaussian(peak=0.3, at=0.5, fwhm=0.2),
        md.Pulse(0.45, 0.6),
        lambda t: 0.3 * np.exp(-4 * np.log(2) * ((t - 0.5) / 0.2) ** 2) * ((t >= 0.45) & (t < 0.6)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_integrals(name):
    current, gate, exact = CASES[name]
    some = history(current, gate)
    t = np.linspace(0.013, 0.987, 75)
    rows = np.array([0])
    np.testing.assert_allclose(some.value(rows, t[None])[0], exact(t) * FLUX, rtol=1e-5, atol=3e-7)
    ends = np.array([[0.05, 0.25, 0.47, 0.58, 0.95]])
    amounts = np.diff(some.integral(rows, ends)[0])
    for (a, b), amount in zip(zip(ends[0], ends[0][1:], strict=False), amounts, strict=True):
        jumps = [x for x in some.jumps[0] if a < x < b]
        expected = quad(lambda x: float(exact(np.array(x))), a, b, points=jumps or None, limit=200)[0]
        assert amount == pytest.approx(expected * FLUX, rel=1e-5, abs=1e-7)


def test_at_a_jump_the_value_is_that_after_it():
    some = history(0.1, md.Pulse(0.2, 0.7))
    np.testing.assert_allclose(some.value(np.array([0]), np.array([[0.2, 0.7]]))[0], [0.1 * FLUX, 0.0])
    np.testing.assert_array_equal(some.jumps[0], [0.2, 0.7])
    np.testing.assert_array_equal(some.jumps_within(0, 0.2, 0.8), [0.7])


def test_single_pieces():
    some = history(0.1, md.Pulse(0.2, 0.7))
    rows = np.array([0, 0, 0])
    inside = some.single_piece(rows, np.array([0.3, 0.1, 0.8]), np.array([0.6, 0.3, 0.9]))
    np.testing.assert_array_equal(inside, [True, False, True])


def test_the_charge_of_a_gaussian():
    """3.022254 fC at 1.5 mM, sigma 0.1528779 ms: 15.66173 uM um^3 (Kobbersmed et al. 2020, our constants)."""
    some = history(md.Gaussian(charge=3.022254, at=2.0, fwhm=0.36), md.Open())
    amount = np.diff(some.integral(np.array([0]), np.array([[0.0, 5.0]]))[0])[0]
    assert amount == pytest.approx(15.66173, rel=1e-5)


def test_monovalent_ions_carry_twice_as_many():
    ion = md.Ion("K", z=1, D=1.9, rest=100)
    channels = md.Cluster([(0, 0)], ion="K", current=md.Fixed(0.1), gate=md.Pulse(0, 1))
    model = md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[ion], channels=channels)
    some = History([flux_of(model.resolved_channels[0], 1)])
    assert some.value(np.array([0]), np.array([[0.5]]))[0, 0] == pytest.approx(0.2 * FLUX)


def test_rows_of_a_group_are_located_together():
    """The same bits as each row by itself, before the first knot and behind the last."""
    rng = np.random.default_rng(3)
    pieces = [Pieces(np.array([-np.inf]), np.array([[0.3, 0, 0, 0]]), np.empty(0), np.empty(0))] * 3
    growing = History(pieces, [-1, 4, 4])
    growing.write(np.array([1, 2]), 1, np.array([0.0, 0.1, 0.4]), rng.normal(size=(2, 3, 4)))
    times = np.array([[-1.0, 0.0, 0.05], [0.1, 0.39, 2.0]])
    found = growing.values_of_group(np.array([1, 2]), times)
    for k, row in enumerate((1, 2)):
        np.testing.assert_array_equal(found[k], growing.value(np.array([row]), times[None])[0])
    assert found[0, 0, 0] == 0.3
