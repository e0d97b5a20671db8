"""Release sensors at a clamped and at a moving concentration, against numbers computed apart."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import binom

import microdomain as md
from microdomain import presets, sensors
from microdomain.sensors_matrices import exponentials, rates_at
from microdomain.sensors_trials import release_times, uniforms

UNBOUND = {"Sun-2007": "F0M0"}


def unbound(name):
    return presets.sensor(name, start=UNBOUND.get(name, "S0"))


# Matrix exponentials computed apart from this package; every sensor starts unbound.
# sensor, uM, peak rate /ms, its time ms, {ms: cumulative probability}
CLAMPED = [
    ("Schneggenburger-2000", 10, 0.1056755, 2.951574, {0.5: 1.059596e-3, 1: 0.0137218, 5: 0.3879114}),
    ("Schneggenburger-2000", 20, 0.4047630, 1.350688, {0.5: 0.01716766, 1: 0.1461121, 5: 0.9551290}),
    ("Schneggenburger-2000", 50, 1.241032, 0.5682543, {0.5: 0.2556962, 1: 0.7708360, 5: 0.9999998}),
    ("Schneggenburger-2000", 100, 2.135686, 0.3174845, {0.5: 0.6711822, 1: 0.9743937, 5: 1.0}),
    ("Felmy-2003", 10, 0.2087899, 2.095666, {0.5: 3.662637e-3, 1: 0.04174549, 5: 0.7071302}),
    ("Felmy-2003", 50, 1.645291, 0.4378366, {0.5: 0.4445853, 1: 0.9146224, 5: 1.0}),
    ("Lou-2005", 1, 3.588883e-5, 6.903775, {0.5: 1.133536e-6, 1: 6.697374e-6, 5: 1.369081e-4}),
    ("Lou-2005", 10, 0.1105556, 2.195513, {0.5: 2.640752e-3, 1: 0.02548759, 5: 0.4176544}),
    ("Lou-2005", 50, 1.246188, 0.5010288, {0.5: 0.3079110, 1: 0.7801752, 5: 0.9999954}),
    ("Eshra-2021", 1, 1.040094e-3, 4.881650, {0.5: 3.987090e-5, 1: 2.804516e-4, 5: 4.219072e-3}),
    ("Eshra-2021", 10, 1.187812, 0.4687435, {0.5: 0.3241160, 1: 0.7648547, 5: 0.9999862}),
    ("Kobbersmed-2020", 10, 0.2265703, 1.573756, {0.5: 9.261720e-3, 1: 0.07563554, 5: 0.7315648}),
    ("Sun-2007", 1, None, None, {1: 1.553239e-5, 5: 1.557312e-3, 20: 0.01461892}),
    ("Sun-2007", 5, None, None, {1: 0.01169759, 5: 0.4675703, 20: 0.9805537}),
]
NAMED = pytest.mark.parametrize(
    ("name", "c", "rate", "when", "released"), CLAMPED, ids=[f"{row[0]}-{row[1]}" for row in CLAMPED]
)


@NAMED
def test_clamped(name, c, rate, when, released):
    """To the seven digits that are known: 1e-6 of the number or better."""
    answer = sensors.release(unbound(name), [0, *released, 40.0], float(c))
    assert answer.probability[1:-1] == pytest.approx(list(released.values()), rel=1e-6, abs=6e-8)
    if rate is not None:
        assert answer.peak == (pytest.approx(rate, rel=1e-6), pytest.approx(when, rel=1e-6))


REST = {
    "Schneggenburger-2000": [
        0.9952494, 4.714339e-3, 3.572973e-5, 5.415875e-7, 1.641865e-8, 7.963910e-10,
    ],
    "Felmy-2003": [0.9930904, 6.83265e-3, 7.521589e-5, 1.655999e-6, 7.291895e-8, 5.137369e-9],
}  # fmt: skip


@pytest.mark.parametrize("name", REST)
def test_equilibrium_at_rest(name):
    sensor = presets.sensor(name)
    assert sensors.equilibrium(sensor, 0.1) == pytest.approx(REST[name], rel=1e-6)
    assert sensors.release(sensor, [0, 1], 0.1).occupancy[0] == pytest.approx(REST[name], rel=1e-6)


def test_independent_sites_in_equilibrium_are_binomial():
    p = 30 / (30 + 40)
    got = sensors.equilibrium(md.Sensor.sequential(5, k_on=0.1, k_off=4, gamma=1), 30.0)
    np.testing.assert_allclose(got, [binom(5, n) * p**n * (1 - p) ** (5 - n) for n in range(6)], rtol=1e-13)


def test_at_zero_calcium_nothing_is_bound():
    assert sensors.equilibrium(presets.sensor("Felmy-2003"), 0.0).tolist() == [1, 0, 0, 0, 0, 0]


def course(t):
    return 0.1 + 60 * np.exp(-(((t - 1) / 0.3) ** 2))


@pytest.mark.parametrize("name", ["Felmy-2003", "Lou-2005", "Sun-2007"])
def test_a_moving_concentration_against_a_runge_kutta_method(name):
    sensor, times = presets.sensor(name), np.linspace(0, 5, 11)
    answer = sensors.release(sensor, times, course, rest=0.1)
    A = sensor.matrices()
    start = np.append(sensors.equilibrium(sensor, 0.1), 0.0)
    other = solve_ivp(
        lambda t, p: rates_at(A, np.array([course(t)]))[0] @ p, (0, 5), start, "DOP853", times,
        rtol=1e-12, atol=1e-15,
    )  # fmt: skip
    np.testing.assert_allclose(answer.probability, other.y[-1], atol=1e-7)
    np.testing.assert_allclose(answer.occupancy, other.y[:-1].T, atol=1e-7)


def test_samples_answer_as_the_function_they_were_taken_from():
    times = np.linspace(0, 5, 2001)
    sampled = sensors.release(presets.sensor("Felmy-2003"), times, course(times))
    exact = sensors.release(presets.sensor("Felmy-2003"), times, course)
    np.testing.assert_allclose(sampled.probability, exact.probability, atol=1e-6)
    assert sampled.peak == pytest.approx(exact.peak, rel=1e-5)
    assert sampled.latency == pytest.approx(exact.latency, rel=1e-5)


def test_the_order_of_a_step_is_four():
    """One Magnus step against the exact flow: the local error falls by 2^5."""
    sensor = presets.sensor("Felmy-2003", start="S0")
    exact = sensors.release(sensor, np.linspace(0.6, 0.7, 2), course)
    errors = []
    for parts in (1, 2, 4):
        one = exact._course._followed(np.array([0.6, 0.7]), np.array([parts]), exact._course.p[0])
        errors.append(np.abs(one[1][-1] - exact._course.p[-1]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4, abs=0.3)


def test_probability_is_conserved_to_rounding():
    for name in presets.sensor_names():
        more = {"gamma": 6} if presets.sensor_entry(name).get("needs") else {}
        answer = sensors.release(presets.sensor(name, **more), np.linspace(0, 3, 40), course)
        np.testing.assert_allclose(answer.occupancy.sum(axis=1) + answer.probability, 1, atol=1e-12)
        assert (np.diff(answer.probability) >= 0).all()


def test_exponentials():
    X = np.random.default_rng(5).normal(size=(40, 6, 6)) * np.geomspace(1e-3, 30, 40)[:, None, None]
    for got, one in zip(exponentials(X), X, strict=True):
        np.testing.assert_allclose(got, expm(one), rtol=1e-9, atol=1e-10 * np.abs(expm(one)).max())


# -- trials -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "c"), [("Felmy-2003", 10), ("Eshra-2021", 10), ("Lou-2005", 50), ("Sun-2007", 5)]
)
def test_a_million_trials(name, c):
    """Each p to 1e-3, twice its standard error where that is largest."""
    (released,) = (row[4] for row in CLAMPED if row[:2] == (name, c))
    drawn = release_times(unbound(name), [0, max(released)], float(c), trials=1_000_000, seed=20)
    for t, p in released.items():
        assert (drawn <= t).mean() == pytest.approx(p, abs=1e-3)


def test_trials_of_a_moving_concentration():
    times = np.linspace(0, 4, 9)
    exact = sensors.release(presets.sensor("Felmy-2003"), times, course)
    drawn = release_times(presets.sensor("Felmy-2003"), times, course, trials=100_000, seed=3)
    p = np.array([(drawn <= t).mean() for t in times])
    assert np.abs(p - exact.probability).max() < 4 * 0.5 / np.sqrt(1e5)
    assert exact.probability[-1] > 0.5


def test_a_trial_is_the_same_alone_and_among_others():
    sensor = presets.sensor("Felmy-2003")
    many = release_times(sensor, [0, 2], 40.0, trials=70_000, seed=4, member=2, number=1)
    few = release_times(sensor, [0, 2], 40.0, trials=9, seed=4, member=2, number=1)
    np.testing.assert_array_equal(many[:9], few)
    for other in ({"seed": 5}, {"member": 3}, {"number": 0}):
        again = release_times(sensor, [0, 2], 40.0, trials=9, **{"seed": 4, "member": 2, "number": 1} | other)
        assert (again != few).any()


def test_uniforms_do_not_repeat_and_stay_inside():
    key = np.array([7, 1], dtype=np.uint64)
    u = np.concatenate([uniforms(key, n, first, 4096) for n in range(4) for first in (0, 4096)])
    assert np.unique(u).size == u.size
    assert 0 < u.min() < 1e-3
    assert 1 - 1e-3 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * u.size))


# -- schemes ----------------------------------------------------------------------------------------------


def sun_published():
    """The lattice of a published code: going down from the second slow ion it loses 4 Y and gains 1 Y."""
    up, down = 0.00294, 0.13
    binds = np.array([[-2 * up, 0, 0], [2 * up, -up, 0], [0, up, 0]])
    leaves = np.array([[0, down, 0], [0, -down, 1 * down], [0, 0, -4 * down]])
    return ("M0", "M1", "M2"), [leaves, binds], {"M2": 6.0}


def test_a_matrix_that_loses_probability_is_refused():
    with pytest.raises(ValueError, match=r"column of 'M2' with c\^0 sums to -0\.39, .* not be conserved"):
        md.Sensor.from_matrices(*sun_published())


def test_a_matrix_that_conserves_it_is_the_sensor():
    states, (leaves, binds), fusion = sun_published()
    leaves[2, 2] = -leaves[1, 2]
    leaves[1, 2] = -leaves[2, 2]
    sensor = md.Sensor.from_matrices(states, [leaves, binds], fusion)
    np.testing.assert_array_equal(sensor.matrices(fusion=False), [leaves, binds])


@pytest.mark.parametrize("name", [n for n in presets.sensor_names() if "sites" in presets.sensor_entry(n)])
def test_the_third_ion_leaves_at_three_times_the_rate(name):
    """A published file writes 2 b^2 k_off where the scheme needs 3: n ions, any of which may leave."""
    sensor = presets.sensor(name, **{"gamma": 6} if presets.sensor_entry(name).get("needs") else {})
    k = {(s.source, s.target): s.k for s in sensor.steps}
    k_off, sites = k["S1", "S0"], len(sensor.states) - 1
    b = k["S2", "S1"] / (2 * k_off)
    for n in range(1, sites + 1):
        assert k[f"S{n}", f"S{n - 1}"] == pytest.approx(n * k_off * b ** (n - 1))
        assert k[f"S{n - 1}", f"S{n}"] == pytest.approx((sites - n + 1) * k["S0", "S1"] / sites)


def test_the_factor_two_would_be_seen():
    """The check values are sharp enough to find that error."""
    right = unbound("Felmy-2003")
    steps = [
        (s.source, s.target, s.k * 2 / 3 if (s.source, s.target) == ("S3", "S2") else s.k, s.n)
        for s in right.steps
    ]
    wrong = md.Sensor(right.states, steps, right.fusion, "S0")
    p = sensors.release(wrong, [0, 5], 10.0).probability[-1]
    assert abs(p / 0.7071302 - 1) > 0.02


def test_every_step_has_the_rate_of_its_own_arrow():
    """A calretinin model gives its second step the first one's on-rate, 172 times too slow."""

    def two(second):
        return md.Sensor(
            ("T", "TR", "RR"),
            [("T", "TR", 0.0018, 1), ("TR", "T", 0.053), ("TR", "RR", second, 1), ("RR", "TR", 0.04)],
            {"RR": 1.0}, start="T",
        )  # fmt: skip

    A = two(0.31).matrices(fusion=False)
    assert A[1, 1, 0] == 0.0018
    assert A[1, 2, 1] == 0.31
    right, wrong = (sensors.release(two(k), [0, 10], 10.0).probability[-1] for k in (0.31, 0.0018))
    assert wrong < 0.2 * right


