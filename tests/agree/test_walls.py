"""Pumps on walls: every backend equals the reference, on several faces, patches and members."""

import numpy as np
import pytest
from plans import faces, random_state

from microdomain.backends.reference import Reference
from microdomain.grid import Grid
from microdomain.model import (
    FACES,
    Buffer,
    Circle,
    Closed,
    Cluster,
    ConstantFlux,
    Fixed,
    Held,
    HillPump,
    Ion,
    LinearPump,
    Model,
    Pump,
    Rectangle,
    SurfacePump,
    Walls,
)
from microdomain.plan import lay
from microdomain.steppers.base import Standing
from microdomain.steppers.rkc import RKC2
from microdomain.steppers.rosenbrock import ROS2, ROS34PW2
from microdomain.weights import Fluxes

BOX = ((-0.4, 0.4), (-0.35, 0.35), (0.0, 0.5))
CLOSE = {"float64": 1e-13, "float32": 2e-4}


def laws(random):
    return [
        LinearPump(float(random.uniform(0.1, 0.5))),
        HillPump(float(random.uniform(0.1, 0.5)), K=0.3, n=2),
        SurfacePump(180.0, k_on=0.15, k_off=0.015, k_cat=float(random.uniform(0.01, 0.1)), k_leak=0.0043),
        ConstantFlux(float(random.uniform(-0.01, 0.01))),
    ]


def pumped_plan(seed, case):
    """Two ions, a mobile and a fixed buffer, three members whose laws differ in their numbers."""
    random = np.random.default_rng([seed, 11])
    grid = Grid(*(faces(random, lo, hi, n) for (lo, hi), n in zip(BOX, (9, 8, 10), strict=True)))
    places = {
        "one face": [("z-", "Ca", None)] * 4,
        "both ends": [("z-", "Ca", None), ("z+", "Ca", None), ("z+", "Mg", None), ("z-", "Mg", None)],
        "all axes": [("x-", "Ca", None), ("y+", "Ca", None), ("x+", "Ca", None), ("x-", "Mg", None)],
        "along y": [("y-", "Ca", None), ("y+", "Ca", None), ("z-", "Ca", Circle((0.1, 0.0), 0.2)),
                    ("y+", "Mg", None)],
        "patches": [("z-", "Ca", Circle((0.0, 0.1), 0.2)), ("z-", "Ca", Rectangle((0.1, 0), (0.3, 0.4))),
                    ("y-", "Mg", Circle((0.1, 0.2), 0.15)), ("z+", "Ca", None)],
    }[case]  # fmt: skip
    held = Held() if case == "one face" else Closed()
    models = [
        Model(
            box=BOX,
            ions=[Ion("Ca", z=2, D=0.22, rest=0.1), Ion("Mg", z=2, D=0.3, rest=0.2)],
            buffers=[Buffer("mobile", total=80, k_on=0.3, K_d=0.5, D=0.1),
                     Buffer("fixed", total=200, k_on=0.1, K_d=10)],
            channels=[Cluster([(0.05, -0.02), (0.1, 0.05)], current=Fixed(0.1))],
            walls=Walls(x=Closed(), y=Closed(), z=(Closed(), held)),
            pumps=[Pump(law, face=face, ion=ion, patch=patch, name=f"pump{k}")
                   for k, (law, (face, ion, patch)) in enumerate(zip(laws(random), places, strict=True))],
        )
        for _ in range(3)
    ]  # fmt: skip
    return lay(models, grid)


def worst(expected, got):
    expected, got = np.asarray(expected, dtype=float), np.asarray(got, dtype=float)
    assert expected.shape == got.shape
    scale = np.abs(expected).max(initial=0.0)
    return np.abs(expected - got).max(initial=0.0) / (scale if scale > 0 else 1.0)


