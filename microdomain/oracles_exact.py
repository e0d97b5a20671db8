"""Exact fields of one ion around a source in open cytosol: no mesh, no approximation, no nonlinear buffer.

Every function is pure and takes numbers or arrays in house units (um, ms, uM, pA).  A source sits on a
flat reflecting membrane (``solid_angle`` 2 pi, the default), or inside the cytosol (4 pi), or at the tip of
a narrower cone.  Fields are the EXCESS over rest, in uM; `influx` is in pA, positive into the cytosol, and
switched on at t = 0.

Several sources at once: give `influx` one number per source and `r` those sources along its last axis;
linear fields add, and the sum is what comes back.

Sources
-------
Carslaw & Jaeger 1959, Conduction of Heat in Solids, 2nd ed., chapters 8, 10; Crank 1975, The Mathematics of
Diffusion, 2nd ed., chapters 3 and 14; Neher 1986, Exp. Brain Res. Ser. 14, 80.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfc, erfcx

from microdomain.units import flux_per_pA

__all__ = [
    "binding",
    "disc_axis",
    "disc_rim",
    "disc_steady_mean",
    "distances",
    "point_steady",
    "point_transient",
    "point_uptake",
]

HALF_SPACE = 2 * np.pi


def distances(points: Any, positions: Any) -> np.ndarray:
    """Distances from every point to every source.

    Parameters
    ----------
    points : array (points, 3) or (3,), um
    positions : array (sources, 3) or (3,), um

    Returns
    -------
    array (points, sources), um

    >>> distances([(0, 0, 0.03)], [(0, 0, 0), (0.04, 0, 0)])
    array([[0.03, 0.05]])
    """
    points, positions = np.atleast_2d(np.asarray(points, float)), np.atleast_2d(np.asarray(positions, float))
    return np.linalg.norm(points[:, None, :] - positions[None, :, :], axis=-1)


def source_strength(r: Any, influx: Any, z: int = 2) -> tuple[np.ndarray, np.ndarray, bool]:
    """The common reading of `r` and `influx`: distances, flux per source, and whether to add sources.

    Returns
    -------
    r : array, um
    flux : array, uM um^3/ms
    several : bool                True when the last axis of `r` runs over sources

    Raises
    ------
    ValueError                    if a distance is not positive, or the sources do not match
    """
    r, influx = np.asarray(r, float), np.asarray(influx, float)
    if not np.all(r > 0):
        raise ValueError(
            f"A distance of {np.min(r):g} um: a point source has no value at its own place. "
            "Give distances above 0, for instance the pore distance of 0.005 um."
        )
    if influx.ndim > 1 or (influx.ndim == 1 and r.shape[-1:] != influx.shape):
        raise ValueError(
            f"influx has shape {influx.shape} and r has shape {r.shape}: expected one influx, or one per "
            "source with the sources along the last axis of r."
        )
    return r, influx * flux_per_pA(z), influx.ndim == 1


def point_steady(r: Any, influx: Any, D: float, *, z: int = 2, solid_angle: float = HALF_SPACE) -> np.ndarray:
    """Excess around a source that has been on for ever: J / (2 pi D r).

    Parameters
    ----------
    r : float or array, um        distance from the source (last axis sources, if `influx` is an array)
    influx : float or (sources,), pA, positive into the cytosol
    D : float, um^2/ms
    z : int                       charge number of the ion
    solid_angle : float, sr       2 pi on a membrane, 4 pi in open cytosol

    Returns
    -------
    array, uM                     excess over rest

    Raises
    ------
    ValueError                    if r is not positive, or the sources do not match

    Source: Crank 1975; Neher 1986.

    >>> point_steady([0.01, 0.1], 0.1, 0.22).round(5)
    array([37.4892 ,  3.74892])
    """
    r, flux, several = source_strength(r, influx, z)
    field = flux / (solid_angle * D * r)
    return field.sum(-1) if several else field


def point_transient(
    r: Any,
    t: Any,
    influx: Any,
    D: float,
    *,
    duration: float = np.inf,
    z: int = 2,
    solid_angle: float = HALF_SPACE,
) -> np.ndarray:
    """Excess around a source that is on from 0 to `duration`.

    J / (2 pi D r) erfc(r / sqrt(4 D t)), and after `duration` less the same with t - `duration`.

    Parameters
    ----------
    r, influx, D, z, solid_angle  as in `point_steady`
    t : float or array, ms        broadcast against the result of one source; 0 before t = 0
    duration : float, ms          how long the source stays on

    Returns
    -------
    array, uM                     excess over rest

    Source: Carslaw & Jaeger 1959, section 10.4.

    >>> round(float(point_transient(0.01, 0.1, 0.1, 0.22)), 5)
    36.06374
    """
    return point_uptake(r, t, influx, D, 0.0, duration=duration, z=z, solid_angle=solid_angle)


def point_uptake(
    r: Any,
    t: Any,
    influx: Any,
    D: float,
    rate: float,
    *,
    duration: float = np.inf,
    z: int = 2,
    solid_angle: float = HALF_SPACE,
) -> np.ndarray:
    """Excess while every ion above rest is taken up at a constant rate k, in time.

    c = J/(4 pi D r) [ exp(-r/l) erfc(q - s) + exp(r/l) erfc(q + s) ],
    q = r/sqrt(4 D t), s = sqrt(k t), l = sqrt(D/k).

    It is also the exact transient of a mobile buffer in such excess that it never saturates or unbinds.

    Parameters
    ----------
    r, influx, D, z, solid_angle  as in `point_steady`
    t : float or array, ms        np.inf gives the steady field J/(2 pi D r) exp(-r/l)
    rate : float, 1/ms            the uptake rate k, 0 for none
    duration : float, ms          how long the source stays on

    Returns
    -------
    array, uM                     excess over rest

    Source: Crank 1975, chapter 14 (after Danckwerts).

    >>> round(float(point_uptake(0.01, 1.0, 0.1, 0.22, 10.0)), 5)
    35.045
    """
    r, flux, several = source_strength(r, influx, z)
    t = np.asarray(t, float)
    if several:
        t = t[..., None]
    field = flux / (2 * solid_angle * D * r) * _window(r, t, D, rate)
    if np.isfinite(duration):
        field = field - flux / (2 * solid_angle * D * r) * _window(r, t - duration, D, rate)
    return field.sum(-1) if several else field


def _window(r: np.ndarray, age: np.ndarray, D: float, rate: float) -> np.ndarray:
    """The bracket of `point_uptake`, 0 for ages up to 0; 2 for a steady source without uptake."""
    r, age = np.broadcast_arrays(r, age)
    shape = np.zeros(r.shape)
    young = (age > 0) & np.isfinite(age)
    q, s = r[young] / np.sqrt(4 * D * age[young]), np.sqrt(rate * age[young])
    # exp(r/l) overflows where erfc vanishes; r/l = 2 q s turns their product into a scaled erfc.
    shape[young] = np.exp(-2 * q * s) * erfc(q - s) + np.exp(-q * q - s * s) * erfcx(q + s)
    steady = np.isposinf(age)
    shape[steady] = 2 * np.exp(-r[steady] * np.sqrt(rate / D))
    return shape


def disc_axis(height: Any, influx: float, radius: float, D: float, t: float = np.inf, *, z: int = 2) -> Any:
    """Excess on the axis above a disc in the membrane that emits uniformly.

    Steady: q/D (sqrt(a^2 + h^2) - h), q = J/(pi a^2).  In time: 2 q sqrt(t/D) times the difference of
    ierfc(h / 2 sqrt(D t)) and ierfc(sqrt(h^2 + a^2) / 2 sqrt(D t)).  At the centre: J/(pi a D).

    Parameters
    ----------
    height : float or array, um   above the disc's centre, 0 or more
    influx : float, pA            of the whole disc
    radius : float, um
    D : float, um^2/ms
    t : float, ms                 since the source was switched on
    z : int                       charge number of the ion

    Returns
    -------
    float or array, uM            excess over rest

    Source: Carslaw & Jaeger 1959, section 10.5.

    >>> round(float(disc_axis(0.0, 0.1, 0.05, 0.22)), 5)
    14.99568
    """
    height = np.asarray(height, float)
    flux = flux_per_pA(z) * influx / (np.pi * radius**2)
    far = np.hypot(height, radius)
    if np.isinf(t):
        # far - height, without the cancellation of a subtraction at great height
        return flux / D * radius**2 / (far + height)
    reach = np.sqrt(4 * D * t)
    return flux * reach / D * (_ierfc(height / reach) - _ierfc(far / reach))


def _ierfc(x: np.ndarray) -> np.ndarray:
    """The integral of erfc from x to infinity."""
    return np.exp(-x * x) * (1 / np.sqrt(np.pi) - x * erfcx(x))


def disc_rim(influx: float, radius: float, D: float, *, z: int = 2) -> float:
    """Steady excess on the edge of a uniformly emitting disc, 2 q a/(pi D).

    Parameters
    ----------
    influx, radius, D, z          as in `disc_axis`

    Returns
    -------
    float, uM                     excess over rest

    >>> round(disc_rim(0.1, 0.05, 0.22), 6)
    9.546546
    """
    return 2 * flux_per_pA(z) * influx / (np.pi**2 * radius * D)


def disc_steady_mean(influx: float, radius: float, D: float, *, z: int = 2, uniform: bool = True) -> float:
    """Steady mean excess over a disc in the membrane.

    Uniform flux: 8 q a/(3 pi D).  Uniform concentration instead (the access resistance of a pore): J/(4 D a).

    Parameters
    ----------
    influx, radius, D, z          as in `disc_axis`
    uniform : bool                the flux is uniform; False: the concentration is

    Returns
    -------
    float, uM                     excess over rest

    Source: Carslaw & Jaeger 1959, chapter 8.

    >>> [round(disc_steady_mean(0.1, 0.05, 0.22, uniform=u), 5) for u in (True, False)]
    [12.72873, 11.77758]
    """
    flux = flux_per_pA(z) * influx
    return 8 * flux / (3 * np.pi**2 * radius * D) if uniform else flux / (4 * D * radius)


def binding(
    t: Any, ion_total: float, total: float, k_on: float, K_d: float, bound: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Free ion and bound buffer in a stirred volume that nothing enters: the Riccati equation, solved.

    y' = k (C_T - y)(B_T - y) - k K_d y has the fixed points y1 < y2 and relaxes at the rate k (y2 - y1).

    Parameters
    ----------
    t : float or array, ms        0 or more
    ion_total : float, uM         C_T, free and bound together
    total : float, uM             B_T, the buffer's total
    k_on : float, 1/(uM ms)
    K_d : float, uM
    bound : float, uM             y at t = 0

    Returns
    -------
    free, bound : array, uM

    >>> free, _ = binding(0.1, 50.0, 100.0, 0.4, 0.22)
    >>> round(float(free), 6)
    3.759403
    """
    t = np.asarray(t, float)
    s = ion_total + total + K_d
    q = np.sqrt(s * s - 4 * ion_total * total)
    # The smaller root from the product of the two: (s - q)/2 would lose digits when it is small.
    upper = (s + q) / 2
    lower = ion_total * total / upper
    ratio = (bound - lower) / (bound - upper) * np.exp(-k_on * q * t)
    y = (lower - upper * ratio) / (1 - ratio)
    return ion_total - y, y
