"""The steady state against known solutions, its limits, what it conserves, and a long march."""

import time

import numpy as np
import pytest

import microdomain as md
from microdomain.backends.reference import Reference
from microdomain.plan import lay
from microdomain.reading import Watch
from microdomain.reading_cusps import Sources
from microdomain.reading_fields import read_points
from microdomain.steady import grid_for
from microdomain.steady_solve import LATE, lay_steady, solve_steady

from . import steady_radial
from .problems import CALCIUM, worst
from .radial import FLUX, Binder

R = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
ABOVE = np.column_stack([0 * R, 0 * R, R])
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
EGTA = md.Buffer("EGTA", total=2000, k_on=0.0105, K_d=0.18, D=0.22)
ATP = md.Buffer("ATP", total=650, k_on=0.5, K_d=200, D=0.22)

#: One channel of 0.1 pA in an infinite half-space: a boundary value problem in ln r, to 5e-11.
KNOWN = {
    "S1": (10, ("B", 1000, 0.4, 0.22, 0.2), [26.50159, 9.393744, 4.461207, 1.396363, 0.2128528, 0.1025879]),
    "S2": (10, ("B", 100, 0.4, 0.22, 0.2), [33.73252, 15.18521, 9.121070, 4.454766, 1.364660, 0.3159131]),
    "S3": (
        10,
        ("B", 2000, 0.0105, 0.18, 0.22),
        [34.76735, 16.12894, 9.981596, 5.169966, 1.814127, 0.4919324],
    ),
    "S4": (40, ("B", 650, 0.5, 200, 0.22), [27.46981, 10.51194, 5.630454, 2.517397, 1.021727, 0.5423763]),
}


def box(half, buffers, current=0.1, channels=None, **more):
    """A half-space of calcium: a box with its channels at the bottom and five held walls."""
    held = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
    channels = md.Cluster([(0, 0)], current=md.Fixed(current)) if channels is None else channels
    side = (-half, half)
    more = {"walls": held} | more
    return md.Model(box=(side, side, (0, half)), ions=[CALCIUM], buffers=buffers, channels=channels, **more)


def solved(model, near=0.02):
    plan = lay_steady([model], grid_for(model, near))
    return plan, solve_steady(plan)


def free(plan, solution, points=ABOVE):
    """Free calcium at points, uM."""
    u = plan.coarse(solution.y)[:, : plan.ions]
    ops = Reference(plan)
    hidden = Sources(plan).at(ops, solution.y, ops.near(solution.weights))
    return read_points(plan, np.array([LATE]), u, points, hidden)[0, 0]


def bound(plan, solution, name, points=ABOVE):
    """Bound form of a buffer at points, uM."""
    s = plan.names.index(name)
    return Watch.of(plan, points).grid_part(plan.coarse(solution.y)[:, [s]], plan.rest[:, [s]])[0, 0]


def imbalance(plan, solution):
    """Largest rate of change that the time stepper finds, in near fields per age of the window."""
    ops = Reference(plan)
    near = ops.near(solution.weights)
    change = ops.rhs(solution.y, near, solution.blob)
    return float(np.abs(change).max() * plan.windows[0].tau / np.abs(near.average).max())


@pytest.mark.parametrize("case", KNOWN)
def test_one_channel_in_a_half_space(case):
    half, buffer, known = KNOWN[case]
    plan, solution = solved(box(half, [md.Buffer(*buffer)]))
    assert worst(free(plan, solution), known) < 0.01
    assert solution.newton[0] <= 6


def test_the_bound_form_at_twenty_nanometres():
    known = {"S1": 322.8959, "S2": 35.27533, "S3": 717.0014, "S4": 8.657502}
    for case, value in known.items():
        half, buffer, _ = KNOWN[case]
        plan, solution = solved(box(half, [md.Buffer(*buffer)]))
        assert bound(plan, solution, "B")[1] == pytest.approx(value, rel=0.01)


def test_it_is_solved_faster_than_a_fifth_of_a_second():
    for half, buffer, _ in KNOWN.values():
        plan = lay_steady([box(half, [md.Buffer(*buffer)])], grid_for(box(half, [])))
        taken = []
        for _ in range(3):
            begun = time.process_time()
            solve_steady(plan)
            taken.append(time.process_time() - begun)
        assert min(taken) < 0.2


def test_a_channel_that_saturates_its_buffer():
    """1 pA into 0.1 mM BAPTA, where EBA is 30 % low at 200 nm."""
    known, caught = steady_radial.solve(R, 1.0, [Binder(100, 0.4, 0.22, 0.2)])
    plan, solution = solved(box(40, [BAPTA], current=1.0))
    assert worst(free(plan, solution), known) < 0.01
    assert worst(bound(plan, solution, "BAPTA"), caught[0]) < 0.01


def test_two_buffers_against_radial_elements():
    known, caught = steady_radial.solve(
        R, 0.3, [Binder(100, 0.4, 0.22, 0.2), Binder(2000, 0.0105, 0.18, 0.22)]
    )
    plan, solution = solved(box(40, [BAPTA, EGTA], current=0.3))
    assert worst(free(plan, solution), known) < 0.01
    assert worst(bound(plan, solution, "BAPTA"), caught[0]) < 0.01
    assert worst(bound(plan, solution, "EGTA"), caught[1]) < 0.01


