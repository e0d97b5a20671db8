"""Every backend equals the reference beside obstacles: rows, near field, returned flow, masked solve."""

import dataclasses

import numpy as np
import pytest
from plans import random_plan, random_state
from test_agree import difference

import microdomain as md
from microdomain.backends.masked import beside_obstacles
from microdomain.backends.reference import Reference
from microdomain.model import Ball, Block, Circle, Closed, Cylinder, HeldPatch, Inside, Tissue, Walls
from microdomain.plan import lay
from microdomain.weights import Fluxes

CASES = ("one ion, no buffer", "one channel, two buffers", "two ions, three members", "slow buffer, cluster")


def masked_plan(case, seed, held=False):
    """A random plan with a ball, a block that walls a pocket off, and a cell's curved wall."""
    bare = random_plan(case, seed)
    obstacles = [
        Ball((0.3, 0.25, 0.3), 0.07),
        Block((-0.5, -0.5, 0.38), (0.5, 0.5, 0.44)),
        Inside(Cylinder((0, 0, 0.2), 0.37), held=held),
    ]
    return lay([dataclasses.replace(m, obstacles=obstacles) for m in bare.models], bare.grid)


def tissue_plan(case, seed, held):
    """A random plan in tissue with a layer of fluid above and a ball of a third; a vesicle, a patch."""
    bare = random_plan(case, seed)
    tissue = [
        Tissue(0.3, 1.5),
        Tissue(0.5, 1.2, Ball((0.2, 0.1, 0.35), 0.1), name="ball"),
        Tissue(shape=Block((-1, -1, 0.42), (1, 1, 1)), name="bath"),
    ]
    patch = [HeldPatch("z+", Circle((0.1, 0.05), 0.2))] if held else []
    walls = dict.fromkeys(("x", "y", "z"), (Closed(), Closed()))
    changes = {"tissue": tissue, "held": patch, "obstacles": [Ball((0.3, 0.25, 0.3), 0.07)]}
    return lay(
        [dataclasses.replace(m, walls=Walls(**walls), pumps=(), **changes) for m in bare.models], bare.grid
    )


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("made", [masked_plan, tissue_plan])
def test_operations_beside_obstacles(made, case, held, device):
    plan = made(case, 3, held)
    assert plan.mask.shut.size or plan.mask.media is not None
    assert any(s.beside is not None for s in plan.sites)
    reference, ops = beside_obstacles(Reference(plan)), device("float64")(plan)
    y = random_state(plan, 3)
    t = np.linspace(0.3, 0.8, plan.members)
    fluxes = Fluxes(plan)
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, np.full(plan.members, 0.01))
    near, here = reference.near(weights), ops.near(weights)
    g = np.linspace(0.003, 0.05, plan.members)
    F = reference.rhs(y, near, blob)
    factor = reference.factor(reference.linearise(y, near), g, 1.2)
    there = ops.factor(ops.linearise(ops.vector(y), here), g, 1.2)
    k, z = reference.solve(factor, F)
    got_k, _ = ops.solve(there, ops.vector(F))
    flow, got_flow = reference.outflow(z, 2), None
    got_k, got_z = ops.solve(there, ops.vector(F))
    if plan.leaks:
        got_flow = ops.outflow(got_z, 2)
    pairs = {
        "near": (near.average, ops.host(here.average)),
        "returned": (near.returned, ops.host(here.returned)),
        "rhs": (F, ops.host(ops.rhs(ops.vector(y), here, blob))),
        "advance": (
            reference.advance(y, near, blob, g, 0.1 * y),
            ops.host(ops.advance(ops.vector(y), here, blob, g, ops.vector(0.1 * y))),
        ),
        "blobs": (reference.add_blobs(y, blob), ops.host(ops.add_blobs(ops.vector(y), blob))),
        "solve": (k, ops.host(got_k)),
        "stage": (
            reference.stage(factor, y, near, blob, g)[0],
            ops.host(ops.stage(there, ops.vector(y), here, blob, g)[0]),
        ),
        "amounts": (reference.amounts(y), ops.amounts(ops.vector(y))),
        "speed": (reference.speed(y, near), ops.speed(ops.vector(y), here)),
        "outflow": (reference.outflow(y, 4), ops.outflow(ops.vector(y), 4)),
    }
    if got_flow is not None:
        pairs["implicit outflow"] = (flow, got_flow)
    worst = {name: difference(*pair) for name, pair in pairs.items()}
    assert max(worst.values()) < 1e-12, worst
    assert max(v for name, v in worst.items() if name not in ("solve", "stage", "implicit outflow")) < 1e-13


def test_pumps_beneath_a_slanted_surface(device):
    """Where the two cells beside the wall are cut apart, and where they are alike."""
    pumps = [md.Pump(md.HillPump(0.4, 0.3, 2), name="PMCA"), md.Pump(md.LinearPump(0.2), name="NCX")]
    asked = md.Model(
        box=((-0.22, 0.22), (-0.22, 0.22), (0, 0.32)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)],
        channels=md.Cluster([(0, 0)]),
        pumps=pumps,
        obstacles=[Inside(Ball((0, 0, 0.1), 0.2))],
    )
    plan = lay([asked, asked], md.Grid.uniform(asked, 0.04))
    even, part = plan.pumps.sheets[0].even, plan.pumps.sheets[0].part
    assert (even[part > 0] == 0).sum() > 5
    assert (even[part > 0] == 1).sum() > 5
    reference, ops = beside_obstacles(Reference(plan)), device("float64")(plan)
    y, t = random_state(plan, 5), np.array([0.3, 0.8])
    fluxes = Fluxes(plan)
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, np.full(2, 0.01))
    near, here = reference.near(weights), ops.near(weights)
    sent, g = ops.vector(y), np.array([0.003, 0.05])
    F = reference.rhs(y, near, blob)
    factor = reference.factor(reference.linearise(y, near), g, 1.2)
    there = ops.factor(ops.linearise(sent, here), g, 1.2)
    pairs = {
        "rhs": (F, ops.host(ops.rhs(sent, here, blob))),
        "speed": (reference.speed(y, near), ops.speed(sent, here)),
        "outflow": (reference.walls.outflow(y, near), ops.walls.outflow(sent, here)),
        "slopes": (reference.walls.slopes(y, near)[0], ops.walls.slopes(sent, here)[0]),
        "solve": (reference.solve(factor, F)[0], ops.host(ops.solve(there, ops.vector(F))[0])),
    }
    worst = {name: difference(*pair) for name, pair in pairs.items()}
    assert max(worst.values()) < 1e-12, worst
    assert max(v for name, v in worst.items() if name != "solve") < 1e-13
    # What the pumps carry out is what the cells lose of the diffusion that conserves.
    bare = reference.walls
    lost = np.zeros_like(y)
    bare.add(lost, y, near, np.ones(2))
    np.testing.assert_allclose(-reference.amounts(lost)[:, 0], bare.outflow(y, near).sum(axis=0), rtol=1e-13)
