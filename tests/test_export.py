"""Results as VTK files, read back by VTK."""

import numpy as np
import pytest

import microdomain as md

BOX = ((-0.2, 0.2), (-0.3, 0.3), (0, 0.2))
MODEL = md.Model(
    box=BOX,
    ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000), md.Ion("Mg", z=2, D=0.3, rest=500)],
    buffers=[md.Buffer("fixed", total=50, k_on=0.1, K_d=10)],
    channels=md.Cluster([(0.05, 0)], current=md.Fixed(0.1)),
)
UNIFORM = md.Grid(*(np.linspace(lo, hi, n + 1) for (lo, hi), n in zip(BOX, (4, 6, 3), strict=True)))
GRADED = md.Grid(UNIFORM.x_faces, UNIFORM.y_faces, np.array([0, 0.03, 0.08, 0.2]))
RECORD = md.Record(times=[0.0, 0.01, 0.02], fields=["fixed"])


def run(grid, **more):
    return md.simulate(MODEL, grid, until=0.02, record=RECORD, device="numpy", **more)


@pytest.fixture(scope="module")
def uniform():
    return run(UNIFORM)


def read(pvd, k):
    pyvista = pytest.importorskip("pyvista")
    reader = pyvista.get_reader(pvd)
    reader.set_active_time_point(k)
    return reader.time_values, reader.read()[0]


def test_a_uniform_grid_becomes_images(uniform, tmp_path):
    (series,) = uniform.export(tmp_path / "new" / "folder")
    assert series == tmp_path / "new" / "folder" / "results.pvd"
    names = sorted(p.name for p in series.parent.iterdir())
    assert names == ["results.pvd", "results_0000.vti", "results_0001.vti", "results_0002.vti"]
    times, grid = read(series, 2)
    assert times == [0.0, 0.01, 0.02]
    assert grid.dimensions == (5, 7, 4)
    np.testing.assert_allclose(grid.bounds, [x for side in BOX for x in side], atol=1e-15)
    # Mg has no outside concentration, hence no E_Mg.
    assert set(grid.cell_data) == {"Ca (uM)", "Mg (uM)", "fixed (uM)", "E_Ca (mV)"}
    last = uniform.dataset.isel(time=2)
    for name in ("Ca", "Mg", "fixed"):
        np.testing.assert_array_equal(grid.cell_data[f"{name} (uM)"], last[name].values.ravel())
    E = uniform.reversal("Ca").isel(time=2).values.ravel()
    np.testing.assert_array_equal(grid.cell_data["E_Ca (mV)"], E)
    # The cell with the most calcium is the one that the channel feeds.
    where = grid.cell_centers().points[int(np.argmax(grid.cell_data["Ca (uM)"]))]
    assert where == pytest.approx([0.05, 0.05, 1 / 30], abs=1e-6) or where == pytest.approx(
        [0.05, -0.05, 1 / 30], abs=1e-6
    )


def test_a_graded_grid_becomes_rectilinear(tmp_path):
    results = run(GRADED)
    (series,) = results.export(tmp_path / "run.pvd", fields=["E_Ca"])
    assert series == tmp_path / "run.pvd"
    assert (tmp_path / "run_0002.vtr").exists()
    _, grid = read(series, 1)
    np.testing.assert_array_equal(grid.z, GRADED.z_faces)
    assert list(grid.cell_data) == ["E_Ca (mV)"]


def test_members_are_series_of_their_own(tmp_path):
    results = run(UNIFORM, members=2, member_names=["high K", "0.1 pA"])
    paths = results.export(tmp_path, fields="Ca")
    assert [p.name for p in paths] == ["results_high-K.pvd", "results_0.1-pA.pvd"]
    unnamed = run(UNIFORM, members=range(2)).export(tmp_path / "b", fields="Ca")
    assert [p.name for p in unnamed] == ["results_member0.pvd", "results_member1.pvd"]


def test_an_export_is_replaced_only_when_asked(uniform, tmp_path):
    uniform.export(tmp_path, fields="Ca")
    stale = tmp_path / "results_0007.vtr"
    other = tmp_path / "results_notes.txt"
    stale.touch()
    other.touch()
    with pytest.raises(FileExistsError, match=r"results\.pvd' exists\. Choose another name, or allow"):
        uniform.export(tmp_path)
    assert uniform.export(tmp_path, overwrite=True) == (tmp_path / "results.pvd",)
    assert not stale.exists()
    assert other.exists()


def test_bad_input(uniform, tmp_path):
    with pytest.raises(ValueError, match="No field 'E_Mg' in this result; it has Ca, Mg, fixed, E_Ca"):
        uniform.export(tmp_path / "a", fields=["E_Mg"])
    with pytest.raises(ValueError, match="fields is empty"):
        uniform.export(tmp_path / "a", fields=[])
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"file' is a file; give a folder or a \.pvd"):
        uniform.export(tmp_path / "file")
