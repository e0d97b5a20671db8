"""Reading beside a held patch: the wall there is laid as a closed one, whose mirrored reading has no slope.

Under a patch a cell loses D (u - rest) / (h/2), h its width, through the part k of its face that the patch
covers.  So the slope at the wall, s being the distance from it, is

    du/ds = k (u - rest) / (h/2),

and is put into the reading as that of a pumped wall is (`wall_reading`).  It is a difference over half a
cell: the scheme itself is of second order there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.model.membrane import FACES
from microdomain.plan import Plan
from microdomain.wall_pumps import coverage
from microdomain.wall_reading import LEAST, lift


class Patches:
    """What held patches add to readings at points.

    Parameters
    ----------
    plan : Plan
    points : array (P, 3), um
    weights : three arrays (P, n)    spline weights along x, y, z
    """

    def __init__(self, plan: Plan, points: np.ndarray, weights: Sequence[np.ndarray]) -> None:
        self._points = len(points)
        self._parts = []
        for one in plan.models[0].held:
            k, side = divmod(FACES.index(one.face), 2)
            axis, last = plan.axes[k], -1 if side else 0
            height = lift(axis, side, points[:, k])
            near = np.flatnonzero(np.abs(height) > LEAST)
            if not near.size:
                continue
            per_um = 2.0 / float(axis.widths[last]) * coverage(one.patch, plan.grid, k)
            if plan.mask is not None:
                per_um = per_um * (np.take(plan.mask.phi, last, axis=2 - k) > 0)
            a, b = (weights[j][near] for j in range(3) if j != k)
            at = (..., last, *[slice(None)] * k)
            self._parts.append((at, per_um, near, height[near], a, b))

    def __bool__(self) -> bool:
        return bool(self._parts)

    def of(self, u: Any, rest: np.ndarray, host: Any = np.asarray) -> np.ndarray:
        """What is added, [member, ion, P], uM.

        Parameters
        ----------
        u : array [member, ion, z, y, x], uM     grid part; of it one layer per patch goes through `host`
        rest : array [member, ion], uM           level that the patches hold
        """
        out = np.zeros((*rest.shape, self._points))
        for at, per_um, near, height, a, b in self._parts:
            slope = per_um * (host(u[at]) - rest[:, :, None, None])
            out[..., near] += (np.swapaxes(slope @ a.T, -1, -2) * b).sum(axis=-1) * height
        return out
