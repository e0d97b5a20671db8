"""Steady states with pumps on the walls: against closed forms, long marches, and what they cannot carry."""

import re

import numpy as np
import pytest

import microdomain as md
from microdomain.steady import NoSteadyState, check_steady
from microdomain.units import flux_per_pA

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
MOBILE = md.Buffer("mobile", total=100, k_on=0.1, K_d=1, D=0.1)
SLOW = md.Buffer("slow", total=50, k_on=0.1, K_d=10, D=0.005)
POINTS = [(0, 0, 0.005), (0.02, 0, 0), (0, 0, 0.05), (0.1, 0, 0), (0.18, 0.1, 0.15)]
LINEAR = [md.Pump(md.LinearPump(0.2))]
HILL = [
    md.Pump(md.HillPump(1.0, K=0.5, n=2), name="PMCA"),
    md.Pump(md.HillPump(0.5, K=1.5), face="x+", name="NCX"),
    md.Pump(md.LinearPump(0.2), face="z+", name="patch", patch=md.Circle((0, 0), 0.1)),
]


def model(pumps, buffers=(), current=0.02, **more):
    box = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))
    channels = md.Cluster([(0, 0)], current=current)
    return md.Model(box=box, ions=[CALCIUM], buffers=buffers, pumps=pumps, channels=channels, **more)


def test_a_slab_between_a_held_wall_and_a_pump():
    """A pump without leak: c = rest (D + P (L - z)) / (D + P L), z from the held wall."""
    P, D, L = 0.7, 0.22, 0.3
    slab = md.Model(
        ((0, 0.1), (0, 0.1), (0, L)), [CALCIUM], pumps=[md.Pump(md.LinearPump(P, leak=0), face="z+")],
        walls=md.Walls(z=(md.Held(), md.Closed())),
    )  # fmt: skip
    z = np.array([0.0, 0.1, 0.2, 0.3])
    found = md.steady_state(slab, md.Grid.uniform(slab, spacing=0.03)).at([(0.05, 0.05, h) for h in z])
    np.testing.assert_allclose(found.values.ravel(), 0.1 * (D + P * (L - z)) / (D + P * L), rtol=1e-4)


def test_what_comes_in_goes_out_through_the_pumps():
    ledger = md.steady_state(model(HILL, [MOBILE], 0.005), check=False).ledger
    assert ledger.pumped.shape == (1, 3, 1)
    assert ledger.pumped.sum() == pytest.approx(0.005 * flux_per_pA(2), rel=1e-6)
    assert (ledger.pumped > 0).all()
    assert "through pumps PMCA" in str(ledger)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pumps", "buffers", "current", "walls", "until"),
    [
        (LINEAR, [MOBILE], md.Fixed(0.02), md.Walls(), 150.0),
        (LINEAR, [], md.Ohmic(0.5), md.Walls(x=md.Held()), 10.0),
        (HILL, [MOBILE], md.Ohmic(0.06), md.Walls(), 120.0),
        (HILL, [MOBILE, SLOW], md.Fixed(0.005), md.Walls(y=md.Held()), 100.0),
    ],
    ids=["linear", "linear, ohmic, held", "hill, ohmic", "hill, slow buffer, held"],
)
def test_it_is_where_a_march_ends(pumps, buffers, current, walls, until):
    asked = model(pumps, buffers, current, walls=walls)
    grid = md.Grid.graded(asked, near=0.02)
    march = md.simulate(asked, grid, until=until, record=md.Record(times=[until]), rtol=1e-4)
    still = md.steady_state(asked, grid, check=False)
    np.testing.assert_allclose(
        still.at(POINTS).values.ravel(), march.at(POINTS, times=until).values.ravel(), rtol=2e-3
    )
    mouths = (one.mouths.concentration.values[-1] for one in (still, march))
    np.testing.assert_allclose(*mouths, rtol=2e-3)


def test_without_channels_pumps_hold_the_box_at_rest_or_at_a_level_of_their_own():
    """So fast a diffusion leaves one level: uptake k (c - rest) + P c / L = 0 without leak."""
    box = ((0, 0.2), (0, 0.2), (0, 0.2))
    calm = md.Model(box, [CALCIUM], [MOBILE], pumps=LINEAR)
    assert md.steady_state(calm).at([(0.1, 0.1, 0.1)]).item() == pytest.approx(0.1, rel=1e-12)
    drain = md.Model(
        box, [md.Ion("Ca", z=2, D=9.0, rest=0.1)], uptake={"Ca": 1.0},
        pumps=[md.Pump(md.LinearPump(0.2, leak=0))],
    )  # fmt: skip
    assert md.steady_state(drain).at([(0.1, 0.1, 0.1)]).item() == pytest.approx(0.05, rel=2e-3)


