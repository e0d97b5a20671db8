"""Concentrations at points: the analytic near field there plus the grid part read by splines.

A reading never takes the average of a cell for the value at a point: near a channel they differ
by a factor.  The near field is the heat kernel of `near_field` evaluated at the points themselves,
with nodes down to ages that matter a fraction of a nanometre from a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from microdomain.mask_fill import filled, home, seen
from microdomain.mouths import disc_kernel
from microdomain.near_field import CUT, cells_within
from microdomain.plan import Plan
from microdomain.reading_media import Kinks
from microdomain.reading_patches import Patches
from microdomain.wall_reading import Lifts
from microdomain.window import POINTS, Window

#: Points are read in groups of this many, to bound the memory of the kernel tables.
GROUP = 2000
#: A point closer than this to a channel (um) is read at this distance: at the channel itself a
#: point source has no concentration.
NEAREST = 1e-4


class Near:
    """Near field at points of space, and at cell centres, for any time.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.windows = tuple(Window.of(w.D, w.tau, POINTS) for w in plan.windows)
        self.kappa = plan.kappa[plan.pair_member, plan.pair_ion]
        self._centres: dict[int, tuple[Any, ...]] = {}

    def weights(self, t: np.ndarray) -> list[np.ndarray]:
        """Folded weights per ion, one row per pair (rows of other ions are 0), at ``t[member]``, ms."""
        plan, out = self.plan, []
        for i, window in enumerate(self.windows):
            rows = np.zeros((plan.pair_member.size, window.nodes.size))
            p = np.flatnonzero(plan.pair_ion == i)
            if p.size:
                rows[p] = window.fold(plan.history, plan.pair_row[p], t[plan.pair_member[p]], self.kappa[p])
            out.append(rows)
        return out

    def at_centres(self, t: np.ndarray) -> np.ndarray:
        """Near field at every cell centre: array [member, ion, z, y, x], uM.

        Parameters
        ----------
        t : array (member,), ms
        """
        plan = self.plan
        out = np.zeros((plan.members, plan.ions, *plan.grid.shape))
        weights = self.weights(t)
        for number, site in enumerate(plan.sites):
            window = self.windows[site.ion]
            w = weights[site.ion][site.pairs]
            if not w.any() or site.silent:
                continue
            spans, centres, (fx, fy, fz), zy = self._around(number)
            (x0, x1), (y0, y1), (z0, z1) = spans
            there: Any = 1.0
            if plan.mask is not None:
                part = plan.mask.component.reshape(plan.grid.shape)[z0:z1, y0:y1, x0:x1]
                there = part == home(plan.mask, plan.grid, site.position)
            if site.disc is not None:
                zs, ys, xs = np.meshgrid(*centres[::-1], indexing="ij")
                where = np.stack([xs.ravel(), ys.ravel(), zs.ravel()], axis=1)
                patch = summed(w, self.kernel(site, window, where)).reshape(len(w), *zs.shape)
                out[site.members, site.ion, z0:z1, y0:y1, x0:x1] += patch * there
                continue
            # A product of its own for each member: its bits do not depend on the others.
            left = (w[:, :, None] * zy).transpose(0, 2, 1)
            patch = np.matmul(left, fx).reshape(len(w), fz.shape[1], fy.shape[1], fx.shape[1])
            # A centre that coincides with a channel is read NEAREST beside it.
            hit = [
                np.flatnonzero(np.abs(c - p) < NEAREST) for c, p in zip(centres, site.position, strict=True)
            ]
            if all(h.size for h in hit):
                beside = np.array([site.position]) + [NEAREST, 0.0, 0.0]
                value = summed(w, self.kernel(site, window, beside))
                patch[:, hit[2][0], hit[1][0], hit[0][0]] = value[:, 0]
            out[site.members, site.ion, z0:z1, y0:y1, x0:x1] += patch * there
        return out

    def _around(self, number: int) -> tuple[Any, ...]:
        """Spans and centres of the cells that a site's window reaches, and the kernel's factors there."""
        if number not in self._centres:
            plan, site = self.plan, self.plan.sites[number]
            window = self.windows[site.ion]
            reach = reach_of(site, window)
            spans = [
                cells_within(f, p - reach, p + reach)
                for f, p in zip(plan.grid.faces, site.position, strict=True)
            ]
            centres = [c[a:b] for c, (a, b) in zip(plan.grid.centres, spans, strict=True)]
            factors = [s.density(c, window.nodes) for s, c in zip(site.sources, centres, strict=True)]
            zy = site.gain * (factors[2][:, :, None] * factors[1][:, None, :]).reshape(window.nodes.size, -1)
            self._centres[number] = (spans, centres, factors, zy)
        return self._centres[number]

    def kernels(self, points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernel of every site at the points that its window reaches.

        Parameters
        ----------
        points : array (P, 3), um

        Returns
        -------
        list of (indices (n,), kernel (Q, n))     per site; at all other points its window is 0
        """
        out = []
        for site in self.plan.sites:
            window = self.windows[site.ion]
            reach = reach_of(site, window)
            near = np.flatnonzero((np.abs(points - np.array(site.position)) < reach).all(axis=1))
            there = seen(self.plan.mask, self.plan.grid, site.position, points[near])
            out.append((near, self.kernel(site, window, points[near]) * there))
        return out

    def at_points(
        self, t: np.ndarray, kernels: list[tuple[np.ndarray, np.ndarray]], points: int
    ) -> np.ndarray:
        """Near field at points: array [member, ion, point], uM.

        Parameters
        ----------
        t : array (member,), ms
        kernels : list                  as `kernels` gave them
        points : int                    how many points
        """
        plan = self.plan
        out = np.zeros((plan.members, plan.ions, points))
        weights = self.weights(t)
        for site, (near, kernel) in zip(plan.sites, kernels, strict=True):
            w = weights[site.ion][site.pairs]
            if near.size and w.any():
                out[np.ix_(site.members, np.array([site.ion]), near)] += summed(w, kernel)[:, None]
        return out

    @staticmethod
    def kernel(site: Any, window: Window, points: np.ndarray) -> np.ndarray:
        """Kernel of one site at points, for the ages of a window: array (Q, P), 1/um^3."""
        if site.silent:
            return np.zeros((window.nodes.size, len(points)))
        if site.disc is not None:
            return site.gain * disc_kernel(site.disc, window.D, points, window.nodes)
        distance = np.sqrt(((points - np.array(site.position)) ** 2).sum(axis=1))
        if (distance < NEAREST).any():
            points = points.copy()
            points[distance < NEAREST] = np.array(site.position) + _inward(site)
        factors = []
        for k, source in enumerate(site.sources):
            # Points of a picture share their coordinates: thousands of points, a hundred exponentials.
            values, place = np.unique(points[:, k], return_inverse=True)
            factors.append(source.density(values, window.nodes)[:, place.ravel()])
        fx, fy, fz = factors
        return np.asarray(site.gain * (fx * fy * fz))


def reach_of(site: Any, window: Window) -> float:
    """How far a site's window reaches from its position along each axis, um.

    The position of a round mouth is a point of the disc, so its other end is up to a diameter away.
    """
    reach = float(CUT * np.sqrt(4.0 * window.D * window.tau))
    return reach if site.disc is None else reach + 2.0 * float(site.disc[0])


def summed(weights: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """weights (m, Q) times kernel (Q, P), each sum alone: the bits of one depend on no other."""
    return np.asarray((weights[:, None, :] * np.ascontiguousarray(kernel.T)).sum(axis=-1))


def _inward(site: Any) -> np.ndarray:
    """A step of NEAREST from a site that stays in the box."""
    middle = np.array([0.5 * (s.lo + s.hi) for s in site.sources])
    away = middle - np.array(site.position)
    k = int(np.argmax(np.abs(away)))
    step = np.zeros(3)
    step[k] = NEAREST if away[k] >= 0 else -NEAREST
    return step


@dataclass(frozen=True, eq=False)
class Watch:
    """Points prepared for reading many times.

    Attributes
    ----------
    points : array (P, 3), um
    weights : three arrays (P, n)    spline weights along x, y, z
    layers : array (K, nz)           weights along z of the points' distinct heights
    layer : int array (P,)           the height of each point
    mask : Mask or None              obstacles
    lifts : Lifts or None            what the slopes at pumped walls add
    kinks : Kinks or None            what boundaries of media add
    patches : Patches or None        what held patches add
    """

    points: np.ndarray
    weights: tuple[np.ndarray, np.ndarray, np.ndarray]
    layers: np.ndarray
    layer: np.ndarray
    mask: Any = None
    lifts: Lifts | None = None
    kinks: Kinks | None = None
    patches: Patches | None = None

    @classmethod
    def of(cls, plan: Plan, points: np.ndarray) -> Watch:
        """Prepare points (P, 3) in um; they must lie in the box."""
        check_inside(plan, points)
        rx, ry, rz = (a.reading(points[:, k]) for k, a in enumerate(plan.axes))
        _, first, layer = np.unique(points[:, 2], return_index=True, return_inverse=True)
        lifts = Lifts(plan, points, (rx, ry, rz)) if plan.pumps.sheets else None
        kinks = Kinks(plan, points, (rx, ry, rz)) or None
        patches = Patches(plan, points, (rx, ry, rz)) or None
        return cls(points, (rx, ry, rz), rz[first], layer.ravel(), plan.mask, lifts, kinks, patches)

    def grid_part(self, u: Any, rest: np.ndarray, slopes: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Grid part of fields ``u[m, ion, z, y, x]`` at the points: array [m, ion, P], uM.

        Parameters
        ----------
        u : array [m, ion, z, y, x], uM
        rest : array [m, ion], uM        the level that the readings' excess is taken over
        slopes : sequence of arrays      those at pumped walls, see `wall_reading`; none where left out
        """
        m, ions, nz, ny, nx = u.shape
        flat = np.matmul(self.layers, filled(self.mask, u).reshape(m, ions, nz, ny * nx))
        out = self.of_layers(flat.reshape(m, ions, -1, ny, nx), rest, slopes)
        if self.kinks is not None:
            out = out + self.kinks.of(u.reshape(m, ions, -1)[..., self.kinks.cells])
        return out if self.patches is None else out + self.patches.of(u, rest)

    def read(self, ops: Any, y: Any, rest: np.ndarray, slopes: Sequence[np.ndarray] = ()) -> np.ndarray:
        """The same of state vectors `y`, of which only a few layers leave the device."""
        out = self.of_layers(ops.layers(y, self.layers), rest, slopes)
        u = ops.plan.coarse(y)[:, : rest.shape[1]]
        if self.kinks is not None:
            cells = ops.xp.asarray(self.kinks.cells)
            out = out + self.kinks.of(ops.host(u.reshape(*u.shape[:2], -1)[..., cells]))
        return out if self.patches is None else out + self.patches.of(u, rest, ops.host)

    def of_layers(self, u: np.ndarray, rest: np.ndarray, slopes: Sequence[np.ndarray] = ()) -> np.ndarray:
        """The rest of a reading, from fields that are read along z already: ``u[m, ion, layer, y, x]``."""
        rx, ry, _ = self.weights
        m, ions, count, ny, nx = u.shape
        level = self.layers.sum(axis=1)[:, None, None] * rest[:, :, None, None, None]
        along_x = np.matmul((u - level).reshape(m, ions, count * ny, nx), rx.T)
        along_x = along_x.reshape(m, ions, count, ny, len(rx))
        picked = along_x[:, :, self.layer, :, np.arange(self.layer.size)]
        out = np.asarray((picked * ry[:, None, None]).sum(axis=-1).transpose(1, 2, 0) + rest[:, :, None])
        return out + self.lifts.of(slopes) if self.lifts is not None and len(slopes) else out


def check_inside(plan: Plan, points: np.ndarray) -> None:
    """Refuse points outside the box, naming the first."""
    for k, f in enumerate(plan.grid.faces):
        slack = 1e-9 * (f[-1] - f[0])
        bad = np.flatnonzero(~((points[:, k] >= f[0] - slack) & (points[:, k] <= f[-1] + slack)))
        if bad.size:
            x, y, z = points[bad[0]]
            raise ValueError(
                f"Point {bad[0]} at ({x:g}, {y:g}, {z:g}) um is outside the box, which reaches from "
                f"{f[0]:g} to {f[-1]:g} um along {'xyz'[k]}."
            )


def between(t: np.ndarray, values: np.ndarray, times: np.ndarray, jumps: np.ndarray) -> np.ndarray:
    """Interpolate step values to times, stretch by stretch between jumps."""
    from scipy.interpolate import PchipInterpolator

    out = np.empty((times.size, *values.shape[1:]))
    at = np.minimum(np.searchsorted(t, times), t.size - 1)
    if np.array_equal(t[at], times):
        return np.asarray(values[at])
    cuts = np.concatenate([[-np.inf], jumps, [np.inf]])
    for begin, end in pairwise(cuts):
        mine = (times >= begin) & (times < end)
        if not mine.any():
            continue
        rows = np.flatnonzero((t >= begin) & (t <= end))
        if rows.size == 1:
            out[mine] = values[rows[0]]
        else:
            out[mine] = PchipInterpolator(t[rows], values[rows], axis=0)(times[mine])
    return out
