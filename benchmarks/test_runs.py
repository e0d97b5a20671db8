"""Whole runs: seconds, where they go, and the ratio to the NumPy backend in the same run."""

import pytest
from cases import CASES, run, shares

from microdomain.backends import missing

pytestmark = pytest.mark.skipif(bool(missing("compiled")), reason=missing("compiled") or "-")
#: Cases that the smoke run leaves out.
LONG = ("30 gating channels", "64 members")


@pytest.mark.parametrize("case", CASES)
def test_run(benchmark, monkeypatch, case):
    if benchmark.disabled and case in LONG:
        pytest.skip("too long for a smoke run")
    run(case, "compiled")
    seconds = benchmark.pedantic(run, (case, "compiled"), rounds=1 if case in LONG else 5)
    assert seconds > 0
    if benchmark.disabled:
        return
    seconds = benchmark.stats.stats.median
    found = shares(case, monkeypatch)
    benchmark.extra_info |= {
        "seconds": round(seconds, 4),
        "share of products": round(found.products / found.whole, 3),
        "share of kernels": round(found.kernels / found.whole, 3),
        "ratio to its products alone": round(seconds / found.alone, 2),
    }
    monkeypatch.undo()
    if case not in LONG:
        benchmark.extra_info["times faster than NumPy"] = round(run(case, "numpy") / seconds, 2)


def test_a_batch_costs_no_more_per_member(benchmark):
    """64 members against one, in the same run."""
    if benchmark.disabled:
        pytest.skip("too long for a smoke run")
    run("single channel", "compiled")
    one = min(run("single channel", "compiled") for _ in range(5))
    benchmark.pedantic(run, ("64 members", "compiled"), rounds=1)
    benchmark.extra_info["member of a batch over a single run"] = round(
        benchmark.stats.stats.median / 64 / one, 3
    )
