"""Observed order in dt with fixed steps and a smooth current: ROS2 2, ROS34PW2 3, RKC2 2."""

import functools

import numpy as np
import pytest

import microdomain as md
from microdomain.backends.reference import Reference
from microdomain.plan import lay
from microdomain.steppers.base import Standing
from microdomain.steppers.rkc import RKC2
from microdomain.steppers.rosenbrock import ROS2, ROS34PW2
from microdomain.weights import Fluxes

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))
#: Its onset lies before t = 0, where it is 1e-4 of its peak: no layer in time at the start.
SMOOTH = md.Gaussian(peak=0.05, at=1.1, fwhm=0.6)
UNTIL = 1.2


def march(stepper, model, until, steps, grid, y=None):
    """Where `steps` equal steps lead, and every state on the way."""
    plan = lay([model], grid)
    ops, fluxes = Reference(plan), Fluxes(plan)
    if y is None:
        y = np.zeros((1, plan.size))
        plan.coarse(y)[:] = plan.rest[:, :, None, None, None]
        for r, j in enumerate(plan.refined):
            plan.fine(y)[:, r] = plan.rest[0, plan.at(j)]
    standing = Standing.at(ops, fluxes, np.zeros(1), ops.vector(y))
    for _ in range(steps):
        trial = stepper.attempt(ops, fluxes, standing, np.array([until / steps]), 1e-2)
        standing = Standing(standing.t + until / steps, trial.y, trial.near, trial.weights)
        yield plan, standing


def last(*arguments, **keywords):
    """The state after the last step."""
    for _, standing in march(*arguments, **keywords):
        state = standing.y
    return state


def cell(buffers):
    """One channel off the grid's centre lines in a small closed box."""
    channel = md.Cluster([(0.013, -0.02)], current=md.Fixed(SMOOTH))
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=buffers, channels=channel)
    return model, md.Grid.graded(model, near=0.06, far=0.08)


@functools.cache
def exact(buffers):
    """Order 3 with steps that leave 1e-5 of the errors below."""
    model, grid = cell(buffers)
    return last(ROS34PW2, model, UNTIL, 2560, grid)


@pytest.mark.slow
@pytest.mark.parametrize("buffers", [(), (FIXED, BAPTA)], ids=["free", "buffered"])
@pytest.mark.parametrize(
    ("stepper", "order", "steps"),
    [(ROS2, 2, 640), (ROS34PW2, 3, 320), (RKC2, 2, 160)],
    ids=["ROS2", "ROS34PW2", "RKC2"],
)
def test_the_order_in_dt(stepper, order, steps, buffers):
    model, grid = cell(buffers)
    errors = []
    for count in (steps, 2 * steps):
        difference = (last(stepper, model, UNTIL, count, grid) - exact(buffers))[0, : grid.cells]
        errors.append(np.sqrt((grid.volumes.ravel() * difference**2).sum()))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("walls", [md.Closed(), md.Held()], ids=["closed", "held"])
@pytest.mark.parametrize(("buffers", "size"), [((), 0.5), ((FIXED, BAPTA), 1e-4)], ids=["free", "buffered"])
@pytest.mark.parametrize(
    ("stepper", "count"), [(ROS2, 1000), (ROS34PW2, 1000), (RKC2, 20)], ids=["ROS2", "ROS34PW2", "RKC2"]
)
def test_long_steps_from_a_smooth_state_do_not_grow(stepper, count, buffers, size, walls):
    """1000 steps of 10 ms, thousands of times the time of the smallest cell: nothing grows."""
    model = md.Model(
        box=((0.0, 1.0),) * 3,
        ions=[CALCIUM],
        buffers=buffers,
        walls=md.Walls(x=walls, y=walls, z=walls),
    )
    half = np.array([0.0, 0.03, 0.07, 0.14, 0.26, 0.5])
    faces = np.concatenate([0.5 - half[::-1], 0.5 + half[1:]])
    grid = md.Grid(faces, faces, faces)
    plan = lay([model], grid)
    wave = np.sin if isinstance(walls, md.Held) else np.cos
    bend = np.einsum("i,j,k->ijk", *[wave(np.pi * 0.5 * (faces[1:] + faces[:-1]))] * 3)
    rest = plan.rest[0][:, None, None, None]
    y = np.zeros((1, plan.size))
    plan.coarse(y)[0] = rest * (1.0 + size * bend)
    sizes = [np.abs(plan.coarse(y)[0] - rest).max(axis=(1, 2, 3))]
    for _, standing in march(stepper, model, 10.0 * count, count, grid, y=y):
        sizes.append(np.abs(plan.coarse(standing.y)[0] - rest).max(axis=(1, 2, 3)))
    rounding = 1e-13 * rest.ravel()
    assert np.all(np.array(sizes) <= sizes[0] + rounding)
    assert np.all(sizes[-1] < 0.4 * sizes[0])
    if count == 1000:
        assert np.all(sizes[-1] < 1e-9 * sizes[0] + rounding)
