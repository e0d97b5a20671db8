"""Movies: every frame's values, one span of colours, the time axis, the file."""

import numpy as np
import pytest
from click.testing import CliRunner

import microdomain as md
from microdomain.cli import cli
from microdomain.view import cinema, gl
from microdomain.view.fields import field_of
from microdomain.view.readings import Readings

# imageio's reader leaves its child's pipes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BOX = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))
TIMES = (0.0, 0.001, 0.02, 0.05)


@pytest.fixture(scope="module")
def results():
    """Two channels, 0.02 ms open, a fixed buffer, a coarse grid; times that are not even."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    two = md.Cluster([(-0.1, 0.0), (0.1, 0.05)], gate=md.Pulse(0, 0.02))
    one = md.Model(box=BOX, ions=[calcium], buffers=[fixed], channels=two)
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    record = md.Record(times=TIMES, fields=["fixed"])
    return md.simulate(one, grid, until=0.05, record=record, rtol=5e-2)


@pytest.fixture
def flat(monkeypatch):
    """A system without GL."""
    monkeypatch.setattr(gl, "missing", lambda: "3D drawing needs OpenGL.")


# -- values ----------------------------------------------------------------------------------------


def scattered(n=40):
    rng = np.random.default_rng(3)
    low, high = np.array(BOX).T
    return low + (high - low) * rng.random((n, 3))


@pytest.mark.parametrize("level", [None, 0.0, 0.03])
def test_readings_over_time_are_those_of_results_at(results, level):
    points = scattered()
    if level is not None:
        points[:, 2] = level
    read = Readings(results, points).of(field_of(results.model, "Ca"), TIMES)
    np.testing.assert_allclose(read, results.at(points, times=TIMES).values, rtol=1e-10)


def test_a_point_inside_the_pore_reads_the_mouth(results):
    places = [c.position for c in results.model.resolved_channels]
    read = Readings(results, places).of(field_of(results.model, "Ca"), TIMES)
    mouths = results.mouths["concentration"].sel(time=list(TIMES)).values
    np.testing.assert_allclose(read, mouths, rtol=1e-9)


def test_driving_force_and_current_follow_from_the_potential(results):
    """V - E, and g (V - E): at -70 mV and 2 nS/um^2 every value is inward."""
    reader = Readings(results, scattered(8))
    E, force, current = (
        reader.of(field_of(results.model, name, V=-70.0, g=2.0), [0.02])
        for name in ("E_Ca", "V-E_Ca", "I_Ca")
    )
    np.testing.assert_allclose(force, -70.0 - E, rtol=1e-12)
    # 1 nS x 1 mV = 1 pA
    np.testing.assert_allclose(current, 2.0 * force, rtol=1e-12)
    assert (current < 0).all()


def test_the_occupancy_is_a_part_and_starts_at_equilibrium(results):
    """At rest 0.1 uM binds 0.1 / (0.1 + 10) of a buffer of K_d = 10 uM."""
    reader = Readings(results, [(-0.1, 0.0, 0.01), (0.45, -0.35, 0.39)])
    bound = reader.of(field_of(results.model, "fixed", ["fixed"]), TIMES)
    np.testing.assert_allclose(bound[0], 0.1 / 10.1, rtol=1e-9)
    assert bound[2, 0] > 2 * bound[0, 0]
    assert bound[2, 1] == pytest.approx(bound[0, 1], rel=1e-3)
    assert ((bound >= 0) & (bound <= 1)).all()


def test_a_field_that_is_not_there_is_a_sentence(results):
    with pytest.raises(ValueError, match=r"Buffer 'fixed' was not recorded; ask for it with Record"):
        field_of(results.model, "fixed")
    with pytest.raises(ValueError, match=r"No field 'K' in this result; it has 'E_Ca', 'Ca'\. Also 'V-E_Ca'"):
        field_of(results.model, "K")


# -- frames ----------------------------------------------------------------------------------------


def test_all_frames_share_mesh_and_colours(results):
    frames = cinema.planes(results, "E_Ca", None, 2, 0.0, 0)
    assert [plane.time for plane in frames] == list(TIMES)
    assert len({plane.limits for plane in frames}) == 1
    low, high = frames[0].limits
    assert low == min(plane.values.min() for plane in frames)
    assert high == max(plane.values.max() for plane in frames)
    assert [plane.open for plane in frames] == [(False,) * 2, (True,) * 2, (True,) * 2, (False,) * 2]
    still = md.view.slice(results, "E_Ca", time=0.02, z=0.0, flat=True).plane
    np.testing.assert_allclose(frames[2].values, still.values, rtol=1e-10)


def test_a_driving_force_has_colours_even_about_zero(results):
    for name in ("V-E_Ca", "I_Ca"):
        (plane,) = cinema.planes(results, name, [0.02], 2, 0.0, 0)
        low, high = plane.limits
        assert low == -high
        assert plane.values.min() == pytest.approx(low)


def test_open_spans_are_the_pulse(results):
    assert cinema.open_spans(results, 0) == [(0.0, 0.02)]


def test_the_time_axis_is_true_to_time():
    """The mark stands at its part of the time, not at its number among the frames."""
    times, width = [0.0, 0.1, 0.2, 2.0], 448
    for now, t in enumerate(times):
        row = cinema.strip(width, times, now)[18].astype(int)
        dark = np.flatnonzero(row.sum(axis=1) < 3 * 0x60)
        assert dark.mean() == pytest.approx(24 + 400 * t / 2.0, abs=2)
    bars = cinema.strip(width, times, 0, [(0.0, 1.0)])[9].astype(int)
    orange = np.flatnonzero((bars[:, 0] > 200) & (bars[:, 2] < 50))
    assert (orange[0], orange[-1]) == pytest.approx((24, 224), abs=1)


# -- files -----------------------------------------------------------------------------------------


def frames_of(path):
    import imageio

    with imageio.get_reader(path) as reader:
        return [np.asarray(image)[..., :3] for image in reader]


@pytest.mark.gl
@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_movie(results, tmp_path, ending):
    told = []
    path = md.view.movie(results, "Ca", tmp_path / f"m.{ending}", progress=told.append)
    frames = frames_of(path)
    assert len(frames) == len(TIMES)
    assert told == sorted(told)
    assert told[-1] == 1.0
    for image in frames:
        assert image.std() > 20
        assert (image[:3, :300] > 225).all()
    assert np.abs(frames[0].astype(int) - frames[2]).mean() > 3  # something happens


@pytest.mark.gl
def test_a_repainted_scene_is_the_scene_drawn_anew(results):
    from microdomain.view import scene

    frames = cinema.planes(results, "E_Ca", None, 2, 0.0, 0)
    painted = list(cinema.images(frames))
    for k in (2, 3):
        anew = scene.image(frames[k])
        assert np.mean(np.abs(painted[k].astype(int) - anew)) < 1.5
        assert np.mean(np.abs(painted[k].astype(int) - anew).max(axis=2) > 40) < 0.01


def test_a_movie_without_gl_is_flat(results, flat, tmp_path):
    frames = frames_of(md.view.movie(results, "E_Ca", tmp_path / "m.mp4", times=[0.0, 0.02], y=0.0))
    assert len(frames) == 2
    assert all(image.std() > 20 for image in frames)


def test_what_cannot_be_filmed_is_a_sentence(results, tmp_path):
    with pytest.raises(ValueError, match=r"'m\.avi': movies end in \.mp4 or \.gif\."):
        md.view.movie(results, "E_Ca", "m.avi")
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'"):
        md.view.movie(results, "E_Ca", tmp_path / "nowhere" / "m.mp4")
    with pytest.raises(ValueError, match=r"fps = 0: give 0\.1 to 120 frames per second"):
        md.view.movie(results, "E_Ca", tmp_path / "m.mp4", fps=0)
    with pytest.raises(ValueError, match="No field was recorded at 7 ms"):
        md.view.movie(results, "E_Ca", tmp_path / "m.mp4", times=[7.0])


def test_a_movie_that_fails_leaves_no_file(results, flat, monkeypatch, tmp_path):
    def broken(width, times, now, spans):
        raise RuntimeError("the pen broke")

    monkeypatch.setattr(cinema, "strip", broken)
    with pytest.raises(RuntimeError, match="the pen broke"):
        md.view.movie(results, "E_Ca", tmp_path / "m.gif", times=[0.0])
    assert list(tmp_path.iterdir()) == []


# -- the commands ----------------------------------------------------------------------------------


def test_the_commands_movie_and_export(results, flat, tmp_path):
    store = str(results.save(tmp_path / "a.zarr"))
    outcome = CliRunner().invoke(cli, ["movie", store, "-o", str(tmp_path / "m.gif"), "--z", "10 nm"])
    assert outcome.exit_code == 0, outcome.output
    assert f"movie drawn to {tmp_path / 'm.gif'}" in outcome.stdout
    assert len(frames_of(tmp_path / "m.gif")) == len(TIMES)
    words = ["export", store, "-o", str(tmp_path / "vtk"), "--field", "Ca"]
    outcome = CliRunner().invoke(cli, words)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout == f"exported to {tmp_path / 'vtk' / 'results.pvd'}\n"
    assert len(list((tmp_path / "vtk").glob("results_*.vtr"))) == len(TIMES)
    again = CliRunner().invoke(cli, words)
    assert again.exit_code == 2
    assert "exists. Choose another name" in again.stderr
    assert CliRunner().invoke(cli, [*words, "--overwrite"]).exit_code == 0
