"""The independent radial solvers against two other codes, and the closed forms against the solvers."""

from itertools import pairwise

import numpy as np
import pytest

from microdomain import oracles

from . import radial, steady_radial
from .radial import Binder

R = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
P1 = [Binder(400, 0.1, 10), Binder(100, 0.4, 0.22, 0.2)]
STEADY_R = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5]


def pulse(until, last):
    """0.1 pA up to `until`, then nothing up to `last`."""
    return [(until, lambda t: 0.1), (last, lambda t: 0.0)]


def test_one_channel_with_two_buffers():
    """P1: another spectral code in r c; a finite-volume code in c agrees with it to 3.4e-5."""
    known = [
        [23.3689975, 6.26646405, 1.92746089, 0.221859775, 0.100006577, 0.1],
        [30.9333044, 12.6699897, 6.86845233, 2.66426803, 0.420704149, 0.102732545],
        [31.9656632, 13.5904182, 7.70353073, 3.35335729, 0.79410554, 0.162376604],
        [33.1871101, 14.6468019, 8.59967608, 3.99014678, 1.06619771, 0.214680883],
        [0.83912819, 0.786587162, 0.720792497, 0.585838079, 0.337705912, 0.151129037],
    ]
    free, bound, stored = radial.solve(R, [0.001, 0.01, 0.1, 1.0, 1.1], pulse(1.0, 1.1), P1)
    np.testing.assert_allclose(free, known, rtol=5e-6)
    assert np.all((bound > 0) & (bound < np.array([400, 100])[:, None, None]))
    assert stored == pytest.approx(0.1 * radial.FLUX, rel=1e-7)


def test_without_buffers_it_is_the_closed_form():
    t = np.array([0.001, 0.01, 0.1, 1.0, 1.01, 1.1])
    free, _, stored = radial.solve(R, t, pulse(1.0, 1.1))
    exact = 0.1 + oracles.point_transient(R, t[:, None], 0.1, 0.22, duration=1.0)
    np.testing.assert_allclose(free, exact, rtol=1e-7)
    assert stored == pytest.approx(0.1 * radial.FLUX, rel=1e-9)


def test_with_uptake_it_is_the_closed_form():
    t = np.array([0.001, 0.01, 0.1, 1.0])
    free, _, _ = radial.solve(R, t, pulse(1.0, 1.1), uptake=100.0)
    np.testing.assert_allclose(free, 0.1 + oracles.point_uptake(R, t[:, None], 0.1, 0.22, 100.0), rtol=1e-6)


def test_a_gaussian_current():
    """0.3 pA, FWHM 0.36 ms, peak at 0.6 ms into P1's buffers; the known digits took FWHM = 2.3548 sigma."""
    sigma = 0.36 / 2.3548
    known = [
        [13.7242, 5.7509, 3.2235, 1.3874, 0.3512, 0.1190],
        [97.586, 42.0322, 24.0287, 10.528, 2.3901, 0.3137],
        [15.527, 7.3327, 4.5924, 2.3923, 0.7963, 0.2037],
        [0.9254, 0.8530, 0.7817, 0.6386, 0.3686, 0.1587],
    ]
    bell = [(1.2, lambda t: 0.3 * np.exp(-((t - 0.6) ** 2) / (2 * sigma**2)))]
    free, _, _ = radial.solve(R, [0.3, 0.6, 0.9, 1.2], bell, P1)
    # Half a unit of the fourth decimal: the rounding of the known digits, and no more.
    assert np.max(np.abs(free - known)) < 5.1e-5


