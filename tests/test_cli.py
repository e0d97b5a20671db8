"""The command line: what it prints, what it refuses, and the exit codes."""

import csv
import io
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import microdomain as md
from microdomain.cli import cli, failure, main
from microdomain.cli_progress import ProgressShown, words
from microdomain.scenario import example_text, examples
from microdomain.view import gl

ROOT = Path(__file__).parents[1]

SMALL = """
title = "A small one"
[model]
box = [["-0.5 um", "0.5 um"], ["-0.5 um", "0.5 um"], ["0 um", "0.4 um"]]
[model.ions.Ca]
z = 2
D = "220 um^2/s"
rest = "100 nM"
outside = "2 mM"
[model.uptake]
Ca = "0.4 /ms"
[[model.channels]]
name = "cav"
face = "z-"
lattice = { n = [2, 1], pitch = "100 nm" }
current = "0.1 pA"
gate = { kind = "pulse", on = "0 ms", off = "0.02 ms" }
[grid]
kind = "graded"
near = "50 nm"
growth = 1.4
far = "200 nm"
[run]
until = "0.1 ms"
rtol = 5e-2
[record]
times = ["0 ms", "0.02 ms", "0.05 ms", "0.06 ms", "0.08 ms", "0.1 ms"]
points = { near = ["0 nm", "0 nm", "20 nm"] }
"""


def run(*words, **keywords):
    return CliRunner().invoke(cli, [str(word) for word in words], **keywords)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a scenario and its stored result."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.toml").write_text(SMALL)
    outcome = run("run", folder / "small.toml", "-o", folder / "small.zarr")
    assert outcome.exit_code == 0, outcome.output
    (folder / "printed.txt").write_text(outcome.stdout)
    return folder


def lines_of(outcome):
    return outcome.stdout.splitlines()


# -- what there is ---------------------------------------------------------------------------------


def test_help_names_every_command_and_each_of_them_has_its_own():
    text = run("--help").stdout
    commands = cli.list_commands(None)
    for name in commands:
        assert re.search(rf"^  {name}\s+\w", text, re.M), name
        page = run(name, "--help")
        assert page.exit_code == 0
        assert "--debug" in page.stdout
        assert page.stdout.startswith(f"Usage: cli {name}")
    assert {"run", "reversal", "render", "examples", "devices", "presets", "steady", "nernst"} <= set(
        commands
    )


def test_the_version():
    assert run("--version").stdout == f"microdomain {md.__version__}\n"


def test_an_unknown_command_is_refused_with_the_nearest():
    outcome = run("rnu")
    assert outcome.exit_code == 2
    assert "No command 'rnu'. Did you mean 'run'?" in outcome.output
    assert "There are: run, " in run("zzz").output


def test_electrochemistry_is_there():
    assert run("nernst", "Ca").stdout == "E_Ca  +132.3436 mV\n"


def test_examples_are_listed_and_printed_as_they_are():
    listed = run("examples").stdout
    for name in examples():
        assert re.search(rf"^{name} ", listed, re.M)
        assert run("examples", name).stdout == example_text(name)
    outcome = run("examples", "clutser")
    assert outcome.exit_code == 2
    assert "cluster" in outcome.stderr


def test_presets_are_listed_with_their_sources():
    outcome = run("presets")
    row = next(line for line in lines_of(outcome) if line.startswith("BAPTA "))
    assert "220 nM" in row
    assert "Naraghi" in row
    assert "220 nM" in run("presets", "BAPTA").stdout
    outcome = run("presets", "BAPT")
    assert outcome.exit_code == 2
    assert "No preset 'BAPT'. Close to it: BAPTA (buffer)" in outcome.stderr
    assert "`microdomain presets` lists all." in run("presets", "qqqq").stderr


