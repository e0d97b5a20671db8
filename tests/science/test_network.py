"""Reaction networks against exact answers, ordinary differential equations, and a radial solver."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import microdomain as md

from .problems import CALCIUM, cell, run, worst
from .radial_network import solve as radial

SMALL = ((0.0, 0.1), (0.0, 0.2), (0.0, 0.3))
#: Calmodulin's lobes (Faas et al. 2011): k_T, koff_T, k_R, koff_R.
N_LOBE, C_LOBE = (0.77, 160.0, 32.0, 22.0), (0.084, 2.6, 0.025, 0.0065)


def mixed(start, times, rtol=2e-4, scheme=None, **parts):
    """A small closed box without channels, every cell the same."""
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=start)
    ions = [ion, *parts.pop("more", [])]
    model = md.Model(box=SMALL, ions=ions, **parts)
    names = tuple(model.species)
    record = md.Record(times=list(times), fields=names)
    return run(
        model, times, grid=md.Grid.uniform(model, spacing=0.05), record=record, rtol=rtol, scheme=scheme
    )


def written(name, total, k_on, K_d, D):
    """A 1:1 buffer written as two species and a reaction, all free at first."""
    return {
        "molecules": [
            md.Species(f"{name}.free", D=D, total=total, initial=total),
            md.Species(name, D=D, initial=0.0, contains={f"{name}.free": 1, "Ca": 1}),
        ],
        "reactions": [md.Reaction(f"Ca + {name}.free <-> {name}", k_on, k_on * K_d)],
    }


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
@pytest.mark.parametrize(
    ("start", "buffer", "free"),
    [
        (50.0, ("BAPTA", 100, 0.4, 0.22, 0.2), (34.66092, 3.759403, 0.2180892, 0.2180892)),
        (50.0, ("EGTA", 100, 0.0105, 0.18, 0.2), (49.47911, 45.13474, 21.02330, 0.1787178)),
        (20.0, ("fixed", 400, 0.1, 10, 0.0), (13.48380, 0.8844180, 0.5121480, 0.5121480)),
    ],
)
def test_a_written_reaction_is_the_exact_riccati_solution(scheme, start, buffer, free):
    results = mixed(start, (0.01, 0.1, 1.0, 60.0), scheme=scheme, **written(*buffer))
    assert worst(results.mouths.mean_Ca.sel(time=[0.01, 0.1, 1.0, 60.0]).values, free) < 2e-3


def ode(model, times):
    """All species of a well-mixed model by Radau IIA, straight from its reactions."""
    names = [i.name for i in model.ions] + [f.name for f in model.chemistry.forms]
    y0 = np.array(
        [i.start for i in model.ions] + [model.initial_forms[f.name] for f in model.chemistry.forms]
    )

    def slope(t, y):
        now, out = dict(zip(names, y, strict=True)), dict.fromkeys(names, 0.0)
        for r in model.reactions + tuple(r for c in model.complexes for r in c.reactions):
            rate = r.forward * np.prod([now[n] ** p for n, p in r.left])
            rate -= (r.backward or 0.0) * np.prod([now[n] ** p for n, p in r.right])
            for side, sign in ((r.left, -1), (r.right, 1)):
                for n, p in side:
                    out[n] += sign * p * rate
        return np.array([out[n] for n in names])

    found = solve_ivp(slope, (0, max(times)), y0, "Radau", times, rtol=1e-10, atol=1e-12)
    return dict(zip(names, found.y, strict=True))


def test_two_cooperating_sites_follow_their_equations():
    """All forms of a lobe, started unbound, to 1e-6 of an independent stiff solver."""
    parts = {"buffers": [md.TwoSite("N", 50, *N_LOBE, D=0.05, start="free")]}
    times = [0.002, 0.02, 0.2]
    results = mixed(20.0, times, rtol=1e-8, scheme="ros34pw2", **parts)
    known = ode(results.model, times)
    for name in ("Ca", "N.free", "N.1", "N.2"):
        assert worst(results.dataset[name].sel(time=times).values[:, 0, 0, 0], known[name]) < 1e-6, name


def test_two_sites_at_clamped_calcium_are_a_matrix_exponential():
    """With 1e-9 uM of the lobe the ion stays where it is, and the forms obey a linear system."""
    from scipy.linalg import expm

    k_T, q_T, k_R, q_R = N_LOBE
    c, t = 5.0, 0.005
    A = np.array([[-2 * k_T * c, q_T, 0], [2 * k_T * c, -q_T - k_R * c, 2 * q_R], [0, k_R * c, -2 * q_R]])
    known = expm(A * t) @ [1e-6, 0, 0]
    lobe = md.TwoSite("N", 1e-6, *N_LOBE, start="free")
    ion = md.Ion("Ca", z=2, D=0.22, rest=c)
    model = md.Model(box=SMALL, ions=[ion], buffers=[lobe])
    from microdomain.backends.reference import Reference
    from microdomain.begin import initial_state
    from microdomain.plan import lay
    from microdomain.steppers.base import Standing
    from microdomain.steppers.rosenbrock import ROS34PW2
    from microdomain.weights import Fluxes

    plan = lay([model], md.Grid.uniform(model, spacing=0.1))
    ops, fluxes = Reference(plan), Fluxes(plan)
    at = Standing.at(ops, fluxes, np.zeros(1), initial_state(plan))
    for _ in range(400):
        trial = ROS34PW2.attempt(ops, fluxes, at, np.array([t / 400]), 1e-2)
        at = Standing(at.t + t / 400, trial.y, trial.near, trial.weights)
    found = plan.coarse(at.y)[0, plan.forms, 0, 0, 0]
    assert worst(found, known) < 1e-6


def test_a_termolecular_reaction_follows_its_equations():
    parts = {
        "molecules": [md.Species("A", D=0.1, initial=8.0), md.Species("B", D=0.05, initial=5.0),
                      md.Species("C", initial=0.5, contains={"A": 1, "B": 2})],
        "reactions": [md.Reaction("A + 2 B <-> C", forward=0.3, backward=0.7)],
    }  # fmt: skip
    times = [0.05, 0.3, 2.0]
    results = mixed(1.0, times, rtol=1e-7, scheme="ros34pw2", **parts)
    known = ode(results.model, times)
    for name in ("A", "B", "C"):
        assert worst(results.dataset[name].sel(time=times).values[:, 0, 0, 0], known[name]) < 1e-6, name


def test_a_flash_releases_what_was_caged():
    """First-order photolysis while the light is on: exp(-k T) stays caged."""
    parts = {
        "molecules": [md.Species("caged", total=100, contains={"Ca": 1, "cage": 1}), md.Species("cage")],
        "reactions": [md.Reaction("caged -> Ca + cage", md.TimedRate((0, 0.5, 0.7), (0, 4.0, 0)))],
    }
    for scheme in ("ros34pw2", "rkc2"):
        results = mixed(0.1, [0.5, 0.7, 1.0], rtol=1e-8, scheme=scheme, **parts)
        left = results.dataset.caged.sel(time=[0.5, 0.7, 1.0]).values[:, 0, 0, 0]
        assert worst(left, 100 * np.exp([0.0, -0.8, -0.8])) < 1e-6
        assert abs(results.ledger.closure[0, 0]) < 1e-12


def test_a_rate_along_a_line_is_integrated():
    parts = {
        "molecules": [md.Species("caged", total=100, contains={"Ca": 1, "cage": 1}), md.Species("cage")],
        "reactions": [md.Reaction("caged -> Ca + cage", md.TimedRate((0, 1.0), (0, 2.0), linear=True))],
    }
    results = mixed(0.1, [1.0, 1.5], rtol=1e-6, **parts)
    assert worst(results.dataset.caged.sel(time=[1.0, 1.5]).values[:, 0, 0, 0], 100 * np.exp([-1, -2])) < 1e-5


def test_magnesium_competes():
    """ATP with Ca and Mg (Ca 0.5/45, Mg 0.5/22.5) starts where both equilibria hold."""
    atp = md.Competing("ATP", 2000, {"Ca": (0.5, 45.0), "Mg": (0.5, 22.5)}, D=0.22)
    magnesium = md.Ion("Mg", z=2, D=0.2, rest=300)
    model = md.Model(box=SMALL, ions=[CALCIUM, magnesium], buffers=[atp])
    free = 2000 / (1 + 0.1 / 90 + 300 / 45)
    rest = model.rest_forms
    assert worst([rest["ATP.free"], rest["ATP.Ca"], rest["ATP.Mg"]],
                 [free, free * 0.1 / 90, free * 300 / 45]) < 1e-12  # fmt: skip
    # 40 uM of Ca are poured in; both ions settle where their totals and equilibria say.
    atp = md.Competing("ATP", 2000, {"Ca": (0.5, 45.0), "Mg": (0.5, 22.5)}, D=0.22, start="free")
    results = mixed(40.0, [20.0], rtol=1e-6, more=[magnesium], buffers=[atp])

    def excess(f):
        ca, mg = 40 / (1 + f / 90), 300 / (1 + f / 45)
        return f * (1 + ca / 90 + mg / 45) - 2000

    f = brentq(excess, 1, 2000, xtol=1e-12)
    frame = results.dataset.isel(time=-1)
    found = [float(frame[n].values[0, 0, 0]) for n in ("ATP.free", "Ca", "Mg")]
    assert worst(found, [f, 40 / (1 + f / 90), 300 / (1 + f / 45)]) < 1e-5


def test_a_pump_in_the_volume_comes_to_rest_and_its_ions_are_counted():
    results = mixed(2.0, [0.5, 40.0], rtol=1e-6, volume_pumps=[md.VolumePump("Ca", 0.5, 0.3, 2)],
                    buffers=[md.Buffer("fixed", 10, 0.1, 10)])  # fmt: skip
    taken = results.dataset.SERCA.values[-1, 0, 0, 0]
    free, bound = (results.dataset[n].values[-1, 0, 0, 0] for n in ("Ca", "fixed"))
    assert abs(free - 0.1) < 2e-4
    assert abs(taken + free + bound - 2.0 - 10 * 2.0 / (2.0 + 10)) < 1e-11
    assert abs(results.ledger.uptake[0, 0] / (taken * 0.006) - 1) < 1e-12
    assert abs(results.ledger.closure[0, 0]) < 1e-12


def test_a_plain_buffer_equals_its_two_species():
    """Near a channel, by the arrow elimination and by the general one."""
    plain = cell(buffers=[md.Buffer("BAPTA", 100, 0.4, 0.22, 0.2), md.Buffer("EGTA", 500, 0.01, 0.18, 0.1)])
    pair = cell(buffers=[md.Buffer("BAPTA", 100, 0.4, 0.22, 0.2, D_bound=0.2),
                         md.Buffer("EGTA", 500, 0.01, 0.18, 0.1)])  # fmt: skip
    grid = md.Grid.graded(plain, near=0.03)
    found = []
    for model in (plain, pair):
        record = md.Record(times=[0.05, 1.0, 1.5], fields=["BAPTA"], points={"a": (0, 0, 0.02)})
        found.append(run(model, [1.5], grid=grid, record=record, rtol=1e-4))
    a, b = found
    for name in ("Ca", "BAPTA"):
        assert worst(b.dataset[name].values, a.dataset[name].values) < 2e-4
    assert worst(b.probes.Ca.values, a.probes.Ca.values) < 2e-4


@pytest.mark.slow
def test_calmodulin_around_a_channel():
    """Two lobes against the radial solver: Ca within 1.1 % at 20 nm cells."""
    total, D = 100.0, 0.05
    lobes = [md.TwoSite("N", total, *N_LOBE, D=D), md.TwoSite("C", total, *C_LOBE, D=D)]
    model = cell(buffers=lobes, box=((-0.6, 0.6), (-0.6, 0.6), (0.0, 0.6)))
    heights, times = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2]), [0.01, 0.1, 1.0]
    N, orders, k = np.zeros((7, 8)), np.zeros((8, 7), int), []
    for lobe, (k_T, q_T, k_R, q_R) in enumerate((N_LOBE, C_LOBE)):
        free, one, two = 1 + 3 * lobe, 2 + 3 * lobe, 3 + 3 * lobe
        for n, (a, b, on, off) in enumerate(((free, one, 2 * k_T, q_T), (one, two, k_R, 2 * q_R))):
            r = 4 * lobe + 2 * n
            N[[0, a, b], r], N[[0, a, b], r + 1] = (-1, -1, 1), (1, 1, -1)
            orders[r, [0, a]], orders[r + 1, b] = 1, 1
            k += [on, off]
    rest = [0.1, *(model.rest_forms[f.name] for f in model.chemistry.forms)]
    known = radial(heights, times, 0.1, 1.0, [0.22] + 6 * [D], rest, N, orders, k, radius=0.65)
    points = {f"p{n}": (0, 0, z) for n, z in enumerate(heights)}
    results = md.simulate(model, md.Grid.graded(model), until=1.0, rtol=3e-3,
                          record=md.Record(times=times, points=points))  # fmt: skip
    found = results.probes.Ca.sel(time=times).values
    assert worst(found, known[0]) < 0.011
