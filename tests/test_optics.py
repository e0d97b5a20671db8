"""Dyes under a lens: closed forms, and a filter of another package."""

import dataclasses

import numpy as np
import pytest
import xarray
from scipy.ndimage import gaussian_filter

import microdomain as md
from microdomain import optics, presets

RATIO = 15.0


def field_of(f, n=(24, 20, 16), box=((-1, 1), (-1, 1), (0, 1)), stretch=1.0):
    """A field f(x, y, z) on a grid of uneven cells."""
    faces = []
    for (lo, hi), m in zip(box, n, strict=True):
        widths = stretch ** np.abs(np.arange(m) - m / 2)
        faces.append(lo + (hi - lo) * np.append(0, np.cumsum(widths)) / widths.sum())
    x, y, z = (0.5 * (a[1:] + a[:-1]) for a in faces)
    values = f(x[None, None, :], y[None, :, None], z[:, None, None]) + np.zeros((z.size, y.size, x.size))
    coords = {"x": x, "y": y, "z": z}
    return xarray.DataArray(values, coords, ("z", "y", "x"), "dF_F", {"box": [list(b) for b in box]}), faces


def test_the_blur_of_a_gaussian_is_a_wider_gaussian():
    """Variances add: s^2 + sigma^2 in every direction, far from the walls."""
    s, fwhm = np.array([0.15, 0.2, 0.12]), np.array([0.3, 0.25, 0.4])
    box = ((-1.5, 1.5), (-1.5, 1.5), (-1.5, 1.5))

    def bump(x, y, z, s):
        return np.exp(-0.5 * ((x / s[0]) ** 2 + (y / s[1]) ** 2 + (z / s[2]) ** 2))

    field, _ = field_of(lambda x, y, z: bump(x, y, z, s), n=(90, 90, 90), box=box)
    wide = np.sqrt(s**2 + (fwhm / 2.354820045) ** 2)
    expected, _ = field_of(lambda x, y, z: np.prod(s / wide) * bump(x, y, z, wide), n=(90, 90, 90), box=box)
    np.testing.assert_allclose(optics.blurred(field, fwhm).values, expected.values, atol=2e-3)
    scan = optics.line_scan(field, (-1, 0, 0), (1, 0, 0), fwhm=fwhm)
    np.testing.assert_allclose(
        scan.values,
        np.prod(s / wide) * np.exp(-0.5 * (scan.distance.values - 1) ** 2 / wide[0] ** 2),
        atol=2e-3,
    )


def test_an_even_dye_stays_even():
    field, _ = field_of(lambda x, y, z: 2.5, stretch=1.1)
    np.testing.assert_allclose(optics.blurred(field, (0.3, 0.3, 5.0)).values, 2.5, rtol=1e-12)
    np.testing.assert_allclose(
        optics.line_scan(field, (-1, -1, 0), (1, 1, 1), fwhm=0.7).values, 2.5, rtol=1e-12
    )


def test_a_lens_loses_no_light():
    """Each cell's light comes back in the integral over all space that is seen, on any grid."""
    field, faces = field_of(lambda x, y, z: np.exp(-((x - 0.8) ** 2 + y**2 + z**2) / 0.02), stretch=1.15)
    widths = [np.diff(f) for f in faces]
    cells = widths[2][:, None, None] * widths[1][:, None] * widths[0]
    fine = [np.linspace(f[0], f[-1], 400, endpoint=False) + (f[-1] - f[0]) / 800 for f in faces]
    W = [optics._lens(p, f, 0.1).mean(axis=0) * (f[-1] - f[0]) for p, f in zip(fine, faces, strict=True)]
    seen = np.einsum("zyx,z,y,x", field.values, W[2], W[1], W[0])
    assert seen == pytest.approx((field.values * cells).sum(), rel=1e-6)


def test_against_the_filter_of_another_package():
    field, faces = field_of(lambda x, y, z: np.cos(2 * x) * np.exp(y) * (1 + z), n=(80, 80, 40))
    h = [f[1] - f[0] for f in faces]
    sigma = 0.25 / 2.354820045
    other = gaussian_filter(
        field.values, [sigma / h[2], sigma / h[1], sigma / h[0]], mode="reflect", truncate=8
    )
    np.testing.assert_allclose(optics.blurred(field, 0.25).values, other, atol=2e-3 * other.max())


def test_a_line_without_a_lens_is_linear_between_centres():
    field, _ = field_of(lambda x, y, z: 1 + 2 * x - 3 * y + z, stretch=1.1)
    scan = optics.line_scan(field, (-0.5, 0.3, 0.2), (0.5, -0.3, 0.8), samples=11)
    part = np.linspace(0, 1, 11)
    expected = 1 + 2 * (-0.5 + part) - 3 * (0.3 - 0.6 * part) + 0.2 + 0.6 * part
    np.testing.assert_allclose(scan.values, expected, rtol=1e-12)
    assert scan.distance.values[-1] == pytest.approx(np.sqrt(1 + 0.36 + 0.36))


def test_places_without_dye_are_dark():
    field, _ = field_of(lambda x, y, z: 1.0)
    field.values[:, :, :12] = np.nan
    seen = optics.line_scan(field, (-1, 0, 0.5), (1, 0, 0.5), fwhm=0.2).values
    assert (seen[0], seen[-1]) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    assert seen[50] == pytest.approx(0.5)


