"""Many small matrices at once: rates at concentrations, and exponentials."""

from __future__ import annotations

import numpy as np


def rates_at(matrices: np.ndarray, c: np.ndarray) -> np.ndarray:
    """A(c) = sum_k matrices[k] c^k for concentrations c (n,): array (n, S, S).

    >>> rates_at(np.array([[[1.0]], [[2.0]]]), np.array([10.0])).tolist()
    [[[21.0]]]
    """
    out = np.zeros((c.size, *matrices.shape[1:]))
    for A in matrices[::-1]:
        out = out * c[:, None, None] + A
    return out


def exponentials(X: np.ndarray) -> np.ndarray:
    """exp of many small matrices at once: scaling and squaring of a Taylor series of degree 12.

    Parameters
    ----------
    X : array (n, S, S)

    Returns
    -------
    array (n, S, S)

    >>> exponentials(np.zeros((1, 2, 2)))[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    norm = np.abs(X).sum(axis=1).max(axis=1, initial=0.0)
    halvings = np.maximum(np.ceil(np.log2(np.maximum(norm, 1e-300))) + 1, 0).astype(int)
    Y = X / (2.0**halvings)[:, None, None]
    one = np.eye(X.shape[1])
    out = np.broadcast_to(one, X.shape)
    for k in range(12, 0, -1):  # norm 1/2: the rest of the series is below 2e-14
        out = one + Y @ out / k
    for n in range(int(halvings.max(initial=0))):
        more = halvings > n
        out = np.where(more[:, None, None], out @ out, out)
    return np.asarray(out)
