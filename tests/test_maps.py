"""The un-stirred cell: potentials, forces and currents as maps, and the other side of the membrane."""

from dataclasses import replace

import numpy as np
import pytest
import xarray
from scipy.integrate import trapezoid
from scipy.special import erfc

import microdomain as md
from microdomain import electro
from microdomain.electro import Davies, ElectroWarning
from microdomain.units import flux_per_pA

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
POTASSIUM = md.Ion("K", z=1, D=1.96, rest=140000, outside=5000)
CHLORIDE = md.Ion("Cl", z=-1, D=2.0, rest=10000, outside=110000)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.2))
POINTS = [(0, 0, 0.005), (0, 0, 0.05), (0.02, 0.01, 0.0)]
RT_F = 26.72666  # mV at 310.15 K


def grid(box=BOX, cells=(8, 8, 6)):
    return md.Grid(*(np.linspace(lo, hi, n + 1) for (lo, hi), n in zip(box, cells, strict=True)))


@pytest.fixture(scope="module")
def calcium():
    """One channel of 0.3 pA, open for 0.2 ms, in an unbuffered box of calcium and (still) potassium."""
    channel = md.Cluster([(0, 0)], current=md.Fixed(0.3), gate=md.Pulse(0, 0.2))
    model = md.Model(box=BOX, ions=[CALCIUM, POTASSIUM], channels=channel)
    record = md.Record(times=[0.0, 0.1, 0.2, 0.4], points={"near": (0, 0, 0.01)})
    return md.simulate(model, grid(), until=0.4, record=record, device="numpy")


@pytest.fixture(scope="module")
def cleft():
    """Potassium leaves, and chloride enters, a cleft 20 nm high."""
    box = ((-0.2, 0.2), (-0.2, 0.2), (0, 0.02))
    channels = [
        md.Cluster([(0, 0)], ion="K", name="kv", current=md.Fixed(-5.0)),
        md.Cluster([(0.1, 0)], ion="Cl", name="clc", current=md.Fixed(2.0)),
    ]
    model = md.Model(box=box, ions=[POTASSIUM, CHLORIDE], channels=channels)
    record = md.Record(times=[0.0, 0.02, 0.05])
    return md.simulate(model, grid(box, (10, 10, 2)), until=0.05, record=record, device="numpy")


def nernst(inside, outside, z):
    return RT_F / z * np.log(outside / inside)


def test_reversal_at_points_is_nernst_of_what_is_there(calcium):
    field = calcium.at(POINTS)
    E = calcium.reversal("Ca", field=field)
    assert E.dims == ("time", "point")
    assert E.name == "E_Ca"
    assert E.attrs == {"units": "mV", "long_name": "E_Ca", "outside_uM": 2000.0, "temperature_K": 310.15}
    np.testing.assert_allclose(E.values, nernst(field.values, 2000, 2), rtol=1e-6)
    # In the bulk +132.3 mV; at the mouth of 0.3 pA, +29.2 mV once the field is steady (unbuffered).
    np.testing.assert_allclose(E[0], 132.3436, atol=1e-4)
    assert 27.0 < float(E.sel(time=0.2)[0]) < 29.2


def test_reversal_takes_temperature_and_activity(calcium):
    cold = calcium.reversal("Ca", temperature=290.0)
    warm = calcium.reversal("Ca")
    np.testing.assert_allclose(cold.values, warm.values * 290.0 / 310.15, rtol=1e-12)
    rule = Davies(inside=150e3, outside=10e3)
    active = calcium.reversal("Ca", activity=rule)
    assert active.attrs["temperature_K"] == 310.15
    gamma_in, gamma_out = rule.coefficients(2, 310.15)
    np.testing.assert_allclose(
        active.values - warm.values, RT_F / 2 * np.log(gamma_out / gamma_in), rtol=1e-5
    )
    with pytest.warns(ElectroWarning, match="given for the inside only"):
        calcium.reversal("Ca", activity=(0.5, None))