def test_presets_of_one_kind():
    sensors = run("presets", "--kind", "sensor")
    assert lines_of(sensors)[0].startswith("sensor ")
    assert "BAPTA" not in sensors.stdout
    marked = [line for line in lines_of(sensors) if "[unconfirmed: from memory]" in line]
    assert [line.split()[0] for line in marked] == ["Schneggenburger-2000"]
    shown = run("presets", "Kobbersmed-2020").stdout
    assert re.search(r"^l +3\.5e-7 /ms$", shown, re.M)
    assert re.search(r"^source +Kobbersmed et al\., eLife", shown, re.M)


def test_release_of_a_stored_result(tmp_path):
    scenario = tmp_path / "it.toml"
    scenario.write_text(
        example_text("single-channel") + "\n[sensors.vesicle]\npreset = 'Felmy-2003'\n"
        "at = ['20 nm', '0 nm', '10 nm']\n",
        encoding="utf-8",
    )
    outcome = run("run", str(scenario), "-o", str(tmp_path / "it.zarr"), "--until", "0.3 ms")
    assert outcome.exit_code == 0, outcome.output
    assert re.search(r"^Release by the end of the run\nsensor .*\nvesicle +0\.", outcome.stdout, re.M)
    found = md.open(tmp_path / "it.zarr").release("vesicle")
    shown = run("release", str(tmp_path / "it.zarr"), "--trials", "100")
    name, p, rate = lines_of(shown)[1].split()[:3]
    assert (name, float(p)) == ("vesicle", pytest.approx(float(found.released[0]), rel=1e-3))
    assert float(rate) == pytest.approx(float(found.peak_rate[0]), rel=1e-3)
    assert " 22.4 " in lines_of(shown)[1]
    assert re.search(r"^vesicle: \d+ of 100 vesicles fused", shown.stdout, re.M)
    head, row = list(csv.reader(io.StringIO(run("release", str(tmp_path / "it.zarr"), "--csv").stdout)))
    assert float(row[head.index("released")]) == float(found.released[0])
    assert float(row[head.index("nearest_um")]) == pytest.approx(np.hypot(0.02, 0.01))


def test_release_without_sensors(folder):
    outcome = run("release", folder / "small.zarr")
    assert outcome.exit_code == 2
    assert "This result has no sensors" in outcome.stderr


def test_devices_say_what_works_and_why_not():
    text = run("devices").stdout
    assert re.search(r"^numpy .*works$", text, re.M)
    assert re.search(r"^cuda .*: \w", text, re.M)


# -- run -------------------------------------------------------------------------------------------


def test_a_run_stores_its_result_and_prints_its_report(folder):
    text = (folder / "printed.txt").read_text()
    assert text.startswith("A small one\n0.1 ms, 2 channels, ")
    for said in (
        "\nrest 100.0 nM",
        "\ndecay ",
        "\ncav[0] ",
        "Along the normal of cav[",
        "closure",
        "Error budget",
    ):
        assert said in text, said
    results = md.open(folder / "small.zarr")
    assert not results.partial
    peak = float(results.mouths["concentration"].max())
    assert f"{peak:.4g} uM" in text
    assert lines_of(run("report", folder / "small.zarr"))[1:14] == text.splitlines()[1:14]


def test_the_decay_of_an_unbuffered_box_is_that_of_its_uptake(folder):
    """Uptake of 0.4 /ms without buffers: 2.5 ms."""
    tau = re.search(r"^decay ([\d.]+) ms", (folder / "printed.txt").read_text(), re.M)
    assert float(tau[1]) == pytest.approx(2.5, rel=0.02)


def test_an_output_that_exists_is_refused_unless_allowed(folder, tmp_path):
    out = tmp_path / "again.zarr"
    given = ("run", folder / "small.toml", "-o", out, "--until", "0.02 ms")
    assert run(*given).exit_code == 0
    before = run("report", out).stdout
    refused = run(*given)
    assert refused.exit_code == 2
    assert f"'{out}' exists. Choose another name, or allow it to be replaced (--overwrite)." in refused.stderr
    assert run("report", out).stdout == before
    assert run(*given[:-1], "0.01", "--overwrite").exit_code == 0
    assert (
        "0.01 ms, 2 channels" in run("report", out).stdout or "10 us, 2 channels" in run("report", out).stdout
    )


