"""Diffusion in tissue against exact solutions: one medium, two layers, a source beside a boundary."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erfc, j0

import microdomain as md
from microdomain.units import flux_per_pA

D = 0.22
CALCIUM = md.Ion("Ca", z=2, D=D, rest=0.1, outside=2000)
ALPHA, LAMBDA = 0.2, 1.6


def test_a_channel_in_a_uniform_medium():
    """Nicholson and Phillips 1981: J/(4 pi alpha D* r) erfc(r / sqrt(4 D* t)), here on a closed face."""
    asked = md.Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=[CALCIUM],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
        tissue=md.Tissue(ALPHA, LAMBDA),
    )
    z, times = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.2]), [0.01, 0.1]
    results = md.simulate(asked, until=0.1, record=md.Record(times=times))
    found = results.at([(0, 0, h) for h in z], times=times).values.squeeze()
    slow = D / LAMBDA**2
    for row, t in zip(found, times, strict=True):
        exact = 0.1 + 0.1 * flux_per_pA(2) / (2 * np.pi * ALPHA * slow * z) * erfc(z / np.sqrt(4 * slow * t))
        np.testing.assert_allclose(row, exact, rtol=5e-3)
    ledger = results.ledger
    assert ledger.influx[0, 0] == pytest.approx(0.01 * flux_per_pA(2), rel=1e-12)
    assert ledger.start[0, 0] == pytest.approx(ALPHA * 0.1 * 4, rel=1e-12)


def test_the_steady_state_in_a_uniform_medium():
    """lambda enters the length on which uptake takes the ion up, sqrt(D*/k), alpha only the level."""
    asked = md.Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=[CALCIUM],
        uptake={"Ca": 20.0},
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.1)),
        tissue=md.Tissue(ALPHA, LAMBDA),
    )
    z = np.array([0.005, 0.01, 0.05, 0.1])
    found = md.steady_state(asked).at([(0, 0, h) for h in z]).values.squeeze()
    slow = D / LAMBDA**2
    exact = 0.1 + 0.1 * flux_per_pA(2) / (2 * np.pi * ALPHA * slow * z) * np.exp(-z * np.sqrt(20.0 / slow))
    np.testing.assert_allclose(found, exact, rtol=5e-3)


class Layers:
    """Tissue below z = 0.4 um, fluid above; closed at 0, held at 1 um: the sum of the eigenmodes."""

    edge, length, times = 0.4, 1.0, (2.0,)
    k1, k2, D1, D2 = ALPHA / LAMBDA**2 * D, D, D / LAMBDA**2, D

    def __init__(self):
        rates = np.linspace(1e-6, 40, 40001)
        value = self.jump(rates)
        at = np.flatnonzero(value[:-1] * value[1:] < 0)
        self.rates = [brentq(self.jump, rates[k], rates[k + 1], xtol=1e-14) for k in at]

    def jump(self, w):
        """Flux above less flux below of a mode that is continuous."""
        p, q = np.sqrt(w / self.D1), np.sqrt(w / self.D2)
        x, y = p * self.edge, q * (self.length - self.edge)
        return self.k1 * p * np.sin(x) * np.sin(y) - self.k2 * q * np.cos(y) * np.cos(x)

    def __call__(self, z, t):
        """What is left at t of an even excess of 1 uM."""
        out, above = np.zeros_like(z), self.length - self.edge
        for w in self.rates:
            p, q = np.sqrt(w / self.D1), np.sqrt(w / self.D2)
            A, B = np.sin(q * above), np.cos(p * self.edge)
            norm = ALPHA * A * A * (self.edge / 2 + np.sin(2 * p * self.edge) / (4 * p))
            norm += B * B * (above / 2 - np.sin(2 * q * above) / (4 * q))
            part = ALPHA * A * np.sin(p * self.edge) / p + B * (1 - np.cos(q * above)) / q
            mode = np.where(z < self.edge, A * np.cos(p * z), B * np.sin(q * (self.length - z)))
            out += part / norm * np.exp(-w * t) * mode
        return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "order", "last"),
    # Boundary on a face; in the middle of a cell.
    [((10, 20, 40), 1.8, 3e-4), ((13, 27, 53), 1.0, 6e-4)],
    ids=["on a face", "inside of a cell"],
)
def test_two_layers(cells, order, last):
    """Readings beside the boundary and away from it."""
    exact, z = Layers(), np.linspace(0.05, 0.95, 19)
    ion = md.Ion("Ca", z=2, D=D, rest=0.1, initial=1.1)
    asked = md.Model(
        box=((0, 0.1), (0, 0.1), (0, 1)),
        ions=[ion],
        walls=md.Walls(z=(md.Closed(), md.Held())),
        tissue=md.Tissue(ALPHA, LAMBDA, md.Block((-1, -1, -1), (1, 1, 0.4))),
    )
    errors = []
    for n in cells:
        grid = md.Grid([0, 0.1], [0, 0.1], np.linspace(0, 1, n + 1))
        results = md.simulate(
            asked, grid, until=2.0, rtol=1e-5, record=md.Record(times=[2.0]), device="numpy"
        )
        found = results.at([(0.05, 0.05, h) for h in z], times=[2.0]).values.squeeze() - 0.1
        errors.append(np.abs(found - exact(z, 2.0)).max())
        assert np.abs(results.ledger.closure).max() < 1e-12
    assert errors[-1] < last
    assert np.log(errors[0] / errors[-1]) / np.log(cells[-1] / cells[0]) > order


def beside_a_plane(points, near, far, away, k):
    """c - rest of a steady source of 0.1 pA in medium `near`, `far` beyond z = away; uptake k in both.

    Hankel transform of the image solution (Carslaw and Jaeger, Conduction of Heat in Solids, 2nd ed., 14.9):
    reflected with (k1 g1 - k2 g2)/(k1 g1 + k2 g2), g = sqrt(s^2 + k/D*); (k1 - k2)/(k1 + k2) without uptake.
    """
    node, weight = np.polynomial.legendre.leggauss(2000)
    s, ds = 20 / away * (node + 1), 20 / away * weight
    (a1, l1), (a2, l2) = near, far
    k1, k2 = a1 / l1**2 * D, a2 / l2**2 * D
    g1, g2 = (np.sqrt(s**2 + k * tortuosity**2 / D) for tortuosity in (l1, l2))
    back = (k1 * g1 - k2 * g2) / (k1 * g1 + k2 * g2)
    out = []
    for x, y, z in points:
        bessel = ds * s / g1 * j0(s * np.hypot(x, y))
        r = np.sqrt(x * x + y * y + z * z)
        if z < away:
            value = (
                np.exp(-r * l1 * np.sqrt(k / D)) / r + (bessel * back * np.exp(-g1 * (2 * away - z))).sum()
            )
        else:
            value = (bessel * (1 + back) * np.exp(-g1 * away - g2 * (z - away))).sum()
        out.append(0.1 * flux_per_pA(2) / (4 * np.pi * k1) * value)
    return np.array(out)


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True], ids=["fluid before tissue", "tissue before fluid"])
def test_a_channel_beside_a_boundary(turned):
    """60 nm from the channel, cells of 10 nm: within 2 % everywhere, within 0.3 % at 20 nm."""
    media = [(1.0, 1.0), (ALPHA, LAMBDA)][:: -1 if turned else 1]
    away, k, size = 0.06, 8.0, 0.8
    asked = md.Model(
        box=((-size, size),) * 3,
        ions=[CALCIUM],
        uptake={"Ca": k},
        channels=md.Cluster([(0, 0, 0)], face=None, current=md.Fixed(0.1)),
        tissue=(
            md.Tissue(*media[0], name="near"),
            md.Tissue(*media[1], md.Block((-2, -2, away), (2, 2, 2)), name="far"),
        ),
    )
    z = [-0.1, -0.05, -0.02, 0.01, 0.02, 0.04, 0.05, 0.07, 0.08, 0.11, 0.16]
    points = [(0, 0, h) for h in z] + [(x, 0, 0) for x in (0.01, 0.05, 0.1)]
    grid = md.Grid.graded(asked, near=0.01)
    results = md.simulate(asked, grid, until=1.0, rtol=1e-3, record=md.Record(times=[1.0]))
    found = results.at(points, times=[1.0]).values.squeeze() - 0.1
    off = np.abs(found / beside_a_plane(points, *media, away, k) - 1)
    assert off.max() < 0.02
    assert off[np.linalg.norm(points, axis=1) < 0.03].max() < 0.003
    assert np.abs(results.ledger.closure).max() < 1e-12


def test_a_patch_that_covers_a_face_is_a_held_wall():
    """The slab between a closed and a held face: the patch is of second order, the wall of fourth."""
    ion = md.Ion("Ca", z=2, D=D, rest=0.1, initial=1.1)
    wall = md.Walls(z=(md.Closed(), md.Held()))
    errors, z, t = [], np.array([0.1, 0.5, 0.9]), 1.0
    odd = np.arange(1, 41, 2)[:, None] * np.pi / 2
    exact = (2 / odd * np.sin(odd) * np.cos(odd * z) * np.exp(-(odd**2) * D * t)).sum(axis=0)
    for n in (10, 20, 40):
        grid = md.Grid([0, 0.1], [0, 0.1], np.linspace(0, 1, n + 1))
        both = [
            md.simulate(
                md.Model(box=((0, 0.1), (0, 0.1), (0, 1)), ions=[ion], **how), grid, until=t, rtol=1e-5,
                record=md.Record(times=[t]), device="numpy",
            )
            for how in ({"held": md.HeldPatch("z+")}, {"walls": wall})
        ]  # fmt: skip
        found = both[0].at([(0.05, 0.05, h) for h in z], times=[t]).values.squeeze() - 0.1
        errors.append(np.abs(found - exact).max())
        flows = [r.ledger.walls[0, 0] for r in both]
        assert flows[0] == pytest.approx(flows[1], rel=0.3 / n)
    assert errors[-1] < 1e-3
    assert np.log2(errors[0] / errors[-1]) / 2 > 1.5


@pytest.mark.slow
def test_a_held_disc_takes_what_weber_says():
    """4 D a c into a disc in a plane (Weber 1873) and its transient.

    Shoup and Szabo, J. Electroanal. Chem. 140, 237 (1982): 0.7854 + 0.8862/sqrt(T) +
    0.2146 exp(-0.7823/sqrt(T)), T = 4 D t/a^2, to 0.6 %.
    """
    a, size, span = 0.1, 1.0, (0.25, 0.35)
    ion = md.Ion("Ca", z=2, D=D, rest=0.1, initial=1.1)
    asked = md.Model(
        box=((-size, size), (-size, size), (0, size)),
        ions=[ion],
        held=md.HeldPatch("z-", md.Circle((0, 0), a)),
    )
    half, width = [0.0], 0.1 * a
    while half[-1] < size:
        half.append(half[-1] + width)
        width = min(1.3 * width, 0.2) if half[-1] > 1.3 * a else width
    half = np.array(half) * size / half[-1]
    both = np.concatenate([-half[:0:-1], half])
    grid = md.Grid(both, both, half)
    taken = [md.simulate(asked, grid, until=t, rtol=1e-4).ledger.walls[0, 0] for t in span]
    T = 4 * D * np.mean(span) / a**2
    known = 4 * D * a * (0.7854 + 0.8862 / np.sqrt(T) + 0.2146 * np.exp(-0.7823 / np.sqrt(T)))
    assert (taken[1] - taken[0]) / (span[1] - span[0]) == pytest.approx(known, rel=0.02)
