"""The buffers of the library: each usable, each with its source, numbers as in the validation table."""

import pytest

from microdomain import presets
from microdomain.quantities import parse
from microdomain.scenario import loads

SCENARIO = """
[model]
box = [[-1, 1], [-1, 1], [0, 1]]
ions.Ca = {{ z = 2, D = 0.22, rest = 0.1 }}
[model.buffers.mine]
preset = "{name}"
total = "1 mM"
{more}
"""


# k_on /(uM ms), k_off /ms, K_d uM, D um^2/ms: parameter library, with k_off as printed there.
@pytest.mark.parametrize(
    ("name", "k_on", "k_off", "K_d", "D"),
    [
        ("EGTA", 0.0027, 4.7e-4, 0.174, 0.2),
        ("EGTA-Nagerl", 0.010, 7e-4, 0.070, 0.22),
        ("EGTA-Nakamura", 0.0105, 1.89e-3, 0.18, 0.22),
        ("BAPTA", 0.40, 0.088, 0.22, 0.22),
        ("BAPTA-ribbon", 0.44, 0.0774, 0.176, 0.2),
        ("ATP", 0.5, 100, 200, 0.22),
        ("ATP-ribbon", 0.15, 30, 200, 0.2),
        ("fixed-NMJ", 0.1, 10, 100, 0.001),
        ("fixed-calyx", 0.1, 1, 10, 0),
        ("fixed-ribbon", 0.1, 0.2, 2, 0),
        ("fixed-crayfish", 0.5, 8, 16, 0),
        ("mobile-crayfish", 0.5, 2, 4, 0.01),
        ("Fura-2", 0.27, 0.0967, 0.358, 0.118),
        ("Fluo-5F", 0.5, 0.75, 1.5, 0.2),
        ("Fluo-4", 0.57, 0.139, 0.244, 0.084),
        ("OGB-1", 0.45, 0.079, 0.176, 0.084),
        ("OGB-5N", 0.45, 9, 20, 0.028),
        ("Diazo-2", 0.4, 0.06, 0.15, 0.1),
        ("calbindin-high", 0.0055, 0.0026, 0.473, 0.028),
        ("calbindin-medium", 0.0435, 0.0358, 0.823, 0.028),
    ],
)
def test_numbers(name, k_on, k_off, K_d, D):
    buffer = presets.buffer(name, total=100)
    assert (buffer.k_on, buffer.K_d, buffer.D) == pytest.approx((k_on, K_d, D))
    assert buffer.k_off == pytest.approx(k_off, rel=5e-3)  # as rounded in print


def test_every_entry_has_a_source_and_only_known_keys():
    for name in presets.names():
        entry = presets.entry(name)
        assert len(entry["source"]) > 20
        assert set(entry) <= {"k_on", "K_d", "D", "source", "typical", "mark"}
        if "typical" in entry:
            assert parse(entry["typical"], "concentration") > 0


def test_a_number_from_memory_says_so():
    assert presets.entry("EGTA-Nakamura")["mark"] == "from memory"
    assert presets.sources("EGTA-Nakamura").endswith("[from memory]")
    assert "Naraghi" in presets.sources("BAPTA")
    assert len(presets.sources().splitlines()) == len(presets.names())


@pytest.mark.parametrize("name", presets.names())
def test_usable_by_name_in_a_scenario(name):
    (buffer,) = loads(SCENARIO.format(name=name, more="")).model.buffers
    assert buffer == presets.buffer(name, total=1000, name="mine")


def test_keys_of_the_file_win():
    (buffer,) = loads(SCENARIO.format(name="BAPTA", more='D = "0 um^2/s"\nK_d = "1 uM"')).model.buffers
    assert (buffer.D, buffer.K_d, buffer.k_on) == (0, 1, 0.4)
    assert presets.buffer("BAPTA", total=1, D=0, name="cage").D == 0


def test_a_preset_that_does_not_exist():
    with pytest.raises(ValueError, match=r"No preset 'BAPT'\. Did you mean 'BAPTA'\? There are: EGTA, "):
        presets.buffer("BAPT", total=1)
    with pytest.raises(ValueError, match=r"model\.buffers\.mine: No preset 'bapta2'\."):
        loads(SCENARIO.format(name="bapta2", more=""))
