"""Few equations for many members: what the masked solve asks of its directions."""

from __future__ import annotations

from typing import Any


def least_squares(xp: Any, products: Any) -> list[Any]:
    """Coefficients c_k, each (m, group), that make v_0 - sum_k c_k (v_k - v_k+1) least.

    `products` (m, group, n + 1, n + 1) are those of all v.  The normal equations are solved by
    Cholesky's method; a direction that adds nothing new gets the coefficient 0.
    """
    n = products.shape[2] - 1
    rows = products[:, :, :-1] - products[:, :, 1:]
    matrix, right = rows[..., :-1] - rows[..., 1:], rows[..., 0]
    root: list[list[Any]] = []
    solved: list[Any] = []
    inverse: list[Any] = []
    for i in range(n):
        line: list[Any] = []
        for j in range(i):
            value = matrix[..., i, j] - sum((line[k] * root[j][k] for k in range(j)), 0.0)
            line.append(value * inverse[j])
        left = matrix[..., i, i] - sum((one * one for one in line), 0.0)
        new = left > 1e-12 * matrix[..., i, i]
        inverse.append(xp.where(new, 1.0 / xp.sqrt(xp.where(new, left, 1.0)), 0.0))
        solved.append(
            (right[..., i] - sum((a * b for a, b in zip(line, solved, strict=True)), 0.0)) * inverse[i]
        )
        root.append(line)
    out: list[Any] = [None] * n
    for i in reversed(range(n)):
        value = solved[i] - sum((root[k][i] * out[k] for k in range(i + 1, n)), 0.0)
        out[i] = value * inverse[i]
    return out