def test_small_currents_become_the_linear_approximation():
    """The table is per 1e-4 pA; what is left falls with the current."""
    r = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    points = np.column_stack([0 * r, 0 * r, r])
    table = [0.02673822, 9.873807e-3, 2.023234e-3, 6.118393e-4, 1.987443e-4, 2.583701e-5]
    gains = {}
    for i in (1e-2, 1e-3, 1e-4, 1e-6):
        plan, solution = solved(box(10, [EGTA, ATP], current=i), near=0.01)
        gains[i] = (free(plan, solution, points) - 0.1) * 1e-4 / i
    assert worst(gains[1e-4], table) < 5e-4
    beyond = {i: gain[:3] - gains[1e-6][:3] for i, gain in gains.items()}
    assert beyond[1e-2] / beyond[1e-3] == pytest.approx(10, rel=0.03)
    assert beyond[1e-3] / beyond[1e-4] == pytest.approx(10, rel=0.03)


def test_fast_binding_becomes_the_rapid_buffer_approximation():
    """500 uM, K_d 10 uM, D 0.1, 0.1 pA: faster rates at the same K_d come down to it from above."""
    rapid = np.array([1.997655, 0.9714431, 0.6654946, 0.4322040, 0.2635336, 0.1811388])
    found = {}
    for times in (1, 10, 100):
        buffer = md.Buffer("B", total=500, k_on=0.1 * times, K_d=10, D=0.1)
        found[times] = free(*solved(box(10, [buffer]), near=0.01))
    assert (found[1] > found[10]).all()
    assert (found[10] > found[100]).all()
    assert worst(found[100][3:], rapid[3:]) < 0.01
    for times in (1, 10):
        known, _ = steady_radial.solve(R, 0.1, [Binder(500, 0.1 * times, 10, 0.1)])
        assert worst(found[times], known) < 0.01


def test_what_diffuses_in_all_forms_falls_as_one_over_r():
    """D c + sum D_j b_j - J/(2 pi r) is one constant, the walls', whatever the kinetics."""
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    plan, solution = solved(box(10, [BAPTA, ATP, fixed]), near=0.01)
    carried = 0.22 * (free(plan, solution) - 0.1)
    for name, D in (("BAPTA", 0.2), ("ATP", 0.22)):
        carried += D * (bound(plan, solution, name) - plan.rest[0, plan.names.index(name)])
    source = 0.1 * FLUX / (2 * np.pi * R)
    walls = carried - source
    assert np.abs((walls - walls[-1]) / source).max() < 3e-3
    assert -0.05 * source[-1] < walls[-1] < 0.0


def test_immobile_buffers_change_nothing():
    fixed = md.Buffer("fixed", total=4000, k_on=0.1, K_d=10)
    with_it, without = (free(*solved(box(10, buffers))) for buffers in ([BAPTA, fixed], [BAPTA]))
    assert worst(with_it, without) < 1e-6


@pytest.mark.parametrize("buffers", [[BAPTA], [BAPTA, EGTA], [BAPTA, EGTA, ATP]], ids=["1", "2", "3"])
def test_sixty_four_channels_that_saturate_their_buffers(buffers):
    cluster = md.Cluster.lattice(8, 8, pitch=0.04, current=md.Fixed(0.3))
    plan, solution = solved(box(10, buffers, channels=cluster))
    left = 1.0 - plan.coarse(solution.y)[0, 1].max() / BAPTA.total
    assert 0.0 < left < 0.03
    assert imbalance(plan, solution) < 1e-7
    assert solution.newton[0] <= 10
    assert solution.krylov[0] <= 80


def test_it_is_where_a_march_ends():
    """Two buffers, one of them fixed, in a small box: 40 ms are 40 of its slowest times."""
    fixed = md.Buffer("fixed", total=100, k_on=0.1, K_d=10)
    model = box(0.3, [BAPTA, fixed], channels=md.Cluster([(0.05, 0.02)], current=md.Fixed(0.1)))
    grid = md.Grid.graded(model, far=0.06)
    points = [(0.05, 0.02, 0.01), (0.05, 0.02, 0.05), (0, 0, 0.1), (-0.2, 0.1, 0.2), (0.1, 0.1, 0.0)]
    march = md.simulate(model, grid, until=40, rtol=1e-4, device="numpy")
    plan = lay([model], grid)
    assert worst(free(plan, solve_steady(plan), points), march.at(points, 40).values) < 1e-4
    # Another screening of the near field, because fixed buffers take nothing: the grids' error, no more.
    still = md.steady_state(model, grid, check=False)
    assert worst(still.at(points).values, march.at(points, 40).values) < 1e-3
    assert worst(still.mouths.concentration.values, march.mouths.concentration.values[-1]) < 1e-3


def test_uptake_takes_what_the_channels_bring():
    model = box(1, [BAPTA, ATP], walls=md.Walls(), uptake={"Ca": 0.4})
    plan, solution = solved(model)
    ops = Reference(plan)
    taken = 0.4 * ops.excess(solution.y, ops.near(solution.weights))[0, 0]
    assert taken == pytest.approx(0.1 * FLUX, rel=1e-6)
    assert imbalance(plan, solution) < 1e-6