@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("case", ["one face", "both ends", "all axes", "along y", "patches"])
def test_pumps_agree(case, precision, device):
    plan = pumped_plan(3, case)
    reference, ops = Reference(plan), device(precision)(plan)
    y, t = random_state(plan, 4), np.array([0.3, 0.5, 0.7])
    fluxes = Fluxes(plan)
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, np.full(3, 0.01))
    near, here = reference.near(weights), ops.near(weights)
    g, there = np.array([0.003, 0.02, 0.3]), ops.vector(y)
    F = reference.rhs(y, near, blob)
    factor = reference.factor(reference.linearise(y, near), g, 1.2)
    mine = ops.factor(ops.linearise(there, here), g, 1.2)
    k, z = reference.solve(factor, F)
    got_k, got_z = ops.solve(mine, ops.vector(F))
    found = {
        "rhs": worst(F, ops.host(ops.rhs(there, here, blob))),
        "k": worst(k, ops.host(got_k)),
        "z": worst(plan.coarse(z)[:, : plan.ions], plan.coarse(ops.host(got_z))[:, : plan.ions]),
        "outflow": worst(reference.walls.outflow(y, near), ops.walls.outflow(there, here)),
        "implicit": worst(
            reference.walls.implicit(factor.walls, z, k), ops.walls.implicit(mine.walls, got_z, got_k)
        ),
        "speed": worst(reference.speed(y, near), ops.speed(there, here)),
    }
    staged, _ = ops.stage(mine, there, here, blob, g, ops.vector(0.1 * y))
    expected, _ = reference.stage(factor, y, near, blob, g, 0.1 * y)
    found["stage"] = worst(expected, ops.host(staged))
    for n, (a, b) in enumerate(zip(near.wall, here.wall, strict=True)):
        found[f"wall {n}"] = worst(a, ops.host(b))
    for n, (a, b) in enumerate(
        zip(reference.walls.slopes(y, near), ops.walls.slopes(there, here), strict=True)
    ):
        found[f"slope {n}"] = worst(a, b)
    assert {name: value for name, value in found.items() if not value < CLOSE[precision]} == {}


@pytest.mark.parametrize("scheme", [ROS2, ROS34PW2, RKC2], ids=lambda s: s.name)
def test_steps_with_pumps(device, scheme):
    plan = pumped_plan(5, "both ends").take([1] if scheme is RKC2 else [0, 2])

    def after(ops):
        fluxes, m = Fluxes(plan), plan.members
        at = Standing.at(ops, fluxes, np.full(m, 0.1), ops.vector(random_state(plan, 2)))
        flows = []
        for _ in range(2):
            trial = scheme.attempt(ops, fluxes, at, np.full(m, 2e-3), 1e-2)
            at = Standing(at.t + 2e-3, trial.y, trial.near, trial.weights)
            flows.append(trial.flows.pumps)
        return ops.host(at.y), np.array(flows)

    y, flows = after(Reference(plan))
    got, found = after(device("float64")(plan))
    assert worst(y, got) < 1e-11
    assert np.abs(flows).max() > 0
    assert worst(flows, found) < 1e-9


def test_a_member_is_the_same_alone(device):
    plan = pumped_plan(3, "both ends")
    y, prepare = random_state(plan, 4), device("float64")
    answers = []
    for part, rows in ((plan, slice(2, 3)), (plan.take([2]), slice(None))):
        ops, mine = prepare(part), y if part is plan else y[2:3]
        m = part.members
        fluxes = Fluxes(part)
        t, g = np.full(m, 0.4), np.full(m, 0.01)
        near = ops.near(fluxes.weights(t))
        state = ops.vector(mine)
        factor = ops.factor(ops.linearise(state, near), g, 1.2)
        answers.append(ops.host(ops.stage(factor, state, near, fluxes.blob(t, t, g), g)[0])[rows])
    assert answers[0].tobytes() == answers[1].tobytes()


def test_every_face_has_a_plan():
    used = {p.face for case in ("one face", "both ends", "all axes", "along y") for p in
            pumped_plan(3, case).models[0].pumps}  # fmt: skip
    assert used == set(FACES)
