"""Buffers: well-mixed binding, steady states around one channel, facts that hold for any kinetics."""

import numpy as np
import pytest

import microdomain as md
from microdomain import oracles
from microdomain.finite_volume import CLOSED, lay_axis

from .problems import ABOVE, CALCIUM, cell, run, worst

BAPTA = md.Buffer("BAPTA", total=1000, k_on=0.4, K_d=0.22, D=0.2)
EGTA = md.Buffer("EGTA", total=2000, k_on=0.0105, K_d=0.18, D=0.22)
ATP = md.Buffer("ATP", total=650, k_on=0.5, K_d=200, D=0.22)
HELD = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
WIDE = ((-10.0, 10.0), (-10.0, 10.0), (0.0, 10.0))
SMALL = ((0.0, 0.1), (0.0, 0.2), (0.0, 0.3))


def mixed(start, buffer, times, **keywords):
    """Free calcium in a small closed box without channels, everything unbound at first."""
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=start)
    model = md.Model(box=SMALL, ions=[ion], buffers=[buffer])
    grid = md.Grid.uniform(model, spacing=0.05)
    return run(model, times, grid=grid, **keywords)


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
@pytest.mark.parametrize(
    ("start", "buffer", "free", "final"),
    [
        (50.0, md.Buffer("BAPTA", 100, 0.4, 0.22, 0.2, bound=0), (34.66092, 3.759403, 0.2180892), 0.2180892),
        (50.0, md.Buffer("EGTA", 100, 0.0105, 0.18, 0.2, bound=0), (49.47911, 45.13474, 21.02330), 0.1787178),
        (20.0, md.Buffer("fixed", 400, 0.1, 10, bound=0), (13.48380, 0.8844180, 0.5121480), 0.5121480),
    ],
)
def test_well_mixed_binding(scheme, start, buffer, free, final):
    """The exact Riccati solution, without channels: every cell the same."""
    results = mixed(start, buffer, (0.01, 0.1, 1.0, 60.0), rtol=2e-4, scheme=scheme)
    found = results.at([(0.03, 0.11, 0.02), (0.1, 0.2, 0.3)]).values
    known = np.array([*free, final])[:, None]
    assert worst(found, known) < 2e-3
    assert worst(results.mouths.mean_Ca.values, known[:, 0]) < 2e-3


def test_at_the_default_tolerance():
    buffer = md.Buffer("BAPTA", 100, 0.4, 0.22, 0.2, bound=0)
    found = mixed(50.0, buffer, (0.01, 0.1, 1.0)).at([(0.05, 0.1, 0.1)]).values[:, 0]
    assert worst(found, [34.66092, 3.759403, 0.2180892]) < 0.01


STEADY = {
    "S1": (BAPTA, [26.50159, 9.393744, 4.461207, 1.396363, 0.2128528, 0.1025879], 322.8959),
    "S2": (
        md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
        [33.73252, 15.18521, 9.121070, 4.454766, 1.364660, 0.3159131],
        35.27533,
    ),
    "S3": (EGTA, [34.76735, 16.12894, 9.981596, 5.169966, 1.814127, 0.4919324], 717.0014),
}


def long_run(buffers, current=0.1, until=2000.0, **keywords):
    """One open channel in a box of half-width 10 um, held at rest but for the membrane."""
    model = cell(current=current, buffers=buffers, box=WIDE, walls=HELD, gate=md.Open())
    keywords.setdefault("grid", md.Grid.graded(model, far=3.0))
    record = md.Record(times=[until], fields=[b.name for b in buffers])
    return run(model, [until], record=record, **keywords)


def bound_at(results, name, point):
    """Value of a bound buffer at a point, from its cell averages."""
    field = results.dataset[name].values[-1]
    rest = results.model.rest_bound(results.model.buffer(name))
    excess = field - rest
    walls = results.model.walls
    for axis, x in zip("zyx", point[::-1], strict=True):
        faces = results.grid.faces["xyz".index(axis)]
        signs = [-1 if isinstance(walls[axis + side], md.Held) else CLOSED for side in "-+"]
        excess = np.tensordot(lay_axis(faces, *signs).reading(np.array([x]))[0], excess, axes=(0, 0))
    return rest + float(excess)


