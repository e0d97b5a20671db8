"""Whole runs: seconds, where they go, and the ratio to the NumPy backend in the same run."""

import pytest
from cases import CASES, rate_of_two, run, shares

from microdomain.backends import missing

pytestmark = pytest.mark.skipif(bool(missing("compiled")), reason=missing("compiled") or "-")
#: Cases that the smoke run leaves out.
LONG = ("30 gating channels", "64 members")


@pytest.mark.parametrize("case", CASES)
def test_run(benchmark, monkeypatch, case):
    if benchmark.disabled and case in LONG:
        pytest.skip("too long for a smoke run")
    run(case, "compiled")
    rounds, taken = 2 if case in LONG else 5, []
    benchmark.pedantic(lambda: taken.append(run(case, "compiled")), rounds=rounds)
    assert min(taken) > 0
    if benchmark.disabled:
        return
    seconds = min(taken)
    found = shares(case, monkeypatch)
    benchmark.extra_info |= {
        "seconds": round(seconds, 4),
        # Products run among the kernels, so theirs is the time that the same ones take alone.
        "share of products": round(found.alone / found.whole, 3),
        "share of kernels": round((found.inside - found.alone) / found.whole, 3),
        "share of Python": round(1 - found.inside / found.whole, 3),
        "ratio to its products alone": round(seconds / found.alone, 2),
    }
    if case != "64 members":
        benchmark.extra_info["times faster than NumPy"] = round(run(case, "numpy") / seconds, 2)


def test_a_batch_costs_no_more_per_member(benchmark):
    """64 members against one, in the same run."""
    if benchmark.disabled:
        pytest.skip("too long for a smoke run")
    run("single channel", "compiled")
    one = min(run("single channel", "compiled") for _ in range(5))
    taken = []
    benchmark.pedantic(lambda: taken.append(run("64 members", "compiled")), rounds=1)
    benchmark.extra_info["member of a batch over a single run"] = round(min(taken) / 64 / one, 3)


def test_two_cores_take_nearly_twice_as_many(benchmark):
    """Members spread over processes, 16 each; asked: 1.7 times the rate on two idle cores."""
    if benchmark.disabled:
        pytest.skip("too long for a smoke run")
    found = benchmark.pedantic(rate_of_two, ("single channel", 16), rounds=1)
    if found is None:
        pytest.skip("the machine has no two idle cores")
    benchmark.extra_info["rate of two cores over one"] = round(found, 2)
    assert found >= 1.7
