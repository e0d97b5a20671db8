"""Laws in tissue: every ion is accounted for, through boundaries, obstacles, pumps and patches."""

import numpy as np
import pytest

import microdomain as md

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BUFFERS = (
    md.Buffer("fixed", total=200, k_on=0.1, K_d=10),
    md.Buffer("EGTA", total=100, k_on=0.1, K_d=0.5, D=0.2),
)
TISSUE = md.Tissue(0.2, 1.6)
BALL = md.Tissue(0.7, 1.1, md.Ball((0.05, 0.02, 0.09), 0.06), name="ball")
BATH = md.Tissue(1.0, 1.0, md.Block((-1, -1, 0.13), (1, 1, 1)), name="bath")
GRADED = md.Tissue(((0, 0.2), (0.4, 0.5)), ((0, 1.6), (0.4, 1.2)))


def model(**changes):
    settings = {
        "box": ((-0.3, 0.3), (-0.3, 0.3), (0, 0.4)),
        "ions": [CALCIUM],
        "buffers": BUFFERS,
        "channels": md.Cluster([(0, 0)], current=md.Fixed(0.1), gate=md.Pulse(0, 0.2)),
        "tissue": (TISSUE, BALL, BATH),
    }
    return md.Model(**(settings | changes))


PATCH = md.HeldPatch("z+", md.Circle((0.05, 0), 0.15))
CASES = {
    "uniform": {"tissue": TISSUE},
    "uniform, held wall": {"tissue": TISSUE, "walls": md.Walls(z=(md.Closed(), md.Held()))},
    "uniform, pumps": {"tissue": TISSUE, "pumps": md.Pump(md.HillPump(0.5, 0.5), face="z-")},
    "closed": {},
    "uptake": {"uptake": {"Ca": 0.4}},
    "held wall in the window": {"walls": md.Walls(x=(md.Held(), md.Closed())), "channels": md.Cluster(
        [(-0.22, 0)], current=md.Fixed(0.1), gate=md.Pulse(0, 0.2)), "tissue": (
        TISSUE, md.Tissue(0.5, 1.2, md.Block((-1, 0.05, -1), (1, 1, 1)), name="half"))},
    "held patch": {"held": PATCH},
    "patch in fluid": {"held": PATCH, "tissue": ()},
    "graded": {"tissue": GRADED},
    "sub-cells of a slow buffer": {"buffers": md.Buffer("slow", total=200, k_on=0.1, K_d=10, D=0.005)},
    "vesicle": {"obstacles": md.Ball((0.06, 0.01, 0.045), 0.03, name="vesicle")},
    "vesicle on a boundary, pumps": {
        "obstacles": md.Ball((0.06, 0.01, 0.12), 0.03, name="vesicle"),
        "pumps": md.Pump(md.HillPump(0.5, 0.5), face="z-"),
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_ion_is_accounted_for(case):
    asked = model(**CASES[case])
    results = md.simulate(asked, until=0.3, rtol=3e-2)
    ledger = results.ledger
    assert abs(ledger.influx[0, 0] - 0.1 * 0.2 * 5.1821348) < 1e-7
    assert np.abs(ledger.closure).max() < 1e-12
    assert ledger.correction.max() < 1e-3
    if "held" in case or "patch" in case:
        assert ledger.walls[0, 0] > 1e-4
    if "pumps" in case:
        assert ledger.through_pumps[0, 0] > 1e-4


@pytest.mark.parametrize("case", ["closed", "held patch", "graded"])
@pytest.mark.parametrize("scheme", ["ros2", "rkc2"])
def test_schemes_keep_every_ion(case, scheme):
    ledger = md.simulate(model(**CASES[case]), until=0.2, rtol=3e-2, scheme=scheme).ledger
    assert np.abs(ledger.closure).max() < 1e-12


def test_rest_stays_rest():
    """No flux flows at rest, whatever the media, the obstacles and the held patch."""
    obstacles = md.Ball((0.06, 0.01, 0.12), 0.03, name="vesicle")
    asked = model(channels=(), obstacles=obstacles, held=PATCH)
    results = md.simulate(asked, md.Grid.uniform(asked, 0.03), until=5.0)
    last = results.dataset["Ca"].isel(time=-1).values
    assert np.nanmax(np.abs(last / 0.1 - 1)) < 1e-12
