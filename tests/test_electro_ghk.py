"""GHK currents and reversal potentials against known values, and what they refuse."""

import numpy as np
import pytest

from microdomain import electro
from microdomain.electro.ghk import bernoulli
from microdomain.units import celsius

K_Na_Cl = {"z": [1, 1, -1], "inside": [140, 12, 10], "outside": [5, 145, 110]}
# um^3/ms; chosen so that 2 mM against 100 nM at 37 C gives -0.1 pA at 0 mV.
P = 2.591197e-13 * 1e9
VOLTAGES = np.array([-80.0, -60, -40, -20, 0, 20, 40, 60, 100])
AT_REST = [-0.600191, -0.454108, -0.3151366, -0.1928434, -0.1, -0.04316515, -0.01578002, -5.073196e-3]
AT_REST += [-3.83728e-4]
AT_MOUTH = [-0.6000891, -0.4537637, -0.3140693, -0.1899264, -0.09324326, -0.03013573, 5.51192e-3]
AT_MOUTH += [0.02560817, 0.05020651]


def test_current_of_one_calcium_channel():
    assert electro.ghk_current(P, 2, 0.1, 2000.0, VOLTAGES) == pytest.approx(AT_REST, rel=2e-6)


def test_current_with_calcium_at_the_mouth():
    current = electro.ghk_current(P, 2, 135.228, 2000.0, VOLTAGES)
    assert current == pytest.approx(AT_MOUTH, rel=2e-6)
    # In GHK form local calcium costs 0.08 % at -60 mV and 6.8 % at 0 mV; in ohmic form 73 % at 0 mV.
    assert 1 - current[1] / AT_REST[1] == pytest.approx(7.6e-4, abs=1e-5)
    assert 1 - current[4] / AT_REST[4] == pytest.approx(0.068, abs=5e-4)
    assert 1 - 36.0 / electro.nernst(0.1, 2000.0, 2) == pytest.approx(0.73, abs=5e-3)


def test_P_type_channel_of_a_purkinje_cell():
    # P = 2.5e-20 m^3/s, 2 mM outside, 45 nM inside, 34 C (Anwar et al. 2013).
    current = electro.ghk_current(
        2.5e-20 * 1e15, 2, 0.045, 2000.0, np.array([-60.0, -40, -20, 0, 20]), celsius(34)
    )
    expected = [-0.04421898, -0.03065494, -0.01870915, -9.648316e-3, -4.127471e-3]
    assert current == pytest.approx(expected, rel=1e-6)


def test_current_is_smooth_through_zero_and_finite_far_away():
    V = np.array([-1e-6, -1e-12, 0.0, 1e-12, 1e-6])
    current = electro.ghk_current(P, 2, 0.1, 2000.0, V)
    assert np.ptp(current) < 1e-8
    assert np.isfinite(electro.ghk_current(P, 2, 0.0, 2000.0, np.array([-1e5, 1e5]))).all()
    assert electro.ghk_current(P, 2, 0.0, 0.0, -70.0) == 0.0


def test_bernoulli_function():
    u = np.array([-800.0, -1.0, 0.0, 1e-9, 1.0, 800.0])
    assert bernoulli(u) == pytest.approx([800.0, 1.5819767068693265, 1.0, 1 - 5e-10, 0.5819767068693265, 0.0])


def test_coefficients_are_the_current():
    a, b = electro.ghk_coefficients(P, 2, -20.0)
    assert a * 135.228 - b * 2000.0 == pytest.approx(electro.ghk_current(P, 2, 135.228, 2000.0, -20.0))


def test_slope_conductance_is_the_derivative():
    for V in (-70.0, -1e-3, 0.0, 0.4, 50.0):
        h = 1e-3
        currents = electro.ghk_current(P, 2, 0.1, 2000.0, np.array([V - h, V + h]))
        slope = (currents[1] - currents[0]) / (2 * h)
        assert electro.ghk_conductance(P, 2, 0.1, 2000.0, V) == pytest.approx(slope, rel=1e-7)


def test_permeability_from_a_slope_conductance():
    for V in (None, -70.0):
        p = electro.permeability(2.4, 2, 0.1, 2000.0, V)
        at = electro.nernst(0.1, 2000.0, 2) if V is None else V
        assert 1e3 * electro.ghk_conductance(p, 2, 0.1, 2000.0, at) == pytest.approx(2.4, rel=1e-12)


@pytest.mark.parametrize(
    ("permeabilities", "expected"), [([1, 0.04, 0.45], -67.32622), ([1, 20, 0.45], 51.13117)]
)
def test_rest_and_peak_of_an_action_potential(permeabilities, expected):
    assert electro.ghk_voltage(permeabilities, **K_Na_Cl) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("degrees", "expected"), [(18, -59.51783), (20, -59.92668)])
