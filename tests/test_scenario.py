"""Scenario files: what a file means, what the built-in examples hold, and every refusal by its sentence."""

import math
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest

from microdomain.electro import nernst
from microdomain.model import (
    Buffer,
    Closed,
    Cluster,
    Fixed,
    Gaussian,
    Held,
    Hold,
    Ion,
    Model,
    Pulse,
    Table,
    Train,
    Walls,
)
from microdomain.scenario import ScenarioError, example_text, examples, load, loads, replaced, to_toml
from microdomain.units import flux_per_pA

BASE = example_text("single-channel")
SMALL = """
[model]
box = [[-1, 1], [-1, 1], [0, 1]]
ions.Ca = { z = 2, D = 0.22, rest = 0.1 }
"""


def channels(text):
    return loads(f"{SMALL}\n[[model.channels]]\n{text}").model.channels[0]


# P1 as it is posed, in house units, written by hand.
P1 = Model(
    box=((-1, 1), (-1, 1), (0, 1)),
    ions=[Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)],
    buffers=[
        Buffer("endogenous", total=400, k_on=0.1, K_d=10),
        Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
    ],
    channels=Cluster([(0, 0)], name="cav", current=Fixed(0.1), gate=Pulse(0, 1)),
)


def test_single_channel_is_p1():
    read = load("single-channel")
    assert read.model == P1
    assert read.run == {"until": 2.0, "rtol": 0.01}
    assert read.grid == {}
    assert (read.members, read.labels) == ([], [])
    assert {0.001, 0.01, 0.1, 1.0, 1.1} <= set(read.record["times"])
    heights = list(read.record["points"].values())
    assert heights == [(0, 0, z) for z in (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)]


def test_cluster_is_p2():
    lattice = Cluster.lattice(4, 4, pitch=0.04, centre=(0, 0), name="cav", gate=Pulse(0, 1))
    assert load("cluster").model == replace(P1, channels=(lattice,))


def test_unstirred_cell_spans_the_founding_claim():
    read = load("unstirred-cell")
    assert read.labels == ["one channel of 0.1 pA", "one channel of 0.3 pA", "16 channels of 0.1 pA"]
    calcium = read.model.ion("Ca")
    # 2 mM against 100 nM at 37 degC: +132.3436 mV; +36 mV is 135.228 uM inside.
    assert nernst(calcium.rest, calcium.outside, z=2, temperature=read.model.temperature) == pytest.approx(
        132.3436, abs=1e-3
    )
    assert nernst(135.228, calcium.outside, z=2, temperature=read.model.temperature) == pytest.approx(
        36, abs=1e-3
    )
    assert [len(m.resolved_channels) for m in read.members] == [1, 1, 16]
    assert all(replace(m, channels=()) == replace(read.model, channels=()) for m in read.members)
    # Where 135.2 uM is reached above one channel alone: J/(2 pi D r), 2.77 and 8.32 nm.
    for member, distance in zip(read.members, (0.00277, 0.00832), strict=False):
        influx = member.resolved_channels[0].current.i * flux_per_pA(2)
        assert influx / (2 * math.pi * calcium.D * 135.128) == pytest.approx(distance, rel=2e-3)
    # 10 nm above the middle of the sixteen: 114.4 uM, 38.2 mV.
    fields = [
        flux_per_pA(2) * c.current.i / (2 * math.pi * calcium.D) for c in read.members[2].resolved_channels
    ]
    away = [math.dist(c.position, (0, 0, 0.01)) for c in read.members[2].resolved_channels]
    assert calcium.rest + sum(f / r for f, r in zip(fields, away, strict=True)) == pytest.approx(
        114.4, rel=1e-3
    )


