"""Windows, images and patches of the analytic part."""

import numpy as np
import pytest
from scipy.special import erfc

import microdomain as md
from microdomain.history import History, flux_of
from microdomain.near_field import Source, cells_within, images, lay_patch
from microdomain.window import AVERAGES, POINTS, Window

D, TAU = 0.22, 3.6e-3
FLUX = 1e6 / (2 * 96485.33212)


def history(current=0.1, gate=None):
    ion = md.Ion("Ca", z=2, D=D, rest=0.1)
    cluster = md.Cluster([(0, 0)], current=md.Fixed(current), gate=gate or md.Open())
    model = md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[ion], channels=cluster)
    return History([flux_of(model.resolved_channels[0], 2)])


def fold(window, some, t, kappa=0.0):
    return window.fold(some, np.array([0]), np.array([t]), np.array([kappa]))[0]


def test_images_of_images():
    assert sorted(images(0.3, 0.0, 1.0, 1, 1, 1.0)) == [(-0.3, 1), (0.3, 1), (1.7, 1)]
    assert sorted(images(0.3, 0.0, 1.0, -1, 1, 1.0)) == [(-0.3, -1), (0.3, 1), (1.7, 1)]
    assert dict(images(0.3, 0.0, 1.0, -1, -1, 2.0))[2.3] == 1


@pytest.mark.parametrize("r", [0.002, 0.005, 0.01, 0.03, 0.06])
@pytest.mark.parametrize("t", [2e-4, 1e-3, 1.0])
def test_the_window_of_a_step_current_is_the_closed_form(r, t):
    """c = J / 2 pi D r erfc(r / sqrt(4 D age)), age at most tau: a channel on a closed face."""
    window = Window.of(D, TAU, POINTS)
    source = [Source.of(0.0, -1, 1, 1, 1, 0.5, D), Source.of(0.0, -1, 1, 1, 1, 0.5, D)]
    source.append(Source.of(0.0, 0, 1, 1, 1, 0.5, D))
    kernel = np.prod(
        [s.density(np.array([x]), window.nodes)[:, 0] for s, x in zip(source, (0, 0, r), strict=True)], axis=0
    )
    exact = 0.1 * FLUX / (2 * np.pi * D * r) * erfc(r / np.sqrt(4 * D * min(t, TAU)))
    assert fold(window, history(), t) @ kernel == pytest.approx(exact, rel=2e-5, abs=1e-9)


@pytest.mark.parametrize("kappa", [0.0, 67.0, 1375.0])
def test_the_mass_in_a_window(kappa):
    """J (1 - exp(-kappa a)) / kappa, a if kappa = 0; also while it fills and after it closes."""

    def mass(a):
        return a if kappa == 0 else (1 - np.exp(-kappa * a)) / kappa

    window = Window.of(D, TAU, AVERAGES)
    some = history(gate=md.Pulse(0, 0.01))
    for t, exact in ((1e-4, mass(1e-4)), (5e-3, mass(TAU)), (0.011, mass(TAU) - mass(0.001)), (0.02, 0.0)):
        found = fold(window, some, t, kappa).sum() / (0.1 * FLUX)
        assert found == pytest.approx(exact, rel=1e-7, abs=1e-15)


def test_a_linear_current():
    """int_0^tau (t - s) ds for a ramp."""
    window = Window.of(D, TAU, AVERAGES)
    ramp = history(current=md.Table((0.0, 1.0), (0.0, 0.1)))
    assert fold(window, ramp, 0.5).sum() == pytest.approx(0.1 * FLUX * (0.5 * TAU - TAU**2 / 2), rel=1e-10)


def test_rows_of_a_group_may_be_folded_for_several_times():
    """Each time is folded as if it were asked alone; here J bends within the window of the first two."""
    window, ages = Window.of(D, TAU, AVERAGES), (0.001, 0.003, 0.5)
    ion = md.Ion("Ca", z=2, D=D, rest=0.1)
    wave = md.Table((0.0, 0.0005, 0.0025, 1.0), (0.0, 0.1, 0.02, 0.1))
    cluster = md.Cluster([(0, 0)], current=md.Fixed(wave))
    bent = md.Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[ion], channels=cluster).resolved_channels[0]
    grown = History([flux_of(bent, 2)], group=[0])
    rows, kappa = np.zeros(3, dtype=int), np.full(3, 20.0)
    together = window.fold(grown, rows, np.array(ages), kappa)
    for t, row in zip(ages, together, strict=True):
        np.testing.assert_allclose(row, fold(window, grown, t, 20.0), rtol=1e-12)


@pytest.mark.parametrize("lower", [1, -1])
def test_a_patch_holds_what_the_axes_hold(lower):
    """Sum of cell averages times volumes: 1 between closed walls, less where a held wall is near."""
    faces = np.linspace(0, 0.4, 21)
    window = Window.of(D, TAU, AVERAGES)
    sources = [Source.of(0.05, 0, 0.4, lower, 1, 0.3, D)]
    sources += [Source.of(p, 0, 0.4, 1, 1, 0.3, D) for p in (0.2, 0.0)]
    patch = lay_patch(sources, [faces] * 3, window, 0.21)
    nz, ny = patch.shape[:2]
    average = patch.zy.reshape(-1, nz, ny)[..., None] * patch.x[:, None, None, :]
    np.testing.assert_allclose(average.sum(axis=(1, 2, 3)) * 0.02**3, patch.mass, rtol=1e-12)
    if lower == 1:
        np.testing.assert_allclose(patch.mass, 1.0, rtol=1e-12)
        assert not patch.loss.any()
    else:
        assert patch.mass[-1] < 0.95
        # What has been lost over the window is what is missing at its end.
        assert window.weights @ patch.loss == pytest.approx(1 - patch.mass[-1], rel=1e-6)


def test_cells_within():
    faces = np.array([0.0, 1.0, 2.0, 3.0])
    assert cells_within(faces, 0.5, 1.5) == (0, 2)
    assert cells_within(faces, 1.0, 2.0) == (1, 2)
    assert cells_within(faces, -5, -4) == (0, 1)
    assert cells_within(faces, 7, 9) == (2, 3)


@pytest.mark.parametrize("wall", [0.0, 1.0])
def test_a_source_on_a_held_wall_is_refused(wall):
    """Its images cancel it: nothing of it is ever in the box."""
    window, faces = Window.of(0.22, 0.01, AVERAGES), np.linspace(0.0, 1.0, 11)
    middle = Source.of(0.5, 0.0, 1.0, -1, -1, 0.2, 0.22)
    there = Source.of(wall, 0.0, 1.0, -1, -1, 0.2, 0.22)
    with pytest.raises(ValueError, match=rf"A channel at {wall:g} um stands on a held wall"):
        lay_patch([middle, middle, there], [faces] * 3, window, 0.2)