def test_a_box_that_is_the_outside_swaps_the_sides(calcium):
    inside = calcium.reversal("K", activity=(0.7, 0.8))
    cleft = calcium.reversal("K", activity=(0.8, 0.7), box="outside")
    np.testing.assert_allclose(cleft.values, -inside.values, rtol=1e-12)
    with pytest.raises(ValueError, match=r"box = 'cleft': the box is \"inside\" the cell"):
        calcium.reversal("K", box="cleft")


def test_members_keep_their_own_outside_and_temperature():
    models = []
    for outside, kelvin in ((2000.0, 310.15), (1000.0, 298.15)):
        ion = replace(CALCIUM, outside=outside)
        models.append(md.Model(box=BOX, ions=[ion], channels=md.Cluster([(0, 0)]), temperature=kelvin))
    results = md.simulate(models[0], grid(), until=0.01, members=models, device="numpy")
    E = results.reversal("Ca")
    first = results.reversal("Ca", outside=2000.0, temperature=310.15)
    second = results.reversal("Ca", outside=1000.0, temperature=298.15)
    np.testing.assert_array_equal(E.isel(member=0), first.isel(member=0))
    np.testing.assert_array_equal(E.isel(member=1), second.isel(member=1))
    assert "outside_uM" not in E.attrs
    beyond = results.outside([(0, 0, 5.0)])
    np.testing.assert_allclose(beyond[:, -1, 0], [2000.0, 1000.0], rtol=1e-12)
    with pytest.raises(ValueError, match=r"members differ in temperature and this field has lost track"):
        results.reversal("Ca", field=results.dataset["Ca"].isel(member=1))


def test_reversal_refuses_what_it_cannot_know(calcium):
    lonely = md.Model(box=BOX, ions=[replace(CALCIUM, outside=None)], channels=md.Cluster([(0, 0)]))
    results = md.simulate(lonely, grid(), until=0.01, device="numpy")
    with pytest.raises(ValueError, match=r"'Ca' has no outside concentration in this model; give outside="):
        results.reversal("Ca")
    with pytest.raises(ValueError, match=r"'Ca' has no outside concentration in this model; give Ion"):
        results.outside(POINTS)
    with pytest.raises(ValueError, match="No ion 'Mg' in this model; it has 'Ca', 'K'"):
        calcium.reversal("Mg")
    with pytest.raises(ValueError, match=r"outside = -1: expected a finite, positive concentration"):
        calcium.reversal("Ca", outside=-1.0)
    with pytest.raises(ValueError, match=r"outside = 'empty': give uM, a field, or \"depleted\""):
        calcium.reversal("Ca", outside="empty")
    with pytest.raises(ValueError, match=r"computed at points: give field=results.at\(points\)"):
        calcium.reversal("Ca", outside="depleted")
    short = calcium.at(POINTS[:2])
    with pytest.raises(ValueError, match="outside does not fit the map over time, point"):
        calcium.reversal("Ca", field=short, outside=calcium.outside(POINTS))
    with pytest.raises(ValueError, match="outside does not fit the map over time, point: z, y, x is no dim"):
        calcium.reversal("Ca", field=short, outside=calcium.dataset["K"].isel(time=0, drop=True))


def test_ghk_reversal_of_a_calcium_channel_that_leaks_potassium(calcium):
    """P_Ca/P_K = 1000: the zero of the summed GHK currents, checked by inserting it."""
    fields = {name: calcium.at(POINTS, ion=name) for name in ("Ca", "K")}
    E = calcium.ghk_reversal({"Ca": 1000, "K": 1}, fields=fields)
    assert E.dims == ("time", "point")
    u = E.values / RT_F
    Ca, K = fields["Ca"].values, fields["K"].values

    def current(z, P, inside, outside):
        return P * z * z * u * (inside - outside * np.exp(-z * u)) / (1 - np.exp(-z * u))

    total = current(2, 1000, Ca, 2000.0) + current(1, 1, K, 5000.0)
    np.testing.assert_allclose(total, 0, atol=1e-4 * np.abs(current(1, 1, K, 5000.0)).min())
    # Less calcium drive where calcium has entered.
    assert float(E.sel(time=0.2)[0]) < float(E.sel(time=0.0)[0]) - 0.5


