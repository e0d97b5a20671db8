r"""Pumps on walls in a step: what they add to the right-hand side, and their part of the implicit side.

Implicit side.  In the cell beside the wall a sheet takes lambda = (1 + omega h0) alpha_0 f'/(1 + beta f')/h0
of the ion (`wall_pumps`).  Its least value over the face, sigma, joins the diffusion factor, the rest
lambda - sigma the pointwise one, as the binding rates do.  sigma is the same in all cells of the face
layer, a plane across one axis, so that the transforms along the other two leave it alone: per lateral
mode it is a perturbation of rank one along its axis (Sherman, Morrison, Woodbury)::

    z = z_0 - R q,     (1/(g sigma) + e^T R) q = e^T z_0,      R = (unperturbed factor)^-1 e

e being the layer beside the wall.  That factor is diagonal but for the species of a mode, so R is e's
column times one response of the ion, which sheets of that ion share.  Sheets of one axis, the one that
pumps most, are solved together; those of the other axes stay pointwise altogether.  A uniform linear pump
is thus implicit without any splitting.  Array code for NumPy's interface, fields ``[m, s, z, y, x]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.backends.tables import Device
from microdomain.backends.walls_near import near_on_face, near_tables
from microdomain.plan import Plan
from microdomain.wall_pumps import Crossing, Sheet, crossing

#: Slopes below this (um/ms) pump nothing.
TINY = 1e-30


@dataclass(frozen=True, eq=False)
class WallFactor:
    """The pumps' part of a prepared M.

    Attributes
    ----------
    least : list per sheet          sigma [m, 1, 1], 1/ms
    rest : list per sheet           lambda - sigma [m, a, b], 1/ms
    shares : list per sheet         each pump's part of lambda, [m, a, b]; of one pump None
    responses : list                of every pumped ion in the diffusion factor, [m, carried, z, y, x]
    gains : list of lists           q = gains w
    """

    least: list[Any]
    rest: list[Any]
    shares: list[list[Any]]
    responses: list[Any]
    gains: list[list[Any]]


class Walls:
    """The sheets of a plan on one device.

    Parameters
    ----------
    plan : Plan
    xp : module
    device : tables.Device, optional     kernels instead of array code
    """

    def __init__(self, plan: Plan, xp: Any, device: Device | None = None) -> None:
        self.plan, self.xp, self.sheets, self._device = plan, xp, plan.pumps.sheets, device
        real = float if device is None else device.real
        self._put = lambda a: xp.asarray(np.ascontiguousarray(a), dtype=real)
        self._area = [self._put(s.area) for s in self.sheets]
        self._tables = [near_tables(plan, s, self._put) for s in self.sheets]
        if device is not None:
            self._laws = [device.put(s.laws, float) for s in self.sheets]
            self._cover = [device.put(s.cover, float) for s in self.sheets]
            self._strides = [s.strides(plan.grid.shape) for s in self.sheets]
            self._even = [None if s.even is None else device.put(s.even, float) for s in self.sheets]
        self._known: tuple[Any, Any, list[Crossing]] | None = None
        self.joint = self._joined()
        self._ions = sorted({self.sheets[k].ion for k in self.joint})
        self._rows, self._columns = [], []
        for k in self.joint:
            s = self.sheets[k]
            axis = plan.axes[s.axis]
            cell = axis.n - 1 if s.side else 0
            self._rows.append(self._put(axis.vectors[cell]))
            self._columns.append(self._put(axis.inverse[:, cell]))
        self._none = [0.0 * column for column in self._columns]

    def _joined(self) -> list[int]:
        """Sheets that the diffusion factor holds: those of the axis whose whole faces pump most."""
        if self.plan.mask is not None:
            return []  # beside obstacles a uniform level has to stay one in the diffusion factor
        pulls = [0.0, 0.0, 0.0]
        whole = [k for k, s in enumerate(self.sheets) if s.whole]
        for k in whole:
            s = self.sheets[k]
            full = s.cover.min(axis=(1, 2)) >= 1.0
            pulls[s.axis] += float((s.P + (s.V + s.B) / s.K)[:, full].sum() * s.area.sum())
        most = int(np.argmax(pulls))
        return [k for k in whole if self.sheets[k].axis == most and pulls[most] > 0.0]

    def near(self, weights: np.ndarray) -> tuple[Any, ...]:
        """The near field on every sheet's face, [member, a, b], from folded weights ``[pair, Q]``."""
        return tuple(
            near_on_face(self.plan, sheet, tables, weights, self._put, self.xp)
            for sheet, tables in zip(self.sheets, self._tables, strict=True)
        )

    # -- right-hand side -----------------------------------------------------------------------

    def crossings(self, y: Any, near: Any) -> list[Crossing]:
        """Fluxes through every sheet at (y, near); the last answer is kept."""
        known = self._known
        if known is not None and known[0] is y and known[1] is near:
            return known[2]
        coarse, out = self.plan.coarse(y), []
        for k, (sheet, wall) in enumerate(zip(self.sheets, near.wall, strict=True)):
            if self._device is not None:
                out.append(self._crossed(self._device, k, y, wall))
            else:
                u = coarse[:, sheet.ion]
                out.append(crossing(sheet, sheet.layer(u, 0), sheet.layer(u, 1), wall, self.xp))
        self._known = (y, near, out)
        return out

    def _crossed(self, device: Device, k: int, y: Any, wall: Any) -> Crossing:
        sheet, m = self.sheets[k], self.plan.members
        n = len(sheet.pumps)
        both = [device.empty(m, n, *sheet.area.shape) for _ in range(2)]
        tables = (n, self._laws[k], self._cover[k], self._even[k])
        numbers = (*tables, sheet.first, sheet.second, sheet.beta)
        device.call("cross", m, sheet.area.size, 0, m, *self._face(k), *numbers, y, wall, *both)
        each, slopes = ([table[:, p] for p in range(n)] for table in both)
        return Crossing(each, slopes, both[0])

    def _face(self, k: int) -> tuple[int, ...]:
        """What the kernels ask of a face."""
        start, down, across, inward = self._strides[k]
        first, area = self.sheets[k].ion * self.plan.grid.cells + start, self.sheets[k].area
        return (area.size, area.shape[1], first, down, across, inward, self.plan.size)

    def add(self, out: Any, y: Any, near: Any, scale: Any, first: int = 0, last: int | None = None) -> None:
        """out += scale[member] times what the pumps do to y, for some members; `scale` on the device."""
        coarse, every = self.plan.coarse(out), self.crossings(y, near)
        for k, (sheet, through) in enumerate(zip(self.sheets, every, strict=True)):
            ghost = sheet.omega * sheet.h0
            if self._device is not None:
                last, lost, kept = last or self.plan.members, (1.0 + ghost) / sheet.h0, ghost / sheet.h1
                here = (*self._face(k), len(sheet.pumps), scale, 1.0 / sheet.h0, lost, kept)
                here = (*here, self._even[k], through.table, out)
                self._device.call("carry", last - first, sheet.area.size, first, last, *here)
                continue
            field = coarse[:, sheet.ion]
            flux = through.flux * scale[:, None, None]
            ghost = sheet.where_even(ghost, 0.0, flux, self.xp)
            sheet.layer(field, 0)[...] -= (1.0 + ghost) / sheet.h0 * flux
            sheet.layer(field, 1)[...] += ghost / sheet.h1 * flux

    def outflow(self, y: Any, near: Any) -> np.ndarray:
        """Amount per ms that every pump carries out of the box: array (pump, member), uM um^3/ms."""
        out = np.zeros((len(self.plan.pumps.names), self.plan.members))
        for sheet, area, through in zip(self.sheets, self._area, self.crossings(y, near), strict=True):
            for k, flux in zip(sheet.pumps, through.each, strict=True):
                out[k] = self._host((flux * area).sum(axis=(1, 2)))
        return out

    def slopes(self, y: Any, near: Any) -> list[np.ndarray]:
        """J/D, the outward derivative of -u at every sheet's face, [member, a, b] on the host, uM/um."""
        every = zip(self.sheets, self.crossings(y, near), strict=True)
        return [self._slope(s, self._host(c.flux)) for s, c in every]

    @staticmethod
    def _slope(sheet: Sheet, flux: np.ndarray) -> np.ndarray:
        """J/D from the flux per area of the cell's face and fluid part."""
        if sheet.part is None:
            return flux / sheet.D
        return np.asarray(flux / np.where(sheet.part > 0, sheet.part, 1.0) / sheet.D)

    def slopes_of(self, u: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
        """The same from the grid part of fields ``[m, ion, z, y, x]`` and folded weights ``[pair, Q]``."""
        out = []
        for sheet, wall in zip(self.sheets, self.near(weights), strict=True):
            mine = self._put(u[:, sheet.ion])
            now = crossing(sheet, sheet.layer(mine, 0), sheet.layer(mine, 1), wall, self.xp)
            out.append(self._slope(sheet, self._host(now.flux)))
        return out

    def speed(self, y: Any, near: Any) -> np.ndarray:
        """What the pumps add to the spectral radius, at most: array (member,), 1/ms."""
        out = np.zeros(self.plan.members)
        for sheet, through in zip(self.sheets, self.crossings(y, near), strict=True):
            out += self._host(self._rate(sheet, through.slope).max(axis=(1, 2)))
        return out

    @staticmethod
    def _host(a: Any) -> np.ndarray:
        return np.asarray(a.get() if hasattr(a, "get") else a, dtype=float)

    def _rate(self, sheet: Sheet, slope: Any) -> Any:
        """lambda, 1/ms."""
        first = sheet.where_even((1.0 + sheet.omega * sheet.h0) * sheet.first, 1.0, slope, self.xp)
        return first / sheet.h0 * slope / (1.0 + sheet.where_even(sheet.beta, 0.0, slope, self.xp) * slope)

    # -- implicit side -------------------------------------------------------------------------

    def prepare(
        self, through: list[Crossing], g: np.ndarray, inverse_ion: Any, divide: Callable[[Any], Any]
    ) -> WallFactor:
        """Add the pumps to a prepared M.

        Parameters
        ----------
        through : list of Crossing      at the point of linearisation
        g : array (member,), ms
        inverse_ion : array [m, ion, z, y, x]      of the pointwise factor; changed in place; with a
                                        network the ions' diagonals themselves
        divide : callable               solves the diffusion factor in modal space, in place,
                                        for ``[m, mobile, z, y, x]``
        """
        xp, plan = self.xp, self.plan
        gm = self._put(g)[:, None, None]
        f = WallFactor([], [], [], [], [])
        for k, (sheet, now) in enumerate(zip(self.sheets, through, strict=True)):
            rate = self._rate(sheet, now.slope)
            least = rate.min(axis=(1, 2), keepdims=True) if k in self.joint else 0.0 * rate[:, :1, :1]
            f.least.append(least)
            f.rest.append(rate - least)
            whole = xp.maximum(now.slope, TINY)
            f.shares.append([s / whole for s in now.slopes] if len(now.slopes) > 1 else [1.0])
            layer = sheet.layer(inverse_ion[:, sheet.ion], 0)
            if plan.network is None:
                layer[...] = 1.0 / (1.0 / layer + gm * f.rest[-1])
            else:
                layer += gm * f.rest[-1]
        pulls = [gm * f.least[k] for k in self.joint]
        for ion in self._ions:
            unit = xp.zeros((plan.members, plan.carried, *plan.grid.shape), dtype=inverse_ion.dtype)
            unit[:, ion] = 1.0
            f.responses.append(divide(unit))
        n = len(self.joint)
        system = [
            [pulls[s] * self._answer(s, t, f.responses) + float(s == t) for t in range(n)] for s in range(n)
        ]
        f.gains.extend(_solved(system, pulls))
        return f

    def _read(self, s: int, hat: Any, row: Any = None) -> Any:
        """The layer beside joint sheet s of modal fields [m, carried, ...], lateral modes left: [m, a, b]."""
        sheet, row = self.sheets[self.joint[s]], self._rows[s] if row is None else row
        m, _, nz, ny, nx = hat.shape
        # As products: a third of the time of a sum over the field.
        if sheet.axis == 2:
            flat = hat[:, sheet.ion].reshape(m, nz, ny * nx)
            return self.xp.matmul(row.reshape(1, nz), flat).reshape(m, ny, nx)
        if sheet.axis == 1:
            return self.xp.matmul(row.reshape(1, ny), hat[:, sheet.ion])[:, :, 0]
        return self.xp.matmul(hat[:, sheet.ion], row.reshape(nx, 1))[..., 0]

    def _answer(self, s: int, t: int, responses: list[Any]) -> Any:
        """What a unit at joint sheet t leaves beside sheet s: e_s^T R_t."""
        response = responses[self._ions.index(self.sheets[self.joint[t]].ion)]
        return self._read(s, response, self._rows[s] * self._columns[t])

    def relieve(self, hat: Any, f: WallFactor, first: int = 0, last: int | None = None) -> None:
        """Let the pumps act on a solution of the diffusion factor without them, in modal space, in place."""
        now = [self._read(s, hat) for s in range(len(self.joint))]
        chosen = slice(first, last)
        q = [
            sum((gain[chosen] * w for gain, w in zip(row[1:], now[1:], strict=True)), row[0][chosen] * now[0])
            for row in f.gains
        ]
        for ion, response in zip(self._ions, f.responses, strict=True):
            mine = [n for n, k in enumerate(self.joint) if self.sheets[k].ion == ion]
            axis = self.sheets[self.joint[mine[0]]].axis
            if self._device is None:
                shape = [1, 1, 1]
                shape[2 - axis] = -1
                for n in mine:
                    pulled = self._columns[n].reshape(shape) * self.xp.expand_dims(q[n], 3 - axis)
                    hat -= response[chosen] * pulled[:, None]
                continue
            nz, ny, nx = self.plan.grid.shape
            # An axis has two ends: of one sheet the second column is 0.
            n, other = mine[0], mine[-1]
            columns = (self._columns[n], self._columns[other] if n != other else self._none[n])
            both = [self._device.empty(*q[k].shape) for k in (n, other)]
            both[0][...], both[1][...] = q[n], q[other]
            last, area = self.plan.members if last is None else last, ny * nx
            where = (first, last, nz, area, nx, both[0][0].size, axis)
            planes = (last - first) * self.plan.carried * nz
            self._device.call("relieve", planes, area, *where, *columns, *both, response, hat)

    def implicit(self, f: WallFactor, z: Any, k: Any) -> np.ndarray:
        """What the implicit side of a stage moves through every pump: array (pump, member)."""
        out = np.zeros((len(self.plan.pumps.names), self.plan.members))
        for n, (sheet, area) in enumerate(zip(self.sheets, self._area, strict=True)):
            before, after = (sheet.layer(self.plan.coarse(v)[:, sheet.ion], 0) for v in (z, k))
            moved = (f.least[n] * before + f.rest[n] * after) * area * sheet.h0
            for pump, share in zip(sheet.pumps, f.shares[n], strict=True):
                out[pump] = self._host((moved * share).sum(axis=(1, 2)))
        return out


def _solved(system: list[list[Any]], right: list[Any]) -> list[list[Any]]:
    """system^-1 diag(right), entry by entry over arrays; a few rows that are diagonally dominant."""
    n = len(system)
    rows = [[*system[i], *((right[i] if i == j else 0.0 * right[i]) for j in range(n))] for i in range(n)]
    for p in range(n):
        pivot = 1.0 / rows[p][p]
        rows[p] = [v * pivot for v in rows[p]]
        for i in range(n):
            if i != p:
                by = rows[i][p]
                rows[i] = [v - by * w for v, w in zip(rows[i], rows[p], strict=True)]
    return [row[n:] for row in rows]
