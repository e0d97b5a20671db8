"""Plots of what a sensor sees and of whole cells: their numbers, not their looks."""

import numpy as np
import pytest

import microdomain as md
from microdomain.units import mM
from microdomain.view import coupling_plot

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
SPOTS = [(-0.1, 0.0), (0.1, 0.05)]
BOX = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))


@pytest.fixture(scope="module")
def results():
    two = md.Cluster(SPOTS, gate=md.Pulse(0, 0.02))
    one = md.Model(box=BOX, ions=[CALCIUM], channels=two)
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    return md.simulate(one, grid, until=0.05, record=md.Record(times=[0.0, 0.01, 0.02, 0.05]), rtol=5e-2)


def test_the_coupling_map_holds_the_highest_readings(results):
    found = coupling_plot.coupling_of(results, height=0.02)
    assert found.peak.shape == found.distance.shape == (found.second.size, found.first.size)
    assert (found.first[0], found.first[-1]) == pytest.approx((-0.4, 0.4))
    assert (found.second[0], found.second[-1]) == pytest.approx((-0.3, 0.35))
    for j, i in ((0, 0), (40, 70), (found.second.size - 1, 3)):
        x, y = found.first[i], found.second[j]
        expected = results.at([(x, y, 0.02)]).values.max()
        assert found.peak[j, i] == pytest.approx(expected, rel=1e-6)
        away = min(np.hypot(x - u, y - v) for u, v in SPOTS)
        assert found.distance[j, i] == pytest.approx(away, abs=1e-12)


def test_the_coupling_plot_falls_with_the_distance(results):
    figure = md.view.coupling(results, height=0.02)
    left, right = figure.axes[:2]
    assert left.get_xlabel() == "x (nm)"
    (line,) = right.lines
    distance, median = line.get_data()
    assert distance[0] < 20 < 200 < distance[-1]
    assert (np.diff(median) < 0).all()
    assert figure.get_suptitle() == "highest [Ca], 20 nm above the membrane"


def test_a_coupling_distance_needs_channels():
    bare = md.Model(box=BOX, ions=[CALCIUM])
    still = md.simulate(bare, md.Grid(*(np.linspace(*side, 6) for side in BOX)), until=0.01)
    with pytest.raises(ValueError, match="A coupling distance needs channels, and this model has none"):
        md.view.coupling(still)


def test_a_height_outside_the_box_is_refused(results):
    with pytest.raises(ValueError, match=r"z = 0\.5 um is outside the box"):
        md.view.coupling(results, height=0.5)


def test_the_donnan_plot_shows_the_equilibrium():
    figure = md.view.donnan(salt=150 * mM, charge=-1, most=200 * mM)
    volts, salts, force = figure.axes
    x, V = volts.lines[0].get_data()
    k = int(np.argmin(np.abs(x - 100)))
    # q = 1/3: V = -(RT/F) asinh(1/3), and 299.72 kPa from RT times the excess of particles
    assert V[k] == pytest.approx(-8.7516, abs=1e-4)
    assert force.lines[0].get_ydata()[k] == pytest.approx(299.72, abs=0.01)
    product = salts.lines[0].get_ydata() * salts.lines[1].get_ydata()
    np.testing.assert_allclose(product, 150.0**2, rtol=1e-12)
    with pytest.raises(ValueError, match=r"most = 0: give a positive concentration in uM"):
        md.view.donnan(salt=150 * mM, charge=-1, most=0.0)


def test_the_pump_leak_plot_shows_the_course():
    from microdomain import electro

    course = electro.evolve(electro.PumpLeak(), 60e3, [])
    volts, salts, size = md.view.pump_leak(course).axes
    assert [line.get_label() for line in volts.lines] == ["V", "E_Na", "E_K", "E_Cl"]
    np.testing.assert_array_equal(volts.lines[0].get_ydata(), course.V)
    np.testing.assert_allclose(salts.lines[1].get_ydata(), np.asarray(course.K) / 1e3)
    assert size.get_xlabel() == "time (s)"
