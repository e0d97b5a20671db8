"""Our XML against VTK's own reader."""

import numpy as np
import pytest

from microdomain import vtkxml

pyvista = pytest.importorskip("pyvista")

CELLS = (4, 3, 2)  # x, y, z
POINTS = (5, 4, 3)
RNG = np.random.default_rng(3)
Ca = RNG.random(CELLS[::-1])
FLUX = RNG.random((*CELLS[::-1], 3)).astype(np.float32)
CORNERS = RNG.integers(0, 100, POINTS[::-1])
FACES = tuple(np.cumsum(RNG.random(n)) for n in POINTS)


def test_image_read_by_vtk(tmp_path):
    path = vtkxml.write_image(
        tmp_path / "a.vti",
        origin=(-1, -0.5, 1e-7),
        spacing=(0.5, 0.1, 1 / 3),
        cell_data={"[Ca] <uM>": Ca, "flux": FLUX, "open": Ca > 0.5},
        point_data={"n": CORNERS},
    )
    grid = pyvista.read(path)
    assert grid.dimensions == POINTS
    assert grid.origin == (-1, -0.5, 1e-7)
    assert grid.spacing == (0.5, 0.1, 1 / 3)
    np.testing.assert_array_equal(grid.cell_data["[Ca] <uM>"], Ca.ravel())
    np.testing.assert_array_equal(grid.cell_data["flux"], FLUX.reshape(-1, 3))
    np.testing.assert_array_equal(grid.cell_data["open"], (Ca > 0.5).ravel())
    np.testing.assert_array_equal(grid.point_data["n"], CORNERS.ravel())


def test_point_data_alone_sets_the_size_of_an_image(tmp_path):
    grid = pyvista.read(
        vtkxml.write_image(tmp_path / "a.vti", (0, 0, 0), (1, 1, 1), point_data={"n": CORNERS})
    )
    assert grid.dimensions == POINTS


def test_rectilinear_read_by_vtk(tmp_path):
    strided = np.asfortranarray(Ca).astype(">f8")
    path = vtkxml.write_rectilinear(tmp_path / "a.vtr", FACES, {"Ca": strided}, {"n": CORNERS})
    grid = pyvista.read(path)
    for axis, faces in zip((grid.x, grid.y, grid.z), FACES, strict=True):
        np.testing.assert_array_equal(axis, faces)
    np.testing.assert_array_equal(grid.cell_data["Ca"], Ca.ravel())
    np.testing.assert_array_equal(grid.point_data["n"], CORNERS.ravel())
    # x runs fastest: the cell beside the origin along x is the second one.
    centre = grid.cell_centers().points[1]
    expected = (FACES[0][1:3].mean(), FACES[1][:2].mean(), FACES[2][:2].mean())
    np.testing.assert_allclose(centre, expected, rtol=1e-6)


def test_series_read_by_vtk(tmp_path):
    times = [0.0, 0.1, 0.1 + 0.2]
    frames = [
        (t, vtkxml.write_rectilinear(tmp_path / f"a & b.{k}.vtr", FACES, {"Ca": Ca + k}))
        for k, t in enumerate(times)
    ]
    path = vtkxml.write_series(tmp_path / "a.pvd", frames)
    assert str(tmp_path) not in path.read_text()
    reader = pyvista.get_reader(path)
    assert reader.time_values == times
    reader.set_active_time_point(2)
    np.testing.assert_array_equal(reader.read()[0].cell_data["Ca"], (Ca + 2).ravel())


def test_bad_input(tmp_path):
    with pytest.raises(
        ValueError, match=r"'Ca' has shape \(4, 3, 2\); CellData of this grid has \(2, 3, 4\)"
    ):
        vtkxml.write_rectilinear(tmp_path / "a.vtr", FACES, {"Ca": Ca.T})
    with pytest.raises(ValueError, match=r"faces along y must be two or more ascending numbers"):
        vtkxml.write_rectilinear(tmp_path / "a.vtr", (FACES[0], FACES[1][::-1], FACES[2]))
    with pytest.raises(ValueError, match=r"a\.vtk' must end in \.vtr; ParaView goes by the name"):
        vtkxml.write_rectilinear(tmp_path / "a.vtk", FACES)
    with pytest.raises(ValueError, match="takes its size from its data; give cell_data or point_data"):
        vtkxml.write_image(tmp_path / "a.vti", (0, 0, 0), (1, 1, 1))
    with pytest.raises(TypeError, match="'Ca' is of type complex128; a VTK file holds integers"):
        vtkxml.write_rectilinear(tmp_path / "a.vtr", FACES, {"Ca": Ca * 1j})
    assert list(tmp_path.iterdir()) == []
