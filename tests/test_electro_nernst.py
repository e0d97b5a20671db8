"""Nernst potentials, driving forces, sensitivities, and what they refuse."""

import sys
import types
from math import exp, pi

import numpy as np
import pytest

from microdomain import electro
from microdomain.electro.inputs import array_namespace
from microdomain.units import celsius

# mM outside/inside, charge; mV at 37, 25 and 20 C.
TABLE = [
    (145, 12, 1, 66.59821, 64.02146, 62.94782),
    (5, 140, 1, -89.05869, -85.61293, -84.17719),
    (4, 140, 1, -95.02258, -91.34606, -89.81418),
    (110, 10, -1, -64.08773, -61.60811, -60.57494),
    (2, 1e-4, 2, 132.3436, 127.2231, 125.0895),
    (1.2, 1e-4, 2, 125.5172, 120.6609, 118.6374),
]
# uM inside at 2 mM outside, 37 C.
LOCAL = [(0.1, 132.3436), (1, 101.5734), (10, 70.80316), (50, 49.29571), (100, 40.03296)]
LOCAL += [(200, 30.77020), (1000, 9.262754)]


@pytest.mark.parametrize(("outside", "inside", "z", "warm", "room", "cool"), TABLE)
def test_potentials_of_the_common_ions(outside, inside, z, warm, room, cool):
    for degrees, expected in ((37, warm), (25, room), (20, cool)):
        assert electro.nernst(inside, outside, z, celsius(degrees)) == pytest.approx(expected, abs=1e-4)
    assert electro.nernst(inside, outside, z) == pytest.approx(warm, abs=1e-4)


def test_squid_axon_at_20_degrees():
    assert electro.nernst(50, 440, 1, celsius(20)) == pytest.approx(54.93795, abs=1e-4)
    assert electro.nernst(400, 20, 1, celsius(20)) == pytest.approx(-75.67733, abs=1e-4)


@pytest.mark.parametrize(("local", "expected"), LOCAL)
def test_local_calcium_lowers_the_potential(local, expected):
    assert electro.nernst(local, 2000.0, 2) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("outside", "degrees", "local"),
    [(2000, 37, 135.228), (1500, 37, 101.421), (1200, 37, 81.137), (2000, 25, 121.333)],
)
def test_what_plus_36_mV_means(outside, degrees, local):
    assert electro.inside_at(36.0, outside, 2, celsius(degrees)) == pytest.approx(local, abs=1e-3)


def test_driving_force_is_negative_where_a_cation_rushes_in():
    E_Na = electro.nernst(12, 145, 1)
    assert electro.driving_force(-70, E_Na) == pytest.approx(-136.598, abs=1e-3)
    assert electro.current_density(0.1, -70, E_Na) == pytest.approx(-13.6598, abs=1e-4)


def test_slopes_agree_with_differences():
    at = (12.0, 145.0, 1, 310.15)
    slopes = electro.nernst_slopes(*at)
    for position, slope in ((0, slopes.inside), (1, slopes.outside), (3, slopes.temperature)):
        up, down = list(at), list(at)
        up[position] *= 1 + 1e-5
        down[position] *= 1 - 1e-5
        difference = (electro.nernst(*up) - electro.nernst(*down)) / (2e-5 * at[position])
        assert slope == pytest.approx(difference, rel=1e-8)


def test_q10_of_three_over_ten_degrees():
    assert electro.q10_factor(3.0, 310.15, 300.15) == pytest.approx(3.0)
    assert electro.q10_factor(3.0, 300.15, 310.15) == pytest.approx(1 / 3)


def test_a_map_keeps_its_good_points_and_counts_the_others():
    field = np.array([[0.1, 1.0], [0.0, np.nan]])
    with pytest.warns(electro.ElectroWarning, match="2 of 4 points have no equilibrium potential"):
        E = electro.reversal(field, 2000.0, 2)
    assert E[0] == pytest.approx([132.3436, 101.5734], abs=1e-4)
    assert np.isnan(E[1]).all()