def test_ghk_reversal_mixes_fields_and_constants(calcium):
    whole = calcium.ghk_reversal(
        {"Ca": 10, "K": 1, "Na": 1}, outside={"Na": 145e3}, inside={"Na": 12e3}, temperature=300.0
    )
    assert whole.dims == calcium.dataset["Ca"].dims
    assert whole.attrs["permeabilities"] == "Ca 10, K 1, Na 1"
    cell = {"time": 2, "z": 0, "y": 4, "x": 4}
    Ca, K = (float(calcium.dataset[n].isel(cell)) for n in ("Ca", "K"))
    expected = electro.ghk_voltage([10, 1, 1], [2, 1, 1], [Ca, K, 12e3], [2000, 5000, 145e3], 300.0)
    assert float(whole.isel(cell)) == pytest.approx(expected, rel=1e-12)
    swapped = calcium.ghk_reversal({"Ca": 10, "K": 1}, box="outside")
    np.testing.assert_allclose(swapped.values, -calcium.ghk_reversal({"Ca": 10, "K": 1}).values, rtol=1e-9)
    # A lone ion's GHK reversal is its Nernst potential.
    np.testing.assert_allclose(
        calcium.ghk_reversal({"Ca": 3}, outside={"Ca": 1000.0}).values,
        calcium.reversal("Ca", outside=1000.0).values,
        atol=1e-9,
    )


def test_ghk_reversal_names_what_is_missing(calcium):
    with pytest.raises(
        ValueError, match=r"No concentration of 'Na' inside; give inside=\{'Na': \.\.\.\} in uM"
    ):
        calcium.ghk_reversal({"Ca": 1, "Na": 1}, outside={"Na": 145e3})
    with pytest.raises(ValueError, match=r"No concentration of 'Na' outside"):
        calcium.ghk_reversal({"Ca": 1, "Na": 1}, inside={"Na": 12e3})
    with pytest.raises(ValueError, match=r"charge of 'TEA' is not known; give z=\{'TEA': \.\.\.\}"):
        calcium.ghk_reversal({"Ca": 1, "TEA": 1}, outside={"TEA": 1e3}, inside={"TEA": 1.0})
    with pytest.raises(ValueError, match="None of 'Na' has a field in this result, so there is no map"):
        calcium.ghk_reversal({"Na": 1}, outside={"Na": 145e3}, inside={"Na": 12e3})
    with pytest.raises(ValueError, match=r"fields holds no 'K', which this model has"):
        calcium.ghk_reversal({"Ca": 1, "K": 1}, fields={"Ca": calcium.at(POINTS)})


def test_driving_force_and_current_density(calcium):
    E = calcium.reversal("Ca")
    force = calcium.driving_force(-70.0, "Ca")
    assert force.attrs["units"] == "mV"
    assert force.name == "V_minus_E_Ca"
    np.testing.assert_allclose(force.values, -70.0 - E.values, rtol=1e-14)
    V = xarray.DataArray([-70.0, 0.0, 20.0, -70.0], dims="time", coords={"time": E["time"]})
    density = calcium.current_density(0.1, V, "Ca", temperature=300.0)
    expected = 0.1 * (V - calcium.reversal("Ca", temperature=300.0)).transpose(*E.dims)
    np.testing.assert_allclose(density.values, expected.values, rtol=1e-13)
    assert density.attrs["units"] == "pA/um^2"
    ghk = calcium.ghk_reversal({"Ca": 1000, "K": 1})
    np.testing.assert_allclose(calcium.driving_force(10.0, E=ghk).values, 10.0 - ghk.values, rtol=1e-14)
    with pytest.raises(ValueError, match="V does not fit the map over time, z, y, x"):
        calcium.driving_force(V.isel(time=slice(2)), "Ca")
    with pytest.raises(ValueError, match="g = -1: expected a conductance, zero or positive"):
        calcium.current_density(-1.0, -70.0, "Ca")