@pytest.mark.parametrize(
    ("buffer", "known", "bound"),
    [
        pytest.param(
            Binder(1000, 0.4, 0.22, 0.2),
            [63.02426, 26.50159, 9.393744, 4.461207, 1.396363, 0.2128528, 0.1025879, 0.1003842],
            322.8959,
            id="S1 BAPTA 1 mM",
        ),
        pytest.param(
            Binder(100, 0.4, 0.22, 0.2),
            [71.11779, 33.73252, 15.18521, 9.121070, 4.454766, 1.364660, 0.3159131, 0.1068004],
            35.27533,
            id="S2 BAPTA 0.1 mM",
        ),
        pytest.param(
            Binder(2000, 0.0105, 0.18, 0.22),
            [72.20136, 34.76735, 16.12894, 9.981596, 5.169966, 1.814127, 0.4919324, 0.1151069],
            717.0014,
            id="S3 EGTA 2 mM",
        ),
        pytest.param(
            Binder(650, 0.5, 200, 0.22),
            [63.86199, 27.46981, 10.51194, 5.630454, 2.517397, 1.021727, 0.5423763, 0.2766743],
            8.657502,
            id="S4 ATP 0.65 mM",
        ),
    ],
)
def test_the_steady_state_of_one_channel_and_one_buffer(buffer, known, bound):
    """Known by collocation in ln r; here by elements in r (m - m0)."""
    free, carried = steady_radial.solve(STEADY_R, 0.1, [buffer])
    np.testing.assert_allclose(free, known, rtol=1e-6)
    assert carried[0, 2] == pytest.approx(bound, rel=1e-6)


def test_a_long_march_nears_the_steady_state_as_one_over_the_root_of_time():
    """Bound ions diffuse away for ever: what is missing, of both forms, falls as t^-1/2."""
    buffer = Binder(1000, 0.4, 0.22, 0.2)
    hold = [(80.0, lambda t: 0.1)]
    free, bound, _ = radial.solve(R, [20.0, 80.0], hold, [buffer], radius=60.0, widest=5.0)
    steady, carried = steady_radial.solve(R, 0.1, [buffer])
    np.testing.assert_allclose(free[1], steady, rtol=4e-4)
    for missing in (steady - free, carried[0] - bound[0]):
        assert np.all(missing[0] > 0)
        np.testing.assert_allclose(missing[1] / missing[0], 0.5, rtol=0.02)


def test_lin_is_the_limit_of_small_currents():
    two = [Binder(2000, 0.0105, 0.18, 0.22), Binder(650, 0.5, 200, 0.22)]
    off = []
    for influx in (1e-4, 1e-3):
        free, bound = steady_radial.solve(STEADY_R, influx, two)
        linear = oracles.lin_excess(
            STEADY_R, influx, 0.22, 0.1, [2000, 650], [0.0105, 0.5], [0.18, 200], [0.22, 0.22]
        )
        carried_at_rest = np.array([[2000 * 0.1 / 0.28], [650 * 0.1 / 200.1]])
        np.testing.assert_allclose(bound - carried_at_rest, linear[1:], rtol=0.2 * influx)
        off.append((free - 0.1) / linear[0] - 1)
    assert np.max(np.abs(off[0])) < 1e-5
    np.testing.assert_allclose(off[1], 10 * off[0], rtol=1e-3)


def test_rba_is_the_limit_of_fast_buffers_and_lies_below():
    rapid = oracles.rba(R, 0.1, 0.22, 0.1, total=500, k_on=0.1, K_d=10, D_b=0.1)
    off = [
        steady_radial.solve(R, 0.1, [Binder(500, 0.1 * faster, 10, 0.1)])[0] / rapid - 1
        for faster in (1, 10, 100, 1000)
    ]
    assert all(np.all(near > 0) for near in off)
    assert all(np.all(later < sooner) for sooner, later in pairwise(off))
    assert np.max(off[-1][2:]) < 6e-3


def test_eba_holds_for_excess_buffer_and_fails_for_a_saturated_one():
    def eba(buffer, influx):
        return oracles.eba(
            R, influx, 0.22, 0.1, total=buffer.total, k_on=buffer.k_on, K_d=buffer.K_d, D_b=buffer.D
        )

    excess, saturated = Binder(1000, 0.4, 0.22, 0.2), Binder(100, 0.4, 0.22, 0.2)
    free, _ = steady_radial.solve(R, 0.1, [excess])
    off = eba(excess, 0.1) / free - 1
    assert off[0] == pytest.approx(-0.003, abs=5e-4)
    assert off[4] == pytest.approx(-0.017, abs=5e-4)
    free, _ = steady_radial.solve(R, 1.0, [saturated])
    assert eba(saturated, 1.0)[-1] / free[-1] - 1 == pytest.approx(-0.30, abs=0.03)
