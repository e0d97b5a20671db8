"""The axes of a sweep: values, zips, cases, points drawn from a box."""

import numpy as np
import pytest

from microdomain.scenario import ScenarioError
from microdomain.sweep_axes import places, read_axes


def test_axes_make_a_grid_the_last_fastest():
    axes = read_axes([{"key": "run.rtol", "values": [1e-2, 1e-3]}, {"key": "run.seed", "values": [1, 2, 3]}])
    found = places(axes)
    assert [at for at, _ in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert found[4][1] == {"run.rtol": 1e-3, "run.seed": 2}


def test_values_of_one_unit_are_numbers_with_that_unit():
    (axis,) = read_axes([{"key": "model.buffers.b.total", "values": ["50 uM", "1e2 uM"]}])
    assert (axis.name, axis.labels, axis.unit) == ("b.total", (50.0, 100.0), "uM")
    (axis,) = read_axes([{"key": "model.buffers.b.total", "values": ["50 uM", "1 mM"]}])
    assert (axis.labels, axis.unit) == (("50 uM", "1 mM"), "")


def test_a_zip_moves_keys_together_and_a_list_names_cases():
    (axis,) = read_axes([{"zip": {"run.rtol": [1e-2, 1e-3], "run.seed": [1, 2]}, "name": "both"}])
    assert axis.places == ({"run.rtol": 1e-2, "run.seed": 1}, {"run.rtol": 1e-3, "run.seed": 2})
    (axis,) = read_axes([{"list": [{"name": "plain"}, {"name": "fine", "run": {"rtol": 1e-3}}]}])
    assert (axis.labels, axis.places) == (("plain", "fine"), ({}, {"run.rtol": 1e-3}))


@pytest.mark.parametrize("draw", ["random", "latin-hypercube", "sobol"])
def test_drawn_points_fill_the_box_and_repeat(draw):
    keys = {"a.total": {"low": "1 uM", "high": "1000 uM", "scale": "log"},
            "run.rtol": {"low": 1e-3, "high": 1e-2}}  # fmt: skip
    table = {"draw": draw, "count": 64, "seed": 5, "keys": keys}
    (axis,) = read_axes([table])
    totals = np.array([float(p["a.total"].removesuffix(" uM")) for p in axis.places])
    rtols = np.array([p["run.rtol"] for p in axis.places])
    assert totals.min() > 1
    assert totals.max() < 1000
    assert ((rtols > 1e-3) & (rtols < 1e-2)).all()
    # On a log scale half of the points lie below the geometric mean; a Latin hypercube has exactly half.
    assert abs((totals < np.sqrt(1000)).sum() - 32) <= (10 if draw == "random" else 0)
    assert read_axes([table])[0].places == axis.places
    assert read_axes([table | {"seed": 6}])[0].places != axis.places


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"key": "a"}, "give one of values, zip, list, draw; found none"),
        ({"values": [1]}, "values need a key"),
        ({"key": "a", "values": []}, "at least one value"),
        ({"key": "a", "values": [1], "vlaues": [1]}, "unknown key 'vlaues'"),
        ({"zip": {"a": [1], "b": [1, 2]}}, "one length; here are a 1, b 2"),
        ({"draw": "sobol", "count": 10, "keys": {"a": {"low": 1, "high": 2}}}, "power of two"),
        ({"draw": "soboll", "count": 8}, "Did you mean 'sobol'"),
        ({"draw": "random", "keys": {"a": {"low": 1, "high": 2}}}, "say how many points"),
        ({"draw": "random", "count": 2}, "a draw needs keys"),
        ({"draw": "random", "count": 2, "keys": {"a": {"low": "1 uM", "high": "1 mM"}}}, "low is in uM"),
        ({"draw": "random", "count": 2, "keys": {"a": {"low": 2, "high": 1}}}, "must lie below high"),
        ({"draw": "random", "count": 2, "keys": {"a": {"low": "x", "high": 1}}}, "is not a number"),
        (
            {"draw": "random", "count": 2, "keys": {"a": {"low": 1, "high": 2, "scale": "ln"}}},
            "scale = 'ln'; give 'linear' or 'log'",
        ),
        ({"draw": "random", "count": 2, "keys": {"a": {"low": 1, "top": 2}}}, "give low, high"),
    ],
)
def test_a_wrong_axis_is_explained(table, words):
    with pytest.raises(ScenarioError, match="axis 1: ") as caught:
        read_axes([table])
    assert words in str(caught.value)


def test_two_axes_do_not_change_one_key_nor_share_a_name():
    with pytest.raises(ScenarioError, match=r"run\.seed is changed by two axes, 'a' and 'b'"):
        read_axes([{"name": n, "key": "run.seed", "values": [1]} for n in "ab"])
    with pytest.raises(ScenarioError, match="axis 2: the name 'a' is taken"):
        read_axes([{"name": "a", "key": k, "values": [1]} for k in ("run.seed", "run.rtol")])
    with pytest.raises(ScenarioError, match="at least one"):
        read_axes([])
