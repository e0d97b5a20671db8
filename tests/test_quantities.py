"""Quantity strings: what they are worth, and that nothing in them is ever evaluated."""

import subprocess
import sys
import time

import pytest

from microdomain.quantities import DIMENSIONS, parse


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("40 nm", "length", 0.04),
        ("5e-3 mm", "length", 5.0),
        (".5um", "length", 0.5),
        ("-1 um", "length", -1.0),
        ("10 us", "time", 0.01),
        ("2 s", "time", 2000.0),
        ("100 nM", "concentration", 0.1),
        ("2 mM", "concentration", 2000.0),
        ("0.4 /ms", "rate", 0.4),
        ("400 s^-1", "rate", 0.4),
        ("1e8 /M/s", "on-rate", 0.1),
        ("1e8 / M / s", "on-rate", 0.1),
        ("1e8 M^-1 s^-1", "on-rate", 0.1),
        ("1e8 M**-1*s**-1", "on-rate", 0.1),
        ("0.1 /(uM ms)", "on-rate", 0.1),
        ("0.1 /(uM*ms)", "on-rate", 0.1),
        ("220 um^2/s", "diffusion", 0.22),
        ("220 µm²/s", "diffusion", 0.22),
        ("2.2e-6 cm^2/s", "diffusion", 0.22),
        ("100 fA", "current", 0.1),
        ("-70 mV", "voltage", -70.0),
        ("0.1 V", "voltage", 100.0),
        ("37 degC", "temperature", 310.15),
        ("37 °C", "temperature", 310.15),
        ("310 K", "temperature", 310.0),
        ("2.6e-13 cm^3/s", "permeability", 2.6e-4),  # 1 cm^3/s is 1e9 um^3/ms
        ("1 m^3/s", "permeability", 1e15),
        ("2.4 pS", "conductance", 2.4),
        ("48.9 nS", "conductance", 48900.0),
        ("3 fC", "charge", 3.0),
        ("3 pA ms", "charge", 3.0),
        ("1 um^2", "area", 1.0),
        ("1.2", "dimensionless", 1.2),
        ("0 um", "length", 0.0),
        ("0e-999999999 um", "length", 0.0),
        (0.04, "length", 0.04),
        (3, "time", 3.0),
    ],
)
def test_worth(text, dimension, value):
    assert parse(text, dimension) == value  # to the last bit: one rounding only


# These symbols are not in the short table and come from pint.
@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1 angstrom", "length", 1e-4),
        ("2 hours", "time", 7.2e6),
        ("1 mol/l", "concentration", 1e6),
        ("1 µmol/liter", "concentration", 1.0),
        ("12 percent", "dimensionless", 0.12),
    ],
)
def test_units_of_pint(text, dimension, value):
    assert parse(text, dimension) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_house_units_and_examples_are_of_their_dimension(dimension):
    house, example = DIMENSIONS[dimension]
    assert parse(f"7 {house}", dimension) == 7.0
    assert parse(example, dimension) != 0


@pytest.mark.parametrize(
    ("text", "dimension", "sentence"),
    [
        ("40 ms", "length", "'40 ms' is a time; expected a length, such as '40 nm'."),
        ("1 um um/s", "on-rate", "is a diffusion coefficient; expected an on-rate, such as '1e8 /M/s'."),
        ("1 mW", "current", r"'1 mW' is of dimension \[length\]\^2 .*; expected a current"),
        ("37 degC", "length", "'37 degC' is a temperature; expected a length"),
        ("40", "length", r"'40' has no unit; write '40 um', or 40 without quotes \(um\)."),
        ("40 nmm", "length", "'40 nmm': there is no unit 'nmm'. Did you mean 'nm'?"),
        ("5 degF", "temperature", "'degF' does not begin at zero; write K, or degC alone"),
        ("5 mV/degC", "voltage", "'degC' does not begin at zero"),
        ("5 cd", "length", "'cd' is a unit of something else altogether"),
        ("nan um", "length", "'nan um' is not a finite number; expected a length"),
        ("-inf um", "length", "is not a finite number"),
        ("1e999 um", "length", "is not a finite number"),
        (float("nan"), "length", "nan is not a finite number; expected a length"),
        (float("inf"), "time", "inf is not a finite number; expected a time"),
        (True, "length", "True is not a length; write it as a text, such as '40 nm'."),
        (None, "length", "None is not a length"),
        ([1], "length", r"\[1\] is not a length"),
        ("", "length", "'' is not a length: expected one decimal number and then a unit"),
        ("um", "length", "expected one decimal number and then a unit"),
    ],
)
def test_refused(text, dimension, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse(text, dimension)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "9**9**9**9 um",
        "1+1 um",
        "2*3 um",
        "2 * um",
        "1/2 um",
        "sqrt(2) um",
        "5 um^22",
        "5 um^-12",
        "5 um**9**9",
        "5 (um)",
        "5 um/(nm/(s))",
        "5 um/(nm",
        "5 um)",
        "5 um/",
        "5 um//s",
        "5 um^",
        "0x10 um",
        "1_000 um",
        "5 um; import os",
        "__import__('os').getcwd() um",
        "5 {um}",
        "1e 5 um",
        "5 um " + "/s" * 50,
        "1" * 100_000 + " um",
        "5 um" + " " * 100_000 + "^2",
    ],
)
def test_arithmetic_and_formulas_are_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"Arithmetic and formulas are not evaluated\.$"):
        parse(text, "length")
    assert time.perf_counter() - start < 0.1


def test_pint_waits_until_it_is_needed():
    program = (
        "import sys; from microdomain.quantities import parse; parse('1e8 /M/s', 'on-rate');"
        "print('pint' in sys.modules); parse('1 hour', 'time'); print('pint' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "True"]