def test_a_good_map_is_silent_and_both_sides_may_be_local():
    inside, outside = np.array([0.1, 10.0]), np.array([2000.0, 1500.0])
    expected = [132.3436, electro.nernst(10.0, 1500.0, 2)]
    assert electro.reversal(inside, outside, 2) == pytest.approx(expected, abs=1e-4)


def test_arrays_broadcast_and_numbers_stay_numbers():
    shape = (3, 1, 5)
    E = electro.nernst(np.full(shape, 0.1), np.full((4, 1), 2000.0), 2, np.full(5, 310.15))
    assert E.shape == (3, 4, 5)
    assert type(electro.nernst(12, 145, 1)) is float
    assert electro.nernst(np.full(2, 0.1, np.float32), 2000.0, 2) == pytest.approx([132.3436] * 2, abs=1e-3)


def test_the_array_library_follows_the_arguments(monkeypatch):
    stand_in = types.ModuleType("cupy")
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    array = type("ndarray", (), {"__module__": "cupy"})()
    assert array_namespace(1.0, array) is stand_in
    assert array_namespace(1.0, np.ones(2)) is np


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 2000, 2), r"inside = 0: expected a finite, positive concentration"),
        ((0.1, -1.0, 2), r"outside = -1: expected a finite, positive"),
        ((float("nan"), 2000, 2), r"inside = nan: expected"),
        ((np.array([1.0, 0.0, -3.0]), 2000, 2), r"inside: 2 of 3 values are off, the first is 0"),
        ((0.1, 2000, 0), r"z = 0: expected a charge number other than zero"),
        ((0.1, 2000, 2, 0.0), r"temperature = 0: expected kelvin above zero"),
        ((0.1, 2000, 2, -3.0), r"temperature = -3: .*37 degrees Celsius are 310.15 K"),
        ((0.1, 2000, 2, 310.15, 0.7), r"activity = 0.7: expected a pair"),
        ((0.1, 2000, 2, 310.15, (0.0, 0.7)), r"gamma_inside = 0: expected a positive activity coefficient"),
        ((0.1, 2000, 2, 310.15, None, "skip"), r'invalid = \'skip\': expected "raise" \(an error\) or "nan"'),
    ],
)
def test_nonsense_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        electro.nernst(*arguments)


def test_other_refusals_name_their_argument():
    with pytest.raises(ValueError, match=r"V = nan: expected a finite number"):
        electro.driving_force(float("nan"), 0.0)
    with pytest.raises(ValueError, match=r"g = -1: expected a conductance"):
        electro.current_density(-1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"Q10 = 0: expected a positive factor"):
        electro.q10_factor(0.0, 310.15, 300.15)


def test_few_ions_charge_a_membrane():
    # 1 uF/cm^2 and 100 mV: 1e-9 C/mm^2 over the elementary charge is 6241.5 ions per um^2.
    assert electro.ions_to_charge(100.0, area=1.0) == pytest.approx(6241.51, abs=0.01)
    area, volume = 4 * pi * 10**2, 4 / 3 * pi * 10**3
    change = electro.concentration_change(-90.0, area, volume)
    assert change == pytest.approx(-3 / 10 * 1e6 * 0.01 * 90 / 96485.33212, rel=1e-12)
    assert abs(change) / 140e3 < 2.1e-5
    assert electro.amount_to_charge(50.0, 2.0, z=2) == pytest.approx(
        electro.amount_to_charge(50.0, 1.0, z=1), rel=1e-15
    )


def test_a_membrane_open_to_potassium_finds_E_K():
    E_K = electro.nernst(140, 5, 1)
    tau = 0.01 / 0.005
    V = electro.relaxation(np.array([0.0, tau, 40 * tau]), 0.0, E_K, g=0.005)
    assert list(V) == pytest.approx([0.0, E_K * (1 - exp(-1)), E_K], abs=1e-12)
    with pytest.raises(ValueError, match=r"g = 0: expected a finite, positive number of nS/um\^2"):
        electro.relaxation(1.0, 0.0, E_K, g=0.0)


def test_a_million_points_in_one_call():
    field = np.linspace(0.05, 500.0, 1_000_000)
    E = electro.reversal(field, 2000.0, 2)
    assert E.shape == field.shape
    assert np.all(np.diff(E) < 0)