def test_options_win_over_the_scenario(folder, tmp_path):
    out = tmp_path / "options.zarr"
    outcome = run("run", folder / "small.toml", "-o", out, "--rtol", "0.1", "--seed", 3, "--device", "numpy",
                  "--members", 2, "--until", "30 us", "--check")  # fmt: skip
    assert outcome.exit_code == 0, outcome.output
    results = md.open(out)
    assert (results.provenance["rtol"], results.provenance["seed"], results.members) == (0.1, 3, 2)
    assert results.provenance["backend"] == "numpy"
    assert results.mouths["time"].values.tolist() == [0.0, 0.02, 0.03]
    assert results.budget.spatial is not None
    assert "--- member 1" in outcome.stdout


def test_accuracy_on_the_command_line_replaces_the_tolerance_of_the_scenario(folder):
    from microdomain.cli_run import Settings
    from microdomain.scenario import load

    asked = load(folder / "small.toml")
    assert Settings.of(asked, {}).keywords["rtol"] == 0.05
    assert Settings.of(asked, {"accuracy": "high"}).keywords == {"accuracy": "high"}
    both = Settings.of(asked, {"accuracy": "high", "rtol": 0.02}).keywords
    assert both == {"accuracy": "high", "rtol": 0.02}
    assert Settings.of(asked, {"precision": "float32"}).keywords["precision"] == "float32"


