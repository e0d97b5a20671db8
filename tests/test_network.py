"""Networks: what is refused and how, rest, conservation, order in time, text of the kernels."""

import dataclasses

import numpy as np
import pytest

import microdomain as md
from microdomain.begin import events
from microdomain.network_algebra import Elimination
from microdomain.network_lay import cell_factors
from microdomain.plan import lay

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
MAGNESIUM = md.Ion("Mg", z=2, D=0.2, rest=300)
N_LOBE = md.TwoSite("N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05)
SMALL = ((-0.15, 0.15), (-0.1, 0.1), (0.0, 0.2))


def model(**parts):
    parts = {"box": SMALL, "ions": [CALCIUM], **parts}
    return md.Model(**parts)


def everything(**parts):
    """Every kind of species and reaction at once."""
    return model(
        ions=[CALCIUM, MAGNESIUM],
        buffers=[
            md.Buffer("fixed", 400, 0.1, 10), md.Buffer("BAPTA", 100, 0.4, 0.22, D=0.2), N_LOBE,
            md.Competing("ATP", 500, {"Ca": (0.5, 45), "Mg": (0.5, 22.5)}, D=0.22),
            md.Buffer("membrane", 300, 0.1, 5, layer=("z-", 0.05)),
            md.TwoSite("CR", 50, 0.01, 0.5, 0.3, 0.02),
        ],
        molecules=[md.Species("A", D=0.1, total=9), md.Species("B", total=5),
                   md.Species("AB2", contains={"A": 1, "B": 2})],
        reactions=[md.Reaction("A + 2 B <-> AB2", forward=0.3, backward=0.7)],
        volume_pumps=[md.VolumePump("Ca", Vmax=0.4, K=0.3, n=2)],
        **parts,
    )  # fmt: skip


def channel(**keywords):
    return md.Cluster([(0.013, -0.02)], current=md.Fixed(0.1), gate=md.Pulse(0, 0.2), **keywords)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: md.Reaction("A + B = C", 1.0), "one arrow, <-> or ->"),
        (lambda: md.Reaction("A + -> C", 1.0), "is not a species, or a count and a species"),
        (lambda: md.Reaction("A -> C", 1.0, 2.0), "-> has no way back"),
        (lambda: md.Reaction("A <-> C", 1.0), "<-> needs a rate constant backward="),
        (lambda: md.Reaction("A + 3 B -> C", 1.0), "4 molecules would have to meet at once"),
        (lambda: md.Reaction("A + B -> C", 1e8), "faster than diffusion allows"),
        (lambda: md.Reaction("A -> C", -1.0), "forward = -1 /ms must not be below 0 /ms"),
        (lambda: md.TimedRate((0, 1), (1,)), "2 times and 1 values"),
        (lambda: md.TimedRate((1, 1), (1, 2)), "times must increase"),
        (lambda: md.VolumePump("Ca", 1, 0.3, n=5), "n = 5 is no Hill exponent"),
        (lambda: md.Buffer("B", 1, 1, 1, D=0.1, layer=("z-", 0.1)), "only what stays in place can vary"),
        (lambda: md.Buffer("B", 1, 1, 1, layer=("q", 0.1)), "expected a face and a depth"),
        (lambda: md.Buffer("B", 1, 1, 1, profile={"q": ((0, 1), (1, 2))}), "an axis is 'x', 'y' or 'z'"),
        (lambda: md.Buffer("B", 1, 1, 1, profile={"z": ((0, 1),)}), "two points or more"),
        (lambda: md.TwoSite("B", 1, 1, 1, 1, 1, start="x"), 'or say "free"'),
        (lambda: md.Competing("B", 1, {"Ca": (1,)}), "for every ion a pair"),
        (
            lambda: model(molecules=[md.Species("A"), md.Species("C")],
                          reactions=[md.Reaction("2 A -> C", 1)]),
            "does not conserve 'A': 2 on the left, 0 on the right. .*contains={'A': 2}",
        ),
        (lambda: model(reactions=[md.Reaction("Ca -> CaX", 1)]), "names 'CaX', which is neither an ion nor"),
        (
            lambda: model(buffers=[md.Buffer("B", 1, 1, 1)], reactions=[md.Reaction("Ca -> B", 1)]),
            "'B' is a plain 1:1 buffer; give it D_bound=",
        ),
        (lambda: model(buffers=[md.TwoSite("B", 1, 1, 1, 1, 1, binds="Mg")]), "TwoSite 'B' binds 'Mg'"),
        (lambda: model(molecules=[md.Species("Ca")]), "two species are called 'Ca'"),
        (
            lambda: model(
                molecules=[md.Species("C", contains={"Ca": 1}, total=1)],
                reactions=[md.Reaction("Ca -> C", 1)],
            ).rest_forms,
            "never settle",
        ),
        (lambda: md.steady_state(everything()), "knows plain 1:1 buffers only.*Use simulate.., for a"),
        (lambda: md.oracles.eba_at(everything(), [(0, 0, 0.1)]), "LIN know plain 1:1 buffers only"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_a_model_with_reactions_is_its_dictionary():
    one = everything(channels=channel())
    one = dataclasses.replace(
        one, reactions=(md.Reaction("A + 2 B <-> AB2", md.TimedRate((0, 1), (0.3, 0.4)), 0.7),)
    )
    assert md.Model.from_dict(one.to_dict()) == one
    assert one.hash == md.Model.from_dict(one.to_dict()).hash
    assert "complexes" not in model().to_dict()  # hashes of models without them stay what they were


@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
def test_rest_stays_to_round_off(scheme):
    """A closed box with everything in it and nothing open."""
    start = everything()
    names = list(start.species)
    # RKC2 would take thousands of stages for what the fixed sites and lobes ask of it in 50 ms.
    until = 1.0 if scheme == "rkc2" else 50.0
    results = md.simulate(start, md.Grid.uniform(start, 0.05), until=until, device="numpy", scheme=scheme,
                          record=md.Record(times=[0.0, until], fields=names))  # fmt: skip
    for name in names:
        first, late = (results.dataset[name].values[k] for k in (0, -1))
        assert np.abs(late - first).max() <= 1e-12 * max(np.abs(first).max(), 1.0), name


@pytest.mark.parametrize(
    "walls", [md.Walls(), md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))]
)
def test_ions_are_counted_with_everything_on(walls):
    one = everything(channels=channel(), walls=walls, uptake={"Ca": 0.3})
    results = md.simulate(one, md.Grid.graded(one, near=0.04), until=0.4, device="numpy", rtol=1e-2)
    assert np.abs(results.ledger.closure).max() < 1e-12


