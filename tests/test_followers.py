"""Forms that change by minus what others change by: which they are, and that they end where they would."""

import dataclasses

import numpy as np
import pytest

import microdomain as md
from microdomain.backends import compiled
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.reference import Reference
from microdomain.begin import initial_state
from microdomain.plan import lay
from microdomain.steppers import rkc, rosenbrock
from microdomain.steppers.base import Standing
from microdomain.weights import Fluxes

from .test_network import N_LOBE, channel, everything, model

HELD = md.Walls(z=(md.Closed(), md.Held()))


def both(a, b, D=0.1, D_bound=0.1, **more):
    """A and B that form AB, as species."""
    return {
        "molecules": [md.Species("A", D=D, total=a, **more), md.Species("B", D=D, total=b),
                      md.Species("AB", D=D_bound, contains={"A": 1, "B": 1})],
        "reactions": [md.Reaction("A + B <-> AB", 0.1, 0.5)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"buffers": [N_LOBE]}, {"N.free": {"N.1": 1, "N.2": 1}}),
        ({"buffers": [N_LOBE], "walls": HELD}, {"N.free": {"N.1": 1, "N.2": 1}}),
        ({"buffers": [dataclasses.replace(N_LOBE, D=0.0)]}, {}),
        ({"buffers": [md.Buffer("B", 9, 1, 1, D=0.1, D_bound=0.1)]}, {"B.free": {"B": 1}}),
        ({"buffers": [md.Buffer("B", 9, 1, 1, D=0.1, D_bound=0.05)]}, {}),
        (both(5, 7), {"A": {"AB": 1}, "B": {"AB": 1}}),
        (both(5, 7, D_bound=0.05), {}),
        ({**both(5, 7, initial=3), "walls": HELD}, {}),
        ({**both(5, 7, initial=3), "held": md.HeldPatch("z+")}, {}),
        ({"molecules": [md.Species("A", D=0.1, total=9), md.Species("AA", D=0.1, contains={"A": 2})],
          "reactions": [md.Reaction("2 A <-> AA", 0.1, 0.5)]}, {}),
    ],
)  # fmt: skip
def test_who_follows(parts, told):
    one = model(**parts)
    network = lay([one], md.Grid.uniform(one, 0.1)).network
    names = ["Ca", *network.mobile, *network.still]
    assert {names[f]: {names[v]: w for v, w in terms} for f, terms in network.followers} == told


def by_hand(plan):
    return beside_obstacles(Reference(plan))


@pytest.mark.parametrize("device", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("scheme", "walls", "obstacles"),
    [
        ("ROS34PW2", md.Walls(), []),
        ("ROS34PW2", HELD, []),
        ("RKC2", HELD, []),
        # (Beside obstacles a W-method's A depends, by least squares, on who is solved for.)
        ("RKC2", HELD, [md.Ball((0.08, 0.03, 0.1), 0.06)]),
    ],
    ids=["closed", "held", "explicit", "obstacle"],
)
def test_followers_go_where_they_would_go_by_themselves(scheme, walls, obstacles, device):
    one = everything(channels=channel(), walls=walls, obstacles=obstacles, uptake={"Ca": 0.3})
    plan = lay([one], md.Grid.graded(one, near=0.05))
    assert len(plan.network.followers) == 2
    alone = dataclasses.replace(plan, network=dataclasses.replace(plan.network, followers=()))
    stepper = {"ROS34PW2": rosenbrock, "RKC2": rkc}[scheme]
    found = []
    for laid, make in ((plan, by_hand if device == "numpy" else compiled.prepare()), (alone, by_hand)):
        ops, fluxes = make(laid), Fluxes(laid)
        at = Standing.at(ops, fluxes, np.zeros(1), ops.vector(initial_state(laid)))
        for _ in range(4):
            trial = getattr(stepper, scheme).attempt(ops, fluxes, at, np.array([0.004]), 1e-2)
            at = Standing(at.t + 0.004, trial.y, trial.near, trial.weights)
        found.append(laid.coarse(ops.host(at.y))[0])
    scale = np.abs(found[1]).max(axis=(1, 2, 3), keepdims=True)
    assert (np.abs(found[0] - found[1]) / np.maximum(scale, 1.0)).max() < 1e-11


def test_species_that_leave_through_a_patch_go_where_they_would_through_a_held_wall():
    """A begins above rest and leaves: nothing follows it.  Patch and wall differ by the scheme's order."""
    grid = md.Grid(np.linspace(-0.15, 0.15, 4), np.linspace(-0.1, 0.1, 4), np.linspace(0, 0.2, 17))
    found = []
    for how in ({"held": md.HeldPatch("z+")}, {"walls": HELD}):
        one = model(**both(5, 7, initial=3), **how)
        record = md.Record(times=[0.05], fields=["A", "B", "AB"])
        results = md.simulate(one, grid, until=0.05, record=record, device="numpy")
        found.append([results.dataset[n].values[-1, 4, 1, 1] for n in ("A", "B", "AB")])
    np.testing.assert_allclose(found[0], found[1], rtol=0.01)
