"""The buffers of the library: each usable, each with its source, numbers as in the validation table."""

import pytest

from microdomain import presets
from microdomain.model import GHK, Fixed, Ohmic
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
        ("fixed-crayfish-quoted", 0.1, 1.6, 16, 0),
        ("mobile-crayfish-quoted", 0.1, 0.2, 2, 0.05),
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
        assert set(entry) <= {"k_on", "K_d", "D", "source", "typical", "mark", "needs"}
        assert ("D" in entry) != (entry.get("needs") == "D")
        if "typical" in entry:
            assert parse(entry["typical"], "concentration") > 0


def test_a_number_from_memory_says_so():
    assert presets.entry("EGTA-Nakamura")["mark"] == "from memory"
    assert presets.sources("EGTA-Nakamura").endswith("[unconfirmed: from memory]")
    assert "Naraghi" in presets.sources("BAPTA")
    assert len(presets.sources().splitlines()) == len(presets.names())


@pytest.mark.parametrize("name", presets.names())
def test_usable_by_name_in_a_scenario(name):
    more = {"D": 0.1} if presets.entry(name).get("needs") else {}
    text = SCENARIO.format(name=name, more="".join(f"{key} = {value}" for key, value in more.items()))
    (buffer,) = loads(text).model.buffers
    assert buffer == presets.buffer(name, total=1000, name="mine", **more)


def test_a_number_that_the_source_lacks_is_asked_for():
    with pytest.raises(ValueError, match=r"Preset 'Mg-Green': its source does not give D; give it beside"):
        presets.buffer("Mg-Green", total=100)
    with pytest.raises(ValueError, match=r"model\.buffers\.mine: Preset 'Mg-Green': its source"):
        loads(SCENARIO.format(name="Mg-Green", more=""))
    dye = presets.buffer("Mg-Green", total=100, D=0.1)
    assert (dye.k_on, dye.k_off, dye.D) == (0.57, pytest.approx(3.42), 0.1)


# Sites, k_on /(uM ms), k_off /ms, b of every chain, and fusion: parameter library.
@pytest.mark.parametrize(
    ("name", "chains", "fusion"),
    [
        ("Schneggenburger-2000", [(5, 0.09, 9.5, 0.25)], 6),
        ("Felmy-2003", [(5, 0.116, 8.43, 0.25)], 6.96),
        ("Lou-2005", [(5, 0.1, 4, 0.5)], 2e-7 * 31.3**5),
        ("Eshra-2021", [(5, 0.51, 25.5, 0.25)], 17.7),
        ("Eshra-2021-slow", [(5, 0.255, 255, 0.25)], 17.7),
        ("Kobbersmed-2020", [(5, 0.14, 4, 0.5)], 6),
        ("Sun-2007", [(5, 0.153, 5.8, 0.25), (2, 0.00294, 0.13, 0.25)], 12),
        ("Syt1", [(4, 0.2, 8, 1)], None),
        ("Yamada-Zucker", [(4, 0.5, 100, 1), (1, 0.01, 0.15, 1)], None),
        ("crayfish-XY", [(3, 0.5, 100, 1), (1, 0.185, 0.555, 1)], None),
        ("BCM", [(2, 2.5, 50, 1), (1, 1 / 600, 1 / 30, 1), (1, 1 / 6000, 1 / 300, 1)], None),
    ],
)
def test_sensors(name, chains, fusion):
    more = {} if fusion is not None else {"gamma": 3.0}
    made = presets.sensor(name, **more)
    letters = {"Sun-2007": "FM", "Yamada-Zucker": "XY", "crayfish-XY": "XY", "BCM": "XYW"}.get(name, "S")
    rates = {(s.source, s.target): s.k for s in made.steps}

    def word(counts):
        return "".join(f"{letter}{n}" for letter, n in zip(letters, counts, strict=True))

    for k, (sites, k_on, k_off, b) in enumerate(chains):
        for n in range(sites):
            low, high = ([(n + up) * (j == k) for j in range(len(chains))] for up in (0, 1))
            assert rates[word(low), word(high)] == pytest.approx((sites - n) * k_on, rel=1e-9)
            assert rates[word(high), word(low)] == pytest.approx((n + 1) * k_off * b**n, rel=1e-9)
    full = dict(made.fusion)[word([sites for sites, *_ in chains])]
    assert full == pytest.approx(3.0 if fusion is None else fusion, rel=2e-4)


def test_only_one_sensor_is_from_memory():
    marked = [name for name in presets.sensor_names() if "mark" in presets.sensor_entry(name)]
    assert marked == ["Schneggenburger-2000"]
    assert all(len(presets.sensor_entry(name)["source"]) > 20 for name in presets.sensor_names())


CURRENT = """
[model]
box = [[-1, 1], [-1, 1], [0, 1]]
ions.Ca = {{ z = 2, D = 0.22, rest = 0.1, outside = 2000 }}
[[model.channels]]
positions = [[0, 0]]
current = {{ preset = "{name}" }}
"""


@pytest.mark.parametrize("name", presets.current_names())
def test_unitary_currents_are_usable_by_name(name):
    (channel,) = loads(CURRENT.format(name=name)).model.resolved_channels
    expected = {
        "CaV2.2-Tay": Fixed(0.085),
        "CaV3.1-Bittner": Ohmic(4.42),
        "P-type-Anwar": GHK(2.5e-5),
        "T-type-Anwar": GHK(1.65e-5),
        "calyx-125676": Fixed(0.05),
        "CalC-demo": Fixed(0.1),
        "Yamada-Zucker-1992": Fixed(0.26),
        "N-type-Weber": Fixed(0.27),
        "N-type-Church": Ohmic(2.4),
        "calyx-Sheng": Fixed(0.2),
    }[name]
    assert channel.current == expected
    assert len(presets.current_entry(name)["source"]) > 10


def test_a_current_preset_that_does_not_exist():
    with pytest.raises(ValueError, match=r"No current preset 'CaV2\.2'\. Did you mean 'CaV2\.2-Tay'"):
        loads(CURRENT.format(name="CaV2.2"))


def test_keys_of_the_file_win():
    (buffer,) = loads(SCENARIO.format(name="BAPTA", more='D = "0 um^2/s"\nK_d = "1 uM"')).model.buffers
    assert (buffer.D, buffer.K_d, buffer.k_on) == (0, 1, 0.4)
    assert presets.buffer("BAPTA", total=1, D=0, name="cage").D == 0


def test_a_preset_that_does_not_exist():
    with pytest.raises(ValueError, match=r"No preset 'BAPT'\. Did you mean 'BAPTA'\? There are: EGTA, "):
        presets.buffer("BAPT", total=1)
    with pytest.raises(ValueError, match=r"model\.buffers\.mine: No preset 'bapta2'\."):
        loads(SCENARIO.format(name="bapta2", more=""))
