r"""Pumps on the faces of a grid: wall values, corrected ghosts, what leaves, and its slope.

A sheet is what pumps one ion through one face of the box.  With h0, h1 the widths of the two cells
beside the wall, u0, u1 their averages and J the flux out, the parabola with the slope J/D at the wall
has the wall value (m0 = h0^2/3, m1 = ((h0 + h1)^3 - h0^3)/(3 h1))::

    u_w = alpha - beta J,      alpha = (m1 u0 - m0 u1)/(m1 - m0)
    beta = [m1 h0/2 - m0 (h0 + h1/2)]/(D (m1 - m0)),      J = f(c_s,w + u_w) - leak

with c_s,w the near field's average over the face of the cell: the near field is reflected by the wall,
so that all of J acts on u.  Newton's method on w + beta f(c_s,w + w) = alpha is monotone.  Beyond the
wall a closed axis repeats u0; here the cell beyond has the average u0 - (J/D) h0, and the 4th-order row
of the first inner face has the weight omega on it (with the sign of the outward derivative), hence

    du0/dt -= (1 + omega h0) J/h0,      du1/dt += omega h0 J/h1.

Where an obstacle cuts these two cells differently (`mask_walls`) u_w = u0 and omega = 0.

(Tried and left: the wall value by the resistance of half a cell, and the repeated ghost, each of
first order in h.)  Everything is array code for NumPy's interface; ``[member, a, b]`` over a face.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.finite_volume import Axis, ghost_weight
from microdomain.grid import Grid
from microdomain.model import Model
from microdomain.model.membrane import FACES
from microdomain.model.patches import Circle, Rectangle

#: Newton's method for the wall value: most iterations, and the relative change that ends it.
MOST, CLOSE = 30, 1e-14
#: Points per edge on which the part of a cell's face inside a circle is counted.
FINE = 32


@dataclass(frozen=True, eq=False)
class Sheet:
    """What pumps one ion through one face.

    Attributes
    ----------
    ion, axis, side : int           axis 0, 1, 2 = x, y, z; side 0 lower, 1 upper
    pumps : tuple of int            which of the model's
    cover : array (pump, a, b)      part of each cell's face that a pump covers
    area : array (a, b), um^2
    P, V, B, K, leak : arrays (member, pump)     laws, see `microdomain.model.pumps`
    power : tuple of int            Hill coefficients
    first, second : float           alpha = first u0 + second u1
    beta : float, ms/um
    h0, h1 : float, um
    omega : float, 1/um
    whole : bool                    some pump covers the whole face
    even : array (a, b) or None     0 where an obstacle cuts the two cells beside the wall apart, or 1
    part : array (a, b) or None     open part of the cell's face over its fluid part, which is in `cover`
    """

    ion: int
    axis: int
    side: int
    pumps: tuple[int, ...]
    cover: np.ndarray
    area: np.ndarray
    P: np.ndarray
    V: np.ndarray
    B: np.ndarray
    K: np.ndarray
    leak: np.ndarray
    power: tuple[int, ...]
    D: float
    first: float
    second: float
    beta: float
    h0: float
    h1: float
    omega: float
    whole: bool
    even: np.ndarray | None = None
    part: np.ndarray | None = None

    def where_even(self, at_even: float, elsewhere: float, like: Any, xp: Any) -> Any:
        """A number that differs where the two cells beside the wall do: a float, or an array (a, b)."""
        both = at_even if self.even is None else np.where(self.even > 0, at_even, elsewhere)
        return both if self.even is None else xp.asarray(both, dtype=like.dtype)

    @property
    def linear(self) -> bool:
        """No law saturates: one step of Newton's method is exact."""
        return not (self.V.any() or self.B.any())

    @property
    def laws(self) -> np.ndarray:
        """Numbers of every law, array (member, pump, 6): P, V, B, K, leak, n."""
        n = np.broadcast_to(np.array(self.power, dtype=float), self.P.shape)
        return np.stack([self.P, self.V, self.B, self.K, self.leak, n], axis=2)

    def strides(self, shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
        """Of a field [z, y, x]: first cell of the layer beside the wall; steps along b, a, and inward."""
        nz, ny, nx = shape
        steps = (1, nx, ny * nx)
        along = [s for k, s in enumerate(steps) if k != self.axis]
        step, n = steps[self.axis], (nx, ny, nz)[self.axis]
        return (step * (n - 1), along[1], along[0], -step) if self.side else (0, along[1], along[0], step)

    def layer(self, field: Any, depth: int) -> Any:
        """View of the layer of cells at some depth from the wall: ``field[..., z, y, x]`` -> [..., a, b]."""
        n = -1 - depth if self.side else depth
        return field[(..., n, *(slice(None),) * self.axis)]


@dataclass(frozen=True, eq=False)
class Pumps:
    """All sheets of a plan and the names of its pumps."""

    names: tuple[str, ...]
    sheets: tuple[Sheet, ...]

    def take(self, members: np.ndarray) -> Pumps:
        """Those of some members."""
        if not self.sheets:
            return self
        chosen = [
            dataclasses.replace(s, **{k: getattr(s, k)[members] for k in ("P", "V", "B", "K", "leak")})
            for s in self.sheets
        ]
        return dataclasses.replace(self, sheets=tuple(chosen))


NO_PUMPS = Pumps((), ())


def lay_pumps(models: Sequence[Model], grid: Grid, axes: Sequence[Axis]) -> Pumps:
    """Lay the pumps of models, which share all but the numbers of the laws, on a grid.

    Returns
    -------
    Pumps

    Raises
    ------
    ValueError                      fewer than three cells across the box between pumped walls
    """
    first = models[0]
    ions = [ion.name for ion in first.ions]
    faces: dict[tuple[str, str], list[int]] = {}
    for k, pump in enumerate(first.pumps):
        faces.setdefault((pump.face, pump.ion), []).append(k)
    sheets = []
    for (face, ion), mine in faces.items():
        axis, side = divmod(FACES.index(face), 2)
        if axes[axis].n < 3:
            raise ValueError(
                f"Pump {first.pumps[mine[0]].name!r} is on face {face!r}, and the grid has {axes[axis].n} "
                f"cells along {'xyz'[axis]}; give at least 3."
            )
        cover = np.array([coverage(first.pumps[k].patch, grid, axis) for k in mine])
        across = [np.diff(f) for a, f in enumerate(grid.faces) if a != axis]
        h0, h1 = (float(h) for h in (axes[axis].widths[::-1] if side else axes[axis].widths)[:2])
        D = first.ion(ion).D
        m0, m1 = h0**2 / 3.0, ((h0 + h1) ** 3 - h0**3) / (3.0 * h1)
        laws = [[m.pumps[k].law for k in mine] for m in models]
        terms = [[law.terms for law in row] for row in laws]
        tables = {
            name: np.array([[getattr(t, name) for t in row] for row in terms], dtype=float)
            for name in ("P", "V", "B", "K")
        }
        rests = [m.ion(ion).rest for m in models]
        leak = [[law.leak_at(rest) for law in row] for row, rest in zip(laws, rests, strict=True)]
        sheets.append(
            Sheet(
                ions.index(ion), axis, side, tuple(mine), cover, across[1][:, None] * across[0], **tables,
                leak=np.array(leak, dtype=float), power=tuple(t.n for t in terms[0]), D=D,
                first=m1 / (m1 - m0), second=-m0 / (m1 - m0),
                beta=(m1 * h0 / 2 - m0 * (h0 + h1 / 2)) / (D * (m1 - m0)), h0=h0, h1=h1,
                omega=ghost_weight(axes[axis].faces, side),
                whole=bool((cover.min(axis=(1, 2)) >= 1.0).any()),
            )
        )  # fmt: skip
    return Pumps(tuple(p.name for p in first.pumps), tuple(sheets))


def pump_places(model: Model) -> list[Any]:
    """What the members of a run share of their pumps: all but the numbers of the laws."""
    return [(p.name, p.face, p.ion, p.patch, p.law.terms.n) for p in model.pumps]


def coverage(patch: Rectangle | Circle | None, grid: Grid, axis: int) -> np.ndarray:
    """Part of every cell's face that a patch covers; its sum times the areas is the area of the patch.

    Parameters
    ----------
    patch : Rectangle, Circle or None     None is the whole face
    grid : Grid
    axis : int                      the axis that the face is normal to

    Returns
    -------
    array (b, a)                    a the first axis along the face, b the second
    """
    along = [f for k, f in enumerate(grid.faces) if k != axis]
    a, b = (np.diff(f) for f in along)
    if patch is None:
        return np.ones((b.size, a.size))
    if isinstance(patch, Rectangle):
        parts = [
            np.clip(np.minimum(f[1:], high) - np.maximum(f[:-1], low), 0.0, None)
            for f, (low, high) in zip(along, patch.ends, strict=True)
        ]
        return np.asarray(np.minimum((parts[1] / b)[:, None] * (parts[0] / a), 1.0))
    # Chords along the first axis, exact; averaged over fine lines along the second.
    r, (f, g) = patch.radius, (x - c for x, c in zip(along, patch.centre, strict=True))
    low, high = np.maximum(g[:-1], -r), np.minimum(g[1:], r)
    length = np.clip(high - low, 0.0, None)
    second = low[:, None] + length[:, None] * (np.arange(FINE) + 0.5) / FINE
    half = np.sqrt(np.clip(r**2 - second**2, 0.0, None))[:, :, None]
    inside = np.clip(np.minimum(f[1:], half) - np.maximum(f[:-1], -half), 0.0, None)
    cover = inside.mean(axis=1) / a * (length / b)[:, None]
    return np.asarray(cover * patch.area / (cover * b[:, None] * a).sum())


def fluxes(sheet: Sheet, c: Any, xp: Any) -> tuple[list[Any], list[Any]]:
    """Gross flux and slope of every pump at c, per area of the whole face.

    Parameters
    ----------
    sheet : Sheet
    c : array [member, a, b], uM
    xp : module

    Returns
    -------
    (list of arrays, list of arrays), uM um/ms and um/ms
    """
    values, slopes = [], []
    for k, n in enumerate(sheet.power):
        P, V, B, K = (
            xp.asarray(t[:, k, None, None], dtype=c.dtype) for t in (sheet.P, sheet.V, sheet.B, sheet.K)
        )
        cover = xp.asarray(sheet.cover[k], dtype=c.dtype)
        if sheet.V[:, k].any() or sheet.B[:, k].any():
            # Below zero a law goes on as its tangent there, so that Newton's method finds its way.
            s = xp.maximum(c, 0.0) / K
            before = s ** (n - 1)
            down = 1.0 / (1.0 + before * s)
            slope = P + (V + B) / K * n * before * down * down
            value = P * c + (V * before * s - B) * down
            value = value + xp.minimum(c, 0.0) * (slope - P)
        else:
            slope = P + xp.zeros_like(c)
            value = P * c
        values.append(cover * value)
        slopes.append(cover * slope)
    return values, slopes


@dataclass(frozen=True, eq=False)
class Crossing:
    """A sheet's state: net flux of every pump out of the box, its slope df/dc at the wall value.

    Attributes
    ----------
    each, slopes : lists of arrays [member, a, b], uM um/ms and um/ms
    table : array [member, pump, a, b] or None      the fluxes once more, as kernels take them
    """

    each: list[Any]
    slopes: list[Any]
    table: Any = None

    @property
    def flux(self) -> Any:
        """Of all pumps together, [member, a, b], uM um/ms."""
        return sum(self.each[1:], self.each[0])

    @property
    def slope(self) -> Any:
        """Of all pumps together, [member, a, b], um/ms."""
        return sum(self.slopes[1:], self.slopes[0])


def crossing(sheet: Sheet, u0: Any, u1: Any, near: Any, xp: Any) -> Crossing:
    """Fluxes through a sheet.

    Parameters
    ----------
    sheet : Sheet
    u0, u1 : arrays [member, a, b], uM     grid part in the two layers of cells beside the wall
    near : array [member, a, b] or None, uM     the near field's average over the cells' faces
    xp : module

    Returns
    -------
    Crossing
    """
    still = [
        xp.asarray(sheet.leak[:, k, None, None], dtype=u0.dtype) * xp.asarray(sheet.cover[k], dtype=u0.dtype)
        for k in range(len(sheet.pumps))
    ]
    first, second = sheet.where_even(sheet.first, 1.0, u0, xp), sheet.where_even(sheet.second, 0.0, u0, xp)
    beta = sheet.where_even(sheet.beta, 0.0, u0, xp)
    alpha = first * u0 + second * u1 + beta * sum(still[1:], still[0])
    near = 0.0 if near is None else near
    w = alpha if sheet.linear else xp.maximum(alpha, 0.0)
    for _ in range(1 if sheet.linear else MOST):
        values, slopes = fluxes(sheet, w + near, xp)
        down = 1.0 + beta * sum(slopes[1:], slopes[0])
        step = (alpha - w - beta * sum(values[1:], values[0])) / down
        w = w + step
        if float(xp.abs(step).max()) <= CLOSE * float(xp.abs(w).max()):
            break
    values, slopes = fluxes(sheet, w + near, xp)
    return Crossing([v - s for v, s in zip(values, still, strict=True)], slopes)
