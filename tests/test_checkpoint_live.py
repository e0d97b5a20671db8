"""Channels that follow the concentration go on after a stop to the same bits: fluxes, gates, streams."""

import os
import signal

import numpy as np
import pytest

import microdomain as md
from microdomain import store
from microdomain.batch import Batch
from microdomain.checkpoint import Stopped
from microdomain.model.rates import Calcium

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FLICKER = md.Markov(("C", "O"), ("O",), [("C", "O", Calcium(20)), ("O", "C", 300)], start="O")


def cell(current, gate):
    buffer = md.Buffer("fixed", total=100, k_on=0.1, K_d=1)
    channels = md.Cluster([(0, 0), (0.05, 0)], current=current, gate=gate)
    box = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))
    return md.Model(box=box, ions=[CALCIUM], buffers=[buffer], channels=channels)


@pytest.mark.parametrize(
    ("current", "gate"),
    [(md.GHK(2.6e-4), md.Pulse(0, 0.01)), (md.Fixed(0.1), FLICKER), (md.GHK(2.6e-4), FLICKER)],
    ids=["law", "gate", "both"],
)
def test_live_channels_go_on_to_the_same_bits(tmp_path, monkeypatch, current, gate):
    model = cell(current, gate)
    grid = md.Grid.uniform(model, spacing=0.04)

    def go(name, **keywords):
        out = tmp_path / name
        record = md.Record(every=0.01)
        return md.simulate(
            model, grid, until=0.04, record=record, members=2, out=out, device="numpy", seed=3, **keywords
        )

    whole = go("whole.zarr")
    step, stops = Batch._step, 0
    while True:
        count = [0]

        def counted(self, *arguments, count=count):
            step(self, *arguments)
            count[0] += 1
            if count[0] == 9:
                os.kill(os.getpid(), signal.SIGUSR1)

        monkeypatch.setattr(Batch, "_step", counted)
        try:
            go("again.zarr", resume=True)
            break
        except Stopped:
            stops += 1
    assert stops >= 2
    for group in ("/", *store.groups(tmp_path / "whole.zarr")):
        a, b = (store.read(tmp_path / name, group) for name in ("whole.zarr", "again.zarr"))
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            assert a[name].values.tobytes() == b[name].values.tobytes(), (group, name)
    assert md.open(tmp_path / "again.zarr").ledger.to_dict() == whole.ledger.to_dict()
    influx = whole.mouths["influx"].values
    assert np.unique(influx).size >= 2  # something happened