def test_drosophila_is_the_published_table():
    """Kobbersmed et al., eLife 9:e51032 (2020), Tables 1 and 2, at 1.5 mM outside."""
    model = load("drosophila-nmj").model
    (cell,) = model.obstacles
    assert cell.shape.radius == 0.62399
    assert [high - low for low, high in model.box] == pytest.approx([2 * 0.62399, 2 * 0.62399, 1])
    calcium, fixed, atp = model.ion("Ca"), model.buffer("endogenous"), model.buffer("ATP")
    assert calcium.D == 0.223
    assert calcium.rest == pytest.approx(0.19 * 1.5 / (1.5 + 2.679), rel=1e-6)
    assert (fixed.total, fixed.K_d, fixed.k_on, fixed.D) == (4000, 100, 0.1, 0.001)
    assert (atp.total, atp.K_d, atp.k_on, atp.D) == (650, 200, 0.5, 0.22)
    wave = model.resolved_channels[0].current.i
    assert (wave.charge, wave.at, wave.fwhm) == (3.022254, 2.0, 0.36)
    assert wave.charge == pytest.approx(8.42 * 1.5 / (1.5 + 2.679), rel=1e-6)
    # The published decay of 111 ms: (1 + 4000/100 + 650/200)/0.4 = 110.625 ms.
    slow = (1 + fixed.total / fixed.K_d + atp.total / atp.K_d) / model.uptake_rate("Ca")
    assert slow == pytest.approx(110.625)
    assert load("drosophila-nmj").run["until"] == 500


@pytest.mark.parametrize("name", examples())
def test_examples_go_to_text_and_back(name):
    read = load(name)
    assert read.title
    assert examples()[name] == read.title
    assert loads(read.model.to_toml(read.title)).model == read.model
    again = loads(to_toml(read.model, read.title, read.grid, read.run, read.record))
    assert (again.model, again.run, again.record) == (read.model, read.run, read.record)


@pytest.mark.parametrize("name", examples())
def test_examples_keep_total_k_on_and_K_d_on_lines_of_their_own(name):
    buffers = tomllib.loads(example_text(name))["model"]["buffers"]
    lines = [line.split("#")[0].strip() for line in example_text(name).splitlines()]
    for buffer in buffers.values():
        for key in {"total", "k_on", "K_d"} & set(buffer):
            assert f'{key} = "{buffer[key]}"' in lines


def test_a_file_is_read_before_an_example_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cluster").write_text(SMALL)
    assert load("cluster").model.buffers == ()
    assert load(tmp_path / "cluster").path == tmp_path / "cluster"
    assert load("single-channel").path is None


def test_plain_numbers_are_in_house_units_and_texts_may_carry_others():
    same = """
[model]
box = [["-1000 nm", "1e-6 m"], ["-1 um", "1 um"], [0, "0.001 mm"]]
temperature = 310.15
ions.Ca = { z = 2, D = "2.2e-6 cm^2/s", rest = "1e-7 M" }
"""
    assert loads(same).model == loads(SMALL).model


def test_the_keys_of_a_cluster():
    cluster = channels(
        'lattice = { n = [2, 1], pitch = "40 nm" }\ncurrent = "100 fA"\nface = "z+"\npore = "8 nm"'
    )
    assert cluster == Cluster.lattice(2, 1, pitch=0.04, current=Fixed(0.1), face="z+", pore=0.008)
    cluster = channels('ring = { n = 3, radius = "50 nm", centre = [0, 0.5] }\ncurrent = 0.2')
    assert cluster == Cluster.ring(3, 0.05, centre=(0, 0.5), current=0.2)
    cluster = channels('random = { n = 5, within = "100 nm", exclusion = "20 nm", seed = 3 }\ncurrent = 0.2')
    assert cluster == Cluster.random(5, within=0.1, exclusion=0.02, seed=3, current=0.2)
    cluster = channels('random = { n = 5, within = ["100 nm", 0.2] }\ncurrent = 0.2')
    assert cluster == Cluster.random(5, within=(0.1, 0.2), current=0.2)
    cluster = channels('positions = [[0, 0, 0.5]]\nface = "inside"\ncurrent = 0.2')
    assert cluster == Cluster([(0, 0, 0.5)], face=None, current=0.2)
    cluster = channels('positions = [[0, 0]]\ncentred = true\ncurrent = 0.2\nname = "b"\nion = "Ca"')
    assert cluster == Cluster([(0, 0)], centred=True, current=0.2, name="b")


