"""Work of pumps and exchangers, energy of ATP, the pump's current and its cost."""

import numpy as np
import pytest

from microdomain import electro
from microdomain.electro.pump import CHARGES_PER_MS
from microdomain.units import FARADAY, celsius, mM

CELL = (12, 145, 140, 5)


@pytest.mark.parametrize(
    ("cell", "V", "degrees", "work"),
    [
        (CELL, -70, 37, 43.21694),
        ((12, 145, 140, 4), -70, 37, 44.36779),
        ((15, 145, 140, 4), -70, 37, 42.64151),
        ((10, 145, 140, 5), -70, 37, 44.62742),
        ((50, 440, 400, 20), -60, 20, 36.29474),
    ],
)
def test_work_of_the_sodium_pump(cell, V, degrees, work):
    assert electro.sodium_pump_work(*cell, V, celsius(degrees)) == pytest.approx(work, abs=1e-5)


def test_work_splits_into_sodium_and_potassium():
    assert 3 * electro.transport_work(12, 145, 1, -70) == pytest.approx(39.53917, abs=1e-5)
    assert -2 * electro.transport_work(140, 5, 1, -70) == pytest.approx(3.677769, abs=1e-6)


def test_the_sign_of_the_electric_term():
    # 150/12 mM sodium, 140/4 potassium at 25 C and -60 mV: 3 Na cost 36.15, not 1.5 kJ/mol.
    assert 3 * electro.transport_work(12, 150, 1, -60, celsius(25)) == pytest.approx(36.15, abs=0.01)


@pytest.mark.parametrize(
    ("ATP", "ADP", "Pi", "energy"),
    [
        (8, 1, 4, -50.10068),
        (5, 0.5, 5, -50.10068),
        (3, 0.8, 4, -48.14681),
        (5, 0.05, 2, -58.40129),
    ],
)
def test_energy_of_atp(ATP, ADP, Pi, energy):
    assert electro.atp_energy(ATP * mM, ADP * mM, Pi * mM) == pytest.approx(energy, abs=1e-5)


def test_efficiency_and_reversal_of_the_sodium_pump():
    assert electro.efficiency(43.217, -50.101) == pytest.approx(0.8626, abs=1e-4)
    reversal = electro.sodium_pump_reversal(*CELL, atp=-50)
    assert reversal == pytest.approx(-140.3015, abs=1e-4)
    assert electro.sodium_pump_work(*CELL, reversal) == pytest.approx(50.0)


def test_calcium_pump():
    assert electro.calcium_pump_work(1e-4, 2, -70) == pytest.approx(39.04637, abs=1e-5)
    # Two protons in at pH 7.2 inside, 7.4 outside: each gives -RT ln(out/in) - F V the other way.
    with_protons = electro.calcium_pump_work(1e-4, 2, -70, H=(10**-7.2, 10**-7.4))
    proton = electro.transport_work(10**-7.2, 10**-7.4, 1, -70)
    assert with_protons == pytest.approx(39.04637 - 2 * proton, abs=1e-5)
    floor = electro.calcium_pump_floor(2 * mM, -70, atp=-50)
    assert electro.calcium_pump_work(floor, 2 * mM, -70) == pytest.approx(50.0)


def test_sodium_calcium_exchanger():
    E_Na = electro.nernst(12, 145, 1)
    assert electro.exchanger_reversal(E_Na, electro.nernst(1e-4, 2, 2)) == pytest.approx(-64.8925, abs=1e-4)
    assert electro.exchanger_reversal(E_Na, electro.nernst(10, 2000, 2)) == pytest.approx(58.188, abs=1e-3)
    assert electro.exchanger_floor(12, 145, 2e6, -70) == pytest.approx(82.60488, abs=1e-5)
    assert electro.exchanger_work(12, 145, 82.60488, 2e6, -70) == pytest.approx(0.0, abs=1e-6)
    # Below its reversal it takes calcium out and gives energy.
    assert electro.exchanger_work(12, 145, 1e-4, 2, -80) < 0 < electro.exchanger_work(12, 145, 1e-4, 2, -50)


