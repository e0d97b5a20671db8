r"""What a reading of cell averages cannot see: the cusp that a saturated buffer leaves at a channel.

The window screens a channel's flux with the buffers at rest.  Where an immobile buffer saturates it binds
no longer, and what the window took for bound comes back as the source S = kappa c_s + R, as steep as 1/r at
the channel (of such buffers alone: a mobile one is fed from outside, and hardly has a cusp).  So u gets a
cusp: P1's lowers the mouth by 0.5 uM within one cell of 40 nm, of which splines through averages see
nothing.  The sub-cells of the refined cells know S, and so its potential::

    u(x) = reading of the averages + sum over sub-cells  S V [ Y(x) - Y_h(x) ],     (D lap - D k^2) Y = -1

Y is the exact field of a unit source in the sub-cell (box averages of exp(-k r)/(4 pi D r), walls mirrored),
Y_h what the 4th-order Laplacian and the spline make of one in its cell.  Both are the same a few cells away,
so k, which only keeps the box's walls out of it, and the time that diffusion takes over a cell do not matter.
(The same split of a potential into what a mesh carries and what it blurs: Hockney and Eastwood, Computer
Simulation Using Particles, 1988, ch. 8.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from microdomain.finite_volume import Axis
from microdomain.near_field import images
from microdomain.plan import SUB, Plan

#: Sub-cells within this many cells of a point count; 1/k in cells; images within this many 1/k.
REACH, SCREEN, MIRRORS = 4.0, 4.0, 4.0
#: A sub-cell farther than this many of its sizes is a point.
FAR = 3.0
#: S fades out towards this many cells from a channel: one cut off sharply would have a cusp at the cut.
FADED = 2.0
#: A point within reach takes some milliseconds to prepare.  Pictures read thousands at once and leave the
#: correction out altogether, which is below 1 % of the concentration.
MANY = 400


class Sources:
    """S of the refined buffers in the sub-cells of a plan's refined cells; a plan without any has none.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    any : bool                      whether there are such buffers, and the window screens with them
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        # Their part of kappa: what the others leave, for a steady state's window they do not screen.
        mine, others = np.zeros_like(plan.kappa), plan.uptake.copy()
        for j, i in enumerate(plan.binds):
            part = plan.k_on[:, j] * (plan.total[:, j] - plan.rest[:, plan.at(j)])
            (mine if j in plan.refined else others)[:, i] += part
        self._screened = np.clip(plan.kappa - others, 0.0, mine)
        screens = bool((self._screened > 1e-9 * plan.kappa).any())
        self.any = bool(plan.refined) and plan.cells.size > 0 and screens

    def at(self, ops: Any, y: Any, near: Any) -> np.ndarray:
        """kappa c_s + R of every sub-cell: array [member, ion, cell, sub], uM/ms.

        Parameters
        ----------
        ops : Operations
        y : vectors                     states
        near : near field at the same time, as `ops.near` gives it
        """
        plan, xp = self.plan, ops.xp
        if not self.any:
            return np.zeros((plan.members, plan.ions, 0, SUB**3))
        cells, fine, by_cell = xp.asarray(plan.cells), plan.fine(y), (plan.members, plan.ions, -1)
        c_s = near.average.reshape(by_cell)[:, :, cells, None] + near.ripple
        c = c_s + plan.coarse(y)[:, : plan.ions].reshape(by_cell)[:, :, cells, None]
        S = xp.asarray(self._screened[:, :, None, None]) * c_s
        for r, j in enumerate(plan.refined):
            i = plan.binds[j]
            k_on, k_off, total = (
                xp.asarray(a[:, j, None, None]) for a in (plan.k_on, plan.k_off, plan.total)
            )
            S[:, i] -= k_on * c[:, i] * (total - fine[:, r]) - k_off * fine[:, r]
        return np.asarray(ops.host(S))


