"""EBA, RBA and LIN: the buffered steady field around channels that stay open, approximately.

Near a channel that stays open the buffered field becomes steady, and three approximations of it are in use.
All rest on the sum over channels of J/(2 pi r), so they hold for one channel or a cluster alike:

=====  =====================================  ========================================
EBA    buffer free as at rest, everywhere     excess buffer, slow rebinding
RBA    binding in equilibrium, everywhere     fast, weak buffers
LIN    all deviations from rest are small     small influx; often far beyond that
=====  =====================================  ========================================

A fixed buffer (D_b = 0) does not change any steady field, exactly; all three leave it out.  Concentrations
here INCLUDE the rest level, unlike the fields of `microdomain.oracles_exact`.  Buffers are four sequences of
equal length: total (uM), k_on (1/(uM ms)), K_d (uM), D_b (um^2/ms).

Sources
-------
EBA: Neher 1986, Exp. Brain Res. Ser. 14, 80; Stern 1992, Cell Calcium 13, 183.
RBA: Wagner & Keizer 1994, Biophys. J. 67, 447; Smith 1996, Biophys. J. 71, 3064; several sources: Bertram,
Smith & Sherman 1999, Biophys. J. 76, 735.
LIN: Naraghi & Neher 1997, J. Neurosci. 17, 6961.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.oracles_exact import HALF_SPACE, point_steady, point_uptake, source_strength

__all__ = ["eba", "lin", "lin_excess", "rba"]


def _mobile(total: Any, k_on: Any, K_d: Any, D_b: Any) -> tuple[np.ndarray, ...]:
    """Total, k_on, K_d and D_b of the mobile buffers, each (buffers,)."""
    given = [np.atleast_1d(np.asarray(a, float)) for a in (total, k_on, K_d, D_b)]
    if len({a.shape for a in given}) > 1 or given[0].ndim > 1:
        raise ValueError(
            f"total, k_on, K_d and D_b have {', '.join(str(a.size) for a in given)} entries: "
            "expected one per buffer in each."
        )
    return tuple(a[given[3] > 0] for a in given)


def eba(
    r: Any,
    influx: Any,
    D: float,
    rest: float,
    total: Any,
    k_on: Any,
    K_d: Any,
    D_b: Any,
    *,
    uptake: float = 0.0,
    z: int = 2,
    solid_angle: Any = HALF_SPACE,
) -> np.ndarray:
    """Excess-buffer approximation: rest + sum J/(2 pi D r) exp(-r/l), l = sqrt(D / sum k_on b_free).

    Parameters
    ----------
    r : float or array, um        distance; with several channels they are its last axis
    influx : float or (channels,), pA, positive into the cytosol
    D : float, um^2/ms            of the free ion
    rest : float, uM
    total, k_on, K_d, D_b : (buffers,) or float, see the module; those with D_b = 0 are left out
    uptake : float, 1/ms          linear uptake of the free ion
    z : int                       charge number of the ion
    solid_angle : float or (channels,), sr    2 pi on a membrane, 4 pi in open cytosol

    Returns
    -------
    array, uM                     free ion, rest included

    Raises
    ------
    ValueError                    if r is not positive, or sequences do not match

    Source: Neher 1986; Stern 1992.

    >>> eba([0.01, 0.1], 0.1, 0.22, 0.1, 1000, 0.4, 0.22, 0.2).round(5)
    array([26.42448,  0.20926])
    """
    total, k_on, K_d, _ = _mobile(total, k_on, K_d, D_b)
    rate = uptake + float(np.sum(k_on * total * K_d / (K_d + rest)))
    return rest + point_uptake(r, np.inf, influx, D, rate, z=z, solid_angle=solid_angle)


def rba(
    r: Any,
    influx: Any,
    D: float,
    rest: float,
    total: Any,
    k_on: Any,
    K_d: Any,
    D_b: Any,
    *,
    z: int = 2,
    solid_angle: Any = HALF_SPACE,
) -> np.ndarray:
    """Rapid-buffer approximation, from what diffuses in all forms together.

    c is the root of D c + sum D_b B c/(K_d + c) = sum J/(2 pi r) + (the left side at rest).

    Parameters
    ----------
    r, influx, D, rest, total, k_on, K_d, D_b, z, solid_angle   as in `eba`; k_on is not used

    Returns
    -------
    array, uM                     free ion, rest included

    Raises
    ------
    ValueError                    if r is not positive, sequences do not match, or the channels take out more
                                  than diffusion from rest can bring

    Source: Wagner & Keizer 1994; Smith 1996; several channels, Bertram, Smith & Sherman 1999.

    >>> rba([0.01, 0.1], 0.1, 0.22, 0.1, 500, 0.1, 10, 0.1).round(6)
    array([1.997655, 0.263534])
    """
    total, _, K_d, D_b = _mobile(total, k_on, K_d, D_b)
    carried = D_b * total
    excess = D * point_steady(r, influx, D, z=z, solid_angle=solid_angle)
    goal = D * rest + np.sum(carried * rest / (K_d + rest)) + np.asarray(excess)
    if np.any(goal < 0):
        raise ValueError(
            "The outflux is more than diffusion from rest can bring: the rapid-buffer field would be "
            f"negative at {int(np.sum(goal < 0))} point(s). Give a smaller outflux or points farther away."
        )
    # The left side is concave and grows with c, so Newton from below never overshoots.
    c = np.maximum(0.0, (goal - carried.sum()) / D)
    for _ in range(100):
        part = carried / (K_d + c[..., None])
        step = (goal - D * c - c * part.sum(-1)) / (D + (part * K_d / (K_d + c[..., None])).sum(-1))
        c = c + step
        if np.all(np.abs(step) <= 1e-14 * c):
            break
    return c


def lin_excess(
    r: Any,
    influx: Any,
    D: float,
    rest: float,
    total: Any,
    k_on: Any,
    K_d: Any,
    D_b: Any,
    *,
    uptake: float = 0.0,
    z: int = 2,
    solid_angle: Any = HALF_SPACE,
) -> np.ndarray:
    """Linear approximation: deviations of the free ion and of every bound buffer, exact for small influx.

    u = (dCa, dCaB_1, ...) obeys lap u = M u, so u(r) = sum J/(2 pi D r) exp(-r sqrt(M)) e_0, with
    M_00 = sum p_i/D, M_0i = -q_i/D, M_i0 = -p_i/D_i, M_ii = q_i/D_i; p_i = k_on b_free,
    q_i = k_on (rest + K_d).  Uptake adds to the p_i in M_00.
    One mode has no length: the ion that leaves bound to buffers.

    Parameters
    ----------
    r, influx, D, rest, total, k_on, K_d, D_b, uptake, z, solid_angle   as in `eba`

    Returns
    -------
    array (1 + mobile buffers, ...), uM    excess of the free ion, then of each bound mobile buffer in order

    Raises
    ------
    ValueError                    if r is not positive, or sequences do not match

    Source: Naraghi & Neher 1997; here M is made symmetric first, so it always diagonalises.

    >>> one = lin_excess(0.1, 1e-4, 0.22, 0.1, [2000, 650], [0.0105, 0.5], [0.18, 200], [0.22, 0.22])
    >>> [f"{u:.6e}" for u in one]
    ['6.118393e-04', '1.234013e-03', '1.903068e-03']
    """
    total, k_on, K_d, D_b = _mobile(total, k_on, K_d, D_b)
    binds, frees = k_on * total * K_d / (K_d + rest), k_on * (rest + K_d)
    # T^-1 M T is symmetric with T = diag(1, sqrt(p D/(q D_b))): M_0i M_i0 is positive.
    scale = np.concatenate(([1.0], np.sqrt(binds * D / (frees * D_b))))
    matrix = np.diag(np.concatenate(([(uptake + binds.sum()) / D], frees / D_b)))
    matrix[0, 1:] = matrix[1:, 0] = -np.sqrt(binds * frees / (D * D_b))
    squares, modes = np.linalg.eigh(matrix)
    squares = np.maximum(squares, 0.0)
    if uptake == 0:
        squares[0] = 0.0
    weights = scale[:, None] * modes * modes[0]
    r, flux, several = source_strength(r, influx, z)
    decay = np.exp(-r * np.sqrt(squares).reshape((-1,) + (1,) * r.ndim)) * (flux / (solid_angle * D * r))
    if several:
        decay = decay.sum(-1)
    return np.tensordot(weights, decay, axes=1)


def lin(
    r: Any,
    influx: Any,
    D: float,
    rest: float,
    total: Any,
    k_on: Any,
    K_d: Any,
    D_b: Any,
    *,
    uptake: float = 0.0,
    z: int = 2,
    solid_angle: Any = HALF_SPACE,
) -> np.ndarray:
    """Linear approximation of the free ion, rest included: the first row of `lin_excess` plus rest.

    Parameters, errors and source as in `lin_excess`.

    Returns
    -------
    array, uM

    >>> round(float(lin(0.1, 0.1, 0.22, 0.1, [2000, 650], [0.0105, 0.5], [0.18, 200], [0.22, 0.22])), 6)
    0.711839
    """
    excess = lin_excess(
        r, influx, D, rest, total, k_on, K_d, D_b, uptake=uptake, z=z, solid_angle=solid_angle
    )
    return rest + excess[0]