@pytest.fixture(scope="module")
def scanned():
    model = md.Model(
        box=((-0.5, 0.5), (-0.5, 0.5), (0, 0.5)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)],
        buffers=[presets.buffer("Fluo-5F", total=200)],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.2), gate=md.Pulse(0, 0.5)),
    )
    models = [model, dataclasses.replace(model, buffers=(presets.buffer("Fluo-5F", total=50),))]
    return md.simulate(
        model, until=1.0, members=models, record=md.Record(times=[0, 0.25, 0.5, 1], fields=["Fluo-5F"])
    )


def test_delta_F_by_hand(scanned):
    """F = free + 15 bound; at rest (0.1 uM, K_d 1.5 uM) a sixteenth is bound."""
    seen = md.optics.delta_F(scanned, "Fluo-5F", RATIO)
    for m, total in enumerate((200.0, 50.0)):
        bound = scanned.dataset["Fluo-5F"].isel(member=m).values
        F, F0 = total - bound + RATIO * bound, total * (1 + 14 / 16)
        np.testing.assert_allclose(seen.isel(member=m).values, F / F0 - 1, rtol=1e-12, atol=1e-14)
    assert np.abs(seen.sel(time=0)).max() < 1e-12
    assert seen.max() < RATIO / (1 + 14 / 16) - 1  # what saturated dye would give


def test_a_kymograph_is_made_of_line_scans(scanned):
    ends = ((-0.4, 0, 0.05), (0.4, 0, 0.05))
    seen = md.optics.kymograph(scanned, "Fluo-5F", RATIO, *ends, fwhm=(0.2, 0.2, 0.6), samples=21)
    assert seen.dims == ("member", "time", "distance")
    assert seen.shape == (2, 4, 21)
    one = md.optics.blurred(md.optics.delta_F(scanned, "Fluo-5F", RATIO, times=0.5), (0.2, 0.2, 0.6))
    scan = md.optics.line_scan(one, *ends, samples=21)
    np.testing.assert_allclose(seen.sel(time=[0.5]).values, scan.values, rtol=0.02)
    assert np.argmax(seen.sel(time=0.5).values[0]) == 10  # brightest above the channel
    sharp = md.optics.kymograph(scanned, "Fluo-5F", RATIO, *ends, samples=21)
    assert sharp.max() > seen.max()


def test_refusals(scanned):
    with pytest.raises(ValueError, match=r"No buffer 'Fluo-4' in this model; it has 'Fluo-5F'"):
        optics.delta_F(scanned, "Fluo-4", RATIO)
    with pytest.raises(ValueError, match=r"ratio = -1: give Fmax/Fmin of the dye, above 0"):
        optics.delta_F(scanned, "Fluo-5F", -1)
    without = md.simulate(scanned.model, until=0.01)
    with pytest.raises(ValueError, match=r"was not recorded; ask for it with Record\(fields=\['Fluo-5F'\]\)"):
        optics.delta_F(without, "Fluo-5F", RATIO)
    field, _ = field_of(lambda x, y, z: 1.0)
    with pytest.raises(ValueError, match="fwhm = 0: give a positive width"):
        optics.blurred(field, 0)
    with pytest.raises(ValueError, match="leaves the box, which reaches from -1 to 1 um along x"):
        optics.line_scan(field, (-1, 0, 0), (2, 0, 0))
    with pytest.raises(ValueError, match="give two places and at least two samples"):
        optics.line_scan(field, (0, 0, 0), (0, 0, 0))


def dyed(dye, **changes):
    model = md.Model(
        box=((-0.3, 0.3), (-0.3, 0.3), (0, 0.3)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)],
        buffers=[dye],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.2)),
    )
    return md.simulate(model, until=0.1, record=md.Record(times=[0, 0.1], fields=["dye"]), **changes)


def test_a_dye_that_varies_in_space_has_its_own_total():
    """At rest nothing shines; where all is bound, dF/F0 is that of saturation, however much there is."""
    uneven = md.Buffer("dye", 200, 0.2, 1.5, profile={"x": ((-0.3, 0.2), (0.3, 1.8))})
    results = dyed(uneven, members=2)
    seen = optics.delta_F(results, "dye", RATIO)
    assert np.abs(seen.isel(time=0)).max() < 1e-12
    bound = results.dataset["dye"].isel(time=1, member=1).values
    factor = 1.0 + 0.8 * results.grid.centres[0] / 0.3  # the average of a line is its value in the middle
    F, F0 = 200 * factor + 14 * bound, 200 * factor * (1 + 14 / 16)
    np.testing.assert_allclose(seen.isel(time=1, member=1).values, F / F0 - 1, rtol=1e-10, atol=1e-12)
    layered = optics.delta_F(dyed(md.Buffer("dye", 200, 0.2, 1.5, layer=("z-", 0.1))), "dye", RATIO)
    assert np.abs(layered.isel(time=0)).max() < 1e-12
    assert 0 < float(layered.max()) < RATIO / (1 + 14 / 16) - 1
    assert np.isnan(layered.isel(z=-1)).all()


def test_dyes_whose_light_is_not_that_of_one_bound_form_are_refused():
    with pytest.raises(ValueError, match=r"diffuse unlike each other \(D = 0.1, D_bound = 0.05"):
        optics.delta_F(dyed(md.Buffer("dye", 200, 0.2, 1.5, D=0.1, D_bound=0.05)), "dye", RATIO)
    two = md.TwoSite("dye", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05)
    model = md.Model(
        box=((-0.3, 0.3), (-0.3, 0.3), (0, 0.3)), ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1)], buffers=[two]
    )
    results = md.simulate(model, until=0.01, record=md.Record(fields=["dye.free", "dye.1"]))
    with pytest.raises(ValueError, match="'dye' has several bound forms"):
        optics.delta_F(results, "dye", RATIO)
    assert results.dataset["dye.free"].attrs["long_name"] == "dye.free, cell averages"
