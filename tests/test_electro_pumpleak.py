"""The pump-leak cell: exact steady states, time courses, failure of the pump."""

from dataclasses import replace

import numpy as np
import pytest

from microdomain import electro
from microdomain.electro.pumpleak import fluxes
from microdomain.units import FARADAY, GAS, mM, s

# The published script has RT/F = 25.69 mV.
SCRIPT = electro.PumpLeak(temperature=25.69e-3 * FARADAY / GAS)
# C/dm^2/s; 1 of it is 100 pA/um^2.
STEADY = [
    (5e-5, -1, 0.02562488, -94.13308, 16.70614, 133.2939, 3.843731, 146.1563, 0.3420996),
    (2.5e-5, -1, 0.07422601, -66.81046, 106.8739, 43.12613, 11.13390, 138.8661, 0.3600591),
    (1e-5, -1, 0.3253646, -28.84496, 140.5372, 9.462832, 48.80469, 101.1953, 0.4940940),
    (1e-6, -1, 0.8920399, -2.934938, 146.6282, 3.371817, 133.8060, 16.19401, 3.087561),
    (1e-5, -0.5, 0.3253646, -23.17373, 112.6984, 7.588358, 60.86040, 118.8528, 50 / 118.8528),
    (1e-5, -1.5, 0.3253646, -32.28021, 160.6441, 10.81670, 42.69608, 85.84314, 50 / 85.84314),
]
COURSE = [  # s; mV, mM, volume
    (100, -27.3305, 137.8616, 12.13735, 88.98331, 0.819434),
    (1000, -53.5702, 123.8455, 26.15016, 20.69350, 0.3866653),
    (4999, -94.1310, 16.7099, 133.2816, 3.84405, 0.3420803),
    (5500, -67.2125, 105.580, 44.414, 10.644, 0.358778),
    (6000, -40.8720, 135.062, 14.935, 28.706, 0.412212),
    (10000, -14.1531, 144.796, 5.20367, 84.0293, 0.757906),
]
DONNAN = electro.PumpLeak(
    Na_out=135 * mM, K_out=5 * mM, impermeant_out=20 * mM, impermeant=100 * mM, pump=0.0
)


def _residuals(cell, rest):
    """Net fluxes over the largest one, charge and particle balance over all particles."""
    inside, outside = (rest.Na, rest.K, rest.Cl), (cell.Na_out, cell.K_out, cell.Cl_out)
    flow = fluxes(cell, rest.V, inside, outside)
    net = np.abs(flow.net) / (cell.g_K * 26.7)
    charge = rest.Na + rest.K - rest.Cl + cell.charge * rest.impermeant
    particles = sum(inside) + rest.impermeant - cell.osmolarity_out
    return [*net, abs(charge) / cell.osmolarity_out, abs(particles) / cell.osmolarity_out]


@pytest.mark.parametrize(("p", "z", "alpha", "V", "Na", "K", "Cl", "X", "swelling"), STEADY)
def test_steady_state_in_closed_form(p, z, alpha, V, Na, K, Cl, X, swelling):
    cell = replace(SCRIPT, pump=100 * p, charge=z)
    rest = electro.steady_state(cell)
    found = (rest.alpha, rest.V, rest.Na / mM, rest.K / mM, rest.Cl / mM, rest.impermeant / mM, rest.swelling)
    assert found == pytest.approx((alpha, V, Na, K, Cl, X, swelling), rel=1e-6)
    assert max(_residuals(cell, rest)) < 1e-9


def test_steady_states_of_many_pumps_at_once():
    pumps = np.array([5e-3, 1e-3, 0.0])
    with pytest.warns(electro.ElectroWarning, match="1 of 3 points have no steady state"):
        rest = electro.steady_state(replace(SCRIPT, pump=pumps), invalid="nan")
    assert rest.V[:2] == pytest.approx([-94.13308, -28.84496], rel=1e-6)
    assert np.isnan(rest.swelling[2])


def test_the_course_of_the_published_script():
    off = electro.Episode(5000 * s, 10001 * s, {"pump": 0.0})
    times = np.array([row[0] for row in COURSE]) * s
    course = electro.evolve(SCRIPT, 10000 * s, [off], Na=120 * mM, V=0.0, times=times)
    for line, (_, *expected) in enumerate(COURSE):
        found = [getattr(course, name)[line] for name in ("V", "Na", "K", "Cl", "swelling")]
        found[1:4] = [c / mM for c in found[1:4]]
        assert found == pytest.approx(expected, rel=1e-3)
    assert course.ended is None
    # 0.006 % from the exact state after 5000 s.
    assert course.swelling[2] == pytest.approx(electro.steady_state(SCRIPT).swelling, rel=1e-4)


