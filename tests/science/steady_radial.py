"""An independent steady state of one channel in a half-space, with any number of mobile buffers.

Exact facts do half of the work: what diffuses in all forms together falls as 1/r,

    D (c - c0) + sum_j D_j (m_j - m_j0) = J / (2 pi r),

and fixed buffers do not matter.  So only the bound forms are unknown.  With v_j = r (m_j - m_j0),

    D_j v_j'' + r [ k_j c (B_j - m_j) - koff_j m_j ] = 0,     v_j(0) = 0,     v_j'(far) = 0,

where the far condition lets every v_j end as a constant, the 1/r tail of bound ions.  Elements as in
`radial`, out to 300 um; Newton's method with the sparse exact Jacobian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from .radial import FLUX, Binder, Elements


def solve(
    r: Sequence[float],
    influx: float,
    buffers: Sequence[Binder],
    *,
    D: float = 0.22,
    rest: float = 0.1,
    radius: float = 300.0,
    first: float = 1e-4,
    growth: float = 1.4,
    degree: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """Steady free calcium and bound mobile buffers at distances r.

    Parameters
    ----------
    r : (points,), um             distances above 0
    influx : float, pA
    buffers : sequence of Binder  all with D > 0
    D, rest                       of the free ion: um^2/ms, uM
    radius, first, growth, degree     the elements, um

    Returns
    -------
    free : (points,), uM
    bound : (buffers, points), uM
    """
    mesh = Elements.graded(radius, first, growth, radius, degree)
    x, mass, inner = mesh.nodes[1:], mesh.mass[1:], mesh.stiffness[1:, 1:]
    m0 = np.array([b.total * rest / (rest + b.K_d) for b in buffers])
    total = influx * FLUX / (2 * np.pi)
    spread = np.array([b.D for b in buffers])
    stiff = sparse.block_diag([-d * inner for d in spread], format="csr")
    v = np.zeros((len(buffers), x.size))
    for _ in range(60):
        c = rest + (total - spread @ v) / (D * x)
        residual = np.empty_like(v)
        blocks: list[list] = [[None] * len(buffers) for _ in buffers]
        for j, b in enumerate(buffers):
            m = m0[j] + v[j] / x
            residual[j] = mass * x * b.k_on * (c * (b.total - m) - b.K_d * m)
            for i, d in enumerate(spread):
                slope = -mass * b.k_on * (b.total - m) * d / D
                if i == j:
                    slope = slope - mass * b.k_on * (c + b.K_d)
                blocks[j][i] = sparse.diags(slope)
        matrix = (stiff + sparse.bmat(blocks)).tocsc()
        step = spsolve(matrix, -(residual.ravel() + stiff @ v.ravel())).reshape(v.shape)
        v = v + step
        # Newton is quadratic: after a step of 1e-9 only rounding is left.
        if np.max(np.abs(step)) < 1e-9 * np.max(np.abs(v)):
            break
    else:
        raise RuntimeError(f"The steady radial solver did not settle: last step {np.max(np.abs(step)):.2e}.")
    places = np.asarray(r, float)
    tails = mesh.read(np.hstack((np.zeros((len(buffers), 1)), v)), places)
    return rest + (total - spread @ tails) / (D * places), m0[:, None] + tails / places