def test_currents_and_gates():
    def one(current, gate='{ kind = "open" }'):
        cluster = channels(f"positions = [[0, 0], [0.1, 0]]\ncurrent = {current}\ngate = {gate}")
        return cluster.current, cluster.gate

    assert one('{ kind = "fixed", i = "0.3 pA" }')[0] == Fixed(0.3)
    wave = '{ kind = "gaussian", charge = "3 fC", at = "2 ms", fwhm = "360 us" }'
    assert one(wave)[0] == Fixed(Gaussian(charge=3, at=2, fwhm=0.36))
    assert one('{ kind = "table", times = [0, "1 s"], values = [0, "1 nA"] }')[0] == Fixed(
        Table([0, 1000], [0, 1000])
    )
    assert one('["0.1 pA", 0.2]')[0] == (Fixed(0.1), Fixed(0.2))
    assert one("0.1", '{ kind = "pulse", on = "10 us" }')[1] == Pulse(0.01)
    train = '{ kind = "train", start = 0, width = "1 ms", period = "10 ms", count = 3 }'
    assert one("0.1", train)[1] == Train(0, 1, 10, 3)
    assert one("0.1", '[{ kind = "pulse", off = 1 }, { kind = "pulse", off = 2 }]')[1] == (
        Pulse(0, 1),
        Pulse(0, 2),
    )


def test_walls_uptake_and_voltage():
    text = (
        SMALL + 'walls = { x = "held", z = ["closed", "held"] }\nuptake.Ca = "400 /s"\nvoltage = "-0.08 V"\n'
    )
    model = loads(text).model
    assert model.walls == Walls(x=Held(), z=(Closed(), Held()))
    assert model.uptake_rate("Ca") == 0.4
    assert model.voltage == Hold(-80)


def test_grid_run_and_record():
    text = (
        SMALL
        + """
[grid]
kind = "graded"
near = "20 nm"
growth = 1.2
far = "80 nm"
[run]
until = "2 s"
rtol = 1e-3
accuracy = "high"
seed = 7
device = "numpy"
precision = "float32"
[record]
every = "10 us"
fields = ["Ca"]
points = { nose = ["0 nm", "0 nm", "10 nm"] }
"""
    )
    read = loads(text)
    assert read.grid == {"kind": "graded", "near": 0.02, "growth": 1.2, "far": 0.08}
    run = {"until": 2000, "rtol": 1e-3, "accuracy": "high", "seed": 7}
    assert read.run == run | {"device": "numpy", "precision": "float32"}
    assert read.record == {"every": 0.01, "fields": ["Ca"], "points": {"nose": (0, 0, 0.01)}}
    elsewhere = loads(text.replace('"numpy"', '"cuda"'))
    assert elsewhere.hash == read.hash  # where it runs is not part of the question
    assert loads(text.replace("1e-3", "1e-4")).hash != read.hash
    assert loads("title = 'x'\n" + text).hash == read.hash


def test_files_are_relative_to_the_scenario_and_enter_the_hash(tmp_path):
    folder = tmp_path / "with blanks"
    folder.mkdir()
    (folder / "gold.csv").write_text("x_nm,y_nm\n0,0\n40,0\n")
    (folder / "wave.csv").write_text("t,i\n0,0\n1,0.1\n")
    path = folder / "em.toml"
    current = '{ kind = "table", file = "wave.csv" }'
    path.write_text(f'{SMALL}\n[[model.channels]]\nfile = "gold.csv"\ncurrent = {current}\n')
    first = load(path)
    assert first.model.channels[0] == Cluster([(0, 0), (0.04, 0)], current=Fixed(Table([0, 1], [0, 0.1])))
    (folder / "gold.csv").write_text("x_nm,y_nm\n0,0\n41,0\n")
    assert load(path).hash != first.hash
    (folder / "gold.csv").write_text("x,y\n0,0\n0.04,0\n")
    assert load(path).hash == first.hash
    (folder / "wave.csv").unlink()
    with pytest.raises(ScenarioError, match=r"em\.toml: There is no file '.*wave\.csv'"):
        load(path)


