"""The near field of a round mouth.

On the grid a disc is a sum of points with equal shares (`model.mouths.mouth_points`).  At points of
space it is exact: with the heat kernel along the normal goes the disc's mean of the kernel in its
plane, at the distance rho from its axis::

    F(rho, s) = 1/(pi a^2) int_0^a exp(-(rho - r)^2 / 4 D s) I~0(rho r / 2 D s) r dr / (2 D s)

with I~0(x) = exp(-x) I_0(x).  It follows Crank, The Mathematics of Diffusion, 2nd ed., 3.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import i0e

from microdomain.model import Channel
from microdomain.near_field import Source

#: Gauss nodes of the integral over r; deviations of the kernel that it spans.
NODES, SPAN = 32, 6.5


def disc_of(channel: Channel | None, axes: Any, window: Any, reach: float) -> Any:
    """(radius, axis, sources) of a channel's round mouth; None for a point.

    A disc's images reach as far as a point's, and by their radius more.
    """
    if channel is None or channel.mouth is None:
        return None
    reach += channel.mouth.radius
    images = [
        Source.of(x, a.faces[0], a.faces[-1], a.lower, a.upper, reach, window.D)
        for x, a in zip(channel.position, axes, strict=True)
    ]
    return channel.mouth.radius, int(np.argmax(np.abs(channel.normal))), tuple(images)


def disc_kernel(disc: Any, D: float, points: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """The kernel of a disc at points.

    Parameters
    ----------
    disc : (radius, axis, sources)    um; 0 = x; images of its centre along x, y, z
    D : float, um^2/ms
    points : array (P, 3), um
    ages : array (Q,), ms

    Returns
    -------
    array (Q, P), 1/um^3
    """
    radius, axis, sources = disc
    first, second = (k for k in range(3) if k != axis)
    out = np.zeros((ages.size, len(points)))
    reach = radius + SPAN * np.sqrt(2 * D * ages[-1])
    for p, sign in zip(sources[first].positions, sources[first].signs, strict=True):
        for q, also in zip(sources[second].positions, sources[second].signs, strict=True):
            rho = np.hypot(points[:, first] - p, points[:, second] - q)
            near = np.flatnonzero(rho < reach)
            if near.size:
                few, back = np.unique(np.round(rho[near], 9), return_inverse=True)
                out[:, near] += sign * also * in_plane(radius, D, few, ages)[:, back.ravel()]
    return np.asarray(out * sources[axis].density(points[:, axis], ages))


def in_plane(radius: float, D: float, rho: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """F(rho, s): array (ages, points), 1/um^2."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    wide = SPAN * np.sqrt(2 * D * ages)[:, None]
    low, high = np.maximum(rho - wide, 0.0), np.minimum(rho + wide, radius)
    half = 0.5 * np.maximum(high - low, 0.0)
    r = 0.5 * (low + high)[..., None] + half[..., None] * x
    two = 2 * D * ages[:, None, None]
    with np.errstate(under="ignore"):
        value = np.exp(-((rho[:, None] - r) ** 2) / (2 * two)) * i0e(rho[:, None] * r / two) * r / two
    return np.asarray((value * w).sum(axis=-1) * half / (np.pi * radius**2))
