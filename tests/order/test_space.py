"""Observed order in h: 4 for the finite volumes of the right-hand side, 2 for those of the implicit side.

Exact cell averages of smooth solutions, even at closed walls and odd at held ones.  The L2 norm of the error;
growth goes to its root at each refinement, so the map from cell number to place stays the same.
"""

import numpy as np
import pytest

import microdomain as md
from microdomain.backends.reference import Reference
from microdomain.finite_volume import CLOSED, HELD, lay_axis
from microdomain.plan import lay
from microdomain.steppers.base import Standing
from microdomain.steppers.rosenbrock import ROS34PW2
from microdomain.weights import Fluxes

L = 1.0


def faces(n, growth):
    """n cells that grow geometrically to `growth` times the first width."""
    if growth == 1.0:
        return np.linspace(0.0, L, n + 1)
    i = np.arange(n + 1) / n
    return L * (growth**i - 1) / (growth - 1)


def both_sides(n, growth):
    """Fine in the middle, growing to both walls: the shape of a graded axis."""
    half = faces(n // 2, growth)
    return np.concatenate([(L - half[::-1]) / 2, (L + half[1:]) / 2])


GRIDS = {
    "uniform": lambda n: faces(n, 1.0),
    "growing": lambda n: faces(n, 8.0),
    "graded": lambda n: both_sides(n, 6.0),
}
WALLS = {"closed": (CLOSED, CLOSED), "held": (HELD, HELD), "mixed": (CLOSED, HELD)}
#: Wave numbers and amplitudes that suit the walls, as cos or sin of k x.
WAVES = {
    "closed": (np.cos, [(np.pi, 1.0), (2 * np.pi, -0.6), (3 * np.pi, 0.4)]),
    "held": (np.sin, [(np.pi, 1.0), (2 * np.pi, -0.6), (3 * np.pi, 0.4)]),
    "mixed": (np.cos, [(0.5 * np.pi, 1.0), (1.5 * np.pi, -0.6), (2.5 * np.pi, 0.4)]),
}


def averages(f, walls, weight):
    """Cell averages of sum_k weight(k) a_k wave(k x)."""
    wave, terms = WAVES[walls]
    total = np.zeros(f.size)
    for k, a in terms:
        total += weight(k) * a * (np.sin(k * f) if wave is np.cos else -np.cos(k * f)) / k
    return np.diff(total) / np.diff(f)


def values(x, walls):
    wave, terms = WAVES[walls]
    return sum(a * wave(k * x) for k, a in terms)


def observed(errors, ratio=2.0):
    return np.log(np.array(errors[:-1]) / np.array(errors[1:])) / np.log(ratio)


def norm(error, widths):
    return float(np.sqrt(np.sum(widths * error**2)))


@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("rows", "order"), [("fourth", 4), ("second", 2)])
def test_the_order_of_diffusion(grid, walls, rows, order):
    """Solve u - 0.05 u'' = f with the rows of an axis."""
    errors = []
    for n in (32, 64, 128):
        axis = lay_axis(GRIDS[grid](n), *WALLS[walls])
        f = averages(axis.faces, walls, lambda k: 1 + 0.05 * k**2)
        u = np.linalg.solve(np.eye(n) - 0.05 * getattr(axis, rows), f)
        errors.append(norm(u - averages(axis.faces, walls, lambda k: 1.0), axis.widths))
    assert observed(errors)[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("grid", GRIDS)
def test_the_order_of_readings(grid, walls):
    """From cell averages to values at centres, and anywhere."""
    at_centres, anywhere = [], []
    x = np.linspace(0.0, L, 501)
    for n in (32, 64, 128):
        axis = lay_axis(GRIDS[grid](n), *WALLS[walls])
        u = averages(axis.faces, walls, lambda k: 1.0)
        centres = 0.5 * (axis.faces[1:] + axis.faces[:-1])
        at_centres.append(norm(axis.centre_values @ u - values(centres, walls), axis.widths))
        anywhere.append(norm(axis.reading(x) @ u - values(x, walls), 1.0 / x.size))
    assert observed(at_centres)[-1] == pytest.approx(4, abs=0.15)
    assert observed(anywhere)[-1] > 3.85


def decay_error(n, grid, walls, along):
    """Error of a decaying wave along one axis after 0.2 ms, through plan, backend and stepper."""
    pair = {
        "closed": (md.Closed(), md.Closed()),
        "held": (md.Held(), md.Held()),
        "mixed": (md.Closed(), md.Held()),
    }
    model = md.Model(
        box=((0.0, L),) * 3,
        ions=[md.Ion("Ca", z=2, D=0.22, rest=1.0)],
        walls=md.Walls(**{along: pair[walls]}),
    )
    f = faces(n, 1.0) if grid == "uniform" else both_sides(n, 2.5)
    across = np.array([0.0, 0.4, L])
    plan = lay([model], md.Grid(*(f if a == along else across for a in "xyz")))
    ops, fluxes = Reference(plan), Fluxes(plan)

    def state(weight):
        # rest + 0.1 times the wave keeps the concentration positive.
        lengths = [n if a == along else 1 for a in "zyx"]
        return 1.0 + 0.1 * averages(f, walls, weight).reshape(lengths)

    y = np.zeros((1, plan.size))
    plan.coarse(y)[0, 0] = state(lambda k: 1.0)
    standing = Standing.at(ops, fluxes, np.zeros(1), ops.vector(y))
    steps = 200
    for _ in range(steps):
        trial = ROS34PW2.attempt(ops, fluxes, standing, np.array([0.2 / steps]), 1e-6)
        standing = Standing(standing.t + 0.2 / steps, trial.y, trial.near, trial.weights)
    exact = state(lambda k: np.exp(-0.22 * 0.2 * k**2))
    return norm((plan.coarse(standing.y)[0, 0] - exact).ravel(), plan.grid.volumes.ravel())


@pytest.mark.parametrize("along", ["x", "y", "z"])
@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("grid", ["uniform", "graded"])
def test_the_order_of_a_decaying_wave_in_a_box(grid, walls, along):
    errors = [decay_error(n, grid, walls, along) for n in (24, 48)]
    assert observed(errors)[-1] == pytest.approx(4, abs=0.15)