def test_members_by_number():
    read = loads(SMALL + "[run]\nmembers = 3\n")
    assert read.members == [read.model] * 3
    assert read.labels == ["0", "1", "2"]
    assert read.run == {"members": 3}


def test_members_replace_keys_by_paths_or_tables():
    text = (
        BASE
        + """
[[run.member]]
name = "by a path"
"model.buffers.BAPTA.total" = "1 mM"

[[run.member]]
name = "by tables"
[run.member.model.buffers.BAPTA]
total = "1 mM"

[[run.member]]
model.channels.0.pore = "10 nm"
model.channels.cav.gate = { kind = "open" }
model.temperature = "20 degC"

[[run.member]]
model.channels.cav.ring = { n = 3, radius = "50 nm" }
"""
    )
    read = loads(text)
    more = replace(P1, buffers=(P1.buffers[0], replace(P1.buffers[1], total=1000)))
    assert read.model == P1
    assert read.labels == ["by a path", "by tables", "member 2", "member 3"]
    assert read.members[:2] == [more, more]
    assert read.members[2].channels[0] == Cluster([(0, 0)], name="cav", pore=0.01)
    assert read.members[2].temperature == pytest.approx(293.15)
    assert len(read.members[3].resolved_channels) == 3  # a new layout takes the place of the old
    assert read.hash != loads(BASE).hash


def test_replaced_leaves_its_arguments_alone():
    tables = tomllib.loads(BASE)
    changed = replaced(tables, {"model.buffers.BAPTA.total": "1 mM", "run": {"rtol": 1e-3}})
    assert tables == tomllib.loads(BASE)
    assert changed["model"]["buffers"]["BAPTA"]["total"] == "1 mM"
    assert changed["run"] == {"until": "2 ms", "rtol": 1e-3}


def swapped(old, new):
    assert old in BASE
    return BASE.replace(old, new, 1)


