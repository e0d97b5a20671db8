"""Pumps on walls against closed forms: the slab of Robin's condition, a channel beside a pump, Hill pumps."""

import numpy as np
import pytest

import microdomain as md
from microdomain.backends import missing
from microdomain.grid import Grid
from microdomain.model import Model

D = 0.22


def slab(law, length, cells, times, rtol, face="z-", scheme=None, **ion):
    """A column of free calcium with a pump at one end, read at both: arrays (time,), and the ledger."""
    calcium = md.Ion("Ca", z=2, D=D, **({"rest": 0.0, "initial": 1.0} | ion))
    model = Model(
        box=((0, 0.1), (0, 0.1), (0, length)), ions=[calcium], pumps=[md.Pump(law, face=face, name="lid")]
    )
    side = np.linspace(0, 0.1, 3)
    grid = Grid(side, side, np.linspace(0, length, cells + 1))
    ends = {"pumped": (0.05, 0.05, 0.0), "closed": (0.05, 0.05, length)}
    if face == "z+":
        ends = {"pumped": ends["closed"], "closed": ends["pumped"]}
    results = md.simulate(
        model, grid, until=times[-1], rtol=rtol, device="numpy", scheme=scheme,
        record=md.Record(times=list(times), points=ends),
    )  # fmt: skip
    at = results.probes["Ca"].values.reshape(len(times), 2)
    return at[:, 0], at[:, 1], results.ledger


# c at the pumped and the closed end at t = 0.1, 1, 10 ms: the cosine series with a tan a = P L/D.
ROWS = [
    (0.2, 1.0, (0.8643398, 0.6548149, 0.1643702), (0.9999999, 0.9439111, 0.2436970)),
    (0.05, 1.0, (0.9630705, 0.8900255, 0.5831065), (1.000000, 0.9835959, 0.6505591)),
    (2.0, 0.5, (0.3482623, 0.07757038, 1.362e-7), (0.9864013, 0.2834002, 4.978e-7)),
]


@pytest.mark.parametrize(("P", "length", "pumped", "closed"), ROWS)
@pytest.mark.parametrize("face", ["z-", "z+"])
def test_slab(P, length, pumped, closed, face):
    """To 1e-4 of what is there (of the start where less than 1e-3 is left)."""
    at_pump, at_end, ledger = slab(md.LinearPump(P), length, 40, (0.1, 1.0, 10.0), 5e-5, face)
    np.testing.assert_allclose(at_pump, pumped, rtol=1e-4, atol=2e-7)
    np.testing.assert_allclose(at_end, closed, rtol=1e-4, atol=2e-7)
    left = ledger.start[0, 0] - ledger.end[0, 0]
    assert ledger.through_pumps[0, 0] == pytest.approx(left, rel=1e-12)


def test_the_ledger_counts_what_the_pump_took():
    """Start minus the integral of the closed form over the slab."""
    _, _, ledger = slab(md.LinearPump(0.2), 1.0, 40, (1.0,), 1e-4)
    depth = (np.arange(4000) + 0.5) / 4000
    kept = md.oracles.pumped_slab(depth, 1.0, 0.2, D, 1.0).mean() * 0.01
    assert ledger.through_pumps[0, 0] == pytest.approx(0.01 - kept, rel=1e-4)
    assert ledger.pumps == ("lid",)
    assert "through pumps lid -" in str(ledger)


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
def test_every_scheme(scheme):
    at_pump, at_end, ledger = slab(md.LinearPump(0.2), 1.0, 20, (0.1, 1.0), 1e-3, scheme=scheme)
    np.testing.assert_allclose(at_pump, ROWS[0][2][:2], rtol=1e-3)
    np.testing.assert_allclose(at_end, ROWS[0][3][:2], rtol=1e-3)
    assert abs(ledger.closure).max() < 1e-12


@pytest.mark.parametrize(("P", "length", "t"), [(0.2, 1.0, 0.1), (0.2, 1.0, 1.0), (2.0, 0.5, 0.1)])
def test_order_of_the_wall_value_in_h(P, length, t):
    exact = md.oracles.pumped_slab(0.0, t, P, D, length)
    errors = [abs(slab(md.LinearPump(P), length, n, (t,), 1e-6)[0][0] / exact - 1) for n in (6, 12, 24)]
    assert np.log2(errors[0] / errors[2]) / 2 > 1.85
    assert errors[2] < 2e-4


@pytest.mark.parametrize("n", [1, 2, 4])
def test_hill_pump_on_10_cells_is_that_on_160(n):
    law = md.HillPump(0.4, K=0.3, n=n)
    coarse, fine = (slab(law, 0.5, cells, (0.1, 1.0), 1e-4) for cells in (10, 160))
    np.testing.assert_allclose(coarse[0], fine[0], rtol=1e-4)
    # The front that arrives at the far end is what cells of 50 nm blur, not the pump.
    np.testing.assert_allclose(coarse[1], fine[1], rtol=4e-4)
    assert coarse[2].rejected[0] + fine[2].rejected[0] <= 12
    assert coarse[2].through_pumps[0, 0] == pytest.approx(fine[2].through_pumps[0, 0], rel=1e-4)


def test_a_hill_pump_at_standard_tolerance_takes_few_steps():
    ledger = slab(md.HillPump(0.4, K=0.3, n=2), 0.5, 40, (1.0,), 1e-2)[2]
    assert ledger.steps[0] < 40
    assert ledger.rejected[0] <= 1