def test_members_of_a_scenario_keep_their_names():
    from microdomain.cli_run import Settings
    from microdomain.scenario import load
    from microdomain.scenario_run import grid_of

    asked = load("unstirred-cell")
    keywords = Settings.of(asked, {}).keywords
    assert keywords["member_names"] == asked.labels
    assert list(keywords["members"]) == list(asked.members)
    assert grid_of(asked) is None or grid_of(asked).cells > 0
    with pytest.raises(ValueError, match=r"--members 5: this scenario has 3 members of its own"):
        Settings.of(asked, {"members": 5})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("run", "clutser"), "does not exist"),
        (("run", "cluster", "--until", "40 nm"), "expected a time"),
        (("run", "cluster", "--until", "-1"), "give a time above 0"),
        (("run", "cluster", "--until", "9**9**9**9"), "9**9**9**9"),
        (("run", "cluster", "--rtol", "-1"), "rtol"),
        (("run", "cluster", "--device", "tpu"), "device='tpu' is not known"),
        (("run", "cluster", "--picture", "cluster.doc"), "pictures end in .png"),
        (("run", "cluster", "--picture", "nowhere/cluster.png"), "there is no folder 'nowhere'"),
        (("run", "cluster", "--members", "0"), "members"),
        (("steady", "cluster"), "a steady state needs channels that stay open"),
        (("reversal", "nothing.zarr"), "nothing.zarr"),
        (("render", "nothing.zarr", "-o", "a.png"), "nothing.zarr"),
        (("run",), "Missing argument 'SCENARIO'"),
        (("run", "cluster", "--what"), "No such option"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run(*given)
    assert outcome.exit_code == 2, outcome.output
    assert words in outcome.stderr
    assert "Traceback" not in outcome.output
    assert list(tmp_path.iterdir()) == []


def test_a_scenario_without_an_end_needs_one(folder, tmp_path):
    text = SMALL.replace('until = "0.1 ms"', "")
    (tmp_path / "endless.toml").write_text(text)
    outcome = run("run", tmp_path / "endless.toml", "-o", tmp_path / "e.zarr")
    assert outcome.exit_code == 2
    assert 'give --until, such as --until "2 ms"' in outcome.stderr


def test_a_traceback_is_shown_when_asked_for(tmp_path):
    for given in (("--debug", "run", "clutser"), ("run", "clutser", "--debug")):
        done = subprocess.run(
            command(*given), capture_output=True, text=True, cwd=tmp_path, env=environment()
        )
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.rstrip().endswith("unstirred-cell.")


def test_what_an_error_means():
    assert failure(ValueError("no")).exit_code == 2
    assert failure(FileExistsError("there")).message == "there"
    assert failure(PermissionError(13, "Permission denied", "a.zarr")).message == "a.zarr: Permission denied."
    assert failure(MemoryError()).exit_code == 2
    full = OSError(28, "No space left on device", "a.zarr")
    assert (failure(full).exit_code, failure(full).message) == (1, "a.zarr: No space left on device.")
    assert failure(RuntimeError("Newton did not settle.")).exit_code == 1
    lost = failure(KeyError("x"))
    assert (lost.exit_code, lost.message) == (1, "KeyError: 'x'. Run it again with --debug to see where.")
    assert failure(np.linalg.LinAlgError("Singular matrix")).exit_code == 1


# -- Ctrl-C and pipes ------------------------------------------------------------------------------


def command(*words):
    code = "import sys; from microdomain.cli import main; main(sys.argv[1:])"
    return [sys.executable, "-c", code, *map(str, words)]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    text = SMALL.replace('until = "0.1 ms"', 'until = "5 s"').replace('near = "50 nm"', 'near = "15 nm"')
    text = re.sub(r"times = .*", 'every = "0.01 ms"', text)
    (tmp_path / "long.toml").write_text(text)
    # A shell that starts its jobs in the background has them ignore Ctrl-C, and tests may be such a job.
    at_once = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from functools import partial; from microdomain import cli, cli_progress as p; "
        "p.ProgressShown = partial(p.ProgressShown, interval=0.0); cli.main(sys.argv[1:])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", at_once, "run", "long.toml", "--device", "numpy", "--log", "json"],
        cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    # As long as it takes on a busy machine: a line says that steps are taken, and then frames are there.
    watchdog = threading.Timer(900, child.kill)
    watchdog.start()
    try:
        assert child.stderr is not None
        said = list(itertools.takewhile(lambda line: '"event": "progress"' not in line, child.stderr))
        frames = tmp_path / "long.zarr" / "time" / "c"
        while child.poll() is None and not (frames.exists() and any(frames.iterdir())):
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        err = "".join(said) + child.communicate()[1]
    finally:
        watchdog.cancel()
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert "What was recorded until then is in 'long.zarr', marked as partial" in err
    results = md.open(tmp_path / "long.zarr")
    assert results.partial
    assert results.dataset.sizes["time"] >= 1
    report = run("report", tmp_path / "long.zarr")
    assert report.exit_code == 0
    assert "PARTIAL: the run stopped at" in report.stdout
    table = run("reversal", tmp_path / "long.zarr", "--csv")
    assert table.exit_code == 0, table.output


def test_a_closed_pipe_is_no_crash(folder):
    words = " ".join(f"'{word}'" for word in command("reversal", folder / "small.zarr", "--csv"))
    done = subprocess.run(
        f"{words} | head -n 1", shell=True, capture_output=True, text=True, env=environment()
    )
    assert done.stdout.startswith("time_ms,")
    assert "Traceback" not in done.stderr


def test_main_leaves_with_the_exit_code():
    with pytest.raises(SystemExit) as left:
        main(["run", "clutser"])
    assert left.value.code == 2


# -- reversal and render ---------------------------------------------------------------------------


def test_reversal_as_csv_has_every_time_and_place(folder):
    outcome = run("reversal", folder / "small.zarr", "--csv")
    rows = list(csv.DictReader(io.StringIO(outcome.stdout)))
    results = md.open(folder / "small.zarr")
    assert len(rows) == results.mouths.sizes["time"] * 3
    mouths = results.mouths.sel(channel="cav[1]")
    mine = [row for row in rows if row["place"] == "cav[1]"]
    np.testing.assert_array_equal([float(row["reversal_mV"]) for row in mine], mouths["reversal"].values)
    np.testing.assert_array_equal(
        [float(row["concentration_uM"]) for row in mine], mouths["concentration"].values
    )
    np.testing.assert_array_equal([float(row["influx_pA"]) for row in mine], mouths["influx"].values)
    probe = next(row for row in rows if row["place"] == "near" and float(row["time_ms"]) == 0.02)
    expected = md.electro.nernst(float(probe["concentration_uM"]), 2000.0, 2)
    assert float(probe["reversal_mV"]) == pytest.approx(expected, abs=1e-9)
    assert probe["influx_pA"] == ""
    assert [float(probe[axis]) for axis in ("x_um", "y_um", "z_um")] == [0.0, 0.0, 0.02]