CURRENT, PULSE = 'current = "0.1 pA"', '{ kind = "pulse", on = "0 ms", off = "1 ms" }'
PLACE, BAPTA_K = 'positions = [["0 nm", "0 nm"]]', 'k_on = "4e8 /M/s"'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[model", r"scenario is not valid TOML: Expected '\]' at the end of a table declaration"),
        ("a = " + "[" * 50_000, "nests its lists or tables too deeply"),
        ("title = 'x'", r"there is no \[model\]; a scenario needs at least \[model\] with box and ions"),
        ("[models]\nbox = 1", r"there is no \[model\].* Did you mean 'models'\?"),
        (
            swapped("[run]", "[runs]"),
            r"unknown key 'runs'\. Did you mean 'run'\? It has title, model, grid, run",
        ),
        (
            swapped('total = "400 uM"', 'totl = "400 uM"'),
            r"model\.buffers\.endogenous: unknown key 'totl'\. Did you mean 'total'\?",
        ),
        (swapped("rtol", "rtoll"), r"run: unknown key 'rtoll'\. Did you mean 'rtol'\?"),
        (
            swapped('pore = "5 nm"', 'pore = "40 ms"'),
            r"model\.channels\[0\]\.pore: '40 ms' is a time; expected a length",
        ),
        (
            swapped('pore = "5 nm"', 'pore = "9**9**9**9"'),
            r"pore: '9\*\*9\*\*9\*\*9' is not a length.* not evaluated",
        ),
        (
            swapped(BAPTA_K, "k_on = 4e8"),
            r"Buffer 'BAPTA': k_on = 4e\+08 /\(uM ms\) is faster than diffusion allows. "
            r"4e\+08 /\(M s\) is 0.4 /\(uM ms\)\.",
        ),
        (swapped(BAPTA_K, "k_on = -4"), "Buffer 'BAPTA': k_on = -4 .* must be more than 0"),
        (swapped(BAPTA_K, "k_on = nan"), r"BAPTA\.k_on: nan is not a finite number; expected an on-rate"),
        (swapped(BAPTA_K, 'k_on = "exp(V/23) /M/s"'), r"BAPTA\.k_on: .* is not an on-rate.* not evaluated"),
        (swapped(BAPTA_K, ""), r"model\.buffers\.BAPTA\.k_on: is missing\."),
        (swapped("z = 2", 'z = "2"'), r"model\.ions\.Ca\.z: expected a whole number, not '2'"),
        (swapped("z = 2", "z = 0"), "Ion 'Ca': z = 0 is not the charge number of an ion"),
        (swapped('"37 degC"', "37"), "temperature = 37 K is not one at which cells live"),
        (
            swapped('face = "z-"', 'face = "top"'),
            r"channels\[0\]\.face: 'top' is not one of 'x-', .* or 'inside'",
        ),
        (
            swapped(PLACE, PLACE + "\nring = { n = 2, radius = 1 }"),
            "give one of positions, .*; found positions and ring",
        ),
        (swapped(PLACE, ""), r"model\.channels\[0\]: give one of positions, .*; found none"),
        (swapped(PLACE, "positions = [[0, 3]]"), r"Channel 0 of 'cav' at \(0, 3, 0\) um is outside the box"),
        (swapped(PLACE, "positions = 3"), r"model\.channels\[0\]\.positions: expected a list, not 3"),
        (swapped(PLACE, "lattice = { n = [2], pitch = 1 }"), r"lattice\.n: expected a list of 2, not \[2\]"),
        (
            swapped(PLACE, 'positions = [[0, 0], ["4 nm", 0]]'),
            r"Channels 0 and 1 of 'cav' are 4 nm apart, closer than their pore distance \(5 nm\)",
        ),
        (
            swapped(PULSE, '{ kind = "pulsed" }'),
            r"gate: no kind 'pulsed'; there are open, pulse, train, hh, markov\. Did you mean 'pulse'",
        ),
        (swapped(PULSE, "{ on = 1 }"), r"gate: the table needs a kind"),
        (swapped(PULSE, "3"), r"model\.channels\[0\]\.gate: .*, not 3"),
        (swapped(PULSE, '{ kind = "pulse", of = 1 }'), r"gate: unknown key 'of'\. Did you mean 'off'\?"),
        (swapped(CURRENT, ""), r"model\.channels\[0\]\.current: is missing"),
        (
            swapped(CURRENT, 'current = "1 mV"'),
            r"channels\[0\]\.current: '1 mV' is a voltage; expected a current",
        ),
        (swapped(CURRENT, 'current = ["1 mV"]'), r"channels\[0\]\.current\[0\]: '1 mV' is a voltage"),
        (
            swapped(CURRENT, 'current = { kind = "gaussian", at = 1, fwhm = 1 }'),
            "give either peak .* or charge",
        ),
        (
            swapped(CURRENT, 'current = { kind = "table" }'),
            "of kind 'table' needs a file, or times and values",
        ),
        (
            swapped(CURRENT, 'current = { kind = "table", file = "a", times = [1] }'),
            "either a file or times and values",
        ),
        (
            swapped(CURRENT, "current = [0.1, 0.2]"),
            "2 currents for 1 channel; give one for all or one per channel",
        ),
        (swapped("[run]", "[run]\nmembers = 0"), r"run\.members: 0 must be at least 1"),
        (
            swapped("[run]", '[run]\naccuracy = "best"'),
            r"run\.accuracy: 'best' is not one of 'default' or 'high'",
        ),
        (swapped("[run]", "[run]\nseed = -1"), "run.seed = -1 must not be negative"),
        (swapped('until = "2 ms"', "until = 0"), "run.until = 0 ms must be more than 0"),
        (swapped("rtol = 1e-2", "rtol = 1"), "run.rtol = 1 must lie between 0 and 1"),
        (swapped("[record]\n", "[record]\nevery = 1\n"), "record: give either every or times, not both"),
        (SMALL + "[record]\nevery = 0\n", "record.every = 0 ms must be more than 0"),
        (SMALL + "[record]\ntimes = [0, 2, 1]\n", "record.times must increase from 0 ms or later"),
        (
            swapped('fields = ["Ca"', 'fields = ["Cal"'),
            "record.fields: no species 'Cal' in this model; it has 'Ca', 'endo",
        ),
        (SMALL + "[record]\npoints.a = [0, 0]\n", "record.points.a: 2 coordinates; a point has three"),
        (SMALL + "[record]\npoints.a = [0, 0, 2]\n", r"record.points.a: \(0, 0, 2\) um lies outside the box"),
        (BASE + '[model.walls]\nz = "held"\n', r"Channel 'cav\[0\]' is on the held wall 'z-'"),
        (BASE + '[model.walls]\nz = "open"\n', r"model\.walls\.z: 'open' is not one of 'closed' or 'held'"),
        (BASE + '[model.walls]\nz = ["closed", "closed", "held"]\n', "expected Closed.* or a pair of them"),
        (
            BASE + "[model.uptake]\nMg = 1\n",
            "No species 'Mg' in this model; it has 'Ca', 'endogenous', 'BAPTA'",
        ),
        (
            BASE + "[[run.member]]\nnme = 1\n",
            r"run.member 1 \('member 0'\): unknown key 'nme'\. Did you mean 'name'",
        ),
        (BASE + "[[run.member]]\nmodel.channels.cv.pore = 1\n", "model.channels has no 'cv'; it has 'cav'"),
        (
            BASE + '[[run.member]]\nname = "b"\n"model.buffers.BAPTA.k_on" = 4e9\n',
            r"run.member 1 \('b'\): Buffer 'BAPTA': k_on = 4e\+09",
        ),
        (
            swapped("[run]", "[run]\nmembers = 2") + "[[run.member]]\n",
            "either members .* or .*run.member.* not both",
        ),
    ],
)
def test_refused(text, sentence):
    with pytest.raises(ScenarioError, match=sentence):
        loads(text)


