"""The steady state: what it refuses, its grids, its mirrors, its account, and what a Results says of it."""

import logging

import numpy as np
import pytest
from scipy.optimize import brentq

import microdomain as md
from microdomain import electro, steady_solve
from microdomain.backends.reference import Reference
from microdomain.finite_volume import CLOSED, HELD, lay_axis
from microdomain.plan import lay
from microdomain.steady import (
    NoSteadyState,
    Refinement,
    check_steady,
    grid_for,
    held_open,
    held_walls,
    steady_state,
)
from microdomain.steady_linear import Lattice, gmres, mirrored
from microdomain.steady_solve import lay_steady, solve_steady
from microdomain.units import flux_per_pA

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
SLOW = md.Buffer("slow", total=4000, k_on=0.1, K_d=100, D=0.001)
HELD_SIDES = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
BOX = ((-1, 1), (-1, 1), (0, 1))


def cell(positions=((0, 0),), current=0.1, buffers=(BAPTA,), gate=None, ions=(CALCIUM,), **more):
    gate = md.Open() if gate is None else gate
    current = current if isinstance(current, md.Fixed) else md.Fixed(current)
    more = {"walls": HELD_SIDES, "box": BOX} | more
    channels = md.Cluster(list(positions), current=current, gate=gate, name="cav")
    return md.Model(ions=ions, buffers=buffers, channels=channels, **more)


def coarse(model):
    """A grid of few cells, for what does not depend on accuracy."""
    return md.Grid.graded(model, near=0.04, growth=1.4, far=0.4)


def imbalance(plan, solution):
    """What the time stepper's right-hand side leaves, in near fields per age of the window."""
    ops = Reference(plan)
    near = ops.near(solution.weights)
    change = ops.rhs(solution.y, near, solution.blob)
    return float(np.abs(change).max() * plan.windows[0].tau / np.abs(near.average).max())


# -- what it refuses ---------------------------------------------------------------------------------------


def test_a_closed_box_with_influx_has_none():
    model = cell(walls=md.Walls())
    with pytest.raises(
        NoSteadyState, match=r"0\.1 pA of 'Ca' flow into a closed box and nothing takes"
    ) as said:
        steady_state(model)
    assert "walls=Walls(x=Held(), y=Held()), give uptake={'Ca': 0.4} in 1/ms, or march" in str(said.value)
    assert isinstance(said.value, ValueError)


def test_a_gate_that_moves_has_none():
    with pytest.raises(NoSteadyState, match=r"Channel 'cav\[0\]' has the gate Pulse: .* Give gate=Open\(\)"):
        steady_state(cell(gate=md.Pulse(0, 1)))


@pytest.mark.parametrize("wave", [md.Gaussian(peak=1, at=1, fwhm=1), md.Table([0, 1], [0.1, 0.1])])
def test_a_current_that_varies_has_none(wave):
    with pytest.raises(
        NoSteadyState, match=r"carries a current that varies in time: .* current=Fixed\(0\.1\)"
    ):
        steady_state(cell(current=md.Fixed(wave)))


def test_more_taken_out_than_flows_in():
    with pytest.raises(NoSteadyState, match="take out more 'Ca' than can flow in from the held walls"):
        steady_state(cell(current=-0.5))


def test_other_devices_and_tolerances_are_refused():
    with pytest.raises(ValueError, match="device='cuda': the steady state is solved in NumPy only"):
        steady_state(cell(), device="cuda")
    with pytest.raises(ValueError, match="device='gpu' is not known"):
        steady_state(cell(), device="gpu")
    with pytest.raises(ValueError, match="rtol = 0: give a relative tolerance between 0 and 1"):
        steady_state(cell(), rtol=0)


def test_one_that_does_not_settle_says_so(monkeypatch):
    monkeypatch.setattr("microdomain.steady_newton.STEPS", 1)
    with pytest.raises(RuntimeError, match="did not settle in 1 Newton steps: the largest imbalance is"):
        steady_state(cell(), coarse(cell()))


# -- grids -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [1, 10, 40])
def test_a_grid_fit_for_boxes_small_and_large(half):
    model = cell(box=((-half, half), (-half, half), (0, half)))
    grid, finer = grid_for(model), grid_for(model, 0.01)
    assert grid.cells < 150_000
    assert grid.spacing_at((0, 0, 0)) == pytest.approx(0.02, rel=0.1)
    for a, b in zip(grid.widths, finer.widths, strict=True):
        assert b.size / a.size == pytest.approx(2, rel=0.1)
        assert (a[1:] / a[:-1]).max() < 1.25
        assert b.max() < 0.7 * a.max()


