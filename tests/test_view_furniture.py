"""What stands in the box besides channels is in every scene: obstacles, tissue, patches, named probes."""

import numpy as np
import pytest

import microdomain as md
from microdomain.model import Circle, LinearPump, Pump, Rectangle
from microdomain.view import gl

BOX = ((-0.3, 0.3), (-0.3, 0.3), (0.0, 0.3))
CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module", autouse=True)
def drawing():
    if gl.missing():
        pytest.skip(gl.missing())


def model(**more):
    return md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)]), **more)


@pytest.fixture(scope="module")
def results():
    """A ball and a pumped patch beside one channel, a held patch and tissue above, a probe in a corner."""
    ball = md.Ball((0.12, 0.0, 0.1), 0.08)
    patch = Pump(LinearPump(0.2), face="z-", patch=Rectangle((-0.2, -0.2), (0.1, 0.06)))
    held = md.HeldPatch("z+", Circle((0.1, -0.1), 0.08))
    tissue = md.Tissue(0.5, 1.3, md.Ball((-0.15, 0.1, 0.2), 0.08))
    one = model(obstacles=[ball], pumps=[patch], held=held, tissue=tissue)
    record = md.Record(times=[0.0, 0.02], points={"corner": (0.2, 0.2, 0.05)})
    grid = md.Grid.uniform(one, spacing=0.03)
    return md.simulate(one, grid, until=0.02, record=record, rtol=5e-2, device="numpy")


def area(mesh):
    return float(mesh.area)


def test_the_surface_of_every_shape_has_its_area_and_ends_at_the_box():
    """Areas from geometry; a ball that the wall halves shows half of its surface."""
    from microdomain.view.furniture import regions_of, surfaces_of

    r = 0.1
    tetrahedron = md.Surface(
        [(0.05, 0.05, 0.1), (0.15, 0.05, 0.1), (0.05, 0.15, 0.1), (0.05, 0.05, 0.2)],
        [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)],
    )
    shapes = {
        md.Ball((0.12, 0.0, 0.15), r): 4 * np.pi * r**2,
        md.Ball((0.3, 0.0, 0.15), r): 2 * np.pi * r**2,
        md.Block((0.05, 0.05, 0.1), (0.15, 0.25, 0.2)): 2 * (0.1 * 0.2 + 0.1 * 0.1 + 0.2 * 0.1),
        md.Cylinder((0.15, 0.0, 0.15), 0.08, 0.2): 2 * np.pi * 0.08 * (0.2 + 0.08),
        tetrahedron: 3 * 0.5 * 0.1**2 + np.sqrt(3) / 4 * (0.1 * np.sqrt(2)) ** 2,
    }
    for shape, expected in shapes.items():
        ((mesh, _),) = surfaces_of(model(obstacles=[shape]))
        (region,) = regions_of(model(tissue=[md.Tissue(0.5, name="all"), md.Tissue(0.5, shape=shape)]))
        assert area(region) == area(mesh)
        assert area(mesh) == pytest.approx(expected, rel=0.03), shape
        low, high = np.array(BOX).T
        points = np.asarray(mesh.points)
        assert (points >= low - 0.01).all()
        assert (points <= high + 0.01).all()


def test_patches_are_outlined_where_they_are():
    from microdomain.view.furniture import outlines_of

    pumps = [
        Pump(LinearPump(0.2), face="z-", patch=Rectangle((-0.2, -0.2), (0.1, 0.06)), name="one"),
        Pump(LinearPump(0.2), face="x+", patch=Circle((0.0, 0.1), 0.05), name="two"),
        Pump(LinearPump(0.2), face="z+", name="whole"),
    ]
    square, round_one = outlines_of(model(pumps=pumps), pumps)
    np.testing.assert_allclose(square.bounds[:4], (-0.25, -0.15, -0.23, -0.17), atol=1e-7)
    np.testing.assert_allclose(round_one.bounds[2:], (-0.05, 0.05, 0.05, 0.15), atol=1e-7)
    assert round_one.bounds[0] == pytest.approx(0.3, abs=0.01)
    held = [md.HeldPatch("y-", Circle((0.1, 0.2), 0.05)), md.HeldPatch("y+", name="whole")]
    (other,) = outlines_of(model(held=held), held)
    np.testing.assert_allclose(np.array(other.bounds)[[0, 1, 4, 5]], (0.05, 0.15, 0.15, 0.25), atol=1e-7)
    assert other.bounds[2] == pytest.approx(-0.3, abs=0.01)


def test_every_scene_shows_them(results):
    """Slices, surfaces, fog and the stage of the page; a slice through the ball is cut along it."""
    from microdomain.view.stage import Stage

    wanted = {"obstacle 0", "tissue 0", "pump 0", "held 0", "probe corner"}
    scenes = [
        md.view.slice(results, "Ca", time=0.02).plotter(),
        md.view.isosurfaces(results, "Ca", time=0.02, levels=1).plotter(),
        md.view.volume(results, "Ca", time=0.02).plotter(),
        Stage(results).plotter,
    ]
    for plotter in scenes:
        there = {name for renderer in plotter.renderers for name in renderer.actors}
        assert wanted <= there
        assert any(name.startswith("probes") for name in there)
        plotter.close()


def test_a_slice_beside_an_obstacle_is_cut_along_its_surface(results):
    import pyvista as pv

    from microdomain.view.furniture import split

    plane = md.view.slice(results, "Ca", time=0.02, z=0.1).plane
    assert np.isnan(plane.values).any()
    surface = pv.PolyData.from_regular_faces(plane.points, plane.triangles)
    surface.point_data["Ca"] = plane.values
    fluid, solid = split(surface, results.model)
    assert solid.area == pytest.approx(np.pi * 0.08**2, rel=0.03)
    assert fluid.area == pytest.approx(0.36 - np.pi * 0.08**2, rel=0.01)
    assert not np.isnan(fluid.point_data["Ca"]).any()


def test_a_round_mouth_is_drawn_as_large_as_it_is():
    from microdomain.view.colours import rings_of
    from microdomain.view.plane import cut
    from microdomain.view.props import ring

    wide = md.Model(
        box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)], mouth=md.Disc(0.06), gate=md.Pulse(0, 1))
    )
    grid = md.Grid.uniform(wide, spacing=0.05)
    done = md.simulate(wide, grid, until=0.01, rtol=5e-2, device="numpy")
    (glyph,) = rings_of(cut(done, "Ca", None, 2, 0.0, 0), 0.6)
    assert glyph[1] == 0.06
    bounds = ring(wide.resolved_channels[0], 0.01).bounds
    assert bounds[1] == pytest.approx(0.06, rel=1e-6)