class Cusps:
    """What the sources in sub-cells add to the readings of u at some points.

    Parameters
    ----------
    plan : Plan
    points : array (P, 3), um
    """

    def __init__(self, plan: Plan, points: np.ndarray) -> None:
        self._D = [w.D for w in plan.windows]
        # Members of an ensemble mostly have the same mouths.
        points, which = np.unique(np.asarray(points, dtype=float).reshape(-1, 3), axis=0, return_inverse=True)
        self._which, self._count = which.ravel(), len(points)
        h = max((plan.grid.spacing_at(s.position) for s in plan.sites), default=1.0)
        cells = plan.cells if plan.refined else plan.cells[:0]
        channels = tuple(dict.fromkeys(s.position for s in plan.sites))
        if cells.size and _within(plan, cells, points, h) > MANY:
            cells = cells[:0]
        matrix = _matrix(plan.axes, cells.astype(int).tobytes(), points.tobytes(), channels, h)
        self._felt = np.flatnonzero(np.diff(matrix.indptr))
        self._matrix = matrix[self._felt]

    @property
    def any(self) -> bool:
        """Whether a point is near enough to a sub-cell."""
        return self._felt.size > 0

    def added(self, S: np.ndarray) -> np.ndarray:
        """Corrections [member, ion, P] in uM, of sources [member, ion, cell, sub] in uM/ms."""
        out = np.zeros((*S.shape[:2], self._count))
        for m in range(S.shape[0] if self.any and S.size else 0):
            for i, D in enumerate(self._D):
                out[m, i, self._felt] = self._matrix @ (S[m, i].ravel() / D)
        return out[:, :, self._which]


def kept(batches: Sequence[Any]) -> dict[str, Any]:
    """What a frame keeps of batches that stand at one time, so that points can be read later: the sources."""
    if not all(b.fluxes.sources.any for b in batches):
        return {}
    about = {"units": "uM/ms", "long_name": "sources in sub-cells that averages over cells blur"}
    hidden = np.concatenate([b.hidden() for b in batches])
    return {"hidden": (("member", "ion", "refined_cell", "sub_cell"), hidden, about)}


def _within(plan: Plan, cells: np.ndarray, points: np.ndarray, h: float) -> int:
    """How many points have a refined cell within reach."""
    at = np.unravel_index(cells, plan.grid.shape)[::-1]
    centres = np.stack([c[i] for c, i in zip(plan.grid.centres, at, strict=True)], axis=1)
    distance, _ = cKDTree(centres).query(points, distance_upper_bound=REACH * h)
    return int(np.isfinite(distance).sum())


@lru_cache(maxsize=32)
def _matrix(
    axes: tuple[Axis, Axis, Axis], raw_cells: bytes, raw_points: bytes, channels: tuple[Any, ...], h: float
) -> sparse.csr_matrix:
    """D V (Y - Y_h) of every sub-cell at every point, um^2: (P, C * SUB^3).

    Built once for the members of an ensemble and for a run's and its feedback's readings.
    """
    k = 1.0 / (SCREEN * h)
    cells, points = np.frombuffer(raw_cells, dtype=int), np.frombuffer(raw_points).reshape(-1, 3)
    at = np.unravel_index(cells, tuple(a.n for a in axes[::-1]))[::-1]
    low = np.stack([a.faces[i] for a, i in zip(axes, at, strict=True)], axis=1)
    size = np.stack([a.widths[i] for a, i in zip(axes, at, strict=True)], axis=1)
    part = np.stack(np.meshgrid(*[np.arange(SUB)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:, ::-1]
    centres = low[:, None] + (part + 0.5) * (size / SUB)[:, None]
    share = (size / SUB).prod(axis=1)[:, None] * _share(channels, centres, h)
    rows, columns, values = [np.empty(0, int)], [np.empty(0, int)], [np.empty(0)]
    for p, x in enumerate(points):
        near = np.sqrt(((low + 0.5 * size - x) ** 2).sum(axis=1)) < REACH * h
        cell, sub = np.nonzero(near[:, None] & (share > 0.0))
        if cell.size == 0:
            continue
        exact, box = np.zeros(cell.size), size[cell] / SUB
        mirrors = [
            images(float(v), a.faces[0], a.faces[-1], a.lower, a.upper, MIRRORS / k)
            for v, a in zip(x, axes, strict=True)
        ]
        for trio in product(*mirrors):
            apart = centres[cell, sub] - np.array([position for position, _ in trio])
            if np.abs(apart).max(axis=1).min() < MIRRORS / k:
                exact += float(np.prod([s for _, s in trio])) * _screened(apart, box, k)
        blurred = _on_grid(axes, x, [i[cell] for i in at], k) / size[cell].prod(axis=1)
        rows.append(np.full(cell.size, p))
        columns.append(cell * SUB**3 + sub)
        values.append(share[cell, sub] * (exact - blurred))
    where = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(values), where), shape=(len(points), cells.size * SUB**3))