def test_outside_is_depleted_as_the_half_space_formula_says(calcium):
    """outside - J/(2 pi D r) [erfc(r / sqrt(4 D t)) - erfc(r / sqrt(4 D (t - 0.2)))] to 1e-5."""
    r = np.array([0.001, 0.005, 0.02, 0.1, 0.3])
    t = np.array([1e-3, 0.05, 0.2, 0.3, 0.4])
    D = 0.79
    there = calcium.outside([(x, 0, 0) for x in r], t, D=D)
    J = 0.3 * flux_per_pA(2)

    def since(age):
        age = np.maximum(age, 1e-300)[:, None]
        with np.errstate(over="ignore"):
            return J / (2 * np.pi * D * r) * erfc(r / np.sqrt(4 * D * age))

    taken = since(t) - np.where(t[:, None] > 0.2, since(t - 0.2), 0.0)
    np.testing.assert_allclose(2000 - there.values, taken, rtol=1e-5, atol=1e-9)
    assert there.attrs["units"] == "uM"
    # Mirrored in the membrane: a point in the box and one beyond it see the same distance.
    mirrored = calcium.outside([(0, 0, 0.03), (0, 0, -0.03)], 0.2, D=D)
    assert float(mirrored[0, 0]) == float(mirrored[0, 1])


def test_outside_of_a_current_that_varies(calcium):
    """A pulse far shorter than the run, and its sum by brute force over age."""
    pulse = md.Gaussian(peak=1.0, at=0.5, fwhm=0.1)
    channels = md.Cluster([(-0.05, 0), (0.05, 0)], current=md.Fixed(pulse))
    model = md.Model(box=BOX, ions=[CALCIUM], channels=channels)
    record = md.Record(times=[0.0, 4.0])
    results = md.simulate(model, grid(), until=4.0, record=record, rtol=0.1, device="numpy")
    x, D = np.array([0.03, 0.02, 0.0]), 0.5
    for t in (0.45, 0.6, 4.0):
        s = np.linspace(1e-9, t, 400_001)
        J = pulse.value(t - s) * flux_per_pA(2)
        distance = [np.hypot(*(x - p)[:2]) for p in ((-0.05, 0, 0), (0.05, 0, 0))]
        kernel = sum(2 * np.exp(-(d**2) / (4 * D * s)) / (4 * np.pi * D * s) ** 1.5 for d in distance)
        taken = trapezoid(J * kernel, s)
        assert 2000 - float(results.outside([x], t, D=D)[0, 0]) == pytest.approx(taken, rel=2e-5)


def test_both_sides_local(calcium):
    field = calcium.at(POINTS)
    E = calcium.reversal("Ca", field=field, outside="depleted", D=0.79)
    there = calcium.outside(POINTS, D=0.79)
    np.testing.assert_allclose(E.values, nernst(field.values, there.values, 2), rtol=1e-6)
    given = calcium.reversal("Ca", field=field, outside=there)
    np.testing.assert_array_equal(E.values, given.values)
    last = calcium.reversal("Ca", field=field.isel(time=2), outside="depleted", D=0.79)
    np.testing.assert_allclose(last.values, E.isel(time=2).values, rtol=1e-9)
    # 0.3 pA leave 61.4 uM too little at 5 nm in saline, steadily: J / (2 pi D r) less what is still to come.
    assert 60.0 < 2000 - float(there.sel(time=0.2)[0]) < 62.7


def test_potassium_leaves_a_cleft_and_gathers_outside(cleft):
    """5 pA for 50 us: the potassium lost inside is counted, and outside E_K falls with the pile."""
    assert np.abs(cleft.ledger.closure).max() < 1e-12
    K = cleft.at([(0, 0, 0.005), (0.15, 0.15, 0.01)], ion="K")
    E = cleft.reversal("K", field=K)
    at_rest = nernst(140000.0, 5000.0, 1)
    np.testing.assert_allclose(E[0], at_rest, rtol=1e-6)
    assert at_rest == pytest.approx(-89.0587, abs=1e-3)
    local = cleft.reversal("K", field=K, outside="depleted")
    # J/(2 pi D r) = 5 * 10.364 / (2 pi * 1.96 * 0.005) = 841.6 uM more outside, a little less so early.
    piled = float(cleft.outside([(0, 0, 0.005)], 0.05, ion="K")[0, 0]) - 5000
    assert 841.6 * erfc(0.005 / np.sqrt(4 * 1.96 * 0.05)) == pytest.approx(piled, rel=1e-4)
    assert float(local[2, 0] - E[2, 0]) == pytest.approx(RT_F * np.log1p(piled / 5000), rel=1e-5)
    assert float(cleft.dataset["K"].isel(time=2).min()) < 140000
    # What the mean lost is the charge: 5 pA * 0.05 ms * 10.364 uM um^3/(ms pA) in 0.0032 um^3.
    lost = 140000 - float(cleft.mouths["mean_K"][-1])
    assert lost == pytest.approx(5 * 0.05 * 10.36427 / 0.0032, rel=1e-6)


