"""Pictures: the values behind them, and that what is drawn is not empty, black or cut."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import microdomain as md
from microdomain.cli import cli
from microdomain.scenario import examples
from microdomain.view import colours, fields, gl, picture, plane
from microdomain.view.plane import membrane_of

BOX = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))


def model(positions=((-0.1, 0.0), (0.1, 0.05)), face="z-", gate=None, outside=2000.0, box=BOX, **keywords):
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=outside)
    cluster = md.Cluster(positions, face=face, gate=gate or md.Pulse(0, 0.02), **keywords)
    return md.Model(box=box, ions=[calcium], channels=cluster)


@pytest.fixture(scope="module")
def results():
    """Two channels, 0.02 ms open, a coarse grid."""
    one = model()
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    return md.simulate(one, grid, until=0.05, record=md.Record(times=[0, 0.01, 0.02, 0.05]), rtol=5e-2)


@pytest.fixture
def flat(monkeypatch):
    """A system without GL."""
    monkeypatch.setattr(gl, "missing", lambda: "3D drawing needs OpenGL.")


# -- the mesh --------------------------------------------------------------------------------------


def area_of(points, triangles, axis):
    flat = np.delete(points, axis, axis=1)
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    return 0.5 * np.abs(ux * vy - uy * vx)


@pytest.mark.parametrize(("axis", "level"), [(2, 0.0), (2, 0.01), (2, 0.4), (0, 0.1), (1, 0.03)])
def test_the_mesh_covers_the_plane_once(axis, level):
    points, triangles = plane.mesh(model(), axis, level)
    sides = [high - low for k, (low, high) in enumerate(BOX) if k != axis]
    assert area_of(points, triangles, axis).sum() == pytest.approx(sides[0] * sides[1], rel=1e-9)
    assert (points[:, axis] == level).all()
    low, high = np.array(BOX).T
    assert (points >= low).all()
    assert (points <= high).all()


def test_triangles_are_fine_where_the_field_is_steep():
    """A field that falls like 1/r is drawn with less than 1.5 % error at the middle of every triangle."""
    one = model()
    points, triangles = plane.mesh(one, 2, 0.0)
    spots = np.array([c.position for c in one.resolved_channels])

    def field(x):
        r = np.linalg.norm(x[:, None] - spots, axis=2)
        return (1 / np.maximum(r, 0.005)).sum(axis=1)

    middle = points[triangles].mean(axis=1)
    outside = np.linalg.norm(middle[:, None] - spots, axis=2).min(axis=1) > 0.0055
    drawn = field(points)[triangles].mean(axis=1)
    assert np.abs(drawn / field(middle) - 1)[outside].max() < 0.015
    assert len(points) < 12_000


@pytest.mark.parametrize("count", [20, 90])
def test_crowds_of_channels_are_meshed_too(count):
    crowd = md.Cluster.random(count, within=0.35, exclusion=0.012, seed=4)
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    points, triangles = plane.mesh(md.Model(box=BOX, ions=[calcium], channels=crowd), 2, 0.0)
    assert area_of(points, triangles, 2).sum() == pytest.approx(0.8, rel=1e-9)
    assert len(points) < 50_000


def test_channels_behind_each_other_share_their_rings():
    points, _ = plane.mesh(model(((0.0, -0.1), (0.0, 0.1))), 1, 0.1)
    assert len(points) > 1000


def test_a_model_without_channels_is_a_plain_mesh():
    empty = md.Model(box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)])
    points, triangles = plane.mesh(empty, 2, 0.2)
    assert area_of(points, triangles, 2).sum() == pytest.approx(0.8, rel=1e-9)


# -- the values ------------------------------------------------------------------------------------


def test_the_values_are_those_of_results_at(results, flat):
    picture = md.view.slice(results, "Ca", time=0.02, z=0.0)
    spots = np.array([c.position for c in results.model.resolved_channels])
    away = np.linalg.norm(picture.points[:, None] - spots, axis=2).min(axis=1) >= 0.005
    # All at once: few points would have the cusps of saturated buffers, which pictures leave out.
    expected = results.at(picture.points, times=[0.02]).values[0]
    # The points inside the pore were moved to its mouth, and products round by their company.
    np.testing.assert_allclose(picture.values[away], expected[away], rtol=1e-13)
    # Within the pore distance the map shows what the mouth sees.
    mouths = results.mouths["concentration"].sel(time=0.02).values
    within = np.linalg.norm(picture.points - spots[0], axis=1) < 0.0049
    assert within.sum() > 10
    np.testing.assert_allclose(picture.values[within], mouths[0], rtol=1e-9)
    assert picture.values.max() <= mouths.max() * (1 + 1e-2)


def test_potentials_are_nernst_potentials_of_the_same_points(results, flat):
    ca, E = (md.view.slice(results, field, time=0.02, z=0.01) for field in ("Ca", "E_Ca"))
    np.testing.assert_allclose(E.values, md.electro.nernst(ca.values, 2000.0, 2), rtol=1e-12)
    assert (ca.plane.unit, E.plane.unit) == ("uM", "mV")
    assert ca.plane.limits == (ca.values.min(), ca.values.max())
    assert E.plane.limits == (E.values.min(), E.values.max())


def test_what_is_drawn_unless_told_otherwise(results, flat):
    picture = md.view.slice(results)
    assert picture.title == "E_Ca at z = 0, t = 20 us"  # the membrane, when the mouths see most
    assert md.view.slice(results, "[Ca]", time=0.04, z=0.01).title == "[Ca] at z = 10 nm, t = 50 us"
    assert md.view.slice(results, x=0.0).plane.across == (1, 2)
    assert [c.name for c in picture.plane.channels] == ["channels[0]", "channels[1]"]
    assert picture.plane.open == (True, True)
    assert md.view.slice(results, time=0.05).plane.open == (False, False)
    assert md.view.slice(results, z=0.3).plane.channels == ()


def test_the_membrane_is_the_face_that_the_channels_stand_on(flat):
    top = SimpleNamespace(models=(model(face="z+"),), members=1)
    assert membrane_of(top, 0) == (2, 0.4)
    side = SimpleNamespace(models=(model(((0.0, 0.2),), face="x-"),), members=1)
    assert membrane_of(side, 0) == (0, -0.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"field": "E_K"}, r"No field 'E_K' in this result; it has 'E_Ca', 'Ca'\. Also 'V-E_Ca', 'I_Ca'\."),
        ({"member": 1}, r"No member 1 in this result; it has 1, numbered from 0\."),
        ({"z": 0.5}, r"z = 0\.5 um is outside the box, which reaches from 0 to 0\.4 um\."),
        ({"x": 0.0, "z": 0.0}, r"A slice is one plane: give one of x, y and z\."),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(results, given, words, flat):
    with pytest.raises(ValueError, match=words):
        md.view.slice(results, **given)


def test_a_potential_needs_an_outside_concentration(flat):
    one = model(outside=None)
    with pytest.raises(
        ValueError, match=r"E_Ca is not known: 'Ca' has no outside concentration in this model\."
    ):
        fields.field_of(one, "E_Ca")
    assert fields.field_of(one, None).name == "Ca"


def test_a_channel_carries_current_while_its_gate_is_open_and_its_waveform_lasts():
    bell = md.Fixed(md.Gaussian(peak=1.0, at=2.0, fwhm=0.36))
    pulse, gaussian = (
        md.Model(box=BOX, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)], channels=cluster).resolved_channels[0]
        for cluster in (md.Cluster([(0, 0)], gate=md.Pulse(1, 2)), md.Cluster([(0, 0)], current=bell))
    )
    assert [plane.carries(pulse, t) for t in (0.5, 1.0, 1.5, 2.0, 2.5)] == [False, False, True, True, False]
    assert [plane.carries(gaussian, t) for t in (2.0, 20.0)] == [True, False]


# -- colours, ticks, lines -------------------------------------------------------------------------


def told(low, high, unit):
    """A plane with two values."""
    return plane.Plane("E_Ca" if unit == "mV" else "Ca", unit, np.zeros((2, 3)), np.zeros((0, 3), int),
                       np.array([low, high]), 2, 0.0, 1.0, "", (), (), BOX)  # fmt: skip


def test_ticks_and_lines_are_round_and_inside_the_bar():
    for low, high, unit, ticks in (
        (0.1, 60.0, "uM", [0.3, 1, 3, 10, 30]),
        (0.09, 250.0, "uM", [0.1, 1, 10, 100]),
        (0.1, 2.1, "uM", [0.1, 0.2, 0.5, 1, 2]),
        (37.1, 132.3, "mV", [40, 60, 80, 100, 120]),
    ):
        found = colours.ticks_of(told(low, high, unit))
        assert low <= min(found)
        assert max(found) <= high
        assert set(np.round(ticks, 9)) <= set(np.round(found, 9))
        lines = colours.lines_of(told(low, high, unit))
        assert lines
        assert low < min(lines)
        assert max(lines) < high


def test_a_uniform_field_has_a_bar_around_it_and_no_lines():
    assert told(0.1, 0.1, "uM").limits == pytest.approx((0.0909, 0.11), abs=1e-4)
    assert told(132.0, 132.0, "mV").limits == (131.0, 133.0)
    assert colours.lines_of(told(130.0, 130.0, "mV")) == []


def test_a_dip_below_zero_takes_the_lowest_colour():
    shown = told(0.1, 10.0, "uM")
    object.__setattr__(shown, "values", np.array([-0.02, 0.1, 10.0]))
    assert shown.limits == (0.1, 10.0)
    np.testing.assert_allclose(shown.shade(shown.values), [-1.0, -1.0, 1.0])


def test_maps_are_bright_where_calcium_is_high():
    from matplotlib import colormaps

    weights = np.array([0.2126, 0.7152, 0.0722])
    calcium = colormaps[colours.map_of(told(0.1, 60, "uM"))]
    potential = colormaps[colours.map_of(told(40, 130, "mV"))]
    for at_mouth, in_bulk in ((calcium(1.0), calcium(0.0)), (potential(0.0), potential(1.0))):
        assert np.dot(at_mouth[:3], weights) > 0.7
        assert 0.02 < np.dot(in_bulk[:3], weights) < 0.2


def test_rings_never_meet_and_are_seen():
    one = model(((-0.02, 0.0), (0.02, 0.0)))
    shown = told(1, 2, "uM")
    object.__setattr__(shown, "channels", one.resolved_channels)
    object.__setattr__(shown, "open", (True, False))
    (_, wide, is_open), (_, _, closed) = colours.rings_of(shown, 1.0)
    assert (is_open, closed) == (True, False)
    assert wide == pytest.approx(0.012)
    assert colours.rings_of(shown, 0.2)[0][1] == pytest.approx(0.005)


# -- what is drawn ---------------------------------------------------------------------------------


def drawn(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def assert_full(image):
    """Neither empty, black nor one colour: the field's colours fill much of it."""
    assert np.isfinite(image).all()
    assert image.std() > 0.1
    coloured = np.ptp(image, axis=2) > 0.15
    assert coloured.mean() > 0.15
    assert (image.max(axis=2) < 0.05).mean() < 0.1
    assert len(np.unique((image[::4, ::4] * 31).astype(int).reshape(-1, 3), axis=0)) > 50


