"""The closed forms against numbers that two other methods agreed on, each quoted with its seven digits.

Unless a test says otherwise: i = 0.1 pA of Ca2+, D = 0.22 um^2/ms, rest 0.1 uM, membrane at z = 0.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from microdomain import oracles
from microdomain.model import Buffer, Closed, Cluster, Fixed, Gaussian, Held, Ion, Model, Pulse, Walls
from microdomain.model.mouths import Disc
from microdomain.model.obstacles import Ball
from microdomain.model.pumps import LinearPump, Pump
from microdomain.model.reactions import Reaction, VolumePump
from microdomain.model.species import Species
from microdomain.units import flux_per_pA

I, D, REST = 0.1, 0.22, 0.1
R = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
P3_BOX = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0))


def agrees(got, known, digits=1e-6):
    """Relative agreement, to the seven digits the known numbers have."""
    np.testing.assert_allclose(got, known, rtol=digits, atol=0)


# ---------------------------------------------------------------- points


def test_a_steady_point_source_falls_as_one_over_r():
    agrees(oracles.point_steady(R, I, D), [37.48920, 18.74460, 12.49640, 7.49784, 3.74892, 1.87446])


def test_a_point_source_in_open_cytosol_has_half_the_field():
    # CalC's free.par: 1 pA, D = 0.25, r = 1 um
    agrees(oracles.point_steady(1.0, 1.0, 0.25, solid_angle=4 * np.pi), 1.649525)


@pytest.mark.parametrize(
    ("t", "known"),
    [
        (0.001, [23.75141, 6.379832, 1.907718, 0.1285249, 6.9992e-6, 2.82e-21]),
        (0.01, [32.99681, 14.30259, 8.136114, 3.381393, 0.4936128, 4.815172e-3]),
        (0.1, [36.06374, 17.32076, 11.07524, 6.085228, 2.375141, 0.6379832]),
        (1.0, [37.03827, 18.29373, 12.04561, 7.047325, 3.299681, 1.430259]),
        (1.01, [4.043702, 3.993373, 3.911734, 3.668164, 2.808281, 1.427583]),
        (1.1, [0.9955205, 0.9939472, 0.9913324, 0.983026, 0.9452991, 0.8123708]),
    ],
)
def test_a_point_source_open_for_one_millisecond(t, known):
    loose = [1e-5 if value == 6.9992e-6 else 2e-3 if value == 2.82e-21 else 1e-6 for value in known]
    got = oracles.point_transient(R, t, I, D, duration=1.0)
    assert np.all(np.abs(got / known - 1) < loose)


def test_nothing_before_the_opening_and_the_steady_field_at_last():
    assert np.all(oracles.point_transient(R, [[-1.0], [0.0]], I, D) == 0)
    agrees(oracles.point_transient(R, np.inf, I, D), oracles.point_steady(R, I, D), 1e-14)


@pytest.mark.parametrize(
    ("rate", "t", "known"),
    [
        (10.0, 0.01, [32.63310, 14.00830, 7.901271, 3.238262, 0.4622019, 4.422936e-3]),
        (10.0, 1.0, [35.04500, 16.38007, 10.20809, 5.352238, 1.910314, 0.4867129]),
        (100.0, 0.01, [29.89260, 11.84856, 6.218268, 2.253317, 0.2607853, 2.072046e-3]),
        (100.0, 1.0, [30.29105, 12.23749, 6.591879, 2.582122, 0.4446182, 0.02636564]),
    ],
)
def test_a_point_source_with_uptake(rate, t, known):
    agrees(oracles.point_uptake(R, t, I, D, rate), known)


def test_uptake_survives_where_the_textbook_form_overflows():
    # r/l = 2000: exp(r/l) is out of range, the product is not
    assert oracles.point_uptake(2.0, 1.0, I, D, 2.2e5) == pytest.approx(0.0, abs=1e-300)


def test_sources_add():
    r = oracles.distances([(0.0, 0.0, 0.03), (0.04, 0.0, 0.03)], [(0.0, 0.0, 0.0), (0.04, 0.0, 0.0)])
    two = oracles.point_transient(r, 0.1, [0.1, 0.3], D)
    near, far = oracles.point_transient([0.03, 0.05], 0.1, 0.1, D)
    agrees(two, [near + 3 * far, far + 3 * near], 1e-14)


def test_a_point_source_has_no_value_at_its_own_place():
    with pytest.raises(ValueError, match=r"A distance of 0 um: a point source has no value at its own place"):
        oracles.point_steady([0.0, 0.1], I, D)


def test_sources_and_distances_must_match():
    with pytest.raises(ValueError, match=r"influx has shape \(3,\) and r has shape \(2,\)"):
        oracles.point_steady([0.1, 0.2], [I, I, I], D)


# ---------------------------------------------------------------- boxes


@pytest.mark.parametrize(
    ("t", "known"),
    [
        (0.001, [23.75141, 6.379832, 1.907718, 0.1285249]),
        (0.01, [32.99681, 14.30259, 8.136114, 3.381393, 0.4936128, 4.815172e-3]),
        (0.1, [36.06374, 17.32076, 11.07524, 6.085228, 2.375141, 0.6379832]),
        (1.0, [37.04120, 18.29665, 12.04854, 7.050274, 3.302716, 1.433666]),
        (1.1, [1.000146, 0.9985768, 0.9959693, 0.9876867, 0.9500729, 0.8176301]),
        (2.0, [0.1705634, 0.1705407, 0.1705027, 0.1703816, 0.1698181, 0.1676334]),
    ],
)
def test_the_large_box_above_the_channel(t, known):
    above = np.c_[np.zeros((6, 2)), R][: len(known)]
    agrees(oracles.box_transient(above, t, (0, 0, 0), I, D, P3_BOX, duration=1.0), known)


def test_the_large_box_later_and_farther():
    late = oracles.box_transient([(0, 0, 0.01), (0, 0, 0.2)], 5.0, (0, 0, 0), I, D, P3_BOX, duration=1.0)
    agrees(late, [0.1296070, 0.1296036])
    mixed = oracles.box_transient([(0, 0, 0.01)], 500.0, (0, 0, 0), I, D, P3_BOX, duration=1.0)
    agrees(mixed, 0.1295534)
    far = oracles.box_transient([(1, 1, 1), (1, 0, 0), (0, 0, 1)], 1.0, (0, 0, 0), I, D, P3_BOX)
    agrees(far, [0.01562611, 0.09973479, 0.09973479])


@pytest.mark.parametrize(
    ("t", "known"),
    [
        (0.01, [14.3026, 0.1984683, 1.52e-14, 9.835603e-4]),
        (0.1, [17.61717, 1.825882, 0.07264604, 1.441142]),
        (1.0, [25.47648, 9.317195, 6.860346, 9.684552]),
    ],
)
def test_a_small_box_where_many_images_matter(t, known):
    box = ((-0.25, 0.25), (-0.25, 0.25), (0.0, 0.25))
    points = [(0.1, 0.05, 0.02), (0, 0, 0.05), (-0.25, -0.25, 0.25), (0.25, 0.25, 0)]
    got = oracles.box_transient(points, t, (0.1, 0.05, 0), I, D, box)
    digits = np.array([4e-6 if value == 14.3026 else 4e-3 if value == 1.52e-14 else 1e-6 for value in known])
    assert np.all(np.abs(got / known - 1) < digits)


def test_a_wall_held_at_rest_sees_no_excess_and_the_slab_between_two_is_linear():
    box = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 0.5))
    on_wall = oracles.box_transient([(0.3, 0.0, 0.5)], 1.0, (0, 0, 0), I, D, box, held=["z+"])
    assert abs(on_wall[0]) < 1e-9
    # All ions leave through z = 0.5; far from the source the excess is J/(D area) (0.5 - z) once steady.
    narrow = ((0.0, 0.1), (0.0, 0.1), (0.0, 1.0))
    steady = oracles.box_transient(
        [(0.05, 0.05, 0.6), (0.0, 0.0, 0.8)], 100.0, (0.05, 0.05, 0), I, D, narrow, held=["z+"]
    )
    agrees(steady, I * flux_per_pA(2) / (D * 0.01) * np.array([0.4, 0.2]))


def test_uptake_in_a_box_ends_in_balance():
    # The mean excess is J/(k V) in the end; far from the source in a small box it is nearly uniform.
    box = ((0.0, 0.2), (0.0, 0.2), (0.0, 0.2))
    corner = oracles.box_transient([(0.2, 0.2, 0.2)], 400.0, (0, 0, 0), I, D, box, rate=0.05)
    assert corner[0] == pytest.approx(I * flux_per_pA(2) / (0.05 * 0.008), rel=0.02)
    # and it is the uptake transient while the walls are far
    near = oracles.box_transient([(0, 0, 0.05)], 0.01, (0, 0, 0), I, D, P3_BOX, rate=100.0)
    agrees(near, 2.253317)


def test_the_age_where_images_give_way_to_quadrature_leaves_no_seam():
    place, point, box = (0.0, 0.0, 0.0), [(0.1, 0.05, 0.2)], ((-0.3, 0.3), (-0.3, 0.3), (0.0, 0.3))
    seam = 0.02 * 0.3**2 / D
    t = seam * np.array([0.998, 0.999, 1.0, 1.001, 1.002])
    field = np.array([oracles.box_transient(point, age, place, I, D, box)[0] for age in t])
    # A jump of one part in 1e8 would show in the fourth difference of five close times.
    assert abs(np.diff(field, 4)[0]) < 1e-7 * np.diff(field)[0]


def test_box_errors_name_the_face_and_the_point():
    with pytest.raises(ValueError, match=r"No face 'top' on a box; it has x-, x\+"):
        oracles.box_transient([(0, 0, 0.1)], 1.0, (0, 0, 0), I, D, P3_BOX, held=["top"])
    with pytest.raises(ValueError, match=r"The source lies on the held wall z-"):
        oracles.box_transient([(0, 0, 0.1)], 1.0, (0, 0, 0), I, D, P3_BOX, held=["z-"])
    with pytest.raises(ValueError, match=r"A point lies outside the box: \(0\.0, 0\.0, 1\.1\) um"):
        oracles.box_transient([(0, 0, 1.1)], 1.0, (0, 0, 0), I, D, P3_BOX)


# ---------------------------------------------------------------- discs, clefts, pumps


def test_a_disc_on_its_axis():
    height = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2])
    agrees(
        oracles.disc_axis(height, I, 0.05, D), [14.99568, 12.29352, 10.15257, 6.211414, 3.540000, 1.846053]
    )
    agrees(
        oracles.disc_axis(height, I, 0.05, D, 0.01),
        [10.68824, 8.001743, 5.907169, 2.266074, 0.3923761, 4.08036e-3],
    )


def test_the_rim_the_mean_and_the_access_resistance_of_a_disc():
    agrees(oracles.disc_rim(I, 0.05, D), 9.546546)
    agrees(oracles.disc_steady_mean(I, 0.05, D), 12.72873)
    agrees(oracles.disc_steady_mean(I, 0.05, D, uniform=False), 11.77758)


def test_a_dyadic_cleft():
    rho = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.15])
    floor = oracles.cleft_steady(rho, 0.0, I, D, 0.015, 0.2)
    agrees(floor, [119.0854, 80.44717, 58.00486, 34.64792, 17.32369, 7.189980])
    roof = oracles.cleft_steady(rho[:4], 0.015, I, D, 0.015, 0.2)
    agrees(roof, [76.45636, 70.20994, 57.10105, 34.64683])
    assert abs(oracles.cleft_steady(0.2, 0.007, I, D, 0.015, 0.2)) < 1e-12
    with pytest.raises(ValueError, match=r"rho = 0 um: the cleft's series diverges on the axis"):
        oracles.cleft_steady(0.0, 0.0, I, D, 0.015, 0.2)


@pytest.mark.parametrize(
    ("P", "length", "pumped", "closed"),
    [
        (0.2, 1.0, [0.8643398, 0.6548149, 0.1643702], [0.9999999, 0.9439111, 0.2436970]),
        (0.05, 1.0, [0.9630705, 0.8900255, 0.5831065], [1.000000, 0.9835959, 0.6505591]),
        (2.0, 0.5, [0.3482623, 0.07757038, 1.362e-7], [0.9864013, 0.2834002, 4.978e-7]),
    ],
)
def test_a_slab_emptied_by_a_pump(P, length, pumped, closed):
    got = np.array([oracles.pumped_slab([0.0, length], t, P, D, length) for t in (0.1, 1.0, 10.0)])
    few_digits = np.array([1e-6, 1e-6, 4e-4 if P == 2.0 else 1e-6])
    assert np.all(np.abs(got[:, 0] / pumped - 1) < few_digits)
    assert np.all(np.abs(got[:, 1] / closed - 1) < few_digits)
    with pytest.raises(ValueError, match="the series needs a time above 0"):
        oracles.pumped_slab(0.0, 0.0, P, D, length)


@pytest.mark.parametrize(
    ("P", "length", "root", "tau"),
    [
        (0.2, 1.0, 0.8305283, 6.589742),
        (0.05, 1.0, 0.4594063, 21.53691),
        (2.0, 0.5, 1.293546, 0.6791314),
    ],
)
def test_the_slowest_mode_of_a_pumped_slab(P, length, root, tau):
    late = 10 * tau
    fall = oracles.pumped_slab(length, late + tau, P, D, length) / oracles.pumped_slab(
        length, late, P, D, length
    )
    agrees(-np.log(fall), 1.0)
    agrees(length / np.sqrt(D * tau), root)


@pytest.mark.parametrize(
    ("P", "known"),
    [
        (0.2, [36.06799, 17.33329, 2.863699, 0.3231530, 0.4174561]),
        (2.0, [30.36184, 12.00140, 0.9983067, 0.02768662, 0.1191529]),
    ],
)
def test_a_channel_among_pumps(P, known):
    rho, height = [0, 0.02, 0.1, 0.5, 0], [0.01, 0, 0, 0, 0.5]
    agrees(oracles.pumped_wall_steady(rho, height, I, D, P), known)
    agrees(oracles.pumped_wall_steady(0.01, 0.0, I, D, 0.0), 37.48920)
    with pytest.raises(ValueError, match="The point is the channel itself"):
        oracles.pumped_wall_steady(0.0, 0.0, I, D, P)


# ---------------------------------------------------------------- binding and buffered fields


@pytest.mark.parametrize(
    ("ions", "total", "k_on", "K_d", "times", "known"),
    [
        (50, 100, 0.4, 0.22, [0.01, 0.1, 1, 1e3], [34.66092, 3.759403, 0.2180892, 0.2180892]),
        (
            50,
            100,
            0.0105,
            0.18,
            [0.01, 0.1, 1, 10, 1e3],
            [49.47911, 45.13474, 21.02330, 0.3034533, 0.1787178],
        ),
        (20, 400, 0.1, 10, [0.01, 0.1, 1, 1e3], [13.48380, 0.8844180, 0.5121480, 0.5121480]),
    ],
)
def test_binding_in_a_stirred_volume(ions, total, k_on, K_d, times, known):
    free, bound = oracles.binding(times, ions, total, k_on, K_d)
    agrees(free, known)
    agrees(free + bound, ions, 1e-14)


@pytest.mark.parametrize(
    ("ions", "total", "k_on", "K_d", "rate"),
    [(50, 100, 0.4, 0.22, 20.26247), (50, 100, 0.0105, 0.18, 0.5306431), (20, 400, 0.1, 10, 39.10243)],
)
def test_binding_relaxes_at_its_known_rate(ions, total, k_on, K_d, rate):
    late = 8 / rate
    free, _ = oracles.binding([late, late + 1 / rate, 1e4], ions, total, k_on, K_d)
    assert -np.log((free[1] - free[2]) / (free[0] - free[2])) == pytest.approx(1.0, abs=5e-4)


def test_binding_starts_where_it_is_told():
    free, bound = oracles.binding([0.0, 1e4], 50.0, 100.0, 0.4, 0.22, bound=30.0)
    agrees([free[0], bound[0]], [20.0, 30.0])
    agrees(free[1], 0.2180892)


BAPTA = {"total": 1000, "k_on": 0.4, "K_d": 0.22, "D_b": 0.2}
EGTA_ATP = {"total": [2000, 650], "k_on": [0.0105, 0.5], "K_d": [0.18, 200], "D_b": [0.22, 0.22]}


def test_excess_buffer():
    known = [26.42448, 9.342375, 4.426593, 1.379985, 0.2092555, 0.1015920]
    agrees(oracles.eba(R, I, D, REST, **BAPTA), known)


def test_linear_two_buffers():
    r = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    known = [
        [0.02673822, 9.873807e-3, 2.023234e-3, 6.118393e-4, 1.987443e-4, 2.583701e-5],
        [1.671746e-3, 1.588757e-3, 1.412972e-3, 1.234013e-3, 1.010672e-3, 6.373901e-4],
        [9.079232e-3, 7.282035e-3, 4.061634e-3, 1.903068e-3, 6.650440e-4, 8.655691e-5],
    ]
    agrees(oracles.lin_excess(r, 1e-4, D, REST, **EGTA_ATP), known)


def test_linear_one_buffer_is_the_textbook_formula():
    k, K, B, D_b = 0.4, 0.22, 1000.0, 0.2
    binds, frees = k * B * K / (K + REST), k * (REST + K)
    g, length = D_b / D * binds / frees, 1 / np.sqrt(binds / D + frees / D_b)
    textbook = oracles.point_steady(R, I, D) * (1 + g * np.exp(-R / length)) / (1 + g)
    agrees(oracles.lin(R, I, D, REST, **BAPTA), REST + textbook, 1e-12)


def test_linear_solution_obeys_its_equation_and_conserves_what_diffuses():
    excess = oracles.lin_excess(R, I, D, REST, **EGTA_ATP)
    agrees(D * excess[0] + 0.22 * excess[1] + 0.22 * excess[2], D * oracles.point_steady(R, I, D), 1e-12)


def test_uptake_reaches_eba_and_lin():
    none = {"total": [], "k_on": [], "K_d": [], "D_b": []}
    steady = REST + oracles.point_uptake(R, np.inf, I, D, 10.0)
    agrees(oracles.eba(R, I, D, REST, **none, uptake=10.0), steady, 1e-14)
    agrees(oracles.lin(R, I, D, REST, **none, uptake=10.0), steady, 1e-12)


def test_rapid_buffer():
    known = [1.997655, 0.9714431, 0.6654946, 0.4322040, 0.2635336, 0.1811388]
    agrees(oracles.rba(R, I, D, REST, total=500, k_on=0.1, K_d=10, D_b=0.1), known)


def test_rapid_buffers_keep_the_sum_of_what_diffuses():
    c = oracles.rba(R, 3.0, D, REST, total=[100, 400], k_on=[1, 1], K_d=[0.2, 10], D_b=[0.2, 0.05])
    carried = D * c + 0.2 * 100 * c / (0.2 + c) + 0.05 * 400 * c / (10 + c)
    at_rest = D * REST + 0.2 * 100 * REST / (0.2 + REST) + 0.05 * 400 * REST / (10 + REST)
    agrees(carried - at_rest, D * oracles.point_steady(R, 3.0, D), 1e-12)


@pytest.mark.parametrize("approximation", [oracles.eba, oracles.rba, oracles.lin])
def test_fixed_buffers_and_no_buffers_change_nothing(approximation):
    bare = REST + oracles.point_steady(R, I, D)
    agrees(approximation(R, I, D, REST, total=4000, k_on=0.1, K_d=10, D_b=0.0), bare, 1e-12)


@pytest.mark.parametrize("approximation", [oracles.eba, oracles.rba, oracles.lin])
def test_two_half_channels_in_one_place_are_one(approximation):
    one = approximation(R, 2 * I, D, REST, **EGTA_ATP)
    agrees(approximation(np.c_[R, R], [I, I], D, REST, **EGTA_ATP), one, 1e-12)


def test_buffered_errors_say_what_does_not_fit():
    with pytest.raises(ValueError, match="have 2, 1, 1, 1 entries: expected one per buffer"):
        oracles.eba(R, I, D, REST, total=[1, 2], k_on=1, K_d=1, D_b=1)
    with pytest.raises(ValueError, match=r"negative at 6 point\(s\)"):
        oracles.rba(R, -10.0, D, REST, total=1, k_on=1, K_d=1, D_b=0.1)


# ---------------------------------------------------------------- a Model's channels


def model_of(current=0.1, **parts):
    """Two channels 40 nm apart, open for 1 ms, in the large box."""
    pair = Cluster([(0, 0), (0.04, 0)], current=Fixed(current), gate=Pulse(0, 1), name="c")
    calcium = Ion("Ca", z=2, D=D, rest=REST)
    return Model(**{"box": P3_BOX, "ions": [calcium], "channels": pair} | parts)


def test_the_approximations_around_a_models_channels():
    bapta = Buffer("BAPTA", total=1000, k_on=0.4, K_d=0.22, D=0.2)
    fixed = Buffer("fixed", total=400, k_on=0.1, K_d=10)
    model, point = model_of(buffers=(fixed, bapta)), [(0.0, 0.0, 0.03)]
    for at, plain in (
        (oracles.eba_at, oracles.eba),
        (oracles.rba_at, oracles.rba),
        (oracles.lin_at, oracles.lin),
    ):
        agrees(at(model, point), plain([[0.03, 0.05]], [0.1, 0.1], D, REST, **BAPTA), 1e-14)
        agrees(at(model, point, influx=[0.1, 0.0]), plain(0.03, 0.1, D, REST, **BAPTA), 1e-14)
    with pytest.raises(ValueError, match="3 influxes for 2 channels of Ca: expected one each"):
        oracles.eba_at(model, point, influx=[1, 2, 3])
    wave = model_of(current=Gaussian(peak=0.3, at=0.6, fwhm=0.36))
    with pytest.raises(ValueError, match=r"Channel c\[0\] has the current .* which is not one number"):
        oracles.eba_at(wave, point)
    agrees(
        oracles.eba_at(wave, point, influx=[0.3, 0.3]), oracles.eba_at(model_of(current=0.3), point), 1e-14
    )


def test_a_channel_inside_the_cytosol_has_half_the_field_and_uptake_counts():
    inside = Cluster([(0, 0, 0.5)], face=None, current=Fixed(0.1), name="inside")
    model = model_of(channels=inside, uptake={"Ca": 10.0})
    got = oracles.eba_at(model, [(0, 0, 0.55)])
    agrees(got - REST, oracles.point_uptake(0.05, np.inf, 0.1, D, 10.0) / 2, 1e-12)
    agrees(oracles.lin_at(model, [(0, 0, 0.55)]), got, 1e-12)


def test_the_images_around_a_models_channels():
    got = oracles.images_at(model_of(), [(0.0, 0.0, 0.03)], 1.1)
    alone = oracles.box_transient([(0, 0, 0.03)], 1.1, (0, 0, 0), I, D, P3_BOX, duration=1.0)
    other = oracles.box_transient([(0, 0, 0.03)], 1.1, (0.04, 0, 0), I, D, P3_BOX, duration=1.0)
    agrees(got, REST + alone + other, 1e-14)
    agrees(oracles.images_at(model_of(), [(0.0, 0.0, 0.03)], 1.1, influx=[I, 0]), REST + 0.9959693)


def test_the_images_know_held_walls_and_refuse_random_gates():
    held = model_of(walls=Walls(z=(Closed(), Held())))
    assert oracles.images_at(held, [(0, 0, 1.0)], 1.0)[0] == pytest.approx(REST, abs=1e-9)
    random = [SimpleNamespace(name="c[0]", ion="Ca", gate=None, current=Fixed(0.1), mouth=None)]
    gated = SimpleNamespace(
        ion=held.ion, uptake_rate=held.uptake_rate, walls=held.walls, resolved_channels=random,
        obstacles=(), pumps=(), volume_pumps=(), reactions=(), tissue=(), held=(),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"Channel c\[0\]: its gate opens at random"):
        oracles.images_at(gated, [(0, 0, 0.1)], 1.0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"obstacles": [Ball((0, 0, 0.3), 0.1, name="vesicle")]}, "the obstacle 'vesicle'"),
        ({"pumps": [Pump(LinearPump(P=0.2), face="z+", name="PMCA")]}, "the pump 'PMCA'"),
        ({"volume_pumps": [VolumePump("Ca", 1, 0.3)]}, "a volume pump of Ca"),
        ({"channels": Cluster([(0, 0)], mouth=Disc(0.01), name="wide")}, "the round mouth of wide"),
        (
            {
                "molecules": [Species("A"), Species("B", contains={"A": 1})],
                "reactions": [Reaction("A <-> B", 1, 1)],
            },
            "the reaction 'A <-> B'",
        ),
    ],
)
def test_images_name_what_they_do_not_know(changes, named):
    with pytest.raises(ValueError, match=f"Images know closed and held walls .*has {named}.*Use simulate"):
        oracles.images_at(model_of(**changes), [(0.0, 0.0, 0.03)], 1.1)