def test_all_faults_are_named_at_once():
    text = swapped(BAPTA_K, "k_onn = 1").replace('pore = "5 nm"', 'pore = "5 ms"')
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    assert "k_onn" in str(caught.value)
    assert "'5 ms' is a time" in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_the_file_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[model]\nbox = 1\n")
    with pytest.raises(ScenarioError, match=r"mine\.toml: model\.box: expected a list, not 1"):
        load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"mine\.toml is not a text file in UTF-8"):
        load(path)


def test_no_such_scenario(tmp_path):
    with pytest.raises(
        ScenarioError,
        match=r"'clustr' does not exist.* Did you mean 'cluster'\? Examples: calmodulin, calyx-ap, cluster, ",
    ):
        load("clustr")
    with pytest.raises(ScenarioError, match="is a folder, not a scenario"):
        load(tmp_path)
    with pytest.raises(ScenarioError, match=r"No example 'clustr'\. Did you mean 'cluster'\?"):
        example_text("clustr")


def test_reading_is_what_loads_pydantic_and_only_odd_units_load_pint():
    program = (
        "import sys, microdomain.scenario as s; print('pydantic' in sys.modules); s.load('cluster');"
        "print('pydantic' in sys.modules, 'pint' in sys.modules, 'xarray' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "True", "False", "False"]


def test_nothing_in_a_scenario_is_executed():
    """A formula stays a text and is refused."""
    for text in ("__import__('os').system('true')", "{0.__class__}", "1 if True else 2", "2 * um"):
        with pytest.raises(ScenarioError, match="Arithmetic and formulas are not evaluated"):
            loads(swapped('pore = "5 nm"', f'pore = "{text}"'))
