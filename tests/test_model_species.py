"""Ions and buffers: their equilibria against printed numbers, and every refusal by its sentence."""

import pytest

from microdomain.model import Buffer, Ion

CALCIUM = {"name": "Ca", "z": 2, "D": 0.22, "rest": 0.1}
BAPTA = {"name": "BAPTA", "total": 100, "k_on": 0.4, "K_d": 0.22, "D": 0.2}


# Bound form and capacity at a rest of 0.1 uM: validation table, well-mixed buffers.
@pytest.mark.parametrize(
    ("total", "k_on", "K_d", "bound", "capacity"),
    [
        (400, 0.1, 10, 3.960396, 39.21184),
        (100, 0.4, 0.22, 31.25, 214.8438),
        (2000, 0.0105, 0.18, 714.2857, 4591.837),
    ],
)
def test_equilibrium_and_capacity(total, k_on, K_d, bound, capacity):
    buffer = Buffer("B", total=total, k_on=k_on, K_d=K_d)
    assert buffer.bound_at(0.1) == pytest.approx(bound, rel=1e-6)
    assert buffer.capacity_at(0.1) == pytest.approx(capacity, rel=1e-6)


def test_rates_of_a_buffer():
    assert Buffer(**BAPTA).k_off == pytest.approx(0.088)
    assert Buffer(**BAPTA).mobile
    assert not Buffer("fixed", total=400, k_on=0.1, K_d=10).mobile


def test_an_ion_starts_at_rest_unless_told_otherwise():
    assert Ion(**CALCIUM).start == 0.1
    assert Ion(**CALCIUM, initial=5).start == 5.0


def test_numbers_become_floats_and_compare_equal():
    assert Ion("Ca", z=2, D=1, rest=0) == Ion("Ca", z=2, D=1.0, rest=-0.0)
    assert str(Ion("Ca", z=2, D=1, rest=-0.0).rest) == "0.0"
    assert hash(Ion(**CALCIUM)) == hash(Ion(**CALCIUM))


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"name": "Ca 2"}, ValueError, "Ion name 'Ca 2' must begin with a letter and hold only letters"),
        ({"z": 0}, ValueError, "Ion 'Ca': z = 0 is not the charge number of an ion"),
        ({"z": 1.5}, TypeError, "Ion 'Ca': z = 1.5 is not a whole number"),
        ({"D": 0}, ValueError, r"Ion 'Ca': D = 0 um\^2/ms must be more than 0 um\^2/ms"),
        (
            {"D": 220},
            ValueError,
            r"D = 220 um\^2/ms is faster than any ion in water. 220 um\^2/s is 0.22 um\^2/ms",
        ),
        ({"D": "220 um^2/s"}, TypeError, r"is a text, not a number. In Python give a number in um\^2/ms"),
        ({"D": None}, TypeError, r"Ion 'Ca': D = None is not a number \(in um\^2/ms\)"),
        ({"rest": float("nan")}, ValueError, r"Ion 'Ca': rest = nan is not a finite number \(in uM\)"),
        ({"rest": -1}, ValueError, "Ion 'Ca': rest = -1 uM must not be below 0 uM"),
        ({"rest": True}, ValueError, "rest = True is not a finite number"),
        ({"outside": 0}, ValueError, "Ion 'Ca': outside = 0 uM must be more than 0 uM"),
        ({"initial": -2}, ValueError, "Ion 'Ca': initial = -2 uM must not be below 0 uM"),
    ],
)
def test_ion_refuses(change, error, sentence):
    with pytest.raises(error, match=sentence):
        Ion(**{**CALCIUM, **change})


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            {"k_on": 4e8},
            ValueError,
            r"Buffer 'BAPTA': k_on = 4e\+08 /\(uM ms\) is faster than diffusion allows. "
            r"4e\+08 /\(M s\) is 0.4 /\(uM ms\)\.",
        ),
        ({"k_on": -1}, ValueError, r"Buffer 'BAPTA': k_on = -1 /\(uM ms\) must be more than 0"),
        ({"k_on": float("nan")}, ValueError, r"Buffer 'BAPTA': k_on = nan is not a finite number"),
        ({"K_d": 0}, ValueError, "Buffer 'BAPTA': K_d = 0 uM must be more than 0 uM"),
        ({"total": -1}, ValueError, "Buffer 'BAPTA': total = -1 uM must not be below 0 uM"),
        ({"D": -0.2}, ValueError, r"Buffer 'BAPTA': D = -0.2 um\^2/ms must not be below 0"),
        ({"bound": 101}, ValueError, "Buffer 'BAPTA': bound = 101 uM exceeds total = 100 uM"),
        ({"binds": ""}, ValueError, "Buffer 'BAPTA': the ion's name '' must begin with a letter"),
    ],
)
def test_buffer_refuses(change, error, sentence):
    with pytest.raises(error, match=sentence):
        Buffer(**{**BAPTA, **change})