def test_exchanger_on_a_map():
    E_Ca = np.array([132.3436, np.nan])
    E = electro.exchanger_reversal(66.59821, E_Ca)
    assert E[0] == pytest.approx(-64.8925, abs=2e-4)
    assert np.isnan(E[1])


def test_pump_current_saturates_and_grows_with_voltage():
    full = electro.pump_current(1e9, 1e9, 0.0, maximum=100.0)
    s = np.expm1(145 / 67.3) / 7
    assert full == pytest.approx(100 / (1 + 0.1245 + 0.0365 * s), rel=1e-4)
    half = electro.pump_current(10 * mM, 1e12, 0.0, maximum=100.0)
    assert half == pytest.approx(full / 2, rel=1e-4)
    V = np.linspace(-120, 40, 9)
    current = electro.pump_current(12 * mM, 5 * mM, V)
    assert np.all(np.diff(current) > 0)
    assert electro.pump_current(0.0, 5 * mM, -70.0) == 0.0
    assert electro.pump_current(12 * mM, 0.0, -70.0) == 0.0


def test_atp_at_rest_and_per_spike():
    # 3 elementary charges of sodium per ATP.
    assert electro.atp_rate(-3.0) == pytest.approx(CHARGES_PER_MS)
    assert pytest.approx(6241.509, abs=1e-3) == CHARGES_PER_MS
    # Attwell and Laughlin (2001): 3.42e8 ATP/s in a neuron of 200 MOhm at -70 mV.
    assert 1e3 * electro.resting_atp(-70, 50, -100, 200) == pytest.approx(3.42e8, rel=5e-3)
    least = electro.spike_atp(100, area=1e4, overlap=1.0)
    assert least == pytest.approx(100e-12 * 0.1 / 1.602176634e-19 / 3)
    assert electro.spike_atp(100, area=1e4, overlap=4.0) == pytest.approx(4 * least)


def test_resting_atp_is_the_balance_of_leaks_and_pump():
    V, E_Na, E_K = -70.0, 50.0, -100.0
    current = 1e3 * electro.resting_atp(V, E_Na, E_K, 200.0) / (1e3 * CHARGES_PER_MS)
    g_Na, g_K = 3 * current / (E_Na - V), 2 * current / (V - E_K)
    # pA/mV = nS; 200 MOhm = 5 nS.
    assert g_Na + g_K == pytest.approx(5.0)
    assert g_Na * (V - E_Na) + 3 * current == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: electro.sodium_pump_work(0, 145, 140, 5, -70), r"inside = 0: expected a finite, positive"),
        (lambda: electro.atp_energy(0.0, 1.0, 1.0), r"ATP = 0: expected a finite, positive"),
        (lambda: electro.atp_energy(1.0, 1.0, -1.0), r"Pi = -1: expected a finite, positive"),
        (
            lambda: electro.efficiency(43.0, 50.0),
            r"-atp = -50: expected a positive energy given by hydrolysis",
        ),
        (
            lambda: electro.exchanger_reversal(66, 132, 2),
            r"stoichiometry = 2: expected more than 2 Na per Ca",
        ),
        (lambda: electro.pump_current(-1.0, 5e3, 0.0), r"Na_in = -1: expected a finite concentration"),
        (lambda: electro.atp_rate(3.0), r"-sodium_current = -3: expected an inward sodium leak"),
        (
            lambda: electro.resting_atp(60, 50, -100, 200),
            r"V: expected a resting potential between E_K and E_Na",
        ),
        (lambda: electro.resting_atp(-70, 50, -100, 0), r"resistance = 0: expected a positive resistance"),
        (lambda: electro.spike_atp(100, 1.0, overlap=0.5), r"overlap = 0.5: expected a ratio of at least 1"),
        (lambda: electro.spike_atp(-100, 1.0), r"amplitude = -100: expected a positive height in mV"),
    ],
)
def test_energy_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_millivolt_moves_one_charge_for_96_joules():
    down = electro.transport_work(10.0, 10.0, 1, -1.0)
    assert down == pytest.approx(FARADAY * 1e-6)
