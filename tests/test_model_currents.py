"""Currents and gates: what flows when, charges in closed form, and every refusal by its sentence."""

import math

import numpy as np
import pytest

from microdomain.model import Fixed, Gaussian, Open, Pulse, Table, Train
from microdomain.units import flux_per_pA

# Kobbersmed et al., eLife 9:e51032 (2020): 8.42 fC x 1.5/(1.5 + 2.679) at 1.5 mM outside, width 0.36 ms.
NMJ = Gaussian(charge=3.022254, at=2.0, fwhm=0.36)


def test_published_gaussian():
    assert NMJ.sigma == pytest.approx(0.1528779, rel=1e-6)
    assert NMJ.charge_between(0, 500) == pytest.approx(3.022254, rel=1e-12)
    assert NMJ.charge_between(0, 2.0) == pytest.approx(3.022254 / 2, rel=1e-12)
    assert NMJ.charge_between(0, 500) * flux_per_pA(2) == pytest.approx(15.66173, rel=1e-6)
    assert NMJ.value(2.0 + 0.18) == pytest.approx(NMJ.height / 2)


def test_peak_and_charge_say_the_same():
    by_peak = Gaussian(peak=NMJ.height, at=2.0, fwhm=0.36)
    assert by_peak.charge_between(0, 4) == pytest.approx(3.022254)
    start, stop = by_peak.support()
    assert by_peak.value(start) < 1e-15 * by_peak.height
    assert (start + stop) / 2 == pytest.approx(2.0)


def test_a_table_is_straight_lines_and_zero_outside():
    ramp = Table([1, 2, 4], [0, 0.4, 0.2])
    assert np.allclose(ramp.value([0.5, 1.5, 2, 3, 4.1]), [0, 0.2, 0.4, 0.3, 0])
    assert ramp.charge_between(0, 10) == pytest.approx(0.2 + 0.6)
    assert ramp.charge_between(1.5, 3) == pytest.approx(0.5 * (0.2 + 0.4) * 0.5 + 0.5 * (0.4 + 0.3))
    assert ramp.charge_between(5, 6) == 0
    assert ramp.breaks() == (1, 2, 4)
    assert ramp.support() == (1, 4)


def test_fixed_current():
    assert Fixed(0.1).constant
    assert Fixed(0.1).value(np.zeros(3)).tolist() == [0.1] * 3
    assert Fixed(0.1).charge_between(1, 3) == pytest.approx(0.2)
    assert Fixed(0.1).support() == (-math.inf, math.inf)
    wave = Fixed(NMJ)
    assert not wave.constant
    assert wave.value(2.0) == NMJ.height
    assert wave.charge_between(0, 4) == NMJ.charge_between(0, 4)
    assert wave.breaks() == Fixed(1).breaks() == ()


@pytest.mark.parametrize(
    ("text", "times", "values"),
    [
        ("0,0\n1,0.1\n", (0, 1), (0, 0.1)),
        ("t_us,i_fA\n0,0\n1000,100\n", (0, 1), (0, 0.1)),
        ("# a comment\ntime (s), current [nA]\n0, 0\n0.001, 0.0001\n", (0, 1), (0, 0.1)),
    ],
)
def test_table_from_csv(tmp_path, text, times, values):
    path = tmp_path / "current.csv"
    path.write_text(text)
    table = Table.from_csv(path)
    assert table.times == pytest.approx(times)
    assert table.values == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no numbers; expected columns t, i"),
        ("0,0\n1\n", "line 2: 1 columns, expected t, i, the same in every line"),
        ("0,0\n1,one\n", "line 2: '1, one' holds something that is not a number"),
        ("0,0\n1,nan\n", "line 2 = nan is not a finite number"),
        ("t_min,i\n0,0\n1,1\n", "line 1: unit 'min' of 't_min' is not one of ms, us, s"),
        ("x,i\n0,0\n1,1\n", "line 1: heading 'x' is not understood; expected t, i"),
        ("0,0\n0,1\n", r"Table: times must increase; time 1 \(0 ms\) follows 0 ms"),
    ],
)
def test_bad_csv_names_file_and_line(tmp_path, text, sentence):
    path = tmp_path / "current.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        Table.from_csv(path)


def test_missing_csv(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*none\.csv'"):
        Table.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Gaussian(at=1, fwhm=1), "give either peak .* or charge"),
        (lambda: Gaussian(peak=1, charge=1, at=1, fwhm=1), "give either peak .* or charge"),
        (lambda: Gaussian(peak=1, at=1, fwhm=0), "Gaussian: fwhm = 0 ms must be more than 0 ms"),
        (lambda: Gaussian(peak=1, at=-1, fwhm=1), "Gaussian: at = -1 ms must not be below 0 ms"),
        (lambda: Table([0, 1], [1]), "Table: 2 times and 1 values; give as many of both, at least two"),
        (lambda: Table([0, 2, 1], [1, 1, 1]), r"time 2 \(1 ms\) follows 2 ms"),
        (lambda: Fixed(math.inf), "Fixed: i = inf is not a finite number"),
        (lambda: Pulse(1, 1), "Pulse: off = 1 ms must be later than on = 1 ms"),
        (lambda: Pulse(-1, 1), "Pulse: on = -1 ms must not be below 0 ms"),
        (lambda: Train(0, 2, 2, 3), "Train: width = 2 ms must be shorter than period = 2 ms"),
        (lambda: Train(0, 1, 2, 0), "Train: count = 0 must be a whole number of at least 1"),
    ],
)
def test_refusals(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_gates_say_when_they_are_open():
    assert Open().intervals() == ((0, math.inf),)
    assert Pulse(1).intervals() == ((1, math.inf),)
    assert Pulse(0, 1).intervals() == ((0, 1),)
    assert Train(1, 2, 10, 3).intervals() == ((1, 3), (11, 13), (21, 23))
