"""The analytic part of every channel's field: windows, kernels, images, and their folding.

A channel k at x_k with flux J_k(t) feeds its ion's field.  The flux of the last tau stays
analytic, older flux enters the grid as a smooth blob (an Ewald-like split of the heat kernel in
time; Greengard and Strain, Commun. Pure Appl. Math. 1990, split it in the same way)::

    c   = u + sum_k c_k,                      only u lives on the grid
    c_k = int_0^tau J_k(t - s) exp(-kappa s) K(x, x_k; s) ds
    u_t = D lap u + sum_k [ J_k(t - tau) exp(-kappa tau) K(x, x_k; tau) + kappa c_k ] + reactions

It is exact in time for any J: no d(current)/dt appears.  kappa screens the window with the rate
at which the buffers at rest bind the ion; any value is consistent, the true one is accurate.

The heat kernel in a box is a product over the axes, and so are its averages over cells::

    K(x, x_k; s) = prod_axis  sum_images  sign (4 pi D s)^(-1/2) exp(-(x - x_image)^2 / 4 D s)
    cell average   (1/h) sum_images  sign/2 [ erf((f_1 - x_image)/sqrt(4 D s)) - erf((f_0 - ...)) ]

Images of images included: closed walls mirror with sign +, held walls with sign -.  A channel on
a closed face coincides with its own image, hence the half-space's factor 2.  So only the integral
over the age s is left to quadrature: Gauss nodes s_q in bins that halve toward s = 0, and

    c_k = sum_q W_q(t) K(x, x_k; s_q),     W_q = int J_k(t - s) exp(-kappa s) l_q(s) ds

with the Lagrange polynomials l_q of each bin.  Where J is smooth W_q = w_q J(t - s_q)
exp(-kappa s_q); at a jump the bin is split there.  kappa, J and t enter only through W: members
with other rates and currents share every table.  (Tried and left: closed-form radial tables with
1/r split off, which need a two-dimensional table per kappa and special care near the point.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.special import erf

from microdomain.history import History

#: The window's age in units of h^2/D is BLOB^2/2, so that the blob's deviation is BLOB cells.
BLOB = 2.0
#: Patches reach this many sqrt(4 D tau); erfc(3.7) = 2e-7 of a blob lies beyond, and is scaled back in.
CUT = 3.7
#: (bins, Gauss nodes per bin) for cell averages and for values at points.
AVERAGES, POINTS = (10, 4), (20, 6)


@dataclass(frozen=True, eq=False)
class Window:
    """Ages 0 to tau with their quadrature.

    Attributes
    ----------
    D : float, um^2/ms
    tau : float, ms
    edges : array (B + 1,), ms        0 < tau/2^(B-1) < ... < tau
    nodes, weights : array (Q,), ms   Gauss nodes of all bins, in order
    """

    D: float
    tau: float
    edges: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    per_bin: int

    @classmethod
    def of(cls, D: float, tau: float, rule: tuple[int, int]) -> Window:
        """Window of age `tau` for an ion of diffusion coefficient `D`; `rule` = (bins, nodes per bin)."""
        bins, per_bin = rule
        edges = np.concatenate([[0.0], tau * 0.5 ** np.arange(bins, -1.0, -1.0)])
        x, w = _gauss(per_bin)
        width = np.diff(edges)
        nodes = (edges[:-1, None] + width[:, None] * x).ravel()
        return cls(D, tau, edges, nodes, (width[:, None] * w).ravel(), per_bin)

    @cached_property
    def _lagrange(self) -> np.ndarray:
        """Coefficients [power, node] of the Lagrange polynomials on [0, 1]."""
        x, _ = _gauss(self.per_bin)
        return np.linalg.inv(np.vander(x, increasing=True))

    def fold(self, history: History, rows: np.ndarray, t: np.ndarray, kappa: np.ndarray) -> np.ndarray:
        """Weights W of the kernel at every node.

        Parameters
        ----------
        history : History
        rows : int array (P,)          flux of each pair (member, flux)
        t, kappa : array (P,)          its time (ms) and screening rate (1/ms)

        Returns
        -------
        array (P, Q), uM um^3
        """
        ages = t[:, None] - self.nodes
        out = history.value(rows, ages) * np.exp(-kappa[:, None] * self.nodes) * self.weights
        whole = history.single_piece(rows, t - self.tau, t)
        group = history.group[rows]
        for g in np.unique(group[~whole & (group >= 0)]):
            alike = np.flatnonzero(group == g)
            now, starts = float(t[alike[0]]), history.starts[rows[alike[0]]]
            knots = starts[(starts > now - self.tau) & (starts < now)]
            s, weigh = self._cut(now - knots, float(kappa[alike[0]]))
            out[alike] = weigh(history.value(rows[alike], np.broadcast_to(now - s, (alike.size, *s.shape))))
        for p in np.flatnonzero(~whole & (group < 0)):
            jumps = history.jumps_within(rows[p], t[p] - self.tau, t[p])
            if jumps.size:
                out[p] = self._split(history, rows[p : p + 1], t[p], kappa[p], jumps)
        return out

    def fold_piece(self, start: float, coefficients: np.ndarray, t: float, kappa: float) -> np.ndarray:
        """Weights (Q,) of a flux that is one cubic from `start` to t, and nothing before.

        Parameters
        ----------
        start, t, kappa : float        ms, ms, 1/ms
        coefficients : array (4,)      of powers of (time - start)
        """
        s, weigh = self._cut(np.array([t - start]) if t - start < self.tau else np.empty(0), kappa)
        d, (a0, a1, a2, a3) = t - s - start, coefficients
        return weigh(np.where(d > 0, a0 + d * (a1 + d * (a2 + d * a3)), 0.0)[None])[0]

    def _cut(self, ages: np.ndarray, kappa: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Gauss nodes in bins cut at some ages, and what turns values [R, n, g] there into weights."""
        s, basis, w, width, first = self._laid(ages)
        basis *= (np.exp(-kappa * s) * w * width[:, None])[..., None]

        def weigh(values: np.ndarray) -> np.ndarray:
            parts = np.add.reduceat(np.matmul(values.transpose(1, 0, 2), basis), first, axis=0)
            return parts.transpose(1, 0, 2).reshape(values.shape[0], -1)

        return s, weigh

    def _laid(self, ages: np.ndarray) -> tuple[np.ndarray, ...]:
        """Bins cut at some ages: nodes, basis, weights and width of each cut, and every bin's first cut."""
        cuts = np.unique(np.concatenate([self.edges, np.minimum(ages, self.edges[-1])]))
        x, w = _gauss(self.per_bin + 1)
        width = np.diff(cuts)
        s = cuts[:-1, None] + width[:, None] * x
        bins = np.searchsorted(self.edges[:-1], 0.5 * (cuts[1:] + cuts[:-1]), side="right") - 1
        bins = np.minimum(bins, self.edges.size - 2)  # a sliver's middle rounds to the window's end
        xi = (s - self.edges[bins, None]) / (self.edges[bins + 1] - self.edges[bins])[:, None]
        basis = _powers(xi, self.per_bin) @ self._lagrange
        # Cuts come in order and every bin has at least one.
        return s, basis, w, width, np.searchsorted(bins, np.arange(self.edges.size - 1))

    def _split(
        self, history: History, row: np.ndarray, t: float, kappa: float, jumps: np.ndarray
    ) -> np.ndarray:
        """The same for one flux that jumps inside the window: bins are cut at the jumps."""
        s, basis, w, width, first = self._laid(t - jumps)
        f = history.value(row, (t - s)[None])[0] * np.exp(-kappa * s) * w * width[:, None]
        return np.add.reduceat((f[:, None, :] @ basis)[:, 0], first).ravel()