def assert_not_cut(image):
    """A white margin: nothing runs out of the left, upper and lower edge."""
    for edge in (image[:, :3], image[:3], image[-3:]):
        assert edge.min() > 0.9


@pytest.mark.parametrize(("field", "where"), [("E_Ca", {"z": 0.0}), ("Ca", {"y": 0.0}), ("Ca", {"x": 0.1})])
def test_the_flat_map(results, flat, tmp_path, field, where):
    picture = md.view.slice(results, field, time=0.02, **where)
    assert picture.note == "The picture is a 2D map. 3D drawing needs OpenGL."
    image = drawn(picture.save(tmp_path / "flat.png"))
    assert_full(image)
    assert_not_cut(image)
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_the_flat_map_has_the_colours_of_its_bar(results):
    """The shade of every point is the logarithm of its value, between the limits of the bar."""
    picture = md.view.slice(results, "Ca", time=0.02, z=0.0, flat=True)
    whole = picture.figure().axes[0]
    (painted,) = [c for c in whole.collections if c.get_array() is not None and len(c.get_array()) > 100]
    np.testing.assert_allclose(painted.get_array(), np.log10(picture.values), rtol=1e-12)
    limits = np.log10([picture.values.min(), picture.values.max()])
    np.testing.assert_allclose(painted.get_clim(), limits, rtol=1e-12)


