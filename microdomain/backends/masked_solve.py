"""The implicit solve beside obstacles: one bare solve, and a few small ones in the box of touched cells.

The diffusion factor with its constant least binding rates is to be solved,

    A z = (I - g (a D L_m2 + Jbar)) z = r,      L_m2 with open fractions and 2-point derivatives.

It differs from the bare factor B^-1 = I - g (a D L_2 + Jbar), which fast diagonalisation inverts, in the
rows of touched cells only.  So a direction z = B w leaves v - A z = v - w - (A - B^-1) z, nothing but there
once w equals v elsewhere.  With d = diag(B^-1)/diag(A) in touched cells, 1 in others::

    v_0 = r - mean(r) per connected part that keeps its ions,        z_0 = B (d v_0)
    v_1 = v_0 - A z_0        stands on touched cells
    z_k = C (d v_k),         v_k+1 = v_k - A z_k                     k = 1 .. LOCAL
    x   = Abar^-1 mean(r) + sum_k c_k z_k without its means,   c: least |v_0 - sum_k c_k (v_k - v_k+1)|

C is the bare factor on the box of `mask_box` alone, cut off at its faces; there A z_k also leaves something
on the ring of cells in front of it.  All v_k but v_0 are a list of these few cells.  |v|^2 = sum phi V v^2,
v less its means: as A 1 = Abar 1 on a part that keeps its ions, so does x, to round-off, however few the
directions.  This is one multiplicative Schwarz step and then the minimal residual of few directions (Saad,
Iterative Methods for Sparse Linear Systems, 2nd ed., 14.3 and 6.5).  The small solves cost a few percent of
the bare one, and steps become as long as without obstacles.
(Tried and left: directions in the whole grid with phi in place of d, by which cells that are a tenth fluid
converge by a tenth a turn: three of them cost three times as much and took a third more steps; B alone, which
loses 1e-3 of the influx and leaks into closed pockets.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.backends.masked_algebra import least_squares
from microdomain.backends.parts import ReferenceParts
from microdomain.backends.parts_fused import FusedParts

#: Directions in the box, after the one in the whole grid.
LOCAL = 2
#: Separate parts of the fluid that have coefficients of their own; the smallest share the last.
GROUPS = 4


class Directions:
    """The solve of one plan.

    Parameters
    ----------
    parts : ReferenceParts or FusedParts

    Attributes
    ----------
    left : array (member, species that move)    what the last solve left undone, as an amount, where a part
                                    loses ions through held walls: it counts as lost there
    """

    def __init__(self, parts: ReferenceParts | FusedParts) -> None:
        self._parts, self.xp, plan = parts, parts.xp, parts.ops.plan
        mask, put, box = plan.mask, parts.put, parts.box
        assert mask is not None
        weight = (mask.phi * plan.grid.volumes).ravel()
        # Separate parts have coefficients of their own, so that nothing stirs in a pocket at rest.
        size = np.bincount(mask.component[mask.component >= 0], minlength=mask.free.size)
        rank = np.minimum(np.argsort(np.argsort(-size)), GROUPS - 1)
        groups = (rank[mask.component] == np.arange(rank.max() + 1)[:, None]) & (mask.component >= 0)
        kept = np.flatnonzero(mask.free)
        member = (mask.component[:, None] == kept) * weight[:, None]
        self._space = put(member.sum(axis=0))
        # Means over the parts that keep their ions: of fields, of the cells asked for, of the box.
        means = member / member.sum(axis=0)
        self._mean, self._mean_asked, self._mean_box = (
            put(means), put(means[box.asked]), put(means[box.cells])
        )  # fmt: skip
        self._weights = put((groups * weight)[:, box.asked])
        self._group_of = put(rank[kept], np.int64)
        # Parts by group, 0 or 1.
        self._belongs = put((rank[kept] == np.arange(groups.shape[0])[:, None]).astype(float))
        self._all = put((groups * weight).T) if not mask.free.all() else None
        parts.lay_parts(groups * weight, mask, kept, rank, LOCAL)
        self.left = np.zeros((plan.members, plan.mobile))

    def solve(self, f: Any, first: int, last: int, r: Any) -> Any:
        """z of members first to last from what moves of the folded right-hand sides, [m, s, cells].

        Parameters
        ----------
        f : parts.PartFactor
        first, last : int
        r : array                       [m, s, cells]
        """
        xp, parts = self.xp, self._parts
        means = xp.matmul(r, self._mean)
        v, square = parts.source(first, last, r, means)
        u = parts.begin(f, first, last, v)
        fields = [parts.modes(f, first, last, v)]
        averages = [xp.matmul(fields[0], self._mean)]
        parts.leave(f, first, last, 0, fields[0], u)
        for k in range(1, LOCAL + 1):
            fields.append(parts.inner(f, first, last, k))
            averages.append(xp.matmul(fields[k], self._mean_box))
            parts.leave(f, first, last, k, fields[k], u)
        products, away = self._products(u, square)
        found = least_squares(xp, products)
        shift = parts.levels(f, first, last, means)
        for k, average in enumerate(averages):
            shift = shift - found[k][:, self._group_of][:, None] * average
        if self._all is not None:
            self._undone(first, last, r, means, u, away, found)
        return parts.end(first, last, found, shift, fields)

    def _products(self, u: Any, square: Any) -> tuple[Any, Any]:
        """sum phi V v_i v_j over species and cells, (m, group, n, n), from v_0^2 and the cells asked for.

        With it go the means of all v but the first, [m, n, s, part], which they are taken without.
        """
        xp, (m, n) = self.xp, u.shape[:2]
        away = xp.matmul(u, self._mean_asked)
        away[:, 0] = 0.0
        flat, out = u.reshape(m, n, -1), xp.empty((m, len(self._weights), n, n))
        for g in range(len(self._weights)):
            weighted = (u * self._weights[g]).reshape(m, n, -1)
            without = (away * (self._space * self._belongs[g])).reshape(m, n, -1)
            every = away.reshape(m, n, -1)
            out[:, g] = xp.matmul(weighted, _turned(flat)) - xp.matmul(without, _turned(every))
            out[:, g, 0, 0] = square[:, g]
        return out, away

    def _undone(self, first: int, last: int, r: Any, means: Any, u: Any, away: Any, found: list[Any]) -> None:
        """Sum of the residual v_0 - sum_k c_k (v_k - v_k+1) over the fluid, group by group."""
        host, xp = self._parts.host, self.xp
        total = host(xp.matmul(r, self._all)) - host(xp.matmul(means * self._space, self._belongs.T))
        sums = host(xp.matmul(u, self._weights.T)) - host(xp.matmul(away * self._space, self._belongs.T))
        c = [host(one)[:, None] for one in found]
        undone = (1.0 - c[0]) * total
        for k in range(1, len(c) + 1):
            undone = undone + (c[k - 1] - (c[k] if k < len(c) else 0.0)) * sums[:, k]
        self.left[first:last, : undone.shape[1]] = undone.sum(axis=2)


def _turned(a: Any) -> Any:
    return a.transpose(0, 2, 1)
