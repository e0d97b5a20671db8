"""Pictures of reaction networks: forms of a buffer in uM, its occupancy as bound sites of all sites."""

import numpy as np
import pytest

import microdomain as md
from microdomain.view import cinema, gl
from microdomain.view.approximations import approximations
from microdomain.view.fields import bound_of, field_of, names_of
from microdomain.view.lattice import Lattice, axes_of
from microdomain.view.looks import Looks
from microdomain.view.readings import Readings

BOX = ((-0.3, 0.3), (-0.3, 0.3), (0.0, 0.3))
CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
LOBE = md.TwoSite("CaM_N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05)
FORMS = ["CaM_N.free", "CaM_N.1", "CaM_N.2"]
TIMES = (0.0, 0.01, 0.02)


@pytest.fixture(scope="module")
def results():
    """One channel beside one lobe of calmodulin, on a coarse grid."""
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=[LOBE], channels=md.Cluster([(0, 0)]))
    grid = md.Grid.graded(model, near=0.02, growth=1.4, far=0.1)
    record = md.Record(times=TIMES, fields=FORMS)
    return md.simulate(model, grid, until=0.02, record=record, rtol=5e-2, device="numpy")


def test_every_recorded_form_and_the_occupancy_have_a_name(results):
    names = names_of(results.model, results.dataset.data_vars)
    assert names == ["E_Ca", "Ca", "V-E_Ca", "I_Ca", "CaM_N", *FORMS]
    assert names_of(results.model, ["Ca", "CaM_N.1"]) == ["E_Ca", "Ca", "V-E_Ca", "I_Ca", "CaM_N.1"]
    atp = md.Competing("ATP", 2000, {"Ca": (0.5, 45), "Mg": (0.5, 22.5)}, D=0.22)
    assert bound_of(atp) == (("ATP.Ca", 1), ("ATP.Mg", 1))


def test_what_was_not_recorded_says_how_to_record_it(results):
    with pytest.raises(ValueError, match=r"'CaM_N\.2' was not recorded; ask for it with Record\(fields="):
        field_of(results.model, "CaM_N.2", ["Ca"])
    with pytest.raises(
        ValueError, match=r"The forms of 'CaM_N' were not recorded; .*\['CaM_N\.1', 'CaM_N\.2'\]"
    ):
        field_of(results.model, "CaM_N", ["Ca", "CaM_N.1"])


def test_a_form_is_read_as_its_cells_are_and_occupancy_counts_sites(results):
    """At rest by the equilibrium of two sites; later by the cells of the store, far from the front."""
    place = [(0.02, 0.01, 0.015)]
    one, two = (field_of(results.model, n, results.dataset.data_vars) for n in ("CaM_N.1", "CaM_N.2"))
    part = field_of(results.model, "CaM_N", results.dataset.data_vars)
    assert [f.unit for f in (one, two, part)] == ["uM", "uM", "1"]
    K_T, K_R, c = 160 / 0.77, 22 / 32, 0.1
    weights = np.array([1.0, 2 * c / K_T, c / K_T * c / K_R])
    _, n1, n2 = 100 * weights / weights.sum()
    read = Readings(results, place)
    np.testing.assert_allclose(read.of(one, [0.0]), n1, rtol=1e-6)
    np.testing.assert_allclose(read.of(part, [0.0]), (n1 + 2 * n2) / 200, rtol=1e-6)
    both = read.of(one, [0.02]) + 2 * read.of(two, [0.02])
    np.testing.assert_allclose(read.of(part, [0.02]), both / 200, rtol=1e-9)
    assert (read.of(part, [0.02]) > 10 * read.of(part, [0.0])).all()


def test_lattices_read_what_points_read(results):
    axes = axes_of(results.model, 0.03, 8)
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    for name in ("CaM_N.2", "CaM_N"):
        field = field_of(results.model, name, results.dataset.data_vars)
        expected = Readings(results, points).of(field, [0.02])[0]
        np.testing.assert_allclose(
            Lattice(results, axes).of(field, 0.02).ravel(), expected, rtol=1e-9, atol=1e-12
        )


def test_colours_of_a_form_span_four_decades_and_all_times(results):
    looks = Looks(results)
    early, _ = looks.plane("CaM_N.2", 0.0, 2, 0.0)
    late, _ = looks.plane("CaM_N.2", 0.02, 2, 0.0)
    highest = float(results.dataset["CaM_N.2"].max())
    assert early.limits == late.limits == (1e-4 * highest, highest)
    assert late.logarithmic
    occupancy, _ = looks.plane("CaM_N", 0.02, 2, 0.0)
    assert occupancy.limits == (0.0, 1.0)
    assert not occupancy.logarithmic


@pytest.mark.gl
def test_slices_and_surfaces_of_forms_are_drawn(results):
    if gl.missing():
        pytest.skip(gl.missing())
    for name in ("CaM_N.2", "CaM_N"):
        picture = md.view.slice(results, name, time=0.02)
        assert picture.title.startswith({"CaM_N.2": "[CaM_N.2]", "CaM_N": "bound CaM_N"}[name])
        image = np.asarray(picture.plotter().screenshot(return_img=True), float)
        assert image.std() > 20
    surfaces = md.view.isosurfaces(results, "CaM_N.2", time=0.02, levels=2).image()
    assert surfaces.astype(float).std() > 10


def test_flat_maps_movies_and_profiles_take_forms(results, tmp_path):
    planes = cinema.planes(results, "CaM_N.2", None, 2, 0.0, 0, None, None, lambda part: None)
    assert [p.time for p in planes] == list(TIMES)
    assert len({p.limits for p in planes}) == 1
    flat = md.view.slice(results, "CaM_N.1", time=0.02, flat=True).save(tmp_path / "flat.png")
    assert flat.stat().st_size > 10_000
    figure = md.view.profile(results, time=0.02, also=["CaM_N", "CaM_N.2"])
    assert [a.get_ylabel() for a in figure.axes] == ["[Ca] (uM)", "E_Ca (mV)", "CaM_N (part)", "CaM_N.2 (uM)"]
    x, drawn = figure.axes[3].lines[0].get_data()
    field = field_of(results.model, "CaM_N.2", results.dataset.data_vars)
    places = [(0.0, 0.0, 1e-3 * v) for v in x]
    np.testing.assert_allclose(drawn, Readings(results, places).of(field, [0.02])[0], rtol=1e-12)


def test_a_profile_shows_the_steady_approximations_where_they_apply(results):
    """Without mobile buffers all three are J/(2 pi D r) above rest, a half-space; networks have none."""
    channel = results.model.resolved_channels[0]
    r = np.array([0.01, 0.1])
    assert approximations(results, 0, channel, 0.02, r) == {}
    bare = md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)]))
    record = md.Record(times=[0.0, 0.02])
    alone = md.simulate(bare, md.Grid.uniform(bare, spacing=0.05), until=0.02, record=record, rtol=5e-2)
    found = approximations(alone, 0, bare.resolved_channels[0], 0.02, r)
    assert list(found) == ["EBA", "RBA", "LIN"]
    # 0.1 pA: 0.1 * 5.1821348 uM um^3/ms over 2 pi D r (Crank 1975, ch. 6).
    for values in found.values():
        np.testing.assert_allclose(values, 0.1 + 0.51821348 / (2 * np.pi * 0.22 * r), rtol=1e-6)
    figure = md.view.profile(alone, time=0.02)
    assert [line.get_label() for line in figure.axes[0].lines][1:] == ["EBA", "RBA", "LIN"]
