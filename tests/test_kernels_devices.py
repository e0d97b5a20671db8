"""`microdomain devices --check`: it passes where kernels are right, and fails where they are not."""

import numpy as np
import pytest

from microdomain import devices
from microdomain.backends import missing
from microdomain.backends.reference import Reference


@pytest.mark.parametrize("device", ["numpy", "compiled", "cuda"])
def test_a_device_passes(device):
    if missing(device):
        pytest.skip(missing(device))
    found = devices.check(device, seed=5, edge=16, until=1.1)
    assert found.passed, str(found)
    assert {r.operation for r in found.rows} >= {"near", "rhs", "stage", "factor", "mix", "norm"}
    assert min(r.rate for r in found.rows) > 0
    assert found.trials > 0
    assert "agrees with the reference (seed 5)" in str(found)


def test_the_single_channel_is_accurate_to_the_end_of_its_run():
    error, single, trials = devices._single_channel("auto", 2.0)
    assert error < 0.011
    assert min(single, trials) > 0


def test_a_wrong_kernel_is_found(monkeypatch):
    class Wrong(Reference):
        def rhs(self, y, near, blob):
            return super().rhs(y, near, blob) * (1 + 1e-12)

    monkeypatch.setattr(devices, "choose", lambda device: Wrong)
    monkeypatch.setattr(devices, "_single_channel", lambda device, until: (0.0, 1.0, 1.0))
    found = devices.check("numpy", seed=5, edge=8)
    assert not found.passed
    assert "DISAGREES" in str(found)
    assert "above 1e-13" in str(found)


def test_an_inaccurate_run_is_found(monkeypatch):
    monkeypatch.setattr(devices, "_single_channel", lambda device, until: (0.02, 1.0, 1.0))
    assert not devices.check("numpy", seed=5, edge=8).passed


def test_report_names_every_device_and_its_reason():
    text, passed = devices.report()
    assert passed
    assert [line.split()[0] for line in text.splitlines()[:3]] == ["numpy", "compiled", "cuda"]
    assert "device='auto' takes" in text
    if missing("cuda"):
        assert missing("cuda") in text


def test_report_fails_with_a_device(monkeypatch):
    bad = devices.Check("numpy", 1, (devices.Row("rhs", 1.0, 1.0, np.nan),), 1.0, 0.0, 1.0, 1.0)
    monkeypatch.setattr(devices, "_check", lambda device: bad)
    text, passed = devices.report(check=True)
    assert not passed
    assert "DISAGREES" in text
