"""Laws beside obstacles: no ion is lost, closed pockets stay as they are, mirror images are mirror images."""

import numpy as np
import pytest

import microdomain as md
from microdomain.plan import lay

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BUFFERS = (
    md.Buffer("fixed", total=200, k_on=0.1, K_d=10),
    md.Buffer("EGTA", total=100, k_on=0.1, K_d=0.5, D=0.2),
)


def model(obstacles, **changes):
    settings = {
        "box": ((-0.3, 0.3), (-0.3, 0.3), (0, 0.4)),
        "ions": [CALCIUM],
        "buffers": BUFFERS,
        "channels": md.Cluster([(0, 0)], current=md.Fixed(0.2), gate=md.Pulse(0, 0.3)),
        "obstacles": obstacles,
    }
    return md.Model(**(settings | changes))


VESICLE = md.Ball((0.06, 0.01, 0.045), 0.03, name="vesicle")
ROUND = md.Inside(md.Cylinder((0, 0, 0.2), 0.29))


@pytest.mark.parametrize("scheme", ["ros34pw2", "ros2", "rkc2"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"uptake": {"Ca": 0.4}},
        {"walls": md.Walls(z=(md.Closed(), md.Held()))},
        {"obstacles": [VESICLE, md.Inside(md.Cylinder((0, 0, 0.2), 0.28), held=True)]},
    ],
    ids=["closed", "uptake", "held wall", "held surface"],
)
def test_every_ion_is_accounted_for(scheme, changes):
    """start + influx = end + walls + uptake, to 1e-12, with curved walls and a vesicle in the near field."""
    asked = model([VESICLE, ROUND], **changes) if "obstacles" not in changes else model(**changes)
    ledger = md.simulate(asked, until=0.5, scheme=scheme, rtol=3e-2).ledger
    assert abs(ledger.influx[0, 0] - 0.2 * 0.3 * 5.1821348) < 1e-7
    assert np.abs(ledger.closure).max() < 1e-12
    assert ledger.correction.max() < 1e-3
    if "uptake" in changes:
        assert ledger.uptake[0, 0] > 1e-3
    if "walls" in changes or "obstacles" in changes:
        assert ledger.walls[0, 0] > 1e-3


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_a_closed_pocket_neither_gains_nor_loses_an_ion(device):
    """A membrane 80 nm above the channel, within its near field, with fluid on both sides."""
    asked = model([md.Block((-1, -1, 0.08), (1, 1, 0.16), name="membrane")])
    grid = md.Grid.graded(asked)
    assert lay([asked], grid).mask.free.size == 2
    results = md.simulate(asked, grid, until=0.5, device=device)
    last = results.dataset["Ca"].isel(time=-1).squeeze()
    above = last.sel(z=slice(0.17, None))
    assert above.size > 100
    assert float(np.abs(above / 0.1 - 1).max()) < 1e-12
    assert float(last.sel(z=slice(None, 0.07)).max()) > 0.2
    shut = last.sel(z=slice(0.1, 0.14))
    assert shut.size > 100
    assert bool(np.isnan(shut).all())


def test_mirrored_obstacles_give_mirrored_fields():
    points = np.array([(0.1, 0.02, 0.03), (0.03, -0.06, 0.1), (-0.1, 0.1, 0.2)])
    grid = md.Grid.graded(model([VESICLE]))
    found = []
    for flip in (1, -1):
        ball = md.Ball((flip * 0.06, 0.01, 0.045), 0.03)
        results = md.simulate(model([ball, ROUND]), grid, until=0.3, record=md.Record(times=[0.3]))
        found.append(results.at(points * [flip, 1, 1], times=[0.3]).values)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_an_obstacle_at_rest_disturbs_nothing():
    """Without a channel everything stays at rest to round-off, beside curved, thin and held surfaces."""
    asked = model([VESICLE, md.Inside(md.Cylinder((0, 0, 0.2), 0.28), held=True)], channels=())
    results = md.simulate(asked, until=5.0)
    last = results.dataset["Ca"].isel(time=-1).values
    assert np.nanmax(np.abs(last / 0.1 - 1)) < 1e-12


@pytest.mark.parametrize("scheme", ["ros34pw2", "rkc2"])
@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_pumps_and_cooperative_buffers_beside_obstacles(device, scheme):
    """Two cooperative buffers, two pumps on a face, a vesicle, a curved wall: every ion is accounted for."""
    asked = model(
        [VESICLE, ROUND],
        buffers=(),
        complexes=[
            md.TwoSite("N", 50, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05),
            md.TwoSite("C", 50, k_T=0.084, koff_T=2.6, k_R=0.025, koff_R=0.0065, D=0.05),
        ],
        pumps=[md.Pump(md.HillPump(0.4, 0.3, 2), name="PMCA"), md.Pump(md.LinearPump(0.2), name="NCX")],
    )
    ledger = md.simulate(asked, until=0.4, scheme=scheme, rtol=3e-2, device=device).ledger
    assert np.abs(ledger.closure).max() < 1e-12
    assert ledger.through_pumps.sum() > 1e-4
