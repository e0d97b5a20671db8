"""The commands of the electrochemistry, as a user types them."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from microdomain.cli_electro import COMMANDS

BY_NAME = {command.name: command for command in COMMANDS}


def run(name, *arguments):
    result = CliRunner().invoke(BY_NAME[name], list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_commands_have_their_names():
    assert list(BY_NAME) == ["nernst", "ghk", "donnan", "pump", "pumpleak"]


def test_help_loads_neither_numpy_nor_scipy():
    code = (
        "import sys; from microdomain.cli_electro import COMMANDS; from click.testing import CliRunner\n"
        "assert all(CliRunner().invoke(c, ['--help']).exit_code == 0 for c in COMMANDS)\n"
        "print(sorted({'numpy', 'scipy', 'matplotlib', 'pint'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Ca", "--inside", "100 nM", "--outside", "2 mM", "--temperature", "37 degC"), "+132.3436 mV"),
        (("Ca", "--inside", "0.1", "--outside", "2000", "--temperature", "25 degC"), "+127.2231 mV"),
        (("K",), "-89.0587 mV"),
        (("Na", "--voltage", "-70 mV"), "-136.5982 mV"),
        (("Cs", "--z", "1", "--inside", "10 mM", "--outside", "10 mM"), "+0.0000 mV"),
        (("Ca", "--strength-inside", "150 mM", "--strength-outside", "10 mM"), "+141.73"),
    ],
)
def test_nernst(arguments, expected):
    result = run("nernst", *arguments)
    assert result.exit_code == 0
    assert expected in result.output


def test_nernst_warns_on_stderr_about_one_sided_activities():
    result = run("nernst", "Ca", "--strength-outside", "150 mM")
    assert result.exit_code == 0
    assert "warning: activity is given for the outside only" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "-67.3262 mV"),
        (("K=1", "Na=20", "Cl=0.45"), "+51.1312 mV"),
        (("Ca=2.591197e-13 cm^3/s", "--voltage", "0 mV"), "-0.1 pA"),
        (("K=1", "Ca=1000", "--inside", "Ca=135.2 uM"), "+32.1620 mV"),
    ],
)
def test_ghk(arguments, expected):
    result = run("ghk", *arguments)
    assert result.exit_code == 0
    assert expected in result.output


def test_donnan():
    fixed = run("donnan", "--salt", "150 mM", "--impermeant", "100 mM", "--charge", "-1").output
    assert all(number in fixed for number in ("-8.7516 mV", "208.1139 mM", "108.1139 mM", "299.7201 kPa"))
    free = ("--salt", "140 mM", "--impermeant", "100 mM", "--charge", "-1", "--outside-impermeant")
    assert "5.172414" in run("donnan", *free, "20 mM").output
    assert "infinite: the cell bursts" in run("donnan", *free, "0 mM").output


def test_pump():
    output = run("pump").output
    expected = ("43.2169 kJ/mol", "-50.1007 kJ/mol", "86.26 %", "39.0464 kJ/mol", "-64.8925 mV", "82.6049 nM")
    assert all(number in output for number in expected)
    assert "44.3678 kJ/mol" in run("pump", "--outside", "K=4 mM").output


def test_pumpleak_at_rest():
    output = run("pumpleak", "--temperature", "298.1201 K").output
    assert all(number in output for number in ("-94.13", "16.70", "133.29", "0.342100"))


def test_pumpleak_in_time_with_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "stroke.png"
    stroke = ("--until", "600 s", "--off", "100 s", "400 s", "--rows", "7", "--plot", str(picture))
    result = run("pumpleak", *stroke)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 8
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nernst", "Xx"), "Xx is not among Na, K, Cl, Ca"),
        (("nernst", "Mg"), "Mg has no default concentrations: give --inside and --outside"),
        (("nernst", "Ca", "--inside", "0 nM"), "inside = 0: expected a finite, positive concentration"),
        (("nernst", "Ca", "--inside", "3 ms"), "expected a concentration"),
        (("ghk", "K"), "expected ION=NUMBER"),
        (("ghk", "K=0"), "P holds only zeros"),
        (("ghk", "K=1 mV"), "expected a permeability"),
        (("ghk", "K=1", "--inside", "Na=5 mM"), "Na has concentrations but no permeability"),
        (("pump", "--inside", "Cl=1 mM"), "Cl is not pumped here"),
        (("pumpleak", "--pump", "0"), "the leak outdoes the pump"),
        (("pumpleak", "--plot", "x.png"), "--off and --plot need a course: give --until"),
        (("donnan", "--salt", "0 mM", "--impermeant", "1 mM", "--charge", "1"), "salt = 0: expected"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
