"""Everything at once: two-site buffers, Mg, pumps on faces, a volume pump, an obstacle and channels that feel it.

Each part has tests of its own; here they must not disturb each other's conservation, rest and backends.
"""

import dataclasses

import numpy as np
import pytest

import microdomain as md

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
MAGNESIUM = md.Ion("Mg", z=2, D=0.2, rest=500.0)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
EGTA = md.Buffer("EGTA", total=500, k_on=0.0105, K_d=0.18, D=0.2)
CHANNELS = md.Cluster([(-0.1, 0), (0.1, 0)], current=md.GHK(2.6e-4), gate=md.Pulse(0.01, 0.1))
BOX = ((-0.25, 0.25), (-0.25, 0.25), (0.0, 0.25))
FULL = md.Model(
    box=BOX,
    ions=[CALCIUM, MAGNESIUM],
    buffers=[
        FIXED,
        EGTA,
        md.TwoSite("N", total=50, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05),
        md.TwoSite("C", total=50, k_T=0.084, koff_T=2.6, k_R=0.025, koff_R=0.0065, D=0.05),
        md.Competing("ATP", total=600, sites={"Ca": (0.5, 45.0), "Mg": (0.5, 22.5)}, D=0.2),
    ],
    pumps=[
        md.Pump(md.HillPump(0.2, 0.4), face="z-", name="PMCA"),
        md.Pump(md.LinearPump(0.05), face="z-", name="NCX"),
        md.Pump(md.HillPump(0.1, 0.4, 2), face="z+", name="top"),
    ],
    volume_pumps=[md.VolumePump("Ca", 0.1, 0.3, 2)],
    uptake={"Ca": 0.2},
    obstacles=[md.Ball((0.0, 0.0, 0.08), 0.05)],
    channels=CHANNELS,
)
GRID = md.Grid.graded(FULL, near=0.03)


def run(model, until=0.2, **how):
    how = {"device": "numpy", "record": md.Record(times=[until]), **how}
    return md.simulate(model, GRID, until=until, **how)


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
def test_no_ion_is_lost(scheme):
    results = run(FULL, scheme=scheme, until=0.12)
    assert results.ledger.influx[0, 0] > 0.1
    assert np.abs(results.ledger.pumped).max() > 1e-4
    assert np.abs(results.ledger.closure).max() < 1e-12


def test_at_rest_it_stays_at_rest():
    shut = dataclasses.replace(CHANNELS, gate=md.Pulse(1e3, 1e3 + 1))
    results = run(dataclasses.replace(FULL, channels=shut), until=5.0, rtol=1e-4)
    c = results.dataset.Ca.values
    assert np.nanmax(np.abs(c / 0.1 - 1)) < 1e-12


def test_symmetric_channels_see_the_same():
    results = run(FULL)
    mouths = results.mouths.concentration.values[..., :2]
    np.testing.assert_allclose(mouths[..., 0], mouths[..., 1], rtol=1e-9)


def test_backends_agree():
    by_hand, compiled = run(FULL), run(FULL, device="cpu")
    assert compiled.ledger.steps[0] == by_hand.ledger.steps[0]
    np.testing.assert_allclose(
        compiled.dataset.Ca.values, by_hand.dataset.Ca.values, rtol=1e-9, equal_nan=True
    )