def test_charge_and_particles_balance_at_every_instant():
    course = electro.evolve(
        SCRIPT, 3000 * s, [electro.Episode(1000 * s, 2000 * s, {"pump": 0.0})], Na=120 * mM
    )
    charge = (course.Na + course.K - course.Cl - course.impermeant) * course.volume
    on_membrane = electro.amount_to_charge(course.V, SCRIPT.area)
    assert np.max(np.abs(charge - on_membrane) / (course.Na * course.volume)) < 1e-9
    particles = course.Na + course.K + course.Cl + course.impermeant
    assert particles == pytest.approx(SCRIPT.osmolarity_out, rel=1e-9)
    assert course.impermeant * course.volume == pytest.approx(SCRIPT.impermeant * SCRIPT.volume, rel=1e-12)


def test_the_steady_state_stays():
    course = electro.evolve(SCRIPT, 1000 * s)
    rest = electro.steady_state(SCRIPT)
    # The closed form neglects the charge on the membrane, here 1e-4 of the particles.
    assert np.max(np.abs(course.V - rest.V)) < 0.02
    assert course.swelling == pytest.approx(rest.swelling, rel=1e-4)


def test_without_a_pump_the_cell_reaches_donnan():
    rest = electro.steady_state(DONNAN)
    free = electro.donnan_free(140 * mM, 100 * mM, -1, 20 * mM)
    assert (rest.V, rest.swelling) == pytest.approx((free.voltage, free.swelling), rel=1e-9)
    assert rest.Na + rest.K == pytest.approx(free.cation, rel=1e-9)
    course = electro.evolve(DONNAN, 1e7 * s, Na=20 * mM)
    assert course.swelling[-1] == pytest.approx(5.172414, rel=1e-5)
    last = [getattr(course, name)[-1] for name in ("E_Na", "E_K", "E_Cl")]
    assert last == pytest.approx([course.V[-1]] * 3, abs=1e-6)


@pytest.mark.parametrize(("g_Cl", "swells"), [(2e-3, True), (0.0, False)])
def test_pump_failure_in_a_finite_space_needs_chloride_to_swell(g_Cl, swells):
    cell = replace(DONNAN, pump=5e-3, bath_volume=500.0, g_Cl=g_Cl)
    failure = electro.Episode(1000 * s, 2e6 * s, {"pump": 0.0})
    course = electro.evolve(cell, 1e6 * s, [failure], Na=15 * mM)
    potentials = [course.E_Na[-1], course.E_K[-1]]
    assert potentials == pytest.approx([course.V[-1]] * 2, abs=1e-6)
    if swells:
        assert course.swelling[-1] > 1.5
        assert course.E_Cl[-1] == pytest.approx(course.V[-1], abs=1e-6)
    else:
        assert course.swelling[-1] == pytest.approx(1.0, abs=1e-3)
    total = course.Na * course.volume + course.Na_out * (cell.volume + 500.0 - course.volume)
    assert total == pytest.approx(total[0], rel=1e-12)


def test_a_runaway_volume_stops_with_a_sentence():
    leaky = replace(SCRIPT, pump=0.0, g_Na=1e-2)
    with pytest.warns(electro.ElectroWarning, match="the volume ran away: 3 times its start"):
        course = electro.evolve(leaky, 1e9 * s, Na=20 * mM, limit=3.0)
    assert course.swelling[-1] == pytest.approx(3.0, rel=1e-6)
    assert course.time[-1] < 1e9 * s
    assert course.ended.startswith("the volume ran away")


@pytest.mark.parametrize(
    "changes",
    [
        {"kcc2": 1e-3},
        {"nkcc1": 1e-4},
        {"kcc2": 1e-3, "nkcc1": 1e-4},
        {"law": "cubic", "pump": 0.1},
        {"law": "cubic", "pump": 0.5, "kcc2": 2e-3},
    ],
)
def test_cotransporters_and_the_cubic_pump_are_at_rest(changes):
    cell = electro.PumpLeak(**changes)
    rest = electro.steady_state(cell)
    assert max(_residuals(cell, rest)) < 1e-9
    course = electro.evolve(cell, 2000 * s)
    assert course.V[-1] == pytest.approx(rest.V, abs=0.05)


