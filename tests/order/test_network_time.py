"""Order in dt of reaction networks: two sites, a layer and a volume pump, and reactions alone."""

import dataclasses
import functools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import microdomain as md
from microdomain.begin import initial_state
from microdomain.plan import lay
from microdomain.steppers import rosenbrock

from .test_time import BOX, SMOOTH, last

LOBE = md.TwoSite("S", 60, 0.2, 3.0, 0.6, 2.0, D=0.05)


def fixed_steps(one, grid, scheme, steps, until=1.2):
    """The state after equal steps, [species, z, y, x], and the plan."""
    plan = lay([one], grid)
    stepper = getattr(rosenbrock, scheme)
    return plan.coarse(last(stepper, one, until, steps, grid, initial_state(plan)))[0], plan


@functools.cache
def smooth_case():
    """Two sites, a layer and a pump under a smooth current, and where far shorter steps lead."""
    one = md.Model(
        box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)],
        buffers=[LOBE, md.Buffer("m", 80, 0.1, 5, layer=("z-", 0.1))],
        volume_pumps=[md.VolumePump("Ca", 0.4, 0.5, 2)],
        channels=md.Cluster([(0.013, -0.02)], current=md.Fixed(SMOOTH)),
    )  # fmt: skip
    grid = md.Grid.graded(one, near=0.06, far=0.08)
    return one, grid, fixed_steps(one, grid, "ROS34PW2", 3072)[0]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "order"), [("ROS2", 2), ("ROS34PW2", 3)])
def test_order_in_time(scheme, order):
    """Errors of every ion and form fall as the step to its order.

    Below 3 us: with 96 and 192 steps single forms still show 2.7 to 3.5 of order 3 in the largest error.
    """
    one, grid, exact = smooth_case()
    errors = []
    for steps in (384, 768):
        difference = fixed_steps(one, grid, scheme, steps)[0] - exact
        errors.append(np.sqrt((grid.volumes * difference**2).sum(axis=(1, 2, 3))))
    found = np.log2(errors[0] / errors[1])
    assert np.abs(found - order).max() < 0.15, found


@pytest.mark.parametrize(("scheme", "order"), [("ROS2", 2), ("ROS34PW2", 3)])
def test_order_of_the_reactions_alone(scheme, order):
    """All cells alike: the errors against the reactions' ordinary differential equations."""
    one = md.Model(box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=5.0)],
                   buffers=[dataclasses.replace(LOBE, start="free")])  # fmt: skip

    def slope(t, y):
        c, free, half, both = y
        r1 = 2 * LOBE.k_T * c * free - LOBE.koff_T * half
        r2 = LOBE.k_R * c * half - 2 * LOBE.koff_R * both
        return [-r1 - r2, -r1, r1 - r2, r2]

    known = solve_ivp(slope, (0, 0.5), [5.0, 60.0, 0.0, 0.0], "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    grid = md.Grid.uniform(one, 0.1)
    errors = []
    for steps in (64, 128):
        y, plan = fixed_steps(one, grid, scheme, steps, until=0.5)
        places = [plan.names.index(n) for n in ("Ca", "S.free", "S.1", "S.2")]
        errors.append(np.abs(y[places, 0, 0, 0] - known))
    found = np.log2(errors[0] / errors[1])
    assert np.abs(found - order).max() < 0.15, found
