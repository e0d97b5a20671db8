"""Members that do not all fit on a card take turns there, and nobody can tell from the numbers."""

import sys

import numpy as np
import pytest
import standin

import microdomain as md
from microdomain.backends import cuda
from microdomain.forecast import forecast
from microdomain.plan import lay

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = md.Buffer("fixed", total=100, k_on=0.1, K_d=1)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))


def model(current):
    channel = md.Cluster([(0, 0)], current=current, gate=md.Pulse(0, 0.01))
    return md.Model(box=BOX, ions=[CALCIUM], buffers=[FIXED], channels=channel)


MODELS = [model(md.Fixed(0.05)), model(md.GHK(2.6e-4)), model(md.Fixed(0.2))]
GRID = md.Grid.uniform(MODELS[0], spacing=0.05)
RUN = {"until": 0.02, "record": md.Record(times=[0.005, 0.01, 0.02]), "members": MODELS, "device": "cuda"}


@pytest.fixture
def card(monkeypatch, tmp_path):
    """Puts a card with room for some members where `import cupy` looks."""
    if standin.COMPILER is None:
        pytest.skip("no C++ compiler")

    def with_room_for(members):
        plan = lay([MODELS[0]], GRID)
        each = plan.size * cuda.VECTORS * 8
        free = int(members * each / cuda.SHARE) + 8
        monkeypatch.setitem(sys.modules, "cupy", standin.module(tmp_path, free=free))

    return with_room_for


def test_turns_change_no_bit(card):
    found = []
    for room in (100, 1):
        card(room)
        results = md.simulate(MODELS[0], GRID, **RUN)
        assert results.provenance["backend"] == "cuda"
        found.append(results)
    together, turns = found
    assert together.dataset.Ca.values.tobytes() == turns.dataset.Ca.values.tobytes()
    assert together.ledger.steps.tolist() == turns.ledger.steps.tolist()
    np.testing.assert_allclose(
        turns.mouths.concentration.values, together.mouths.concentration.values, rtol=1e-13
    )
    assert np.abs(turns.ledger.closure).max() < 1e-12


def test_a_run_that_takes_turns_goes_on(card, tmp_path, monkeypatch):
    import os
    import signal

    from microdomain.batch import Batch
    from microdomain.checkpoint import Stopped

    card(1)
    whole = md.simulate(MODELS[0], GRID, **RUN)
    step, count = Batch._step, [0]

    def counted(self, *arguments):
        step(self, *arguments)
        count[0] += 1
        if count[0] == 7:
            os.kill(os.getpid(), signal.SIGUSR1)

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "_step", counted)
        with pytest.raises(Stopped):
            md.simulate(MODELS[0], GRID, **RUN, out=tmp_path / "a.zarr", resume=True)
    results = md.simulate(MODELS[0], GRID, **RUN, out=tmp_path / "a.zarr", resume=True)
    assert results.provenance["restarts"] == 1
    assert results.dataset.Ca.values.tobytes() == whole.dataset.Ca.values.tobytes()


def test_an_estimate_says_how_many_fit(card):
    card(2)
    found = forecast(MODELS[0], GRID, until=0.02, members=8, device="cuda")
    assert found.members_on_device == 2
    assert found.bytes_device == 8 * lay([MODELS[0]], GRID).size * cuda.VECTORS * 8
    assert "2 of 8 members fit at a time" in str(found)
