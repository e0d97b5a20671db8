"""No buffers: closed forms for points, boxes, uptake and long runs."""

import numpy as np
import pytest

import microdomain as md
from microdomain import oracles

from .problems import ABOVE, HEIGHTS, cell, run, worst


def test_every_point_of_p3():
    """0.1 + images, the numbers of the closed form (Carslaw and Jaeger), 1 ms pulse."""
    known = 0.1 + np.array(
        [
            [23.75141, 6.379832, 1.907718, 0.1285249, 6.9992e-6, 2.82e-21],
            [32.99681, 14.30259, 8.136114, 3.381393, 0.4936128, 4.815172e-3],
            [36.06374, 17.32076, 11.07524, 6.085228, 2.375141, 0.6379832],
            [37.04120, 18.29665, 12.04854, 7.050274, 3.302716, 1.433666],
            [1.000146, 0.9985768, 0.9959693, 0.9876867, 0.9500729, 0.8176301],
            [0.1705634, 0.1705407, 0.1705027, 0.1703816, 0.1698181, 0.1676334],
        ]
    )
    results = run(cell(buffers=()), (0.001, 0.01, 0.1, 1.0, 1.1, 2.0))
    assert worst(results.at(ABOVE), known) < 0.008
    far = results.at([(1, 1, 1), (1, 0, 0), (0, 0, 1)], times=1.0).values[0]
    assert worst(far, 0.1 + np.array([0.01562611, 0.09973479, 0.09973479])) < 0.008


def test_the_box_is_well_mixed_at_last():
    results = run(cell(buffers=()), (5.0, 60.0))
    last = results.at([(0, 0, 0.01), (0, 0, 0.2), (1, 1, 1)])
    assert worst(last.values[0, :2], 0.1 + np.array([0.1296070, 0.1296036])) < 0.008
    assert last.values[1] == pytest.approx(0.1 + 0.1295534, rel=1e-4)


def test_a_pulse_in_free_space():
    """Point source switched on at 0 and off at 1 ms; the walls are 1.5 um away."""
    known = 0.1 + np.array(
        [
            [36.06374, 17.32076, 11.07524, 6.085228, 2.375141, 0.6379832],
            [37.03827, 18.29373, 12.04561, 7.047325, 3.299681, 1.430259],
            [4.043702, 3.993373, 3.911734, 3.668164, 2.808281, 1.427583],
            [0.9955205, 0.9939472, 0.9913324, 0.983026, 0.9452991, 0.8123708],
        ]
    )
    wide = ((-1.5, 1.5), (-1.5, 1.5), (0.0, 1.5))
    results = run(cell(buffers=(), box=wide), (0.1, 1.0, 1.01, 1.1))
    assert worst(results.at(ABOVE), known) < 0.01


def test_a_small_box_with_an_off_centre_channel():
    """Many images matter."""
    points = [(0.1, 0.05, 0.02), (0, 0, 0.05), (-0.25, -0.25, 0.25), (0.25, 0.25, 0)]
    known = 0.1 + np.array(
        [
            [14.3026, 0.1984683, 1.52e-14, 9.835603e-4],
            [17.61717, 1.825882, 0.07264604, 1.441142],
            [25.47648, 9.317195, 6.860346, 9.684552],
        ]
    )
    box = ((-0.25, 0.25), (-0.25, 0.25), (0.0, 0.25))
    model = cell([(0.1, 0.05)], buffers=(), box=box, gate=md.Open())
    assert worst(run(model, (0.01, 0.1, 1.0)).at(points), known) < 0.01


@pytest.mark.parametrize(
    ("rate", "known"),
    [
        (
            10.0,
            [
                [32.63310, 14.00830, 7.901271, 3.238262, 0.4622019, 4.422936e-3],
                [35.04500, 16.38007, 10.20809, 5.352238, 1.910314, 0.4867129],
            ],
        ),
        (
            100.0,
            [
                [29.89260, 11.84856, 6.218268, 2.253317, 0.2607853, 2.072046e-3],
                [30.29105, 12.23749, 6.591879, 2.582122, 0.4446182, 0.02636564],
            ],
        ),
    ],
)
def test_uptake(rate, known):
    results = run(cell(buffers=(), uptake={"Ca": rate}), (0.01, 1.0))
    assert worst(results.at(ABOVE), 0.1 + np.array(known)) < 0.01


def test_steady_in_a_large_held_box():
    """Walls at 40 um, 5 s: what is left of walls and time is 0.2 % at 200 nm (J / 2 pi D r; Neher 1986)."""
    wide = ((-40.0, 40.0), (-40.0, 40.0), (0.0, 40.0))
    held = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
    model = cell(buffers=(), box=wide, walls=held, gate=md.Open())
    grid = md.Grid.graded(model, far=10.0)
    known = 0.1 + np.array([37.48920, 18.74460, 12.49640, 7.49784, 3.74892, 1.87446])
    results = run(model, (5000.0,), grid=grid)
    assert worst(results.at(ABOVE), known) < 0.01
    assert results.ledger.steps[0] < 150


def test_an_immobile_unsaturated_buffer_slows_diffusion():
    """Capacity kappa: D and J both divided by 1 + kappa (at 1e-3 pA nothing saturates)."""
    quick = md.Buffer("quick", total=2000, k_on=0.1, K_d=500)
    kappa = 2000 * 500 / 500.1**2
    results = run(cell(current=1e-3, buffers=[quick]), (0.5, 1.0))
    for row, t in enumerate((0.5, 1.0)):
        exact = oracles.point_transient(HEIGHTS, t, 1e-3 / (1 + kappa), 0.22 / (1 + kappa))
        found = results.at(ABOVE).values[row]
        assert worst(found, 0.1 + exact) < 0.01


@pytest.mark.parametrize("face", ["x+", "y-"])
def test_held_walls(face):
    """Alternating images around a channel 150 nm from a held wall."""
    walls = md.Walls(**{face[0]: (md.Closed(), md.Held()) if face[1] == "+" else (md.Held(), md.Closed())})
    place = (0.35, 0.0) if face == "x+" else (0.0, -0.35)
    box = ((-0.5, 0.5), (-0.5, 0.5), (0.0, 0.5))
    model = cell([place], buffers=(), box=box, walls=walls, gate=md.Open())
    points = np.array([*place, 0.0]) + ABOVE
    inside = np.array([[0.0, 0.0, 0.1], [-0.2, 0.1, 0.3], [0.3, 0.2, 0.05], [-0.4, -0.4, 0.4]])
    everywhere = np.vstack([points, inside])
    results = run(model, (0.01, 0.1, 1.0, 5.0))
    for row, t in enumerate((0.01, 0.1, 1.0, 5.0)):
        exact = oracles.images_at(model, everywhere, t)
        assert worst(results.at(everywhere).values[row], exact) < 0.01, t


def test_superposition():
    """Without buffers two channels are the sum of each alone, on one grid."""
    both = cell([(-0.1, 0.02), (0.13, -0.05)], buffers=(), box=((-0.4, 0.4), (-0.4, 0.4), (0.0, 0.4)))
    grid = md.Grid.graded(both, near=0.03)
    alone = [cell([p], buffers=(), box=both.box) for p in ((-0.1, 0.02), (0.13, -0.05))]
    times = (0.05, 1.0, 1.2)
    whole = run(both, times, grid=grid, rtol=1e-5).at(ABOVE).values
    parts = [run(m, times, grid=grid, rtol=1e-5).at(ABOVE).values for m in alone]
    np.testing.assert_allclose(whole - 0.1, parts[0] + parts[1] - 0.2, rtol=2e-4)
