"""The numerics of a pumped wall, piece by piece, each against an independent computation."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfc

import microdomain as md
from microdomain.backends.reference import Reference
from microdomain.finite_volume import CLOSED, ghost_weight, lay_axis
from microdomain.grid import Grid
from microdomain.model import Model
from microdomain.plan import lay
from microdomain.wall_pumps import coverage, crossing
from microdomain.wall_reading import centre_lift, lift
from microdomain.weights import Fluxes

WIDTHS = 0.05 * np.array([0.8, 1.0, 1.1, 0.9, 1.2, 1.0, 0.95, 1.1, 1.0])
FACES = np.concatenate([[0.0], np.cumsum(WIDTHS)])
SQUARE = np.linspace(0, 0.1, 4)


def slab_plan(*pumps, faces=FACES, members=1, buffers=(), **ion):
    calcium = md.Ion("Ca", z=2, D=0.22, **{"rest": 0.0, **ion})
    model = Model(
        box=((0, 0.1), (0, 0.1), (0, float(faces[-1]))), ions=[calcium], pumps=pumps, buffers=buffers
    )
    return lay([model] * members, Grid(SQUARE, SQUARE, faces))


def averages(function, faces):
    return np.array([quad(function, a, b)[0] / (b - a) for a, b in pairwise(faces)])


# -- wall value and ghost ------------------------------------------------------------------------------


@pytest.mark.parametrize("face", ["z-", "z+"])
def test_a_parabola_has_its_wall_value(face):
    """u = w + (J/D) s + q s^2 with J = P w: the wall value of its two averages is w, exactly."""
    P, D, q, w = 0.7, 0.22, 1.3, 0.4
    plan = slab_plan(md.Pump(md.LinearPump(P), face=face))
    (sheet,) = plan.pumps.sheets
    end = FACES[-1] if face == "z+" else 0.0
    u = averages(lambda z: w + P * w / D * abs(z - end) + q * (z - end) ** 2, FACES)
    field = np.broadcast_to(u[:, None, None], (1, 1, u.size, 3, 3))[:, 0]
    through = crossing(sheet, sheet.layer(field, 0), sheet.layer(field, 1), None, np)
    np.testing.assert_allclose(through.flux, P * w, rtol=1e-12)


def test_the_wall_value_of_a_saturating_law_solves_its_equation():
    law = md.HillPump(0.9, K=0.3, n=4, leak=0.01)
    (sheet,) = slab_plan(md.Pump(law)).pumps.sheets
    u0, u1 = (np.full((1, 3, 3), v) for v in (0.02, 0.9))
    near = np.linspace(0.2, 50, 9).reshape(1, 3, 3)
    through = crossing(sheet, u0, u1, near, np)
    w = sheet.first * u0 + sheet.second * u1 - sheet.beta * through.flux
    np.testing.assert_allclose(through.flux, law.outflow(w + near, 0.0), rtol=1e-9, atol=1e-12)
    eps = 1e-6
    slope = (law.outflow(w + near + eps, 0) - law.outflow(w + near - eps, 0)) / (2 * eps)
    np.testing.assert_allclose(through.slope, slope, rtol=1e-5, atol=1e-9)


def test_pumps_on_one_face_add_up():
    one, two = md.HillPump(0.4, K=0.3), md.HillPump(0.4, K=1.5, n=2)
    u0, u1 = (np.full((1, 3, 3), v) for v in (0.5, 0.6))
    (sheet,) = slab_plan(md.Pump(one, name="a"), md.Pump(two, name="b")).pumps.sheets
    through = crossing(sheet, u0, u1, None, np)
    w = sheet.first * u0 + sheet.second * u1 - sheet.beta * through.flux
    np.testing.assert_allclose(through.each[0], one.outflow(w, 0), rtol=1e-12)
    np.testing.assert_allclose(through.each[1], two.outflow(w, 0), rtol=1e-12)


@pytest.mark.parametrize("side", [0, 1])
def test_the_corrected_ghost_of_a_straight_line(side):
    """With the slope J/D at the wall a straight line has the right derivative at the first inner face.

    The mirrored row sees the kink; the weight omega on the missing J h0/D mends it exactly."""
    axis, slope = lay_axis(FACES, CLOSED, CLOSED), 0.37
    end = FACES[-1] if side else 0.0
    u = slope * np.abs(0.5 * (FACES[1:] + FACES[:-1]) - end)
    h0 = axis.widths[-1 if side else 0]
    flux = np.cumsum(axis.widths * (axis.fourth @ u))  # D du/dz at the upper face of each cell
    inner = -flux[-2] if side else flux[0]
    assert abs(inner - slope) > 1e-3
    assert inner - ghost_weight(FACES, side) * slope * h0 == pytest.approx(slope, rel=1e-12)


def test_a_straight_profile_is_steady_but_for_its_ends():
    """du/dt of u = J/D (s + D/P) is 0 in the two cells beside the pump: order 4 rows, right flux."""
    P, D = 0.5, 0.22
    plan = slab_plan(md.Pump(md.LinearPump(P)))
    u = 0.5 * (FACES[1:] + FACES[:-1]) + D / P
    ops, y = Reference(plan), np.zeros((1, plan.size))
    plan.coarse(y)[...] = u[:, None, None]
    F = plan.coarse(ops.rhs(y, ops.near(np.zeros((0, 0))), np.zeros(0)))[0, 0]
    assert np.abs(F[:-2]).max() < 1e-11
    assert np.abs(F[-1]).max() > 0.1


# -- near field ----------------------------------------------------------------------------------------


def test_the_near_field_on_a_face_is_its_average_there():
    """Against the closed form of 1/r over a rectangle and quadrature of the rest, own cell included."""
    h, n, D, J = 0.02, 41, 0.22, 0.1 * 5.1821348
    calcium = md.Ion("Ca", z=2, D=D, rest=0.0)
    box = ((-0.41, 0.41), (-0.41, 0.41), (0, 0.4))
    model = Model(box=box, ions=[calcium], channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
                  pumps=[md.Pump(md.LinearPump(0.2))])  # fmt: skip
    side = np.linspace(-0.41, 0.41, n + 1)
    plan = lay([model], Grid(side, side, np.linspace(0, 0.4, 21)))
    wall = Reference(plan).near(Fluxes(plan).weights(np.array([1.0]))).wall[0][0]
    tau = plan.windows[0].tau
    x, w = np.polynomial.legendre.leggauss(40)

    def inverse(a, b):
        return (a * np.arcsinh(b / abs(a)) if a else 0.0) + (b * np.arcsinh(a / abs(b)) if b else 0.0)

    for i in range(4):
        a, b, c, d = (i - 0.5) * h, (i + 0.5) * h, -0.5 * h, 0.5 * h
        one = (inverse(b, d) - inverse(a, d) - inverse(b, c) + inverse(a, c)) / h**2
        r = np.hypot(i * h + 0.5 * h * x[:, None], 0.5 * h * x)
        rest = (w[:, None] * w * (erfc(r / np.sqrt(4 * D * tau)) - 1) / r).sum() / 4
        assert wall[n // 2, n // 2 + i] == pytest.approx(J / (2 * np.pi * D) * (one + rest), rel=3e-6)
        assert wall[n // 2 + i, n // 2] == pytest.approx(wall[n // 2, n // 2 + i], rel=1e-12)


# -- implicit side -------------------------------------------------------------------------------------


@pytest.mark.parametrize("faces", [("z-",), ("z-", "z+"), ("x-", "x+"), ("y+",)])
def test_the_diffusion_factor_holds_uniform_pumps_exactly(faces):
    """z = (I - g (a D L2 - sum sigma e))^-1 r by a dense solve."""
    pumps = [md.Pump(md.LinearPump(0.6), face=f, name=f"on{k}") for k, f in enumerate(faces)]
    plan = slab_plan(*pumps, rest=0.1)
    ops, g, a = Reference(plan), np.array([0.05]), 1.2
    random = np.random.default_rng(5)
    y, r = 0.1 + 0.01 * random.random((1, plan.size)), random.random((1, plan.size))
    near = ops.near(np.zeros((0, 0)))
    factor = ops.factor(ops.linearise(y, near), g, a)
    k, z = ops.solve(factor, r)
    n = plan.grid.shape
    ones = [np.eye(m) for m in n]
    Lz, Ly, Lx = (axis.second for axis in plan.axes[::-1])
    L = (
        np.kron(np.kron(Lz, ones[1]), ones[2])
        + np.kron(np.kron(ones[0], Ly), ones[2])
        + np.kron(np.kron(ones[0], ones[1]), Lx)
    )
    A = a * 0.22 * L
    for sheet, least in zip(plan.pumps.sheets, factor.walls.least, strict=True):
        assert float(least.ravel()[0]) > 0
        layer = np.zeros((1, *n))
        sheet.layer(layer, 0)[...] = float(least.ravel()[0])
        A -= np.diag(layer.ravel())
    expected = np.linalg.solve(np.eye(A.shape[0]) - g[0] * A, r[0])
    np.testing.assert_allclose(z[0], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(k, z, rtol=1e-12)  # uniform and linear: nothing is left for the second factor


def test_with_moving_buffers_the_response_is_that_of_the_whole_arrow():
    """The factor times its solution gives back the right-hand side, applied term by term."""
    mobile = md.Buffer("mobile", total=80, k_on=0.3, K_d=0.5, D=0.1)
    fixed = md.Buffer("fixed", total=200, k_on=0.1, K_d=10)
    plan = slab_plan(md.Pump(md.LinearPump(0.6)), rest=0.1, buffers=(mobile, fixed))
    ops, g, a = Reference(plan), 0.05, 1.2
    random = np.random.default_rng(6)
    y = np.ones((1, plan.size))
    plan.coarse(y)[...] = plan.rest[:, :, None, None, None] * (1 + 0.1 * random.random((3, *plan.grid.shape)))
    near = ops.near(np.zeros((0, 0)))
    r = random.random((1, plan.size))
    factor = ops.factor(ops.linearise(y, near), np.array([g]), a)
    _, z = ops.solve(factor, r)
    u = plan.coarse(z)[0]
    p, q = (np.asarray(v)[0, :, 0, 0, 0] for v in (factor.pbar, factor.qbar))

    def lap(field):
        out = np.zeros_like(field)
        for k, axis in enumerate(plan.axes):
            out += np.moveaxis(np.moveaxis(field, 2 - k, -1) @ axis.second.T, -1, 2 - k)
        return out

    back = np.zeros_like(u)
    back[0] = u[0] - g * a * 0.22 * lap(u[0])
    for j, D in enumerate((0.1, 0.0)):
        bind = p[j] * u[0] - q[j] * u[1 + j]
        back[0] += g * bind
        back[1 + j] = u[1 + j] - g * (a * D * lap(u[1 + j]) + bind)
    back[0, 0] += g * float(factor.walls.least[0].ravel()[0]) * u[0, 0]
    np.testing.assert_allclose(back, plan.coarse(r)[0], rtol=1e-9, atol=1e-11)


# -- readings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [0, 1])
def test_readings_with_the_walls_slope_are_of_order_two_at_least(side):
    """u = exp(s/0.3) has the slope 1/0.3 at the wall: mirrored readings are wrong by h/2 of it."""
    errors, mirrored = [], []
    for n in (10, 20, 40):
        faces = np.linspace(0, 0.6, n + 1)
        axis = lay_axis(faces, CLOSED, CLOSED)
        end = faces[-1] if side else 0.0
        u = averages(lambda z: np.exp(np.abs(z - end) / 0.3), faces)  # noqa: B023
        x = np.abs(end - np.linspace(0, 1.2 / n, 9))
        exact = np.exp(np.abs(x - end) / 0.3)
        plain = axis.reading(x) @ u
        errors.append(np.abs(plain + lift(axis, side, x) / 0.3 - exact).max())
        mirrored.append(np.abs(plain - exact).max())
        centres = 0.5 * (faces[1:] + faces[:-1])
        own = axis.centre_values @ u + centre_lift(axis, side) / 0.3
        near = slice(-3, None) if side else slice(0, 3)
        assert np.abs(own - np.exp(np.abs(centres - end) / 0.3))[near].max() < 2 * (0.6 / n) ** 3 / 0.3**3
    assert errors[1] < mirrored[1] / 30
    assert np.log2(errors[0] / errors[2]) / 2 > 1.9


# -- patches -------------------------------------------------------------------------------------------

GRID = Grid(np.linspace(-0.5, 0.5, 20), np.linspace(0, 1, 15), np.linspace(0, 0.5, 9))


@pytest.mark.parametrize("radius", [0.004, 0.05, 0.3])
def test_a_circle_covers_its_area(radius):
    cover = coverage(md.Circle((0.03, 0.41), radius), GRID, 2)
    x, y = (0.5 * (f[1:] + f[:-1]) for f in GRID.faces[:2])
    area = cover * np.diff(GRID.faces[1])[:, None] * np.diff(GRID.faces[0])
    assert area.sum() == pytest.approx(np.pi * radius**2, rel=1e-12)
    assert cover.min() >= 0
    assert cover.max() <= 1 + 1e-5
    assert (area * x).sum() / area.sum() == pytest.approx(0.03, abs=0.027)
    inside = (x - 0.03) ** 2 + (y[:, None] - 0.41) ** 2
    assert cover[inside < (radius - 0.05) ** 2 * (radius > 0.05)] == pytest.approx(1, abs=1e-4)


def test_a_rectangle_covers_exactly_and_the_axes_are_in_order():
    cover = coverage(md.Rectangle((0.6, 0.25), (0.3, 0.5)), GRID, 0)  # y from 0.45 to 0.75, all of z
    assert cover.shape == (8, 14)
    widths = np.diff(GRID.faces[1])
    np.testing.assert_allclose((cover * widths).sum(axis=1), 0.3, rtol=1e-12)
    assert (cover.max(axis=0) == cover.min(axis=0)).all()
    assert (coverage(None, GRID, 1) == 1).all()


def test_pictures_and_probes_read_the_same_at_a_pumped_wall():
    """A lattice, readings over frames, `results.at` and probes: one value, that of the slope at the wall."""
    from microdomain.reading import Watch
    from microdomain.view.fields import field_of
    from microdomain.view.lattice import Lattice
    from microdomain.view.readings import Readings

    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
    model = Model(
        box=((-0.2, 0.2), (-0.2, 0.2), (0, 0.3)), ions=[calcium],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
        pumps=[md.Pump(md.LinearPump(2.0), name="a"), md.Pump(md.LinearPump(1.0), face="x+", name="b")],
    )  # fmt: skip
    grid = Grid.graded(model, near=0.03, growth=1.4, far=0.08)
    points = {"floor": (0.05, 0.02, 0.0), "side": (0.2, 0.02, 0.1), "inside": (0.08, -0.05, 0.02)}
    times = [0.1, 0.3]
    results = md.simulate(
        model, grid, until=0.3, device="numpy", record=md.Record(times=times, points=points)
    )
    probes = results.probes["Ca"].values.reshape(2, 3)
    at = results.at(list(points.values())).values.reshape(2, 3)
    np.testing.assert_allclose(at, probes, rtol=1e-6)
    field = field_of(results.models[0], "Ca")
    read = Readings(results, np.array(list(points.values()))).of(field, times)
    np.testing.assert_allclose(read, probes, rtol=1e-6)
    for k, point in enumerate(points.values()):
        lattice = Lattice(results, [np.array([x]) for x in point])
        np.testing.assert_allclose(lattice.of(field, 0.3).ravel(), probes[1, k], rtol=1e-6)
    # A mirrored reading would not know the pump: beyond the reach of the near field it is 8 % off.
    watch = Watch.of(results._plan, np.array(list(points.values())))
    u = results._parts["solver"]["u_Ca"].isel(time=-1).values.reshape(1, 1, *results._plan.grid.shape)
    mirrored = watch.grid_part(u, results._plan.rest[:, :1])[0, 0]
    assert 1.05 < mirrored[1] / probes[1, 1] < 1.12


@pytest.mark.parametrize("device", ["numpy", "compiled"])
def test_a_channel_in_a_pumped_wall_feels_what_is_read_there(device):
    """The flux of g (V - E) tells which concentration it felt: that of `at` at the same time.

    A mirrored reading is P h/(2 D) off, here 0.9 % of the grid part and 1e-3 of the whole."""
    calcium, P, g = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000), 0.2, 8.0
    model = Model(
        box=((-0.3, 0.3), (-0.3, 0.3), (0, 0.3)), ions=[calcium], voltage=md.Hold(0),
        buffers=[md.Buffer("fixed", total=100, k_on=0.1, K_d=10)], pumps=[md.Pump(md.LinearPump(P))],
        channels=md.Cluster([(0, 0), (0.03, 0.01)], current=md.Ohmic(g), gate=md.Pulse(0, 1)),
    )  # fmt: skip
    record = md.Record(times=[0.001, 0.01])
    results = md.simulate(model, Grid.graded(model, near=0.02), until=0.01, record=record, device=device)
    mouths = [np.add(c.position, np.multiply(c.pore, c.normal)) for c in model.resolved_channels]
    read = results.at(mouths)
    history = results._plan.history
    rows = np.arange(2)
    for t, c in zip(read.time.values, read.values, strict=True):
        pA = history.value(rows, np.full(2, t)) / 5.1821348
        RT_F = 8.314462618 * 310.15 / 96485.33212 * 1e3
        felt = 2000 * np.exp(-2 * (pA / (1e-3 * g)) / RT_F)
        np.testing.assert_allclose(felt, c, rtol=1e-6)


def test_far_from_a_pumped_wall_readings_do_not_see_its_slope():
    """Nothing has come there yet, and under the channel J/D is thousands of uM/um."""
    model = Model(
        box=((-0.5, 0.5), (-0.5, 0.5), (0, 0.4)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)],
        buffers=[md.Buffer("fixed", total=200, k_on=0.1, K_d=10)],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.3)),
        pumps=md.Pump(md.LinearPump(0.5), face="z-"),
    )
    results = md.simulate(model, until=0.005, record=md.Record(times=[0.005]))
    far = results.at([(0, 0, z) for z in (0.32, 0.36, 0.4)]).values
    np.testing.assert_allclose(far, 0.1, rtol=2e-3)
    assert (results.dataset["Ca"].values > 0.099).all()