def _powers(x: np.ndarray, count: int) -> np.ndarray:
    """1, x, x^2, .. along a new last axis; products, for a power function takes ten times as long."""
    out = np.empty((*x.shape, count))
    out[..., 0] = 1.0
    for k in range(1, count):
        out[..., k] = out[..., k - 1] * x
    return out


@cache
def _gauss(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (x + 1.0), 0.5 * w


def images(x: float, lo: float, hi: float, lower: int, upper: int, reach: float) -> list[tuple[float, int]]:
    """Positions and signs of a point and its images in two walls, within `reach` of the box.

    Parameters
    ----------
    x, lo, hi : float, um           point and walls of one axis
    lower, upper : int              +1 closed, -1 held
    reach : float, um

    Returns
    -------
    list of (position, sign)
    """
    length = hi - lo
    count = int(np.ceil(reach / (2.0 * length))) + 1
    out = []
    for n in range(-count, count + 1):
        both = (lower * upper) ** abs(n)
        for position, sign in ((x + 2 * n * length, both), (2 * lo - x + 2 * n * length, both * lower)):
            if lo - reach <= position <= hi + reach:
                out.append((position, sign))
    return out


@dataclass(frozen=True, eq=False)
class Source:
    """One axis of one channel position: its images and the kernel's factors.

    Attributes
    ----------
    positions, signs : array (I,)    images, the point itself included
    lo, hi : float, um               the axis
    D : float, um^2/ms
    closed : bool                    nothing leaves through either wall
    """

    positions: np.ndarray
    signs: np.ndarray
    lo: float
    hi: float
    D: float
    closed: bool

    @classmethod
    def of(cls, x: float, lo: float, hi: float, lower: int, upper: int, reach: float, D: float) -> Source:
        """Images of the coordinate `x` on an axis; see `images`."""
        found = images(x, lo, hi, lower, upper, reach)
        signs = np.array([s for _, s in found], dtype=float)
        return cls(np.array([p for p, _ in found]), signs, lo, hi, D, closed=lower > 0 and upper > 0)

    def amounts(self, faces: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """Integral of the 1-D kernel over cells: array (ages, cells)."""
        scale = 1.0 / np.sqrt(4.0 * self.D * ages)
        edge = erf((faces[None, :, None] - self.positions) * scale[:, None, None])
        return 0.5 * (np.diff(edge, axis=1) @ self.signs)

    def density(self, x: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """The 1-D kernel at points: array (ages, points), 1/um."""
        four = 4.0 * self.D * ages
        with np.errstate(under="ignore"):
            bell = np.exp(-((x[None, :, None] - self.positions) ** 2) / four[:, None, None])
        return (bell @ self.signs) / np.sqrt(np.pi * four)[:, None]

    def amount_slope(self, ages: np.ndarray) -> np.ndarray:
        """d/ds of the amount left on the whole axis (0 between closed walls): array (ages,)."""
        if self.closed:
            return np.zeros(ages.size)
        four = 4.0 * self.D * ages[:, None]

        def slope(face: float) -> np.ndarray:
            d = face - self.positions
            return -d * np.exp(-(d**2) / four) / np.sqrt(np.pi * four) / (2.0 * ages[:, None])

        return (slope(self.hi) - slope(self.lo)) @ self.signs


@dataclass(frozen=True, eq=False)
class Patch:
    """The cells around one channel position and the kernel's averages there, as a product.

    ``average[q, z, y, x] = zy[q, z*y] x[q, x]`` for the ages of the window and, last, for tau.

    Attributes
    ----------
    where : (slice, slice, slice)    cells in (z, y, x)
    zy : array (Q + 1, nz * ny), x : array (Q + 1, nx)
    mass : array (Q + 1,)            what is left of a unit source at each age (1 away from held walls)
    loss : array (Q,), 1/ms          rate at which it leaves through held walls
    """

    where: tuple[slice, slice, slice]
    zy: np.ndarray
    x: np.ndarray
    mass: np.ndarray
    loss: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells of the patch in (z, y, x)."""
        z, y, x = self.where
        return (z.stop - z.start, y.stop - y.start, x.stop - x.start)


def lay_patch(sources: Sequence[Source], faces: Sequence[np.ndarray], window: Window, reach: float) -> Patch:
    """Tables of one channel position.

    Parameters
    ----------
    sources : three Source           (x, y, z)
    faces : three arrays, um         faces of the grid in (x, y, z)
    window : Window
    reach : float, um                half-width of the patch

    Returns
    -------
    Patch
    """
    ages = np.append(window.nodes, window.tau)
    where, factors, left = [], [], []
    for source, f in zip(sources, faces, strict=True):
        first, stop = cells_within(f, _own(source) - reach, _own(source) + reach)
        amount = source.amounts(f[first : stop + 1], ages)
        whole = source.amounts(f[[0, -1]], ages)[:, 0]
        # What the cut leaves out is scaled back in, so that the patch holds exactly what the axis holds.
        amount *= (whole / amount.sum(axis=1))[:, None]
        where.append(slice(first, stop))
        factors.append(amount / np.diff(f[first : stop + 1]))
        left.append(whole)
    fx, fy, fz = factors
    mass = left[0] * left[1] * left[2]
    slopes = [s.amount_slope(window.nodes) for s in sources]
    loss = -sum(slopes[a] * left[b][:-1] * left[c][:-1] for a, b, c in ((0, 1, 2), (1, 0, 2), (2, 0, 1)))
    zy = (fz[:, :, None] * fy[:, None, :]).reshape(ages.size, -1)
    return Patch((where[2], where[1], where[0]), zy, fx, mass, np.asarray(loss))


def _own(source: Source) -> float:
    """The channel's own coordinate: the image inside the axis."""
    inside = (source.positions >= source.lo) & (source.positions <= source.hi)
    return float(source.positions[inside][0])


def cells_within(faces: np.ndarray, lower: float, upper: float) -> tuple[int, int]:
    """First and one-past-last cell that meet the interval [lower, upper]."""
    n = faces.size - 1
    first = int(np.searchsorted(faces, lower, side="right")) - 1
    stop = int(np.searchsorted(faces, upper, side="left"))
    return min(max(first, 0), n - 1), min(max(stop, 1), n)