def test_powers_of_the_concentration():
    """Four ions at once: dp/dt = -k c^4 p, and half of what is bound fuses at the rate it comes loose."""
    sensor = md.Sensor(("free", "bound"), [("free", "bound", 1e-4, 4)], {"bound": 2.0}, start="free")
    answer = sensors.release(sensor, [0, 1, 3], 10.0)
    k, g = 1.0, 2.0
    t = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(
        answer.probability, 1 - (g * np.exp(-k * t) - k * np.exp(-g * t)) / (g - k), atol=1e-12
    )


def test_a_sensor_survives_its_dictionary():
    for sensor in (presets.sensor("Sun-2007"), presets.sensor("Felmy-2003", start="S1")):
        assert md.Sensor.from_dict(sensor.to_dict()) == sensor


def two_states(**changes):
    given = {"states": ("A", "B"), "steps": [("A", "B", 1.0, 1), ("B", "A", 2.0)], "fusion": {"B": 6.0}}
    return md.Sensor(**given | changes)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: two_states(steps=[("A", "C", 1.0)]), "step to 'C', which is no state. There are A, B"),
        (lambda: two_states(steps=[("A", "A", 1.0)]), "step from 'A' to 'A' goes nowhere"),
        (
            lambda: two_states(steps=[("A", "B", 1.0), ("A", "B", 2.0)]),
            r"'A' to 'B' with c\^0 is given twice",
        ),
        (lambda: two_states(steps=[("A", "B", -1.0)]), "Step 'A' to 'B': k = -1"),
        (lambda: two_states(steps=[("A", "B", 1.0, 1.5)]), "n = 1.5; expected the power"),
        (lambda: two_states(fusion={}), "no state fuses"),
        (lambda: two_states(fusion={"Z": 1}), "fusion from 'Z', which is no state"),
        (lambda: two_states(states=("A", "A")), "expected at least one, each once"),
        (lambda: two_states(start="bound"), "start 'bound', which is no state"),
        (lambda: md.Sensor.sequential(0, 1, 1, 1), "Chain: sites"),
        (lambda: md.Sensor.from_matrices(("A",), [np.zeros((2, 2))], {"A": 1}), "a matrix of shape"),
        (lambda: md.Sensor.allosteric(5, 1, 1, l=1, f=1e308), "is no finite number"),
        (lambda: sensors.release(two_states(), [0, 0], 1.0), "at least two, increasing"),
        (lambda: sensors.release(two_states(), [0, 1], -1.0), "a concentration is -1 uM"),
        (lambda: sensors.release(two_states(), [0, 1, 2], [1.0, 2.0]), "concentrations for 3 times"),
        (lambda: sensors.equilibrium(two_states(steps=[]), 1.0), "comes to rest in more than one state"),
        (lambda: release_times(two_states(), [0, 1], 1.0, trials=0), "trials = 0; give a whole number"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_a_course_that_never_settles_says_so(monkeypatch):
    monkeypatch.setattr(sensors, "HALVINGS", 1)
    with pytest.raises(ArithmeticError, match="2 steps between two times do not settle"):
        sensors.release(presets.sensor("Eshra-2021"), [0, 1], lambda t: 200.0 * (t > 0.5013))


def test_nothing_released_has_no_latency():
    sensor = md.Sensor(("A", "B"), [("A", "B", 1.0, 1)], {"B": 6.0}, start="A")
    assert np.isnan(sensors.release(sensor, [0, 1], 0.0).latency)