def test_a_saturated_pump_takes_a_constant_flux():
    """Far above K the flux is Vmax: c0 - 2 Vmax sqrt(t/(pi D)) at the wall; a sheet does the same."""
    t = np.array([0.05, 0.2])
    exact = 1e4 - 2 * 100.0 * np.sqrt(t / (np.pi * D))
    for law in (md.HillPump(100.0, K=1e-3, leak=0), md.ConstantFlux(-100.0)):
        at_wall, _, ledger = slab(law, 2.0, 80, tuple(t), 1e-5, initial=1e4)
        np.testing.assert_allclose(at_wall - 1e4, exact - 1e4, rtol=1e-3)
        assert ledger.through_pumps[0, 0] == pytest.approx(100.0 * 0.2 * 0.01, rel=1e-6)


# A channel of 0.1 pA and a pump on one plane, steady, h = P/D:
# J/(2 pi D) [1/R - h int e^(-hs)/sqrt(rho^2 + (z+s)^2) ds],
# at (rho, z) = (0, .01) (.02, 0) (.1, 0) (.5, 0) (0, .5) um.
POINTS = {"a": (0, 0, 0.01), "b": (0.02, 0, 0), "c": (0.1, 0, 0), "d": (0.5, 0, 0), "e": (0, 0, 0.5)}


def beside_channel(P, near, half, growth, far):
    calcium = md.Ion("Ca", z=2, D=D, rest=0.0)
    held = md.Held()
    model = Model(
        box=((-half, half), (-half, half), (0, half)),
        ions=[calcium],
        pumps=[md.Pump(md.LinearPump(P), name="plane")],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
        walls=md.Walls(x=held, y=held, z=(md.Closed(), held)),
    )
    grid = Grid.graded(model, near, growth, far)
    return md.simulate(
        model, grid, until=400.0, rtol=1e-2, device="numpy" if missing("compiled") else "cpu",
        record=md.Record(times=[400.0], points=POINTS),
    )  # fmt: skip


def test_channel_and_pump_on_one_plane():
    """A pump of 0.2 um/ms on cells of 20 nm: all five points to 1 %."""
    results = beside_channel(0.2, 0.02, 10.0, 1.25, 1.0)
    exact = [36.06799, 17.33329, 2.863699, 0.3231530, 0.4174561]
    np.testing.assert_allclose(results.probes["Ca"].values.ravel(), exact, rtol=1e-2)
    ledger = results.ledger
    assert ledger.steps[0] < 60
    assert ledger.rejected[0] == 0
    # The same from a result that was laid anew: the reading at the wall knows the slope.
    np.testing.assert_allclose(results.at(list(POINTS.values())).values[-1].ravel(), exact, rtol=1e-2)
    moved = ledger.through_pumps[0, 0] + ledger.walls[0, 0] + ledger.end[0, 0]
    assert moved == pytest.approx(ledger.influx[0, 0], rel=1e-12)
    # All but a tenth leaves through the plane, the rest through the held walls 10 um away.
    assert 0.8 < ledger.through_pumps[0, 0] / ledger.influx[0, 0] < 1


@pytest.mark.slow
def test_channel_and_a_strong_pump_on_one_plane():
    """A pump of 2 um/ms on cells of 5 nm (what a graded grid takes by itself): all five points to 1 %."""
    from microdomain.grid_spacing import near_spacing

    results = beside_channel(2.0, 0.005, 4.0, 1.2, 0.4)
    exact = [30.36184, 12.00140, 0.9983067, 0.02768662, 0.1191529]
    np.testing.assert_allclose(results.probes["Ca"].values.ravel(), exact, rtol=1e-2)
    assert near_spacing(results.models) == pytest.approx(0.005)
    assert results.ledger.rejected[0] <= 5


@pytest.mark.parametrize(("h", "within"), [(0.05, 0.015), (0.025, 0.007)])
def test_a_pump_on_the_floor_of_a_dome(h, within):
    """Well mixed by diffusion, a dome of volume V over a pumped floor of area A empties at the rate P A/V.

    Its surface meets the floor at 60 degrees, so that nowhere at the rim the two cells beside the wall are
    cut alike; were the pump still there, 23 and 14 % of the flux would be missing.  The slowest mode decays
    slower than P A/V by about P V/(3 A D) = 1e-3.
    """
    radius, up, P, until, J = 0.2, 0.1, 0.002, 100.0, 0.02 * 5.1821348
    asked = md.Model(
        box=((-0.22, 0.22), (-0.22, 0.22), (0, 0.32)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)],
        channels=md.Cluster([(0, 0, 0.15)], face=None, current=md.Fixed(0.02), gate=md.Pulse(0, 1)),
        obstacles=[md.Inside(md.Ball((0, 0, up), radius))],
        pumps=[md.Pump(md.LinearPump(P), face="z-", name="floor")],
    )
    ledger = md.simulate(asked, md.Grid.uniform(asked, h), until=until).ledger
    volume = np.pi / 3 * (radius + up) ** 2 * (2 * radius - up)
    rate = P * np.pi * (radius**2 - up**2) / volume
    left = J * -np.expm1(-rate) / rate * np.exp(-rate * (until - 1.0))
    assert ledger.through_pumps.sum() == pytest.approx(J - left, rel=within)
    assert np.abs(ledger.closure).max() < 1e-11