def test_squid_axon_at_rest(degrees, expected):
    rest = electro.ghk_voltage([1, 0.04, 0.45], [1, 1, -1], [400, 50, 52], [20, 440, 560], celsius(degrees))
    assert rest == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("P_rel", "z", "inside", "outside", "expected"),
    [
        ([1, 1], [1, 1], [140, 12], [5, 145], -0.3540007),
        ([1, 1, 10], [1, 1, 2], [140, 12, 1e-4], [5, 145, 2], 5.391784),
        ([1, 1, 10], [1, 1, 2], [140, 12, 1e-4], [5, 145, 20], 24.41871),
        ([1, 1000], [1, 2], [140, 1e-4], [5, 2], 52.33174),
        ([1, 1000], [1, 2], [140, 0.1352], [5, 2], 32.16196),
    ],
)
def test_channels_that_several_ions_pass(P_rel, z, inside, outside, expected):
    reversal = electro.ghk_voltage(P_rel, z, inside, outside)
    assert reversal == pytest.approx(expected, abs=1e-4)
    assert electro.ghk_total(P_rel, z, inside, outside, reversal) == pytest.approx(0.0, abs=1e-9)


def test_trivalent_ions_join_by_iteration():
    P_rel, z = [1, 1, 1, 2], [1, 2, -1, 3]
    inside, outside = [140, 1e-4, 10, 1e-3], [5, 2, 110, 0.5]
    V = electro.ghk_voltage(P_rel, z, inside, outside)
    total = electro.ghk_total(P_rel, z, inside, outside, V)
    assert abs(total) < 1e-10 * abs(electro.ghk_current(2, 3, 1e-3, 0.5, V))
    # With a vanishing share of the trivalent the closed form comes back.
    nearly = electro.ghk_voltage([1, 1000, 1e-14], [1, 2, 3], [140, 1e-4, 1], [5, 2, 1])
    assert nearly == pytest.approx(52.33174, abs=1e-4)


def test_reversal_map_of_several_fields():
    calcium = np.array([1e-4, 0.1352, -1.0])
    with pytest.warns(electro.ElectroWarning, match="1 of 3 points have no GHK voltage"):
        V = electro.ghk_reversal([1, 1000], [1, 2], [140, calcium], [5, 2])
    assert V[:2] == pytest.approx([52.33174, 32.16196], abs=1e-4)
    assert np.isnan(V[2])


def test_current_map_of_a_field():
    with pytest.warns(electro.ElectroWarning, match="1 of 2 points have no GHK current"):
        current = electro.ghk_current(P, 2, np.array([0.1, np.nan]), 2000.0, 0.0, invalid="nan")
    assert current[0] == pytest.approx(-0.1, rel=1e-6)
    assert np.isnan(current[1])


def test_gaba_reversal_lies_between_chloride_and_bicarbonate():
    E_Cl, E_HCO3 = electro.nernst(5e3, 130e3, -1), electro.nernst(12e3, 25e3, -1)
    E_GABA = electro.gaba_reversal(5e3, 130e3)
    assert E_Cl < E_GABA < E_HCO3
    assert electro.gaba_reversal(5e3, 130e3, ratio=0.0) == pytest.approx(E_Cl)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 2, 0.1, 2000, 0), r"P = -1: expected a permeability"),
        ((P, 0, 0.1, 2000, 0), r"z = 0: expected a charge number"),
        ((P, 2, -0.1, 2000, 0), r"inside = -0.1: expected a finite concentration, zero or positive"),
        ((P, 2, 0.1, float("nan"), 0), r"outside = nan: expected a finite concentration"),
        ((P, 2, 0.1, 2000, float("inf")), r"V = inf: expected a finite number"),
        ((P, 2, 0.1, 2000, 0, -1.0), r"temperature = -1: expected kelvin"),
    ],
)
def test_current_refuses_nonsense_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        electro.ghk_current(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0], [1, 1], [140, 12], [5, 145]), r"P holds only zeros"),
        (([1, 1], [1, 0], [140, 12], [5, 145]), r"z\[1\] = 0: expected a charge number"),
        (([1, -1], [1, 1], [140, 12], [5, 145]), r"P\[1\] = -1: expected a permeability"),
        (([1, 1], [1, 1], [140, -12], [5, 145]), r"inside\[1\] = -12: expected"),
        (([1, 1], [1, 1], [140, 12], [5]), r"hold 2, 2, 2, 1 ions: expected one entry per ion"),
        (([], [], [], []), r"hold 0, 0, 0, 0 ions: .* at least one ion"),
        (([1, 1], [1, 1], [0, 0], [5, 145]), r"inside holds no permeant ion"),
        (([1, 1], [1, 1], [5, 145], [0, 0]), r"outside holds no permeant ion"),
    ],
)
def test_voltage_refuses_nonsense_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        electro.ghk_voltage(*arguments)


def test_permeability_refusals():
    with pytest.raises(ValueError, match=r"conductance = 0: expected a positive slope in pS"):
        electro.permeability(0.0, 1, 150e3, 150e3)
    with pytest.raises(ValueError, match="inside and outside are both zero"):
        electro.permeability(10.0, 1, 0.0, 0.0, V=0.0)
