"""Currents that vary in time."""

import math

import numpy as np
import pytest

import microdomain as md

from . import radial
from .problems import ABOVE, BAPTA, CALCIUM, FIXED, HEIGHTS, cell, run, worst

GAUSS_TIMES = (0.3, 0.6, 0.9, 1.2)
#: 0.3 pA exp(-(t - 0.6)^2 / 2 sigma^2), FWHM 0.36 ms, by tests/science/radial.py.
GAUSS = np.array(
    [
        [13.723767, 5.750663, 3.223431, 1.387367, 0.351172, 0.119034],
        [97.586001, 42.032151, 24.028702, 10.527983, 2.390067, 0.313715],
        [15.526479, 7.332446, 4.592311, 2.392204, 0.796247, 0.203717],
        [0.925438, 0.852952, 0.781654, 0.638635, 0.368635, 0.158733],
    ]
)


@pytest.mark.parametrize("scheme", [None, "ros2"])
def test_a_gaussian_current(scheme):
    pulse = md.Gaussian(peak=0.3, at=0.6, fwhm=0.36)
    results = run(cell(current=pulse, gate=md.Open()), GAUSS_TIMES, scheme=scheme)
    found = results.at(ABOVE).values
    assert worst(found[:3], GAUSS[:3]) < 0.01
    # It has ended: a saturated spot fades (1.5 % as after any closing).
    assert worst(found[3], GAUSS[3]) < 0.015
    # All but the tails: sqrt(2 pi) sigma peak erf(0.6 / sqrt(2) sigma).
    sigma = 0.36 / math.sqrt(8 * math.log(2))
    charge = math.sqrt(2 * math.pi) * sigma * 0.3 * math.erf(0.6 / (math.sqrt(2) * sigma))
    assert results.ledger.influx[0, 0] == pytest.approx(charge * radial.FLUX, rel=1e-6)


def test_a_table():
    """A ramp up and down against the radial solver; the influx is the area of the table."""
    ramp = md.Table((0.0, 0.2, 0.5, 0.7), (0.0, 0.3, 0.1, 0.0))
    times = (0.1, 0.2, 0.4, 0.6)
    results = run(cell(current=ramp, gate=md.Open()), (*times, 0.8))
    binders = [radial.Binder(b.total, b.k_on, b.K_d, b.D) for b in (FIXED, BAPTA)]
    pieces = [
        (0.2, lambda t: 1.5 * t),
        (0.5, lambda t: 0.3 - (t - 0.2) * 2 / 3),
        (0.7, lambda t: 0.1 - (t - 0.5) * 0.5),
    ]
    exact, _, _ = radial.solve(HEIGHTS, times, pieces, binders)
    assert worst(results.at(ABOVE, times=times), exact) < 0.01
    assert results.ledger.influx[0, 0] == pytest.approx(0.1 * radial.FLUX, rel=1e-9)
    influx = results.mouths.influx.sel(time=[*times, 0.8]).values[:, 0]
    np.testing.assert_allclose(influx, [0.15, 0.3, 1 / 6, 0.05, 0.0], atol=1e-9)


def test_a_gate_cuts_a_waveform():
    """A train of three openings of a ramp: the influx is the area under the open parts."""
    ramp = md.Table((0.0, 1.0), (0.0, 0.1))
    gate = md.Train(0.1, 0.1, 0.3, 3)
    box = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))
    results = run(cell(current=ramp, gate=gate, box=box), (0.15, 0.25, 0.45, 1.0))
    open_parts = [(0.1, 0.2), (0.4, 0.5), (0.7, 0.8)]
    area = sum(0.05 * (b**2 - a**2) for a, b in open_parts)
    assert results.ledger.influx[0, 0] == pytest.approx(area * radial.FLUX, rel=1e-9)
    influx = results.mouths.influx.sel(time=[0.15, 0.25, 0.45, 1.0]).values[:, 0]
    np.testing.assert_allclose(influx, [0.015, 0.0, 0.045, 0.0], atol=1e-9)


def test_two_openings_are_two_pulses():
    """Without buffers a train is a sum of shifted pulses."""
    box = ((-0.4, 0.4), (-0.4, 0.4), (0.0, 0.4))
    train = cell(buffers=(), gate=md.Train(0.0, 0.1, 0.15, 2), box=box)
    once = cell(buffers=(), gate=md.Pulse(0.0, 0.1), box=box)
    again = run(train, (0.05, 0.2, 0.3), rtol=1e-3).at(ABOVE).values
    single = run(once, (0.05, 0.15, 0.2, 0.3), rtol=1e-3).at(ABOVE).values
    rest = CALCIUM.rest
    np.testing.assert_allclose(again[0], single[0], rtol=2e-3)
    np.testing.assert_allclose(again[1] - rest, single[2] + single[0] - 2 * rest, rtol=5e-3)
    np.testing.assert_allclose(again[2] - rest, single[3] + single[1] - 2 * rest, rtol=5e-3)