@pytest.mark.slow
def test_in_tissue_it_is_where_a_march_ends_too():
    """Per volume of tissue what enters and leaves is an amount: J/alpha in the free volume, D/lambda^2."""
    asked = model(
        [md.Pump(md.HillPump(1.0, K=0.5, n=2), name="PMCA")], current=0.005, tissue=md.Tissue(0.3, 1.5)
    )
    grid = md.Grid.graded(asked, near=0.02)
    march = md.simulate(asked, grid, until=60.0, record=md.Record(times=[60.0]), rtol=1e-4)
    still = md.steady_state(asked, grid, check=False)
    np.testing.assert_allclose(
        still.at(POINTS).values.ravel(), march.at(POINTS, times=60.0).values.ravel(), rtol=2e-4
    )
    assert still.ledger.pumped.sum() == pytest.approx(0.005 * flux_per_pA(2), rel=1e-6)


SATURABLE = md.Pump(md.HillPump(0.2, K=0.5), name="PMCA")
FLOOD = md.Pump(md.ConstantFlux(0.3), face="z+", name="flood")
DRAIN = md.Pump(md.ConstantFlux(-0.3), name="drain")
#: pA through a wall of 0.04 um^2 at a flux of 1 uM um/ms.
AREA = 0.04 / flux_per_pA(2)
#: At rest c = K/5, so that the leak of SATURABLE is Vmax/6, and it carries Vmax 5/6 at most.
LEAK, MOST = 0.2 / 6, 0.2 * 5 / 6
REFUSED = [
    ([FLOOD], None, f"{0.3 * AREA:.3g} pA of 'Ca' flow into a closed box and nothing takes them out"),
    ([DRAIN], None, f"{0.3 * AREA:.3g} pA of 'Ca' flow out of a closed box and nothing brings them back"),
    ([FLOOD], -0.3 * AREA, "As much 'Ca' flows into a closed box as out of it at every concentration"),
    ([SATURABLE, FLOOD], None, f"The pumps of 'Ca' let {(0.3 - MOST) * AREA:.3g} pA or more into a closed"),
    ([SATURABLE], MOST * AREA, f"flow into a closed box whose pumps carry {MOST * AREA:.3g} pA at most"),
    ([SATURABLE], -0.02, f"0.02 pA of 'Ca' flow out of a closed box whose pumps let in {LEAK * AREA:.3g} pA"),
]


@pytest.mark.parametrize(("pumps", "current", "words"), REFUSED)
@pytest.mark.parametrize("scenario", [False, True])
def test_what_never_balances_is_refused(pumps, current, words, scenario):
    channels = () if current is None else md.Cluster([(0.1, 0.1)], current=current)
    closed = md.Model(((0, 0.2),) * 3, [CALCIUM], pumps=pumps, channels=channels)
    mend = r"hold a wall without pumps, e\.g\. \[model\.walls\]" if scenario else r"walls=Walls\(x=Held\(\)\)"
    with pytest.raises(NoSteadyState, match=f"{re.escape(words)}.*, so there is no steady state.*{mend}"):
        check_steady(closed, scenario=scenario)


@pytest.mark.parametrize(
    ("pumps", "current", "more", "words"),
    [
        ([md.Pump(md.ConstantFlux(-2.0))], None, {"walls": md.Walls(x=md.Held())},
         "The pumps take out more 'Ca' than can flow in from the held walls: .* or walls nearer by"),
        ([SATURABLE], -0.02, {"uptake": {"Ca": 0.01}},
         "The channels take out more 'Ca' than can leak in through pumps and be given back by the uptake: "
         r".* smaller outward currents\.$"),
    ],
)  # fmt: skip
def test_more_taken_out_than_comes_in_is_told_by_what_there_is(pumps, current, more, words):
    channels = () if current is None else md.Cluster([(0.1, 0.1)], current=current)
    with pytest.raises(NoSteadyState, match=words):
        md.steady_state(md.Model(((0, 0.2),) * 3, [CALCIUM], pumps=pumps, channels=channels, **more))


def test_an_unsettled_one_names_no_channels_where_there_are_none(monkeypatch):
    monkeypatch.setattr("microdomain.steady_newton.STEPS", 1)
    filling = md.Model(((0, 0.2),) * 3, [CALCIUM], pumps=[SATURABLE, md.Pump(md.ConstantFlux(0.1), "z+")])
    with pytest.raises(RuntimeError, match=r"imbalance is \S+ uM/ms\. Give a finer grid, or march"):
        md.steady_state(filling)


def test_more_than_pumps_can_carry_is_refused():
    weak = [md.Pump(md.HillPump(0.5, K=0.3))]
    with pytest.raises(ValueError, match=r"0.02 pA of 'Ca' flow into a closed box whose pumps carry .* pA"):
        md.steady_state(model(weak))