def test_the_developmental_switch_of_chloride():
    rest = [
        electro.steady_state(electro.PumpLeak(**change)) for change in ({"nkcc1": 1e-4}, {}, {"kcc2": 1e-3})
    ]
    young, passive, adult = rest
    # NKCC1 loads chloride (GABA depolarises), without either it is passive, KCC2 takes it out.
    assert young.E_Cl - young.V > 5.0
    assert passive.E_Cl == pytest.approx(passive.V, abs=1e-9)
    assert adult.E_Cl - adult.V < -0.5
    assert electro.gaba_reversal(young.Cl, 150 * mM) > young.V


def test_high_potassium_depolarises():
    seizure = electro.Episode(500 * s, 1000 * s, {"K_out": 12 * mM, "Na_out": 138 * mM})
    course = electro.evolve(electro.PumpLeak(), 1000 * s, [seizure])
    assert course.K_out[[0, -1]] == pytest.approx([3 * mM, 12 * mM])
    assert course.V[-1] - course.V[0] > 20.0
    assert course.E_K[-1] > course.E_K[0] + 30.0


@pytest.mark.parametrize("charge", [-2.0, -1.0, 0.0, 0.5, 1.0, 1.5])
def test_impermeants_of_any_charge(charge):
    cell = replace(SCRIPT, charge=charge, pump=1e-3)
    assert max(_residuals(cell, electro.steady_state(cell))) < 1e-9


def test_charged_impermeants_outside():
    cell = replace(SCRIPT, impermeant_out=10 * mM, charge_out=-2.0)
    assert cell.Cl_out == pytest.approx(130 * mM)
    assert max(_residuals(cell, electro.steady_state(cell))) < 1e-9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: electro.steady_state(replace(SCRIPT, pump=0.0)),
            electro.NoSteadyState,
            r"alpha = 1: the leak outdoes the pump",
        ),
        (
            lambda: electro.steady_state(replace(SCRIPT, law="cubic", pump=0.0)),
            electro.NoSteadyState,
            r"leak outdoes a pump that follows sodium",
        ),
        (
            lambda: electro.steady_state(replace(SCRIPT, pump=0.08, nkcc1=0.1)),
            electro.NoSteadyState,
            r"no steady state was found with this pump and these cotransporters",
        ),
        (
            lambda: electro.steady_state(replace(SCRIPT, bath_volume=100.0)),
            ValueError,
            r"bath_volume: a finite bath changes with the cell",
        ),
        (lambda: electro.PumpLeak(g_Na=0.0), ValueError, r"g_Na = 0: expected a positive number"),
        (lambda: electro.PumpLeak(pump=-1.0), ValueError, r"pump = -1: expected zero or a positive number"),
        (
            lambda: electro.PumpLeak(bath_volume=0.0),
            ValueError,
            r"bath_volume = 0: expected a positive volume",
        ),
        (
            lambda: electro.PumpLeak(law="linear"),
            ValueError,
            r"law = 'linear': expected \"constant\" or \"cubic\"",
        ),
        (
            lambda: electro.PumpLeak(impermeant_out=100 * mM, charge_out=-2.0),
            ValueError,
            r"charge_out: the molecules outside leave no room for chloride",
        ),
        (
            lambda: electro.Episode(2.0, 1.0, {}),
            ValueError,
            r"Episode from 2 to 1 ms: expected end after start",
        ),
        (
            lambda: electro.Episode(0.0, 1.0, {"volume": 2.0}),
            ValueError,
            r"Episode changes 'volume': expected one of g_Na",
        ),
        (
            lambda: electro.steady_state(replace(SCRIPT, kcc2=1e-3, pump=np.array([1e-3, 5e-3]))),
            ValueError,
            r"pump is an array: expected a number",
        ),
        (lambda: electro.evolve(SCRIPT, 0.0), ValueError, r"until = 0: expected a positive time in ms"),
        (lambda: electro.evolve(SCRIPT, 1.0, times=[2.0]), ValueError, r"times: expected increasing times"),
        (
            lambda: electro.evolve(SCRIPT, 1.0, Na=200 * mM),
            ValueError,
            r"Na = 200000 uM: no positive potassium and chloride",
        ),
        (
            lambda: electro.evolve(
                replace(SCRIPT, bath_volume=10.0), 1.0, [electro.Episode(0.0, 1.0, {"K_out": 1.0})], Na=10.0
            ),
            ValueError,
            r"episodes: a finite bath has its own concentrations",
        ),
    ],
)
def test_pumpleak_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
