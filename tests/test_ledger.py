"""The account in numbers, in words and in a store."""

import numpy as np
import pytest

from microdomain.ledger import Budget, Ledger


def ledger(members=1, **changes):
    one = np.ones((members, 1))
    values = {
        "ions": ("Ca",),
        "start": 10 * one,
        "influx": 0.5 * one,
        "walls": 0.1 * one,
        "uptake": 0.2 * one,
        "end": 10.2 * one,
        "corrections": 1e-6 * one,
        "steps": np.full(members, 40),
        "rejected": np.full(members, 3),
        "negative": np.zeros(members, int),
        "lowest": np.full(members, 0.1),
        "largest_error": np.full(members, 9e-3),
    }
    return Ledger(**(values | changes))


def test_closure_is_what_is_missing():
    assert ledger().closure[0, 0] == pytest.approx(0, abs=1e-15)
    assert ledger(end=np.array([[10.0]])).closure[0, 0] == pytest.approx(0.02)
    assert ledger(walls=np.array([[0.0]])).closure[0, 0] == pytest.approx(0.1 / 10.2)


def test_corrections_are_relative_to_the_influx():
    assert ledger().correction[0, 0] == pytest.approx(2e-6)
    assert ledger(influx=np.zeros((1, 1))).correction[0, 0] == 0
    assert ledger(influx=np.array([[-0.5]])).correction[0, 0] == pytest.approx(2e-6)


def test_it_warns_above_a_thousandth():
    assert ledger().warnings() == []
    text = ledger(corrections=np.array([[1e-3]])).warnings()
    assert len(text) == 1
    assert "corrections are 2.0e-03 of the influx (above 0.001)" in text[0]
    assert "Tighten rtol" in text[0]


def test_it_prints_what_matters():
    text = str(ledger())
    assert "influx +0.5 (301 ions)" in text
    assert "40 steps, 3 rejected (0 for a negative concentration)" in text
    assert "corrections 2.0e-06 of the influx" in text
    many = str(ledger(members=12))
    assert "member 7" in many
    assert "and 4 members more" in many


def test_there_and_back():
    one = ledger(members=2)
    two = Ledger.from_dict(one.to_dict())
    assert two.ions == one.ions
    assert two.steps.dtype.kind == "i"
    np.testing.assert_array_equal(two.end, one.end)
    assert str(two) == str(one)


def test_the_budget_says_what_was_not_estimated():
    assert "in space not estimated" in str(Budget(9e-3, None, 1e-2))
    assert str(Budget(9e-3, 0.004, 1e-2)).endswith("in space 0.4 %")
    assert "per step in time 0.9 % (tolerance 1 %)" in str(Budget(9e-3, None, 1e-2))