def test_an_anion_has_the_opposite_sign(cleft):
    Cl = cleft.at([(0.1, 0, 0.005)], ion="Cl")
    assert float(Cl[2, 0]) > 10000
    E = cleft.reversal("Cl", field=Cl)
    np.testing.assert_allclose(E.values, nernst(Cl.values, 110000.0, -1), rtol=1e-6)
    assert float(E[0, 0]) == pytest.approx(-64.0877, abs=1e-3)
    assert float(E[2, 0]) > float(E[0, 0])  # more chloride inside makes E_Cl less negative
    assert float(cleft.outside([(0.1, 0, 0)], ion="Cl")[2, 0]) < 110000
    both = cleft.ghk_reversal({"K": 1, "Cl": 0.5})
    assert float(both.min()) > float(cleft.reversal("K").min())
    assert float(both.max()) < float(cleft.reversal("Cl").max())


def test_outside_refuses_what_has_none(calcium):
    with pytest.raises(ValueError, match=r"Time 9 ms is not in the run, which reaches from 0 to 0\.4 ms"):
        calcium.outside(POINTS, 9.0)
    with pytest.raises(ValueError, match=r"D = -1 um\^2/ms outside: give a positive number"):
        calcium.outside(POINTS, D=-1.0)
    with pytest.raises(ValueError, match=r"points has shape \(2,\)"):
        calcium.outside([1.0, 2.0])
    with pytest.raises(ValueError, match=r"No channel of 'Ca' is on the face 'z\+'; they are on z-"):
        calcium.outside(POINTS, face="z+")
    inner = md.Cluster([(0, 0, 0.1)], face=None)
    two = [md.Cluster([(0, 0)], name="lower"), md.Cluster([(0, 0)], face="z+", name="upper")]
    for channels, message in (
        (inner, "inside the box, not in a membrane"),
        (two, r"on the faces z\+, z-, and"),
    ):
        model = md.Model(box=BOX, ions=[CALCIUM], channels=channels)
        results = md.simulate(model, grid(), until=0.001, device="numpy")
        with pytest.raises(ValueError, match=message):
            results.outside(POINTS)
    np.testing.assert_array_equal(calcium.outside(POINTS, ion="K").values, 5000.0)


@pytest.mark.filterwarnings("error")
def test_solid_is_no_reason_to_warn_of():
    """Obstacles hold no ions: maps are NaN there, quietly, and everywhere else what the formula says."""
    ball = md.Ball((0, 0, 0.12), 0.07)
    model = md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)]), obstacles=[ball])
    results = md.simulate(model, grid(cells=(14, 14, 8)), until=0.02, rtol=5e-2, device="numpy")
    solid = np.isnan(results.dataset["Ca"].values)
    assert 0 < solid.sum() < solid.size
    sodium = {"inside": {"Na": 12e3}, "outside": {"Na": 145e3}}
    maps = [
        results.reversal(),
        results.reversal(box="outside", outside=0.1),
        results.ghk_reversal({"Ca": 1.0, "Na": 0.1}, **sodium),
        results.driving_force(-70.0),
        results.current_density(1.0, -70.0),
    ]
    for each in maps:
        np.testing.assert_array_equal(np.isnan(each.values), solid)
    fluid = results.dataset["Ca"].values[~solid]
    np.testing.assert_allclose(maps[0].values[~solid], nernst(fluid, 2000, 2), rtol=1e-6)
    field = results.at([(0, 0, 0.12), (0.1, 0.1, 0.1)])
    np.testing.assert_array_equal(np.isnan(results.reversal(field=field).values[-1]), [True, False])
    depleted = results.reversal(field=field, outside="depleted")
    np.testing.assert_array_equal(np.isnan(depleted.values[-1]), [True, False])
