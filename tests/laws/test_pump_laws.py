"""Laws of pumped boxes: ions are counted, what is at rest stays at rest, mirror images agree."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import microdomain as md
from microdomain.model import FACES

BOX = ((-0.2, 0.2), (-0.25, 0.15), (0.0, 0.2))
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
SLOW = md.Buffer("slow", total=300, k_on=0.05, K_d=5, D=0.001)


def between(low, high):
    return st.floats(low, high, allow_nan=False)


laws = st.one_of(
    st.builds(md.LinearPump, between(0.01, 2)),
    st.builds(md.HillPump, between(0.01, 1), between(0.1, 3), st.integers(1, 4)),
    st.builds(md.SurfacePump, between(50, 2000), between(0.05, 0.5), between(0.01, 0.5), between(0.01, 0.6),
              between(0, 0.005)),
)  # fmt: skip
patches = st.sampled_from([None, None, md.Circle((0.0, 0.08), 0.07), md.Rectangle((0.05, 0.1), (0.1, 0.05))])
pumps = st.lists(st.tuples(laws, st.sampled_from(FACES), patches), min_size=1, max_size=5).map(
    lambda rows: [md.Pump(law, face=face, patch=patch, name=f"pump{k}")
                  for k, (law, face, patch) in enumerate(rows)]
)  # fmt: skip
buffers = st.lists(st.sampled_from([FIXED, BAPTA, SLOW]), unique=True, max_size=3)


def model(some, solutes, current, rest=0.1):
    return md.Model(
        box=BOX,
        ions=[md.Ion("Ca", z=2, D=0.22, rest=rest, outside=2000)],
        buffers=solutes,
        channels=md.Cluster([(0.0, 0.0), (0.06, -0.05)], current=md.Fixed(current), gate=md.Pulse(0.05, 0.3)),
        pumps=some,
    )


@pytest.mark.slow
@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(pumps, buffers, between(0.01, 0.5), st.sampled_from(["ros2", "ros34pw2", "rkc2"]))
def test_ions_are_counted(some, solutes, current, scheme):
    asked = model(some, solutes, current)
    grid = md.Grid.graded(asked, near=0.04, far=0.08)
    ledger = md.simulate(asked, grid, until=0.6, device="numpy", scheme=scheme).ledger
    assert np.abs(ledger.closure).max() < 1e-12
    assert ledger.through_pumps[0, 0] > 0
    assert ledger.pumped.shape == (1, len(some), 1)
    assert ledger.pumps == tuple(p.name for p in some)


@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(pumps, buffers, between(0.02, 2), st.sampled_from(["ros2", "ros34pw2"]))
def test_rest_stays(some, solutes, rest, scheme):
    """A closed box with its pumps at rest: nothing moves for 50 ms, to 1e-12."""
    asked = model(some, solutes, 0.0, rest)
    grid = md.Grid.graded(asked, near=0.04, far=0.08)
    names = [b.name for b in solutes]
    results = md.simulate(
        asked, grid, until=50.0, device="numpy", scheme=scheme,
        record=md.Record(times=[50.0], fields=names),
    )  # fmt: skip
    np.testing.assert_allclose(results.dataset.Ca.values, rest, rtol=1e-12)
    for b in solutes:
        np.testing.assert_allclose(
            results.dataset[b.name].values, b.total * rest / (rest + b.K_d), rtol=1e-12
        )
    assert abs(results.ledger.pumped).max() < 1e-12 * results.ledger.end[0, 0]


def test_a_box_below_rest_is_filled_to_rest():
    """Leaks and pumps meet at the rest level from either side, bound ions included."""
    law = md.HillPump(0.5, K=0.4, n=2)
    for start in (0.02, 0.6):
        asked = md.Model(
            box=BOX,
            ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=start)],
            buffers=[BAPTA],
            pumps=[md.Pump(law, name="PMCA")],
        )
        results = md.simulate(
            asked, md.Grid.uniform(asked, 0.05), until=2e3, rtol=1e-4, device="numpy",
            record=md.Record(times=[2e3]),
        )  # fmt: skip
        np.testing.assert_allclose(results.dataset.Ca.values, 0.1, rtol=1e-3)
        bound = 100 * (start / (start + 0.22) - 0.1 / 0.32)
        out = (start - 0.1 + bound) * asked.volume
        assert results.ledger.pumped[0, 0, 0] == pytest.approx(out, rel=2e-3)


@pytest.mark.parametrize("axis", "xyz")
def test_both_faces_of_an_axis_are_mirror_images(axis):
    found = []
    for side in "-+":
        asked = md.Model(
            box=((-0.2, 0.2),) * 3,
            ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=1.0)],
            pumps=[
                md.Pump(md.LinearPump(0.6), face=axis + side, name="one"),
                md.Pump(md.HillPump(0.5, K=0.4, n=2), face=axis + side, name="two",
                        patch=md.Circle((0.0, 0.0), 0.1)),
            ],
        )  # fmt: skip
        grid = md.Grid.uniform(asked, 0.04)
        results = md.simulate(asked, grid, until=0.2, device="numpy", record=md.Record(times=[0.2]))
        found.append(results.dataset.Ca.isel(time=-1))
    mirrored = found[1].values[tuple(slice(None, None, -1 if a == axis else 1) for a in found[1].dims)]
    np.testing.assert_allclose(found[0].values, mirrored, rtol=1e-9)
    assert found[0].values.min() < 0.9 * found[0].values.max()


def test_an_even_sheet_has_no_side():
    """The same two pumps given as one face or as two patches that make up the face."""
    law = md.HillPump(0.5, K=0.4, n=2)
    halves = [
        md.Pump(law, patch=md.Rectangle((x, -0.05), (0.2, 0.4)), name=f"half{k}")
        for k, x in enumerate((-0.1, 0.1))
    ]
    runs = []
    for some in ([md.Pump(law)], halves):
        asked = md.Model(
            box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=1.0)], buffers=[BAPTA], pumps=some
        )
        grid = md.Grid.uniform(asked, 0.05)
        runs.append(
            md.simulate(asked, grid, until=0.5, rtol=1e-4, device="numpy", record=md.Record(times=[0.5]))
        )
    whole, parts = (r.dataset.Ca.values for r in runs)
    np.testing.assert_allclose(parts, whole, rtol=1e-4)
    total = runs[1].ledger.pumped[0, :, 0]
    assert total[0] == pytest.approx(total[1], rel=1e-9)
    assert total.sum() == pytest.approx(runs[0].ledger.pumped[0, 0, 0], rel=1e-4)
