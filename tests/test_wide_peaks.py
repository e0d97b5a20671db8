"""Strong sources: what a form may undershoot, and sheets beneath slanted surfaces."""

import numpy as np
import pytest

import microdomain as md

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))


def test_a_form_absent_at_rest_does_not_stop_a_strong_source():
    """Beside its sharp peak the doubly bound lobe undershoots by 4e-4 of the peak; calcium never does."""
    buffers = [
        md.TwoSite("CaM", total=100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05),
        md.Buffer("BAPTA", total=1000, k_on=0.4, K_d=0.22, D=0.2),
        md.Buffer("fixed", total=400, k_on=0.1, K_d=10),
    ]
    channels = md.Cluster([(0.013, -0.02)], current=md.Fixed(3.0), gate=md.Pulse(0.01, 1))
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=buffers, channels=channels)
    grid = md.Grid.graded(model, near=0.012, growth=1.4, far=0.06)
    results = md.simulate(model, grid, until=0.02, record=md.Record(times=[0.02]), device="numpy")
    assert np.nanmin(results.dataset.Ca.values) > 0
    assert np.abs(results.ledger.closure).max() < 1e-12


def test_a_sheet_beneath_a_slanted_surface_carries_the_flux_of_its_open_area():
    """J A t of the disc that a ball cuts out of the floor, though its rim meets it at 74 degrees."""
    pump = md.Pump(md.ConstantFlux(1.0), face="z-", name="sheet")
    cell = md.Inside(md.Ball((0, 0, 0.05), 0.18))
    model = md.Model(box=BOX, ions=[CALCIUM], obstacles=[cell], pumps=[pump])
    ledger = md.simulate(model, md.Grid.uniform(model, 0.025), until=0.01, device="numpy").ledger
    assert abs(ledger.through_pumps[0, 0]) == pytest.approx(0.01 * np.pi * (0.18**2 - 0.05**2), rel=0.01)
    assert np.abs(ledger.closure).max() < 1e-12
