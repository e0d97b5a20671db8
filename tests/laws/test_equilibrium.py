"""What is at rest stays at rest, and what is disturbed returns to where chemistry says."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import microdomain as md

BOX = ((-0.15, 0.15), (-0.1, 0.1), (0.0, 0.25))


def between(low, high):
    return st.floats(low, high, allow_nan=False)


buffers = st.lists(
    st.tuples(
        between(1, 3000), between(1e-3, 2), between(0.05, 500), st.sampled_from([0.0, 0.001, 0.1, 0.22])
    ),
    max_size=3,
).map(lambda rows: [md.Buffer(f"B{k}", *row) for k, row in enumerate(rows)])


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(buffers, between(0.01, 10), st.sampled_from(["ros2", "ros34pw2"]), st.booleans())
def test_rest_stays(some, rest, scheme, held):
    """Closed channel, held walls, uptake: at rest nothing moves."""
    wall = md.Held() if held else md.Closed()
    model = md.Model(
        box=BOX,
        ions=[md.Ion("Ca", z=2, D=0.22, rest=rest)],
        buffers=some,
        channels=md.Cluster([(0.05, -0.02)], current=md.Fixed(0.1), gate=md.Pulse(100.0, 101.0)),
        walls=md.Walls(x=wall, y=wall, z=(md.Closed(), wall)),
        uptake={"Ca": 0.4},
    )
    grid = md.Grid.graded(model, near=0.04)
    results = md.simulate(
        model,
        grid,
        until=50.0,
        record=md.Record(times=[0.1, 50.0], fields=[b.name for b in some]),
        device="numpy",
        scheme=scheme,
    )
    np.testing.assert_allclose(results.dataset.Ca.values, rest, rtol=1e-9)
    for b in some:
        np.testing.assert_allclose(results.dataset[b.name].values, b.total * rest / (rest + b.K_d), rtol=1e-9)
    assert results.ledger.rejected[0] == 0
    assert results.ledger.steps[0] < 60


def test_after_a_pulse_everything_is_in_equilibrium():
    """The end of a pulse in a closed box: the mass balance and K_d of every buffer give one number."""
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    bapta = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
    model = md.Model(
        box=BOX,
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)],
        buffers=[fixed, bapta],
        channels=md.Cluster([(0.05, 0.03)], current=md.Fixed(0.2), gate=md.Pulse(0.0, 1.0)),
    )
    grid = md.Grid.graded(model, near=0.03)
    record = md.Record(times=[400.0], fields=["fixed", "BAPTA"])
    results = md.simulate(model, grid, until=400.0, record=record, device="numpy")

    def held(c):
        return c + 400 * c / (c + 10) + 100 * c / (c + 0.22)

    wanted = held(0.1) + 0.2e6 / (2 * 96485.33212) / (0.3 * 0.2 * 0.25)
    low, high = 0.1, 500.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if held(middle) < wanted else (low, middle)
    np.testing.assert_allclose(results.dataset.Ca.values, low, rtol=1e-3)
    np.testing.assert_allclose(results.dataset.fixed.values, 400 * low / (low + 10), rtol=1e-3)
    np.testing.assert_allclose(results.dataset.BAPTA.values, 100 * low / (low + 0.22), rtol=1e-3)


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
def test_two_ions_do_not_mix(scheme):
    """Each ion has its own field; a channel of one leaves the other at rest."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    potassium = md.Ion("K", z=1, D=1.9, rest=100.0)
    bapta = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
    ca = md.Cluster([(0.0, 0.0)], current=md.Fixed(0.1), gate=md.Pulse(0.0, 0.1), name="ca")
    k = md.Cluster([(0.08, 0.05)], ion="K", current=md.Fixed(-0.5), gate=md.Pulse(0.0, 0.1), name="k")
    record = md.Record(times=[0.1, 0.2])

    def solve(channels):
        model = md.Model(box=BOX, ions=[calcium, potassium], buffers=[bapta], channels=channels)
        grid = md.Grid.graded(both, near=0.04)
        return md.simulate(model, grid, until=0.2, record=record, device="numpy", rtol=1e-4, scheme=scheme)

    both = md.Model(box=BOX, ions=[calcium, potassium], buffers=[bapta], channels=[ca, k])
    together, alone = solve([ca, k]), solve([ca])
    np.testing.assert_allclose(alone.dataset.K.values, 100.0, rtol=1e-10)
    np.testing.assert_allclose(together.dataset.Ca.values, alone.dataset.Ca.values, rtol=2e-3)
    assert together.dataset.K.values.min() < 99
    np.testing.assert_allclose(
        together.ledger.influx[0], [0.01 * 1e6 / (2 * 96485.33212), -0.05 * 1e6 / 96485.33212]
    )
    assert np.abs(together.ledger.closure).max() < 1e-12
