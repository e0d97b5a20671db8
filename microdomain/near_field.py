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

    c_k = sum_q W_q(t) K(x, x_k; s_q),     W_q as `window` folds it from J_k, kappa and t.

(Tried and left: closed-form radial tables with
1/r split off, which need a two-dimensional table per kappa and special care near the point.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from microdomain.window import Window

#: The window's age in units of h^2/D is BLOB^2/2, so that the blob's deviation is BLOB cells.
BLOB = 2.0
#: Patches reach this many sqrt(4 D tau); erfc(3.7) = 2e-7 of a blob lies beyond, and is scaled back in.
CUT = 3.7


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

    def slope(self, x: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """The 1-D kernel's derivative along the axis at points: array (ages, points), 1/um^2."""
        four = 4.0 * self.D * ages[:, None, None]
        away = x[None, :, None] - self.positions
        with np.errstate(under="ignore"):
            bell = -2.0 * away / four * np.exp(-(away**2) / four) / np.sqrt(np.pi * four)
        return np.asarray(bell @ self.signs)

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

    Raises
    ------
    ValueError                       a source on a held wall, whose images cancel it
    """
    ages = np.append(window.nodes, window.tau)
    where, factors, left = [], [], []
    for source, f in zip(sources, faces, strict=True):
        first, stop = cells_within(f, _own(source) - reach, _own(source) + reach)
        amount = source.amounts(f[first : stop + 1], ages)
        whole = source.amounts(f[[0, -1]], ages)[:, 0]
        if not (whole > 0).all():
            raise ValueError(
                f"A channel at {_own(source):g} um stands on a held wall, which swallows its ions at once. "
                "Close that wall, or move the channel into the box."
            )
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
