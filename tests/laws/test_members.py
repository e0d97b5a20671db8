"""A member is the same alone, in a batch and in lock-step, to the bit; a run is the same twice."""

import dataclasses
import sys

import numpy as np
import pytest

import microdomain as md

BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))
FIXED = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)


def member(current, gate, positions=((0.0, 0.0),), total=100.0, **more):
    channels = md.Cluster(list(positions), current=md.Fixed(current), gate=gate)
    buffers = [FIXED, dataclasses.replace(BAPTA, total=total)]
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
    return md.Model(box=BOX, ions=[ion], buffers=buffers, channels=channels, **more)


MEMBERS = [
    member(0.1, md.Pulse(0, 0.2)),
    member(1.0, md.Train(0.05, 0.05, 0.1, 3), total=300.0),
    member(md.Gaussian(peak=0.3, at=0.2, fwhm=0.1), md.Open()),
    member(0.01, md.Pulse(0.1, 0.3), uptake={"Ca": 2.0}),
]
GRID = md.Grid.graded(MEMBERS, near=0.04)
RECORD = md.Record(every=0.1, points={"p": (0.02, 0.01, 0.02)})


def run(members, **keywords):
    return md.simulate(
        MEMBERS[0], GRID, until=0.3, record=RECORD, members=members, device="numpy", **keywords
    )


def same(a, b, member):
    """Field, mouths, probes and ledger of one member of `a` are those of the only member of `b`."""
    np.testing.assert_array_equal(a.dataset.Ca.values[member], b.dataset.Ca.values[0])
    count = b.mouths.sizes["channel"]
    # Together they are also read at the edges of the others' gates.
    mouths = a.mouths.sel(time=b.mouths.time)
    for name in ("concentration", "reversal", "influx"):
        np.testing.assert_array_equal(mouths[name].values[member][..., :count], b.mouths[name].values[0])
    probes = a.probes.sel(time=b.mouths.time)
    np.testing.assert_array_equal(probes.Ca.values[member], b.probes.Ca.values[0])
    for name in ("start", "influx", "walls", "uptake", "end", "corrections", "steps", "rejected", "lowest"):
        np.testing.assert_array_equal(
            getattr(a.ledger, name)[member], getattr(b.ledger, name)[0], err_msg=name
        )


@pytest.mark.parametrize("block", [1, 10**9], ids=["one by one", "lock-step"])
@pytest.mark.parametrize("scheme", ["ros2", "ros34pw2", "rkc2"])
def test_alone_and_in_a_batch(monkeypatch, block, scheme):
    monkeypatch.setattr(sys.modules[md.simulate.__module__], "BLOCK_CELLS", block)
    together = run(MEMBERS, scheme=scheme)
    assert together.members == 4
    assert len(set(together.ledger.steps.tolist())) > 1
    for k, one in enumerate(MEMBERS):
        same(together, run([one], scheme=scheme), k)


def test_batch_mates_do_not_matter(monkeypatch):
    monkeypatch.setattr(sys.modules[md.simulate.__module__], "BLOCK_CELLS", 10**9)
    few, many = run([MEMBERS[1], MEMBERS[0]]), run([*MEMBERS, MEMBERS[0]])
    np.testing.assert_array_equal(few.dataset.Ca.values[0], many.dataset.Ca.values[1])
    np.testing.assert_array_equal(few.dataset.Ca.values[1], many.dataset.Ca.values[0])
    np.testing.assert_array_equal(many.dataset.Ca.values[4], many.dataset.Ca.values[0])


def test_members_at_other_places():
    """All channels together decide which cells are refined and how long windows are: equal to a tolerance."""
    moved = member(0.1, md.Pulse(0, 0.2), positions=[(0.05, 0.02), (-0.04, 0.0)])
    together = run([MEMBERS[0], moved])
    assert together.mouths.sizes["channel"] == 2
    assert np.isnan(together.mouths.concentration.values[0, :, 1]).all()
    for k, one in enumerate((MEMBERS[0], moved)):
        alone = run([one])
        np.testing.assert_allclose(together.dataset.Ca.values[k], alone.dataset.Ca.values[0], rtol=5e-3)
        np.testing.assert_allclose(together.ledger.influx[k], alone.ledger.influx[0], rtol=1e-13)


def test_the_same_run_twice():
    a, b = run([MEMBERS[1]]), run([MEMBERS[1]])
    same(a, b, 0)


def test_trials_without_chance_are_equal():
    results = md.simulate(MEMBERS[0], GRID, until=0.1, members=range(3, 6), device="numpy")
    assert results.dataset.Ca.dims[0] == "member"
    assert results.provenance["trials"] == [3, 4, 5]
    np.testing.assert_array_equal(results.dataset.Ca.values[0], results.dataset.Ca.values[2])


def test_members_must_be_alike():
    other = dataclasses.replace(MEMBERS[0], box=((-0.3, 0.3), (-0.2, 0.2), (0.0, 0.2)))
    with pytest.raises(ValueError, match="Member 1 differs from member 0 in its box"):
        run([MEMBERS[0], other])