def test_a_flat_map_that_was_asked_for_needs_no_excuse(results):
    assert md.view.slice(results, flat=True).note == ""


def test_vector_pictures(results, flat, tmp_path):
    picture = md.view.slice(results)
    assert picture.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in picture.save(tmp_path / "a.svg").read_text()


@pytest.mark.gl
@pytest.mark.parametrize(("field", "where"), [("E_Ca", {"z": 0.0}), ("Ca", {"y": 0.0}), ("Ca", {"x": 0.1})])
def test_the_scene(results, tmp_path, field, where):
    picture = md.view.slice(results, field, time=0.02, **where)
    assert picture.note == ""
    image = drawn(picture.save(tmp_path / "scene.png"))
    assert_full(image)
    assert_not_cut(image[:, : image.shape[0]])


@pytest.mark.gl
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(examples()))
def test_every_example_makes_a_picture(name, tmp_path):
    picture = tmp_path / f"{name}.png"
    until = "2 ms" if name == "drosophila-nmj" else "50 us"
    given = ["run", name, "--until", until, "-o", str(tmp_path / "a.zarr"), "--picture", str(picture)]
    outcome = CliRunner().invoke(cli, given)
    assert outcome.exit_code == 0, outcome.output
    assert f"drawn to {picture}" in outcome.stdout
    # A busy machine is slow enough for the progress of the run to be said.
    assert len([line for line in outcome.stderr.splitlines() if " % " not in line]) == 1
    image = drawn(picture)
    assert_full(image)
    assert_not_cut(image[:, : image.shape[0]])


