"""Pictures in depth, panels and bands: the values behind them, and that something sensible is drawn."""

import numpy as np
import pytest

import microdomain as md
from microdomain.view import gl, solid

BOX = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))


def model(positions=((-0.1, 0.0), (0.1, 0.05)), current=0.1):
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    cluster = md.Cluster(positions, gate=md.Pulse(0, 0.02), current=current)
    return md.Model(box=BOX, ions=[calcium], buffers=[fixed], channels=cluster)


@pytest.fixture(scope="module")
def results():
    """Two channels, 0.02 ms open, and a probe, on a coarse grid."""
    one = model()
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    record = md.Record(times=[0, 0.02, 0.05], fields=["fixed"], points={"beside": (0.0, 0.0, 0.05)})
    return md.simulate(one, grid, until=0.05, record=record, rtol=5e-2)


@pytest.fixture(scope="module")
def ensemble():
    """Five members whose currents differ."""
    members = [model(current=i) for i in (0.02, 0.04, 0.06, 0.08, 0.1)]
    grid = md.Grid.graded(members[0], near=0.05, growth=1.4, far=0.2)
    return md.simulate(
        members[0], grid, until=0.03, record=md.Record(times=[0, 0.02, 0.03]), rtol=5e-2, members=members
    )


# -- surfaces and volumes --------------------------------------------------------------------------


@pytest.mark.gl
@pytest.mark.parametrize(("field", "level"), [("Ca", 5.0), ("E_Ca", 80.0), ("V-E_Ca", -150.0)])
def test_an_isosurface_lies_where_the_field_has_its_value(results, field, level):
    picture = md.view.isosurfaces(results, field, time=0.02, levels=[level])
    plotter = picture.plotter()
    try:
        (surface,) = [m for m in plotter.meshes if "field" in m.point_data]
        points = np.asarray(surface.points, float)[::7]
    finally:
        plotter.close()
    low, high = np.array(BOX).T
    c = results.at(np.clip(points, low, high), times=[0.02]).values[0]
    if field == "Ca":
        # Between two points of the lattice the logarithm is taken for a straight line.
        np.testing.assert_allclose(c, level, rtol=0.04)
    else:
        E = md.electro.nernst(c, 2000.0, 2)
        np.testing.assert_allclose(E if field == "E_Ca" else -70.0 - E, level, atol=0.5)
    assert len(points) > 50


@pytest.mark.gl
@pytest.mark.parametrize("camera", solid.CAMERAS)
def test_surfaces_and_volumes_are_drawn_from_every_side(results, camera, tmp_path):
    for make in (md.view.isosurfaces, md.view.volume):
        image = make(results, "Ca", time=0.02, camera=camera).image().astype(float)
        assert image.std() > 8, make
        scene = image[60:, : int(0.85 * image.shape[1])]
        colour = np.ptp(scene, axis=2) > 12
        assert colour.mean() > 0.001, make


@pytest.mark.gl
def test_levels_may_be_counted(results):
    picture = md.view.isosurfaces(results, "Ca", time=0.02, levels=3)
    a, b, c = picture.levels
    assert b == pytest.approx(np.sqrt(a * c), rel=1e-9)  # evenly by the logarithm
    assert picture.title == f"[Ca] = {a:.3g}, {b:.3g}, {c:.3g} uM, t = 20 us"


@pytest.mark.gl
def test_the_occupancy_of_a_buffer_makes_a_volume(results, tmp_path):
    path = md.view.volume(results, "fixed", time=0.02).save(tmp_path / "fog.png")
    assert path.stat().st_size > 5000


@pytest.mark.gl
def test_a_transparent_background_has_no_paper(results, tmp_path):
    from PIL import Image

    picture = md.view.isosurfaces(results, "Ca", time=0.02, levels=[3.0])
    with Image.open(picture.save(tmp_path / "clear.png", transparent=True)) as image:
        assert image.mode == "RGBA"
        alpha = np.asarray(image)[:, :, 3]
    assert alpha.min() == 0
    assert alpha.max() == 255
    assert picture._repr_png_().startswith(b"\x89PNG")


@pytest.mark.gl
def test_what_cannot_be_drawn_in_depth_is_a_sentence(results, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"camera = 'under': give one of 'above', 'close', 'x', 'y', 'z'\."):
        md.view.volume(results, camera="under")
    with pytest.raises(ValueError, match=r"No surface at 1e\+06 uM: the field spans 0\.09"):
        md.view.isosurfaces(results, "Ca", time=0.02, levels=[1e6]).image()
    with pytest.raises(ValueError, match=r"a picture in depth is saved as \.png"):
        md.view.volume(results).save(tmp_path / "a.svg")
    with pytest.raises(ValueError, match="No member 3 in this result"):
        md.view.volume(results, member=3)


def test_without_gl_the_error_names_what_to_install(results, monkeypatch):
    monkeypatch.setattr(gl, "missing", lambda: f"3D drawing needs OpenGL, which this system lacks: {gl.APT}")
    with pytest.raises(RuntimeError, match=r"cannot be flat.*libegl1 libgl1-mesa-dri"):
        md.view.volume(results)


# -- panels and bands ------------------------------------------------------------------------------


def test_panels_stand_side_by_side(results, tmp_path):
    from PIL import Image

    one, other = (md.view.slice(results, name, time=0.02, flat=True) for name in ("Ca", "V-E_Ca"))
    both = md.view.panels(one, other)
    assert both.title == "[Ca] at z = 0, t = 20 us | V - E_Ca at z = 0, t = 20 us"
    with Image.open(both.save(tmp_path / "both.png")) as image:
        width, height = image.size
    assert width > 1.8 * height
    assert both._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="panels: give at least one picture"):
        md.view.panels()
    with pytest.raises(ValueError, match=r"panels are saved as \.png"):
        both.save(tmp_path / "both.pdf")


def test_plots_are_saved_as_vectors(results, tmp_path):
    for name, words in (("E_Ca", "E_Ca (mV)"), ("fixed", "bound fixed (part)"), ("I_Ca", "I_Ca (pA/um^2)")):
        picture = md.view.slice(results, name, time=0.02, flat=True)
        assert picture.figure().axes[-1].get_ylabel() == words
        assert "<svg" in picture.save(tmp_path / "a.svg").read_text()


def test_bands_hold_the_quantiles_of_the_members(ensemble):
    figure = md.view.bands(ensemble, channel=1, quantiles=(0.0, 1.0))
    top, volts, influx = figure.axes
    values = ensemble.mouths["concentration"].isel(channel=1).transpose("member", "time").values
    np.testing.assert_allclose(top.lines[0].get_ydata(), np.median(values, axis=0), rtol=1e-12)
    edge = top.collections[0].get_paths()[0].vertices[:, 1]
    assert (edge.min(), edge.max()) == pytest.approx((values.min(), values.max()))
    assert [a.get_ylabel() for a in (top, volts, influx)] == ["[Ca] (uM)", "E_Ca (mV)", "influx (pA)"]
    assert top.get_title() == "channels[1], 5 members"


def test_bands_of_what_is_no_ensemble(results, ensemble):
    with pytest.raises(ValueError, match="this result has one member; use time_courses"):
        md.view.bands(results)
    with pytest.raises(
        ValueError, match=r"quantiles = \(0\.9, 0\.1\): give two from 0 to 1, the lower first"
    ):
        md.view.bands(ensemble, quantiles=(0.9, 0.1))
    with pytest.raises(ValueError, match="No channel 7 in every member; they share 2"):
        md.view.bands(ensemble, channel=7)
