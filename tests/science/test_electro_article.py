"""The numbers of the founding article, from the default solutions at 37 C."""

import numpy as np
import pytest

from microdomain import electro
from microdomain.electro import NEURON
from microdomain.units import flux_per_pA, mM

Na, K, Cl, Ca = (NEURON[name] for name in ("Na", "K", "Cl", "Ca"))


def E(ion, **other):
    return electro.nernst(ion.inside, ion.outside, ion.z, **other)


def test_equilibrium_potentials():
    assert E(Na) == pytest.approx(67, abs=0.5)
    assert E(K) == pytest.approx(-90, abs=1)
    assert E(Ca) > 130
    assert E(Cl) == pytest.approx(-64.08773, abs=1e-4)


def test_driving_force_on_sodium_at_rest_and_at_the_peak():
    assert electro.driving_force(-70, E(Na)) == pytest.approx(-137, abs=0.5)
    assert electro.driving_force(80, E(Na)) == pytest.approx(13, abs=0.5)


def test_the_pump_spends_43_of_50_kilojoules():
    work = electro.sodium_pump_work(Na.inside, Na.outside, K.inside, K.outside, -70)
    energy = electro.atp_energy(8 * mM, 1 * mM, 4 * mM)
    assert work == pytest.approx(43, abs=0.5)
    assert energy == pytest.approx(-50, abs=0.5)
    assert electro.efficiency(work, energy) == pytest.approx(0.8626, abs=1e-4)


def test_calcium_falls_from_130_to_36_mV_at_a_mouth():
    local = electro.inside_at(36.0, Ca.outside, 2)
    assert local / Ca.inside == pytest.approx(1352, abs=1)
    assert electro.nernst(135.228, Ca.outside, 2) == pytest.approx(36.0, abs=1e-4)


def test_local_potential_beside_an_open_channel():
    # Unbuffered half-space, D = 0.22 um^2/ms: c = c0 + J/(2 pi D r), at 0.1 and 0.3 pA.
    r = np.array([0.005, 0.01, 0.02, 0.05, 0.1])
    expected = {
        0.1: [43.863, 53.108, 62.336, 74.474, 83.562],
        0.3: [29.194, 38.451, 47.702, 59.911, 69.115],
    }
    for current, potentials in expected.items():
        local = Ca.inside + flux_per_pA(2) * current / (2 * np.pi * 0.22 * r)
        assert electro.reversal(local, Ca.outside, 2) == pytest.approx(potentials, abs=1e-3)
    # +36 mV: 8.32 nm from a channel of 0.3 pA, 2.77 nm from one of 0.1 pA.
    for current, distance in ((0.3, 8.32e-3), (0.1, 2.77e-3)):
        at = flux_per_pA(2) * current / (2 * np.pi * 0.22 * (135.228 - 0.1))
        assert at == pytest.approx(distance, abs=1e-5)


def test_potential_rises_by_9_mV_per_doubling_of_distance():
    r = 0.005 * 2.0 ** np.arange(3)
    steps = np.diff(electro.reversal(flux_per_pA(2) * 10 / (2 * np.pi * 0.22 * r), Ca.outside, 2))
    assert steps == pytest.approx([9.2628, 9.2628], abs=1e-4)


def test_the_law_of_the_channel_matters():
    # Local calcium of +36 mV takes 73 % of the ohmic drive at 0 mV and 7 % of the GHK current.
    ohmic = 1 - electro.driving_force(0.0, 36.0) / electro.driving_force(0.0, E(Ca))
    ghk = [electro.ghk_current(1.0, 2, c, Ca.outside, 0.0) for c in (Ca.inside, 135.228)]
    assert ohmic == pytest.approx(0.73, abs=0.005)
    assert 1 - ghk[1] / ghk[0] == pytest.approx(0.068, abs=0.001)


def test_several_millivolts_from_activities_where_strengths_differ():
    dilute = electro.Davies(inside=150 * mM, outside=10 * mM)
    assert E(K, activity=dilute) - E(K) == pytest.approx(4.694, abs=2e-3)
    assert E(Ca, activity=dilute) - E(Ca) == pytest.approx(9.388, abs=4e-3)
    alike = electro.Davies(inside=153.5 * mM, outside=159 * mM)
    assert abs(E(Ca, activity=alike) - E(Ca)) < 0.2


def test_hypothermia_weakens_every_battery():
    for ion in NEURON.values():
        warm, cold = (abs(electro.nernst(ion.inside, ion.outside, ion.z, T)) for T in (310.15, 303.15))
        assert cold / warm == pytest.approx(303.15 / 310.15)


def test_a_cell_without_its_pump_bursts():
    with pytest.raises(electro.NoSteadyState, match="the leak outdoes the pump"):
        electro.steady_state(electro.PumpLeak(pump=0.0))
