"""Laws of electrochemistry that hold whatever the numbers."""

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microdomain import electro
from microdomain.electro.pumpleak import fluxes

concentration = st.floats(1e-4, 1e6)
charge = st.sampled_from([-3, -2, -1, 1, 2, 3])
temperature = st.floats(274.0, 330.0)
voltage = st.floats(-250.0, 250.0)


@given(concentration, concentration, charge, temperature)
def test_nernst_changes_sign_with_the_sides(inside, outside, z, T):
    assert electro.nernst(inside, outside, z, T) == -electro.nernst(outside, inside, z, T)
    assert electro.nernst(inside, inside, z, T) == 0.0


@given(concentration, concentration, charge, temperature, st.floats(0.8, 1.2))
def test_nernst_scales_with_temperature_and_inverse_charge(inside, outside, z, T, factor):
    E = electro.nernst(inside, outside, 1, T)
    np.testing.assert_allclose(electro.nernst(inside, outside, 1, factor * T), factor * E, rtol=1e-12)
    np.testing.assert_allclose(electro.nernst(inside, outside, z, T), E / z, rtol=1e-12)


@given(concentration, concentration, charge, temperature)
def test_inside_at_inverts_nernst(inside, outside, z, T):
    E = electro.nernst(inside, outside, z, T)
    np.testing.assert_allclose(electro.inside_at(E, outside, z, T), inside, rtol=1e-10)


@given(concentration, concentration, charge, temperature)
def test_ghk_current_vanishes_at_the_nernst_potential(inside, outside, z, T):
    E = electro.nernst(inside, outside, z, T)
    current = electro.ghk_current(1.0, z, inside, outside, E, T)
    a, _ = electro.ghk_coefficients(1.0, z, E, T)
    assert abs(current) <= 1e-11 * abs(a) * inside


@given(concentration, concentration, charge, voltage, st.floats(1e-3, 50.0))
def test_ghk_current_grows_with_voltage(inside, outside, z, V, step):
    low, high = electro.ghk_current(1.0, z, inside, outside, np.array([V, V + step]))
    assert high > low


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e3), charge, concentration, concentration), min_size=2, max_size=4)
)
def test_ghk_voltage_lies_between_the_nernst_potentials(ions):
    P, z, inside, outside = (list(column) for column in zip(*ions, strict=True))
    E = [electro.nernst(i, o, q) for q, i, o in zip(z, inside, outside, strict=True)]
    V = electro.ghk_voltage(P, z, inside, outside)
    assert min(E) - 1e-6 <= V <= max(E) + 1e-6
    total = electro.ghk_total(P, z, inside, outside, V)
    parts = [electro.ghk_current(*ion, V) for ion in zip(P, z, inside, outside, strict=True)]
    scale = sum(
        abs(a) * i + abs(b) * o
        for p, q, i, o in zip(P, z, inside, outside, strict=True)
        for a, b in [electro.ghk_coefficients(p, q, V)]
    )
    assert abs(total) <= 1e-9 * scale
    assert abs(sum(parts) - total) <= 1e-12 * scale


@given(st.floats(1.0, 1e6), st.floats(0.0, 1e6), st.floats(-20.0, 20.0), temperature)
def test_donnan_products_are_equal_and_charge_balances(salt, impermeant, z, T):
    found = electro.donnan(salt, impermeant, z, T)
    np.testing.assert_allclose(found.cation * found.anion, salt**2, rtol=1e-10)
    balance = found.cation - found.anion + z * impermeant
    assert abs(balance) <= 1e-9 * (found.cation + found.anion)
    np.testing.assert_allclose(electro.nernst(found.cation, salt, 1, T), found.voltage, atol=1e-9)
    np.testing.assert_allclose(electro.nernst(found.anion, salt, -1, T), found.voltage, atol=1e-9)
    assert found.pressure >= -1e-9 * salt


@given(st.floats(1e3, 1e6), st.floats(1e3, 1e6), st.floats(-5.0, 5.0), st.floats(1e2, 1e6))
def test_a_swollen_donnan_cell_has_no_pressure(salt, impermeant, z, outside):
    found = electro.donnan_free(salt, impermeant, z, outside)
    inside = found.cation + found.anion + found.impermeant
    np.testing.assert_allclose(inside, 2 * salt + outside, rtol=1e-10)
    assert abs(found.cation - found.anion + z * found.impermeant) <= 1e-9 * inside
    again = electro.donnan(salt, found.impermeant, z)
    np.testing.assert_allclose(again.voltage, found.voltage, atol=1e-9)


@given(
    pump=st.floats(0.0, 1e-2),
    g_Na=st.floats(2e-5, 1e-3),
    g_K=st.floats(1e-3, 1e-2),
    z=st.floats(-3.0, 3.0),
    outside=st.floats(0.0, 5e4),
)
@settings(max_examples=200)
def test_pumpleak_residuals_vanish(pump, g_Na, g_K, z, outside):
    cell = electro.PumpLeak(pump=pump, g_Na=g_Na, g_K=g_K, charge=z, impermeant_out=outside)
    try:
        rest = electro.steady_state(cell)
    except electro.NoSteadyState:
        assume(False)
    inside, out = (rest.Na, rest.K, rest.Cl), (cell.Na_out, cell.K_out, cell.Cl_out)
    assert max(abs(flow) for flow in fluxes(cell, rest.V, inside, out).net) < 1e-9 * cell.g_K * 26.7
    Pi = cell.osmolarity_out
    assert abs(sum(inside) + rest.impermeant - Pi) < 1e-9 * Pi
    assert abs(rest.Na + rest.K - rest.Cl + z * rest.impermeant) < 1e-9 * Pi


@given(st.floats(1e-4, 4e-3), st.floats(1.01, 2.0))
def test_more_pump_means_a_smaller_cell(pump, factor):
    less, more = (electro.steady_state(electro.PumpLeak(pump=p)) for p in (pump, factor * pump))
    assert more.swelling < less.swelling
    assert more.V < less.V


@given(concentration, concentration, voltage)
def test_transport_work_is_charge_times_driving_force(inside, outside, V):
    work = electro.transport_work(inside, outside, 2, V)
    E = electro.nernst(inside, outside, 2)
    np.testing.assert_allclose(work, -2 * 96485.33212e-6 * electro.driving_force(V, E), rtol=1e-12)
    swapped = electro.transport_work(outside, inside, 2, -V)
    np.testing.assert_allclose(swapped, -work, rtol=1e-12)


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-3, 6e-3), st.sampled_from([-1.0, -0.5, -1.5]))
def test_balances_hold_along_a_course(pump, z):
    cell = electro.PumpLeak(pump=pump, charge=z)
    course = electro.evolve(replace(cell), 5e5, [electro.Episode(2e5, 4e5, {"pump": 0.0})])
    ions = (course.Na + course.K - course.Cl + z * course.impermeant) * course.volume
    on_membrane = electro.amount_to_charge(course.V, cell.area)
    assert np.max(np.abs(ions - on_membrane) / (course.Na * course.volume)) < 1e-9
    particles = course.Na + course.K + course.Cl + course.impermeant
    np.testing.assert_allclose(particles, cell.osmolarity_out, rtol=1e-9)
