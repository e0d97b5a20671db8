"""Results: what they answer, in memory and from a store, with the same bits."""

import numpy as np
import pytest

import microdomain as md

BOX = ((-0.15, 0.15), (-0.15, 0.15), (0.0, 0.15))
ION = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
CHANNELS = md.Cluster([(0, 0), (0.06, 0.02)], current=md.Fixed(0.1), gate=md.Pulse(0.0, 0.1), name="cav")
MODEL = md.Model(box=BOX, ions=[ION], buffers=[BAPTA], channels=CHANNELS)
GRID = md.Grid.graded(MODEL, near=0.04)
POINTS = [(0, 0, 0.01), (0.05, -0.03, 0.1), (-0.15, 0.15, 0.15)]


def run(**keywords):
    record = md.Record(times=[0.05, 0.1, 0.2], fields=["BAPTA"], points={"nose": (0.01, 0, 0.02)})
    return md.simulate(MODEL, GRID, until=0.2, record=record, device="numpy", **keywords)


@pytest.fixture(scope="module")
def results():
    return run()


def test_at_gives_times_and_points(results):
    found = results.at(POINTS)
    assert found.dims == ("time", "point")
    assert found.attrs["units"] == "uM"
    np.testing.assert_allclose(found.time, [0.05, 0.1, 0.2])
    np.testing.assert_allclose(found.z, [0.01, 0.1, 0.15])
    np.testing.assert_array_equal(results.at(POINTS, times=0.1).values[0], found.values[1])
    np.testing.assert_array_equal(results.at(POINTS[0]).values[:, 0], found.values[:, 0])


def test_probes_mouths_and_at_are_one_reading(results):
    np.testing.assert_allclose(
        results.probes.Ca.values[:, 0], results.at([(0.01, 0, 0.02)]).values[:, 0], rtol=1e-9
    )
    mouths = results.at([(0, 0, 0.005), (0.06, 0.02, 0.005)])
    np.testing.assert_allclose(results.mouths.concentration.values, mouths.values, rtol=1e-9)


def test_cell_centres_are_readings_at_cell_centres(results):
    """A field at a cell's centre and the spline through all centres agree."""
    cx, cy, cz = GRID.centres
    cells = [(2, 3, 1), (4, 4, 0), (0, 5, 3)]
    values = results.at([(cx[i], cy[j], cz[k]) for i, j, k in cells]).values
    for n, (i, j, k) in enumerate(cells):
        np.testing.assert_allclose(results.dataset.Ca.values[:, k, j, i], values[:, n], rtol=1e-6)


def test_coordinates_and_units(results):
    assert results.dataset.Ca.attrs["units"] == "uM"
    assert results.dataset.time.attrs["units"] == "ms"
    assert results.dataset.x.attrs["units"] == "um"
    assert set(results.dataset.data_vars) == {"Ca", "BAPTA"}
    assert list(results.mouths.channel.values) == ["cav[0]", "cav[1]"]
    np.testing.assert_allclose(results.mouths.x, [0, 0.06])
    assert results.members == 1
    assert not results.partial


def test_reversal_is_nernst_at_every_point(results):
    """26.72666/2 mV ln(2000/c) at 37 C; 135.228 uM is +36 mV (4.3)."""
    field = results.reversal("Ca")
    assert field.dims == results.dataset.Ca.dims
    np.testing.assert_allclose(field.values, 13.36333 * np.log(2000 / results.dataset.Ca.values), atol=1e-4)
    assert field.attrs["units"] == "mV"
    assert float(results.reversal(outside=4000).max()) == pytest.approx(float(field.max()) + 9.2628, abs=1e-4)
    warm = results.reversal(temperature=293.15)
    np.testing.assert_allclose(warm.values / field.values, 293.15 / 310.15, rtol=1e-12)