def test_the_total_of_a_buffer_whose_forms_diffuse_alike_stays_everywhere():
    one = model(buffers=[N_LOBE, md.Competing("ATP", 500, {"Ca": (0.5, 45)}, D=0.22)], channels=channel())
    names = ["N.free", "N.1", "N.2", "ATP.free", "ATP.Ca"]
    results = md.simulate(one, md.Grid.graded(one, near=0.03), until=0.4, device="numpy",
                          record=md.Record(times=[0.05, 0.2, 0.4], fields=names))  # fmt: skip
    for total, forms in ((100, names[:3]), (500, names[3:])):
        whole = sum(results.dataset[n].values for n in forms)
        assert np.abs(whole / total - 1).max() < 1e-12


def test_an_ion_without_channels_costs_no_step():
    one = model(buffers=[N_LOBE], channels=channel())
    two = model(ions=[CALCIUM, MAGNESIUM], buffers=[N_LOBE], channels=channel())
    grid = md.Grid.graded(one, near=0.04)
    plans = [lay([m], grid) for m in (one, two)]
    assert plans[1].windows[1].tau == plans[0].windows[0].tau
    assert np.array_equal(events(plans[0], 0)[1], events(plans[1], 0)[1])
    steps = [md.simulate(m, grid, until=0.3, device="numpy").ledger.steps[0] for m in (one, two)]
    assert steps[0] == steps[1]


def test_a_membrane_layer_holds_what_it_says():
    one = model(buffers=[md.Buffer("m", 300, 0.1, 5, layer=("z-", 0.05))])
    grid = md.Grid.uniform(one, 0.04)
    factor = cell_factors(grid, ("z-", 0.05), None)
    assert abs((factor * grid.volumes).sum() / (0.3 * 0.2 * 0.05) - 1) < 1e-13
    assert np.allclose(factor[:, 0, 0], [1, 0.25, 0, 0, 0])
    upper = cell_factors(grid, ("z+", 0.05), None)
    assert np.allclose(upper[::-1], factor)


def test_a_profile_is_averaged_over_cells():
    grid = md.Grid.uniform(model(), 0.05)
    factor = cell_factors(grid, None, (("x", ((-0.1, 1.0), (0.12, 3.0))), ("z", ((0.0, 2.0), (0.2, 2.0)))))
    x = np.linspace(-0.15, 0.15, 300_001)
    line = np.interp(x, [-0.1, 0.12], [1.0, 3.0])
    cells = line[:-1].reshape(6, -1).mean(axis=1)
    assert np.allclose(factor[0, 0], 2 * cells, atol=1e-4)


def test_elimination_solves():
    random = np.random.default_rng(3)
    entries = {(int(i), int(j)) for i, j in random.integers(0, 7, (14, 2))}
    A = np.eye(7) * 4
    for i, j in entries:
        A[i, j] += random.uniform(-1, 1)
    r = random.normal(size=7)
    from microdomain.backends.reference_network import eliminated

    steps = Elimination.of(7, entries, last=[0])
    assert steps.pivots[-1][0] == 0
    x = list(r)
    eliminated(steps, {(i, j): A[i, j] for i, j in steps.entries}, x)
    np.testing.assert_allclose(x, np.linalg.solve(A, r), rtol=1e-13)


def test_steps_end_where_a_rate_jumps():
    flash = md.Reaction("X -> Y", md.TimedRate((0, 0.3, 0.5), (0, 2, 0)))
    one = model(molecules=[md.Species("X", total=1), md.Species("Y", contains={"X": 1})], reactions=[flash])
    jumps, stops = events(lay([one], md.Grid.uniform(one, 0.1)), 0)
    assert jumps.tolist() == [0.3, 0.5]
    assert {0.3, 0.5} <= set(stops.tolist())