def test_reversal_as_a_table_is_whole_and_can_be_one_time(folder):
    outcome = run("reversal", folder / "small.zarr", env={"COLUMNS": "20"})
    lines = lines_of(outcome)
    assert lines[0].split("  ")[0] == "time ms"
    assert len(lines) == 1 + 6 * 3
    assert len({len(line.rstrip()) > 60 for line in lines}) == 1
    one = lines_of(run("reversal", folder / "small.zarr", "--time", "48 us"))
    assert len(one) == 1 + 3
    assert {line.split()[0] for line in one[1:]} == {"0.05"}


def test_render_draws_and_says_what(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        gl, "missing", lambda: "3D drawing needs OpenGL, which this system lacks: apt-get ..."
    )
    picture = tmp_path / "small.png"
    outcome = run(
        "render", folder / "small.zarr", "-o", picture, "--field", "Ca", "--z", "10 nm", "--time", "0.03"
    )
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith(f"[Ca] at z = 10 nm, t = 20 us drawn to {picture}")
    assert (
        outcome.stderr
        == "The picture is a 2D map. 3D drawing needs OpenGL, which this system lacks: apt-get ...\n"
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    wrong = run("render", folder / "small.zarr", "-o", picture, "--field", "E_K")
    assert wrong.exit_code == 2
    assert "No field 'E_K' in this result; it has 'E_Ca', 'Ca'." in wrong.stderr


def test_run_draws_at_once(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gl, "missing", lambda: "no GL")
    picture = tmp_path / "a.svg"
    outcome = run("run", folder / "small.toml", "-o", tmp_path / "a.zarr", "--picture", picture)
    assert outcome.exit_code == 0, outcome.output
    assert "<svg" in picture.read_text()
    assert "stored in" in outcome.stdout


def test_steady_prints_how_the_grids_differ(tmp_path):
    text = (
        re.sub(r"gate = .*", 'gate = { kind = "open" }', SMALL)
        .replace("times = [", "#")
        .replace("[grid]", "[x]")
    )
    text = text[: text.index("[x]")] + "[run]\nuntil = 1\n"
    (tmp_path / "open.toml").write_text(text)
    out = tmp_path / "open.zarr"
    outcome = run("steady", tmp_path / "open.toml", "-o", out, "--rtol", "0.1")
    assert outcome.exit_code == 0, outcome.output
    assert "steady state, 2 channels" in outcome.stdout
    assert "Change from grid to grid, %" in outcome.stdout
    # All that comes in is taken up: 0.4 /ms (mean - rest) V = 2 x 0.1 pA.
    mean = float(md.open(out).mouths["mean_Ca"][-1])
    assert mean - 0.1 == pytest.approx(2 * 0.51821348 / 0.4 / 0.4, rel=1e-3)


def test_steady_opens_the_gates_and_holds_the_walls_of_an_example():
    refused = run("steady", "single-channel")
    assert refused.exit_code != 0
    assert 'Give gate = { kind = "open" } or the flag --open' in refused.output
    closed = run("steady", "single-channel", "--open")
    assert 'Hold a wall, e.g. [model.walls] with x = "held"' in closed.output
    outcome = run("steady", "single-channel", "--open", "--held", "--rtol", "0.1")
    assert outcome.exit_code == 0, outcome.output
    # Validation 2.1, S2 (0.1 mM BAPTA, half-space): 71.1 uM at 5 nm; immobile buffers change nothing.
    assert "71.1" in outcome.stdout


# -- progress --------------------------------------------------------------------------------------

HALF = SimpleNamespace(t=0.5, until=2.0, steps=31, rate=0.25, left=6.0)


def test_a_log_gets_a_line_per_interval(capsys):
    with ProgressShown("x", terminal=False, interval=0.0) as shown:
        shown(HALF)
        shown(HALF)
    assert capsys.readouterr().err.splitlines() == [" 25 %  0.5 of 2 ms, step 31, 0.25 ms/s, 6 s left"] * 2
    with ProgressShown("x", terminal=False, interval=60.0) as shown:
        shown(HALF)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with ProgressShown("cluster", terminal=True) as shown:
        shown(HALF)
        shown._bar.refresh()
    err = capsys.readouterr().err
    assert "cluster" in err
    assert "25%" in err


def test_progress_is_what_simulate_reports(capsys):
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    one = md.Model(box=((0, 1), (0, 1), (0, 1)), ions=[calcium], channels=md.Cluster([(0, 0)]))
    with ProgressShown("one", terminal=False, interval=0.0) as shown:
        md.simulate(one, md.Grid.uniform(one, 0.25), until=0.5, record=md.Record(every=0.01), progress=shown)
    said = capsys.readouterr().err.splitlines()
    assert said
    assert re.fullmatch(r" *\d+ %  [\d.e-]+ of 0\.5 ms, step \d+, [\d.e+-]+ ms/s(, .* left)?", said[0]), said[
        0
    ]


def test_no_time_left_is_told_before_there_is_a_rate():
    assert "left" not in words(SimpleNamespace(t=0.0, until=2.0, steps=0, rate=0.0, left=float("inf")))


# -- the two examples with published numbers ---------------------------------------------------------


@pytest.mark.slow
def test_drosophila_nmj_gives_the_published_rest_and_decay(tmp_path):
    """Kobbersmed et al., eLife 9:e51032 (2020): rest 68 nM; residual decay 111 ms (110 to 111)."""
    outcome = run("run", "drosophila-nmj", "-o", tmp_path / "nmj.zarr")
    assert outcome.exit_code == 0, outcome.output
    assert "\nrest 68.2 nM" in outcome.stdout
    tau = float(re.search(r"^decay ([\d.]+) ms", outcome.stdout, re.M)[1])
    assert 110.0 <= tau <= 111.0
    # The sensors stand 95.9 and 122.1 nm away and 10 nm high.
    rows = [line.split() for line in lines_of(run("release", tmp_path / "nmj.zarr"))[1:]]
    assert [row[0] for row in rows] == ["vesicle-96nm", "vesicle-122nm"]
    assert [float(row[7]) for row in rows] == pytest.approx([96.4, 122.5], abs=0.05)
    near, far = (float(row[1]) for row in rows)
    assert 0.9 > near > far > 0.05
    # What is released is released behind the current's peak at 2 ms, and at once.
    assert all(2.0 < float(row[3]) < 3.0 and 2.0 < float(row[5]) < 3.5 for row in rows)


@pytest.mark.slow
def test_the_unstirred_cell_says_where_36_mV_is_reached(tmp_path):
    """Unbuffered, 135.2 uM stands 2.77 nm from 0.1 pA and 8.32 nm from 0.3 pA; a buffer brings it nearer."""
    outcome = run("run", "unstirred-cell", "-o", tmp_path / "cell.zarr")
    assert outcome.exit_code == 0, outcome.output
    weak, strong, many = outcome.stdout.split("\n--- ")[1:]
    assert "E_Ca passes +36 mV (135.2 uM): not reached at 5 nm or beyond" in weak
    place = float(re.search(r"\(135\.2 uM\) at ([\d.]+) nm", strong)[1])
    assert 7.0 < place < 8.4
    assert "16 channels" in many
    assert "rest 100.0 nM, where E_Ca is +132.3 mV" in many