@pytest.mark.gl
def test_the_bar_has_the_colours_of_the_slice(results):
    """Both ends of the bar are the ends of the map, and the slice's pixels are colours of the bar."""
    from matplotlib import colormaps

    from microdomain.view import scene

    shown = md.view.slice(results, "E_Ca", time=0.02, z=0.0).plane
    image = scene.image(shown)
    height, panels = image.shape[0], image.shape[1] - scene.BAR
    column = image[:, panels + scene.BAR // 4].astype(int)
    bar = column[np.ptp(column, axis=1) > 20]
    assert len(bar) == pytest.approx(0.8 * height, rel=0.02)
    known = (255 * colormaps[colours.map_of(shown)](np.linspace(0, 1, 256))[:, :3]).astype(int)
    assert np.abs(bar[0] - known[-1]).max() <= 4  # the highest value stands above
    assert np.abs(bar[-1] - known[0]).max() <= 4
    row = image[height // 2, height // 3 : 2 * height // 3].astype(int)
    far = np.abs(row[:, None] - known).max(axis=2).min(axis=1)
    assert np.median(far) <= 4


@pytest.mark.gl
def test_the_scene_holds_the_field_and_can_be_added_to(results):
    picture = md.view.slice(results, "Ca", time=0.02, z=0.0)
    plotter = picture.plotter()
    try:
        meshes = [m for m in plotter.meshes if "Ca" in m.point_data and m.n_points == len(picture.points)]
        np.testing.assert_array_equal(meshes[0].point_data["Ca"], picture.values)
        np.testing.assert_array_equal(meshes[0].point_data["shade"], np.log10(picture.values))
    finally:
        plotter.close()


@pytest.mark.gl
def test_show_without_a_display_says_where_the_picture_is(results, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PYVISTA_OFF_SCREEN", "true")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    md.view.slice(results, time=0.02).show()
    said = capsys.readouterr().out
    assert said.startswith("There is no display; E_Ca at z = 0, t = 20 us is drawn to ")
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_a_missing_gl_kills_a_child_and_not_us(monkeypatch):
    monkeypatch.setattr(gl, "_TRIANGLE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    gl._window.cache_clear()
    try:
        assert gl.missing() == (
            "3D drawing needs OpenGL, which this system lacks: "
            "apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri"
        )
    finally:
        gl._window.cache_clear()


def test_another_kind_of_window_is_tried_and_then_used(monkeypatch):
    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(
        gl,
        "_TRIANGLE",
        "import os, sys; sys.exit(os.environ.get('VTK_DEFAULT_OPENGL_WINDOW') != 'vtkOSOpenGLRenderWindow')",
    )
    gl._window.cache_clear()
    try:
        with gl.off_screen():
            assert gl.os.environ["VTK_DEFAULT_OPENGL_WINDOW"] == "vtkOSOpenGLRenderWindow"
        assert "VTK_DEFAULT_OPENGL_WINDOW" not in gl.os.environ
    finally:
        gl._window.cache_clear()


def test_what_draws_is_remembered_until_the_system_changes(monkeypatch, tmp_path):
    """The child runs once; again when a library came or went, after a day, and whenever it had failed."""
    asked, answers = [], {"vtkEGLRenderWindow": True}
    libraries = tmp_path / "ld.so.cache"
    libraries.write_text("libraries")
    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    monkeypatch.setenv("MICRODOMAIN_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(gl, "LIBRARIES", libraries)
    monkeypatch.setattr(gl, "_draws", lambda window: asked.append(window) or answers.get(window, False))
    find = gl._window.__wrapped__
    assert [find(), find()] == ["vtkEGLRenderWindow"] * 2
    assert asked == ["vtkEGLRenderWindow"]
    libraries.write_text("other libraries")
    assert find() == "vtkEGLRenderWindow"
    assert len(asked) == 2
    (note,) = [n for n in (tmp_path / "kept").iterdir() if n == gl._note()]
    long_ago = note.stat().st_mtime - 1.1 * gl.DAY
    os.utime(note, (long_ago, long_ago))
    find()
    assert len(asked) == 3
    answers.clear()
    libraries.write_text("no libraries at all")
    assert [find(), find()] == [None, None]
    assert len(asked) == 9
    libraries.unlink()
    assert gl._note() is None


def test_a_file_that_cannot_be_written_is_told_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"'a\.doc': pictures end in \.png, "):
        md.view.check_file("a.doc")
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'"):
        md.view.check_file(tmp_path / "nowhere" / "a.png")


def test_pictures_without_matplotlib_name_what_to_install(monkeypatch, results):
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "microdomain\[view\]"'):
        md.view.slice(results)
    monkeypatch.setattr(gl, "find_spec", lambda name: None)
    assert gl.missing() == 'PyVista is not installed: pip install "microdomain[view]"'


# -- plots -----------------------------------------------------------------------------------------


def test_the_profile_is_what_results_at_gives(results):
    left, right = md.view.profile(results, channel=0, time=0.02).axes
    r, c = left.lines[0].get_data()
    points = [(-0.1, 0.0, 1e-3 * d) for d in r]
    np.testing.assert_allclose(c, results.at(points, times=[0.02]).values[0], rtol=1e-9)
    assert r[-1] <= 400  # the box ends there
    np.testing.assert_allclose(right.lines[0].get_ydata(), md.electro.nernst(c, 2000.0, 2), rtol=1e-9)
    assert (left.get_ylabel(), right.get_ylabel()) == ("[Ca] (uM)", "E_Ca (mV)")
    with pytest.raises(ValueError, match="this model has none"):
        md.view.profile(
            SimpleNamespace(
                members=1,
                models=(model(((0.0, 0.0),)).__class__(box=BOX, ions=results.model.ions),),
                member_names=None,
            )
        )


def test_time_courses_are_those_of_the_mouths(results, tmp_path):
    figure = md.view.time_courses(results)
    panels = figure.axes
    assert [axes.get_ylabel() for axes in panels] == ["[Ca] (uM)", "E_Ca (mV)", "influx (pA)"]
    drawn_names = {line.get_label(): line.get_ydata() for line in panels[1].lines}
    for name, E in drawn_names.items():
        np.testing.assert_array_equal(E, results.mouths["reversal"].sel(channel=name).values)
    figure.savefig(tmp_path / "courses.png")
    assert drawn(tmp_path / "courses.png").std() > 0.02
    assert len(md.view.time_courses(results, most=1).axes[0].lines) == 1