@pytest.mark.slow
@pytest.mark.parametrize("name", STEADY)
def test_steady_states_by_a_long_run(name):
    """Collocation in ln r of the exact one-dimensional problem; here 2 s of marching."""
    buffer, free, bound = STEADY[name]
    results = long_run([buffer])
    assert worst(results.at(ABOVE).values[0], free) < 0.01
    assert bound_at(results, buffer.name, (0.0, 0.0, 0.02)) == pytest.approx(bound, rel=0.01)


def fine_grid(buffers):
    """10 nm near the channel: where a mobile buffer's cusp at the channel is to be read within 0.3 %."""
    model = cell(buffers=buffers, box=WIDE, walls=HELD, gate=md.Open())
    return md.Grid.graded(model, near=0.01, far=3.0)


@pytest.mark.slow
def test_what_diffuses_in_all_forms_does_not_react():
    """D c + D_B [CaB] obeys Laplace's equation whatever the kinetics: J / 2 pi r but for the held walls."""
    results = long_run([BAPTA], grid=fine_grid([BAPTA]), rtol=3e-3)
    r = np.array([0.01, 0.02, 0.05, 0.1])
    points = np.column_stack([0 * r, 0 * r, r])
    free = results.at(points).values[0]
    bound = np.array([bound_at(results, "BAPTA", tuple(p)) for p in points])
    excess = 0.22 * (free - 0.1) + 0.2 * (bound - 1000 * 0.1 / 0.32)
    held = [a + s for a in "xyz" for s in "-+" if a + s != "z-"]
    exact = 0.22 * oracles.box_transient(points, 1e5, (0, 0, 0), 0.1, 0.22, WIDE, held=held)
    np.testing.assert_allclose(exact, [8.247624, 4.123812, 1.649525, 0.8247624], rtol=0.01)
    np.testing.assert_allclose(excess, exact, rtol=3e-3)


@pytest.mark.slow
def test_immobile_buffers_do_not_change_a_steady_state():
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    both = [BAPTA, fixed]
    found = long_run(both, grid=fine_grid(both), rtol=3e-3).at(ABOVE).values[0]
    assert worst(found, STEADY["S1"][1]) < 0.01


LIN = {  # per 1e-4 pA
    0.01: 0.02673822,
    0.02: 9.873807e-3,
    0.05: 2.023234e-3,
    0.1: 6.118393e-4,
    0.2: 1.987443e-4,
}


@pytest.mark.slow
def test_the_deviation_from_the_linear_approximation_is_proportional_to_the_current():
    """EGTA and ATP: c / i at 1, 2 and 4 fA on one grid; extrapolated to 0 it is LIN.

    A channel in the corner of a quarter of the box: images in three walls, so a quarter of the current.
    """
    points = [(0, 0, r) for r in LIN]
    quarter = ((0.0, 10.0),) * 3
    walls = md.Walls(*[(md.Closed(), md.Held())] * 3)
    currents = (1e-3, 2e-3, 4e-3)
    models = [
        cell(current=i / 4, buffers=[EGTA, ATP], box=quarter, walls=walls, gate=md.Open()) for i in currents
    ]
    grid = md.Grid.graded(models, far=3.0)
    runs = [run(m, [2000.0], grid=grid, rtol=1e-4).at(points).values[0] for m in models]
    gain = np.array([(c - CALCIUM.rest) / i for c, i in zip(runs, currents, strict=True)])
    once, twice = gain[1] - gain[0], gain[2] - gain[1]
    np.testing.assert_allclose(twice / once, 2.0, rtol=0.1)
    linear = 2 * gain[0] - gain[1]
    assert worst(linear, np.array(list(LIN.values())) * 1e4) < 0.01
