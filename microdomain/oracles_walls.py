"""Exact fields of one ion near walls: boxes by images, a dyadic cleft, pumps in the membrane.

The conventions are those of `microdomain.oracles_exact`: house units, fields as the EXCESS over rest in uM
(the slab apart), `influx` in pA and positive into the cytosol.

Sources
-------
Carslaw & Jaeger 1959, Conduction of Heat in Solids, 2nd ed., chapters 3 and 14 (Green's functions);
Crank 1975, The Mathematics of Diffusion, 2nd ed., section 4.3; Langer & Peskoff 1996, Biophys. J. 70, 1169.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import numpy as np
from scipy.special import exp1, i0e, k0, k0e

from microdomain.oracles_exact import point_uptake
from microdomain.units import flux_per_pA

__all__ = ["box_transient", "cleft_steady", "pumped_slab", "pumped_wall_steady"]

Box = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

#: Below this D t / L^2 images converge faster than modes; both are exact to rounding on either side.
SHORT = 0.3
#: Up to this D t / L^2 the whole field is a sum of closed-form images, later it is a quadrature over age.
YOUNG = 0.02


def box_transient(
    points: Any,
    t: float,
    source: Any,
    influx: float,
    D: float,
    box: Box,
    *,
    held: Collection[str] = (),
    rate: float = 0.0,
    duration: float = np.inf,
    z: int = 2,
) -> np.ndarray:
    """Excess in a box around a point source, with every reflection in its walls.

    J times the integral over age of Gx Gy Gz exp(-k age), each G the heat kernel between two walls: a sum of
    images while they are few, of cosines (sines at held walls) later.  The young end of the integral, where
    the kernel is singular, is a sum of closed forms, one per image.

    Parameters
    ----------
    points : array (points, 3) or (3,), um
    t : float, ms                 since the source was switched on; 0 before
    source : (x, y, z), um        on a closed wall, or inside
    influx : float, pA, positive into the box
    D : float, um^2/ms
    box : three pairs, um         ((x0, x1), (y0, y1), (z0, z1))
    held : faces such as "x-", "z+"   walls held at rest; all others are closed
    rate : float, 1/ms            uptake of the excess
    duration : float, ms          how long the source stays on
    z : int                       charge number of the ion

    Returns
    -------
    array (points,), uM           excess over rest

    Raises
    ------
    ValueError                    if a point or the source lies outside, the source on a held wall, or a face
                                  is unknown

    Source: Carslaw & Jaeger 1959, chapter 14.

    >>> box = ((-1, 1), (-1, 1), (0, 1))
    >>> round(float(box_transient((1, 1, 1), 1.0, (0, 0, 0), 0.1, 0.22, box)[0]), 8)
    0.01562611
    """
    points = np.atleast_2d(np.asarray(points, float))
    place = np.asarray(source, float)
    edges = np.asarray(box, float)
    held = frozenset(held)
    _check_box(points, place, edges, held)
    field = _on_since(points, t, place, D, edges, held, rate)
    if np.isfinite(duration):
        field = field - _on_since(points, t - duration, place, D, edges, held, rate)
    return influx * flux_per_pA(z) * field


def _check_box(points: np.ndarray, source: np.ndarray, edges: np.ndarray, held: frozenset[str]) -> None:
    faces = [axis + side for axis in "xyz" for side in "-+"]
    for face in held:
        if face not in faces:
            raise ValueError(f"No face {face!r} on a box; it has {', '.join(faces)}.")
        at = edges["xyz".index(face[0]), "-+".index(face[1])]
        if source["xyz".index(face[0])] == at:
            raise ValueError(
                f"The source lies on the held wall {face}: what it emits is lost. Close that wall."
            )
    for name, where in (("A point", points), ("The source", source[None])):
        outside = ((where < edges[:, 0]) | (where > edges[:, 1])).any(-1)
        if outside.any():
            raise ValueError(f"{name} lies outside the box: {tuple(map(float, where[outside.argmax()]))} um.")


def _on_since(
    points: np.ndarray,
    t: float,
    source: np.ndarray,
    D: float,
    edges: np.ndarray,
    held: frozenset[str],
    rate: float,
) -> np.ndarray:
    """Field of a unit flux (1 uM um^3/ms) that has been on for t."""
    if t <= 0:
        return np.zeros(len(points))
    young = min(t, YOUNG * np.min(edges[:, 1] - edges[:, 0]) ** 2 / D)
    field = np.zeros(len(points))
    images = [_images(source[a], edges[a], _signs("xyz"[a], held), 1) for a in range(3)]
    for (x, sx), (y, sy), (w, sw) in itertools.product(*images):
        r = np.linalg.norm(points - np.array([x, y, w]), axis=-1)
        field += sx * sy * sw / flux_per_pA(2) * point_uptake(r, young, 1.0, D, rate, solid_angle=4 * np.pi)
    # Older than that: Gauss-Legendre, 16 nodes for every doubling of the age.
    panels = int(np.ceil(np.log2(t / young)))
    nodes, weights = np.polynomial.legendre.leggauss(16)
    for start, end in itertools.pairwise(np.geomspace(young, t, panels + 1) if panels else [young]):
        age = (end - start) / 2 * nodes + (end + start) / 2
        kernel = np.exp(-rate * age)[:, None] * np.ones(len(points))
        for a in range(3):
            kernel *= _between_walls(points[:, a], source[a], age, D, edges[a], _signs("xyz"[a], held))
        field += (end - start) / 2 * (weights @ kernel)
    return field


def _signs(axis: str, held: frozenset[str]) -> tuple[int, int]:
    """Sign that a reflection in the lower and the upper wall gives: +1 closed, -1 held."""
    return (-1 if axis + "-" in held else 1), (-1 if axis + "+" in held else 1)


def _images(x0: float, edges: np.ndarray, signs: tuple[int, int], n: int) -> list[tuple[float, int]]:
    """Images of x0 in two walls, n round trips each way: (place, sign)."""
    lower, length = edges[0], edges[1] - edges[0]
    trip = signs[0] * signs[1]
    places = []
    for m in range(-n, n + 1):
        sign = trip if m % 2 else 1
        places.append((x0 + 2 * m * length, sign))
        places.append((2 * lower - x0 + 2 * m * length, signs[0] * sign))
    return places


def _between_walls(
    x: np.ndarray, x0: float, age: np.ndarray, D: float, edges: np.ndarray, signs: tuple[int, int]
) -> np.ndarray:
    """Heat kernel between two walls in one dimension, (ages, points), 1/um."""
    length = edges[1] - edges[0]
    kernel = np.zeros((age.size, x.size))
    short = D * age / length**2 < SHORT
    if short.any():
        spread = 4 * D * age[short, None]
        for place, sign in _images(x0, edges, signs, 4):
            kernel[short] += sign * np.exp(-((x - place) ** 2) / spread) / np.sqrt(np.pi * spread)
    if not short.all():
        shift = 0.0 if signs[0] == signs[1] else 0.5
        wave = np.cos if signs[0] > 0 else np.sin
        for n in range(8):
            k = (n + shift) * np.pi / length
            norm = (1 if k == 0 else 2) / length
            shape = norm * wave(k * (x - edges[0])) * wave(k * (x0 - edges[0]))
            kernel[~short] += np.exp(-k * k * D * age[~short, None]) * shape
    return kernel


def cleft_steady(
    rho: Any, height: Any, influx: float, D: float, gap: float, radius: float, *, z: int = 2
) -> np.ndarray:
    """Steady excess in a dyadic cleft: a flat disc with its edge held at rest, a channel at its centre.

    J/(2 pi D h) { ln(R/rho) + 2 sum_n cos(n pi z/h) [ K0(a) - I0(a) K0(b)/I0(b) ] }, a = n pi rho/h,
    b = n pi R/h.  Beyond rho = 2 h only the logarithm is left.

    Parameters
    ----------
    rho : float or array, um      distance from the axis, above 0 and up to `radius`
    height : float or array, um   above the channel's membrane, 0 to `gap`
    influx : float, pA, positive into the cleft
    D : float, um^2/ms
    gap, radius : float, um       the cleft's height h and radius R

    Returns
    -------
    array, uM                     excess over the value held at the edge

    Raises
    ------
    ValueError                    if rho is not positive: the series diverges on the axis

    Source: Carslaw & Jaeger 1959, chapter 14; the logarithm, Langer & Peskoff 1996.

    >>> round(float(cleft_steady(0.01, 0.0, 0.1, 0.22, 0.015, 0.2)), 5)
    80.44717
    """
    rho, height = np.broadcast_arrays(np.asarray(rho, float), np.asarray(height, float))
    if not np.all(rho > 0):
        raise ValueError(
            f"rho = {np.min(rho):g} um: the cleft's series diverges on the axis; give rho above 0."
        )
    terms = int(np.ceil(40 * gap / (np.pi * rho.min())))
    n = np.arange(1, terms + 1).reshape((-1,) + (1,) * rho.ndim)
    a, b = n * np.pi * rho / gap, n * np.pi * radius / gap
    # I0 and K0 overflow and vanish; their scaled forms leave exp(a - 2 b), which is small.
    edge = i0e(a) * k0e(b) / i0e(b) * np.exp(a - 2 * b)
    series = 2 * (np.cos(n * np.pi * height / gap) * (k0(a) - edge)).sum(0)
    return influx * flux_per_pA(z) / (2 * np.pi * D * gap) * (np.log(radius / rho) + series)


def pumped_slab(depth: Any, t: float, P: float, D: float, length: float) -> np.ndarray:
    """Concentration in a slab, 1 at t = 0, that a linear pump at depth 0 empties; depth `length` is closed.

    sum_n 4 sin(a)/(2 a + sin 2a) cos(a (1 - x/L)) exp(-a^2 D t/L^2) over the roots of a tan a = P L/D.

    Parameters
    ----------
    depth : float or array, um    0 at the pump
    t : float, ms                 above 0
    P : float, um/ms              flux out = P times concentration
    D : float, um^2/ms
    length : float, um

    Returns
    -------
    array                         as a fraction of the initial value

    Source: Crank 1975, section 4.3 (surface evaporation).

    >>> round(float(pumped_slab(0.0, 1.0, 0.2, 0.22, 1.0)), 7)
    0.6548149
    """
    depth = np.asarray(depth, float)
    if not t > 0:
        raise ValueError(f"t = {t:g} ms: the series needs a time above 0; at t = 0 the slab is at 1.")
    terms = int(np.ceil(6.5 * length / np.sqrt(D * t) / np.pi)) + 1
    a = _robin_roots(P * length / D, terms).reshape((-1,) + (1,) * depth.ndim)
    shape = 4 * np.sin(a) / (2 * a + np.sin(2 * a)) * np.cos(a * (1 - depth / length))
    return (shape * np.exp(-(a**2) * D * t / length**2)).sum(0)


def _robin_roots(biot: float, count: int) -> np.ndarray:
    """First roots of a tan a = biot, by bisection: one in each (n pi, n pi + pi/2)."""
    low = np.arange(count) * np.pi
    high = low + np.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        # a sin a - biot cos a grows through its one root here, up to the sign of cos(n pi).
        above = (middle * np.sin(middle) - biot * np.cos(middle)) * np.cos(np.arange(count) * np.pi) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def pumped_wall_steady(rho: Any, height: Any, influx: float, D: float, P: float, *, z: int = 2) -> np.ndarray:
    """Steady excess of a channel in a membrane whose linear pumps remove P (c - rest).

    J/(2 pi D) [ 1/R - h int_0^inf exp(-h s)/sqrt(rho^2 + (z + s)^2) ds ], h = P/D, R^2 = rho^2 + z^2.

    Parameters
    ----------
    rho : float or array, um      distance from the channel along the membrane
    height : float or array, um   above the membrane, 0 or more
    influx : float, pA, positive into the cytosol
    D : float, um^2/ms
    P : float, um/ms              the pump; 0.05 to 0.2 is physiological

    Returns
    -------
    array, uM                     excess over rest

    Raises
    ------
    ValueError                    at the channel itself

    Source: Carslaw & Jaeger 1959, chapter 14 (radiation from the surface of a half-space).

    >>> round(float(pumped_wall_steady(0.02, 0.0, 0.1, 0.22, 0.2)), 5)
    17.33329
    """
    rho, height = np.broadcast_arrays(np.asarray(rho, float), np.asarray(height, float))
    R = np.hypot(rho, height)
    if not np.all(R > 0):
        raise ValueError(
            "The point is the channel itself, where the field is infinite; give rho or height above 0."
        )
    if P == 0:
        return influx * flux_per_pA(z) / (2 * np.pi * D * R)
    h = P / D
    loss = np.empty(R.shape)
    axis = rho == 0
    loss[axis] = np.exp(h * height[axis]) * exp1(h * height[axis])
    # With z + s = rho sinh(theta) the root cancels against ds and the integrand is smooth.
    side, up = rho[~axis], height[~axis]
    start, end = np.arcsinh(up / side), np.arcsinh((up + 40 / h) / side)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta = (end - start) / 2 * nodes[:, None] + (end + start) / 2
    loss[~axis] = (end - start) / 2 * (weights @ np.exp(-h * (side * np.sinh(theta) - up)))
    return influx * flux_per_pA(z) / (2 * np.pi * D) * (1 / R - h * loss)