def test_a_save_answers_with_the_same_bits(results, tmp_path):
    results.save(tmp_path / "a.zarr")
    again = md.open(tmp_path / "a.zarr")
    same(results, again)
    again.save(tmp_path / "b.zarr")
    same(results, md.open(tmp_path / "b.zarr"))


def test_a_streamed_run_answers_with_the_same_bits(results, tmp_path):
    same(results, run(out=tmp_path / "c.zarr"))
    same(results, md.open(tmp_path / "c.zarr"))


def test_members_in_a_store(tmp_path):
    both = run(members=2, member_names=["one", "two"])
    both.save(tmp_path / "m.zarr")
    again = md.open(tmp_path / "m.zarr")
    same(both, again)
    assert again.members == 2
    assert again.member_names == ("one", "two")
    assert list(again.at(POINTS).member.values) == ["one", "two"]


def same(a, b):
    np.testing.assert_array_equal(a.at(POINTS).values, b.at(POINTS).values)
    np.testing.assert_array_equal(a.dataset.Ca.values, b.dataset.Ca.values)
    np.testing.assert_array_equal(a.dataset.BAPTA.values, b.dataset.BAPTA.values)
    for name in ("concentration", "reversal", "influx", "mean_Ca"):
        np.testing.assert_array_equal(a.mouths[name].values, b.mouths[name].values)
    np.testing.assert_array_equal(a.probes.Ca.values, b.probes.Ca.values)
    np.testing.assert_array_equal(a.reversal().values, b.reversal().values)
    assert str(a.ledger) == str(b.ledger)
    assert str(a.budget) == str(b.budget)
    assert a.models == b.models
    assert a.grid == b.grid
    assert a.provenance["scenario"] == b.provenance["scenario"]
    assert b.partial is False


def test_a_store_is_not_overwritten_by_accident(results, tmp_path):
    results.save(tmp_path / "a.zarr")
    with pytest.raises(FileExistsError):
        results.save(tmp_path / "a.zarr")
    results.save(tmp_path / "a.zarr", overwrite=True)


def test_a_run_that_was_stopped_leaves_a_readable_store(tmp_path):
    """Ctrl-C in the middle: what was recorded stays and says that it is partial."""

    def stop(progress):
        if progress.t > 0.11:
            raise KeyboardInterrupt

    path = tmp_path / "partial.zarr"
    with pytest.raises(KeyboardInterrupt):
        run(out=path, rtol=1e-6, progress=stop)
    found = md.open(path)
    assert found.partial
    assert found.dataset.sizes["time"] == 2
    assert found.at(POINTS).shape == (2, 3)
    assert "(partial)" in repr(found)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda r: r.at([(0, 0, 1)]), "outside the box"),
        (lambda r: r.at([(0, 0)]), r"give \(P, 3\): x, y, z of each point in um"),
        (
            lambda r: r.at(POINTS, times=0.07),
            r"No field was recorded at 0\.07 ms; there are 0\.05, 0\.1, 0\.2",
        ),
        (lambda r: r.at(POINTS, ion="K"), "No ion 'K' in this model; it has 'Ca'"),
    ],
)
def test_refusals(results, call, text):
    with pytest.raises(ValueError, match=text):
        call(results)


def test_without_an_outside_level_there_is_no_reversal_potential():
    ion = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    model = md.Model(box=BOX, ions=[ion], buffers=[BAPTA], channels=CHANNELS)
    found = md.simulate(model, GRID, until=0.01, device="numpy")
    assert np.isnan(found.mouths.reversal.values).all()
    with pytest.raises(ValueError, match=r"no outside concentration in this model; give outside= in uM"):
        found.reversal()
    assert float(found.reversal(outside=2000).isel(time=0).max()) == pytest.approx(132.3436, abs=1e-3)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        md.open(tmp_path / "none.zarr")


def test_repr(results):
    text = repr(results)
    assert text.startswith("Results  1 member, 0.05 to 0.2 ms in 3 frames")
    assert "ROS34PW2 on numpy" in text