def _share(channels: Sequence[Any], centres: np.ndarray, h: float) -> np.ndarray:
    """1 at a channel, 0 beyond FADED cells."""
    if not channels:
        return np.zeros(centres.shape[:-1])
    distance, _ = cKDTree(np.array(channels)).query(centres)
    return np.asarray(np.maximum(1.0 - (distance / (FADED * h)) ** 2, 0.0) ** 2)


def _on_grid(axes: Any, x: np.ndarray, cells: Any, k: float) -> np.ndarray:
    """The spline's reading at x of -(L4 - k^2)^-1 applied to a unit in each of some cells."""
    modes = [_modes(a) for a in axes]
    read = [(a.reading(np.array([v]))[0] @ X) for a, v, (_, X, _) in zip(axes, x, modes, strict=True)]
    rates = [lam for lam, _, _ in modes]
    field = read[2][:, None, None] * read[1][:, None] * read[0]
    field = field / (k**2 - rates[2][:, None, None] - rates[1][:, None] - rates[0])
    spans = [(int(i.min()), int(i.max()) + 1) for i in cells]
    for a in (2, 1, 0):
        first, stop = spans[a]
        field = np.tensordot(field, modes[a][2][:, first:stop], axes=(0, 0))
    # The axes have gone round once: z, y, x again.
    ix, iy, iz = (i - s[0] for i, s in zip(cells, spans, strict=True))
    return np.ascontiguousarray(field[iz, iy, ix].real)


@lru_cache(maxsize=64)
def _modes(axis: Axis) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of the 4th-order rows, and the vectors' inverse."""
    rates, vectors = np.linalg.eig(axis.fourth)
    return rates, vectors, np.linalg.inv(vectors)


def _screened(centres: np.ndarray, size: np.ndarray, k: float) -> np.ndarray:
    """Average of exp(-k r)/(4 pi r) over boxes about `centres` (..., 3), seen from the origin."""
    r = np.sqrt((centres**2).sum(axis=-1))
    size = np.broadcast_to(size, centres.shape)
    # From afar a box is a point: of 1/r, which is harmonic, a cube's average differs by (size/r)^4/1000.
    close = r < FAR * size.max(axis=-1)
    out = np.exp(-k * r) / np.maximum(r, 1e-12)
    lower, upper = centres[close] - 0.5 * size[close], centres[close] + 0.5 * size[close]
    singular = np.zeros(len(lower))
    for corner in product((0, 1), repeat=3):
        x, y, z = ((lower, upper)[side][:, a] for a, side in enumerate(corner))
        singular += (-1) ** (3 - sum(corner)) * _corner(x, y, z)
    smooth = np.expm1(-k * r[close]) / np.maximum(r[close], 1e-12)
    out[close] = singular / size[close].prod(axis=-1) + np.where(r[close] > 1e-9, smooth, -k)
    return np.asarray(out / (4.0 * np.pi))


def _corner(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Primitive of 1/r over x, y and z."""
    r = np.sqrt(x * x + y * y + z * z)
    out = np.zeros_like(r)
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        ab = a * b
        on = ab != 0.0
        # ln(c + r) = -ln(r - c) + ln(a^2 + b^2), of which the latter loses no digits where c < 0.
        back = c < 0.0
        inner = np.where(on, np.where(back, r - c, r + c), 1.0)
        log = np.log(inner)
        log = np.where(back, np.log(np.where(on, a * a + b * b, 1.0)) - log, log)
        out += np.where(on, ab * log, 0.0)
        out -= np.where(a != 0.0, 0.5 * a * a * np.arctan2(b * c * np.sign(a), np.abs(a) * r), 0.0)
    return out