def test_without_a_grid_two_are_solved_and_the_finer_is_the_result():
    said = []
    results = steady_state(cell(), progress=said.append)
    told = Refinement(**results.provenance["refinement"])
    assert len(said) == len(told.cells) == 2
    assert said[1] == f"Solving on {results.grid!r}"
    assert results.grid == grid_for(cell(), 0.01)
    assert results.budget.spatial == told.spatial < 0.01
    assert told.distances == (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
    assert f"{1e3 * told.spacing[0]:.3g} -> {1e3 * told.spacing[1]:.3g} nm" in str(told)
    assert "mouth" in str(told)


def test_a_grid_of_ones_own_keeps_the_result_and_a_finer_one_judges_it(caplog):
    strong = md.Buffer("strong", total=1000, k_on=10, K_d=1, D=0.05)
    model = cell(current=0.3, buffers=[strong])
    grid = md.Grid.graded(model, far=0.2)
    with caplog.at_level(logging.WARNING, logger="microdomain"):
        results = steady_state(model, grid)
    assert results.grid == grid
    assert results.budget.spatial > 0.05
    assert "when the spacing is halved, more than rtol = 1 %. Give a finer grid" in caplog.text


def test_strong_buffers_are_refined_until_grids_agree():
    model = cell(current=0.1, buffers=[md.Buffer("strong", total=1000, k_on=2, K_d=1, D=0.05)])
    results = steady_state(model, rtol=0.03)
    told = Refinement(**results.provenance["refinement"])
    assert max(told.difference[0]) > 0.03
    assert len(told.cells) > 2
    assert results.budget.spatial <= 0.03


def test_without_a_check_there_is_no_spatial_estimate():
    results = steady_state(cell(), coarse(cell()), check=False)
    assert results.budget.spatial is None
    assert "in space not estimated" in str(results.budget)


# -- linear algebra ----------------------------------------------------------------------------------------


def axes_of(n=12):
    faces = np.concatenate([-np.geomspace(1, 0.05, n // 2), [0.0], np.geomspace(0.05, 1, n // 2)])
    return (
        lay_axis(faces, HELD, HELD),
        lay_axis(faces, CLOSED, CLOSED),
        lay_axis(faces[n // 2 :], CLOSED, HELD),
    )


def test_half_of_a_mirrored_axis_gives_the_same_laplacian():
    axes = axes_of()
    rng = np.random.default_rng(3)
    field = rng.random((2, axes[2].n, axes[1].n, axes[0].n))
    field = field + field[..., ::-1]
    field = field + field[..., ::-1, :]
    assert mirrored(axes, [field]) == (True, True, False)
    whole, part = Lattice(axes), Lattice(axes, mirrored(axes, [field]))
    assert part.shape == (6, 6, 6)
    np.testing.assert_array_equal(part.unfold(part.fold(field)), field)
    np.testing.assert_allclose(
        part.unfold(part.laplacian(part.fold(field))), whole.laplacian(field), rtol=1e-10, atol=1e-8
    )


def test_what_is_not_its_mirror_image_is_not_folded():
    axes = axes_of()
    field = np.ones((axes[2].n, axes[1].n, axes[0].n))
    field[0, 0, 0] = 1.1
    assert mirrored(axes, [field]) == (False, False, False)
    one_sided = (lay_axis(axes[0].faces, HELD, CLOSED), *axes[1:])
    assert mirrored(one_sided, [np.ones_like(field)]) == (False, True, False)


def test_a_folded_cell_has_the_whole_one_s_answer(monkeypatch):
    model = cell([(-0.04, 0), (0.04, 0)], buffers=[BAPTA, SLOW, FIXED])
    plan = lay_steady([model], coarse(model))
    folded = solve_steady(plan)
    monkeypatch.setattr(steady_solve, "mirrored", lambda axes, fields: (False, False, False))
    whole = solve_steady(plan)
    np.testing.assert_allclose(folded.y, whole.y, rtol=1e-6)


def test_the_screened_equation_is_solved():
    lattice = Lattice(axes_of())
    rng = np.random.default_rng(1)
    source = rng.random((1, *lattice.shape))
    w = lattice.screened(source, 3.0, 1e-11)
    np.testing.assert_allclose(lattice.laplacian(w) - 3.0 * w, -source, atol=1e-9)


@pytest.mark.parametrize(("kind", "close"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_gmres_solves_and_counts(kind, close):
    rng = np.random.default_rng(2)
    matrix = (np.eye(40) + 0.05 * rng.standard_normal((40, 40))).astype(kind)
    right = rng.standard_normal(40).astype(kind)
    x, count = gmres(lambda v: matrix @ v, lambda v: v, right, 1e-10 if kind is np.float64 else 1e-4)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, right), atol=close)
    assert 3 < count <= 40
    assert x.dtype == kind


def test_gmres_restarts():
    matrix = np.diag(np.linspace(1, 30, 50))
    x, count = gmres(lambda v: matrix @ v, lambda v: v, np.ones(50), 1e-8, most=400, restart=8)
    np.testing.assert_allclose(matrix @ x, 1.0, atol=1e-6)
    assert count > 8


# -- what balances -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        cell([(0.1, -0.05), (0.3, 0.2)], buffers=[BAPTA, FIXED]),
        cell(buffers=[SLOW, BAPTA], current=0.3),
        cell(buffers=[SLOW, FIXED], walls=md.Walls(), uptake={"Ca": 0.4}),
        cell([(0.04 * k, 0) for k in range(6)], current=1.0, walls=md.Walls(), uptake={"Ca": 0.4}),
        cell(buffers=[]),
        cell(current=-1e-4),
    ],
    ids=["two channels", "slow buffer", "uptake", "uptake, saturated", "no buffer", "outward"],
)
def test_the_time_stepper_finds_nothing_to_do(model):
    plan = lay_steady([model], md.Grid.graded(model, far=0.2))
    solution = solve_steady(plan)
    assert imbalance(plan, solution) < 1e-6
    ops = Reference(plan)
    assert ops.lowest(solution.y, ops.near(solution.weights))[0] > 0.0


def test_the_ledger_says_what_leaves_in_a_millisecond():
    model = cell([(0.1, -0.05), (0.3, 0.2)], buffers=[BAPTA, FIXED], uptake={"Ca": 0.4})
    ledger = steady_state(model, coarse(model), check=False).ledger
    assert ledger.influx[0, 0] == pytest.approx(0.2 * flux_per_pA(2), rel=1e-12)
    assert ledger.walls[0, 0] + ledger.uptake[0, 0] == pytest.approx(ledger.influx[0, 0], rel=1e-6)
    assert ledger.uptake[0, 0] > 0.01 * ledger.influx[0, 0]
    assert abs(ledger.closure[0, 0]) < 1e-9


def test_a_given_flux_replaces_the_channels():
    model = cell(buffers=[])
    plan = lay([model], coarse(model))
    once = solve_steady(plan)
    twice = solve_steady(plan, flux=2.0 * once.flux)
    np.testing.assert_allclose(twice.y - 0.1, 2.0 * (once.y - 0.1), atol=1e-9)
    np.testing.assert_allclose(twice.weights, 2.0 * once.weights)


def test_a_near_start_saves_steps():
    model = cell(current=0.3)
    plan = lay_steady([model], coarse(model))
    far = solve_steady(plan)
    near = solve_steady(plan, flux=1.001 * far.flux, start=far.y)
    anew = solve_steady(plan, flux=1.001 * far.flux)
    np.testing.assert_allclose(near.y, anew.y, rtol=1e-6)
    assert near.krylov[0] < anew.krylov[0]


def test_members_do_not_see_each_other():
    models = [cell(current=i, buffers=[BAPTA, FIXED]) for i in (0.1, 0.5)]
    grid = coarse(models[0])
    together = solve_steady(lay_steady(models, grid))
    for k, model in enumerate(models):
        np.testing.assert_array_equal(together.y[k], solve_steady(lay_steady([model], grid)).y[0])


def test_an_ion_without_channels_rests_or_evens_out():
    mg = md.Ion("Mg", z=2, D=0.4, rest=500, initial=900)
    carrier = md.Buffer("carrier", total=300, k_on=0.1, K_d=100, D=0.1, binds="Mg")
    model = cell(ions=(CALCIUM, mg), buffers=[BAPTA, carrier])
    plan = lay_steady([model], coarse(model))
    y = plan.coarse(solve_steady(plan).y)[0]
    np.testing.assert_array_equal(y[1], 500.0)
    np.testing.assert_allclose(y[plan.names.index("carrier")], 250.0)
    closed = cell(ions=(CALCIUM, mg), buffers=[BAPTA, carrier], walls=md.Walls(), uptake={"Ca": 0.4})
    bound = md.Buffer("carrier", total=300, k_on=0.1, K_d=100, D=0.1, binds="Mg", bound=0)
    closed = md.Model(
        box=BOX, ions=closed.ions, buffers=[BAPTA, bound], channels=closed.channels, uptake={"Ca": 0.4}
    )
    plan = lay_steady([closed], coarse(closed))
    y = plan.coarse(solve_steady(plan).y)[0]
    free, held = y[1, 0, 0, 0], y[plan.names.index("carrier"), 0, 0, 0]
    assert free + held == pytest.approx(900, rel=1e-12)
    assert held == pytest.approx(300 * free / (100 + free), rel=1e-12)


@pytest.mark.parametrize("channels", [(), md.Cluster([(0, 0)], current=md.Fixed(0))], ids=["none", "silent"])
def test_a_box_without_influx_is_at_rest(channels):
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=[BAPTA], channels=channels)
    results = steady_state(model)
    np.testing.assert_array_equal(results.dataset["Ca"].values, 0.1)


# -- what comes out ----------------------------------------------------------------------------------------


def test_results_answer_and_come_back_from_disk(tmp_path):
    model = cell(buffers=[BAPTA, FIXED])
    record = md.Record(points={"nose": (0, 0, 0.02)}, fields=["BAPTA"])
    results = steady_state(model, coarse(model), record=record, check=False)
    assert set(results.dataset) == {"Ca", "BAPTA"}
    assert results.dataset.sizes["time"] == 1
    assert results.mouths.influx.item() == pytest.approx(0.1)
    assert results.mouths.concentration.item() == pytest.approx(results.at([(0, 0, 0.005)]).item(), rel=0.05)
    assert results.probes["Ca"].item() == pytest.approx(results.at([(0, 0, 0.02)]).item(), rel=0.05)
    assert results.reversal("Ca").min() > 30
    assert results.provenance["scheme"] == "steady state, Newton-Krylov"
    results.save(tmp_path / "still.zarr")
    again = md.open(tmp_path / "still.zarr")
    points = [(0, 0, 0.01), (0.3, 0.2, 0.1)]
    np.testing.assert_array_equal(again.at(points).values, results.at(points).values)
    assert again.provenance["refinement"]["cells"] == [results.grid.cells]


def test_a_channel_at_the_side_of_a_small_box_is_read_inside_it():
    model = md.Model(
        box=((0, 0.15), (0, 0.15), (0, 0.1)), ions=[CALCIUM],
        channels=md.Cluster([(0.05, 0.08)], face="z-", current=md.Fixed(0.1)),
        walls=md.Walls(x=(md.Closed(), md.Held())),
    )  # fmt: skip
    told = Refinement(**steady_state(model, md.Grid.uniform(model, 0.01)).provenance["refinement"])
    assert np.isnan(told.difference[0][-1])
    assert told.spatial < 0.05


# -- currents that follow the concentration ----------------------------------------------------------------

P = 2.591197e-4
G = 1e3 * 0.1 / electro.reversal(0.1, 2000, 2)


def feeling(current, positions=((0, 0),), buffers=(BAPTA, FIXED), half=0.3, **more):
    box = ((-half, half), (-half, half), (0, half))
    channels = md.Cluster(list(positions), current=current)
    more = {"walls": HELD_SIDES, "voltage": md.Hold(0)} | more
    return md.Model(box=box, ions=[CALCIUM], buffers=buffers, channels=channels, **more)


def lawful(current, c, V=0.0):
    """Influx (pA) that a law gives at the mouth."""
    if isinstance(current, md.GHK):
        return -electro.ghk_current(current.P, 2, c, 2000.0, V)
    return -1e-3 * current.g * (V - electro.reversal(c, 2000, 2))


LAWS = pytest.mark.parametrize("current", [md.GHK(P), md.Ohmic(3 * G)], ids=["ghk", "ohmic"])


@LAWS
def test_currents_that_follow_the_mouth_obey_their_law(current):
    """Reported and felt fluxes alike, of several channels, and what enters leaves."""
    spots = [(0, 0), (0.04, 0), (0.1, 0.05), (-0.06, 0.02)]
    model = feeling(current, spots)
    results = steady_state(model, coarse(model), check=False)
    c, influx = (results.mouths[what].values[-1] for what in ("concentration", "influx"))
    assert influx == pytest.approx(lawful(current, c), rel=1e-10)
    rows = np.array(results._plan.channel_rows[0])
    felt = results._plan.history.value(rows, np.full((4, 1), 1e9))[:, 0] / flux_per_pA(2)
    assert felt == pytest.approx(lawful(current, c), rel=1e-10)
    assert abs(results.ledger.closure).max() < 1e-9
    assert results.ledger.influx.sum() == pytest.approx(flux_per_pA(2) * influx.sum(), rel=1e-10)
    mouths = [(*at, 0.005) for at in spots]
    assert results.at(mouths).values[0] == pytest.approx(c, rel=1e-9)


@LAWS
def test_it_is_where_a_march_of_such_channels_ends(current):
    model = feeling(current, [(0, 0), (0.05, 0)], half=0.2)
    grid = md.Grid.graded(model, far=0.05)
    still = steady_state(model, grid, check=False)
    march = md.simulate(model, grid, until=40, record=md.Record(times=[40]), rtol=1e-3, device="numpy")
    for what in ("concentration", "influx"):
        assert still.mouths[what].values[-1] == pytest.approx(march.mouths[what].values[-1], rel=2e-3)
    points = [(0.02, 0, 0.01), (0, 0, 0.05), (-0.1, 0.05, 0.1)]
    assert still.at(points).values == pytest.approx(march.at(points).values, rel=5e-3)


def test_an_isolated_one_without_buffers_is_a_scalar_equation():
    """c = c0 + J/(2 pi D r) less what the walls, held at 2 um, take."""
    model = feeling(md.Ohmic(3 * G), buffers=(), half=2)
    results = steady_state(model)
    spread = flux_per_pA(2) / (2 * np.pi * 0.22)
    j = brentq(lambda j: lawful(md.Ohmic(3 * G), 0.1 + spread * j / 0.005) - j, 0.01, 0.3)
    assert results.mouths.influx.values[-1, 0] == pytest.approx(j, rel=2e-3)
    # -67 % with feedback at 0.3 pA (issue's own figure, from the same equation).
    assert 1 - j / 0.3 == pytest.approx(0.67, abs=0.005)


def test_a_saturated_lattice_settles():
    spots = [(0.04 * i - 0.14, 0.04 * j - 0.14) for i in range(8) for j in range(8)]
    model = feeling(md.GHK(3 * P), spots, half=0.5)
    results = steady_state(model, coarse(model), check=False)
    c, influx = (results.mouths[what].values[-1] for what in ("concentration", "influx"))
    assert influx == pytest.approx(lawful(md.GHK(3 * P), c), rel=1e-10)
    assert results.provenance["newton"] < 60


def test_an_ohmic_current_with_its_own_reversal_potential_is_prescribed():
    model = feeling(md.Ohmic(2.0, E=50.0))
    results = steady_state(model, coarse(model), check=False)
    assert results.mouths.influx.values[-1, 0] == pytest.approx(0.1, rel=1e-12)


def test_a_voltage_that_moves_has_none():
    model = feeling(md.GHK(P), voltage=md.ActionPotential(-80, 40, 0.2, 0.15, 0.25))
    with pytest.raises(NoSteadyState, match=r"GHK current and the voltage moves: .* Give voltage=Hold\(-20"):
        steady_state(model)


def test_a_closed_box_has_none_for_them_either():
    with pytest.raises(NoSteadyState, match="A current of 'Ca' flows into a closed box"):
        steady_state(feeling(md.GHK(P), walls=md.Walls()))


def test_fluxes_that_do_not_settle_say_so(monkeypatch):
    monkeypatch.setattr("microdomain.steady_feedback.MOST", 1)
    model = feeling(md.Ohmic(3 * G))
    with pytest.raises(RuntimeError, match="do not settle: after 1 rounds a flux is"):
        steady_state(model, coarse(model))


def test_live_fluxes_must_be_given_to_the_inner_solver():
    model = feeling(md.GHK(P))
    with pytest.raises(ValueError, match="give their fluxes, or use `settle`"):
        solve_steady(lay_steady([model], coarse(model)))


def test_scenarios_are_told_in_their_own_words():
    for model, words in (
        (cell(gate=md.Pulse(0, 1)), r'Give gate = \{ kind = "open" \} or the flag --open'),
        (cell(current=md.Fixed(md.Gaussian(peak=1, at=1, fwhm=1))), r'kind = "fixed", i = "0\.1 pA"'),
        (feeling(md.GHK(P), voltage=md.Ramp(-80, 0, 0, 1)), r'kind = "hold", V = "-20 mV"'),
        (cell(walls=md.Walls()), r'\[model\.uptake\] with Ca = "0\.4 /ms"'),
    ):
        with pytest.raises(NoSteadyState, match=words):
            check_steady(model, scenario=True)


def test_gates_held_open_and_walls_held():
    model = held_walls(held_open(cell(gate=md.Pulse(0, 1), walls=md.Walls())))
    assert model.resolved_channels[0].gate == md.Open()
    assert model.walls == HELD_SIDES
