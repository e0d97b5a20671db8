"""Where reactions come to rest, to round-off."""

from __future__ import annotations

from typing import Any

import numpy as np


def settled(changes: Any, powers: Any, constants: Any, start: Any) -> list[float]:
    """Steady state of y' = N k prod y^orders that is reached from `begin`.

    Implicit Euler with growing steps leads near it; Newton's method on the independent rates and the
    conserved totals then polishes it to round-off, so that a box at rest stays there.

    Parameters
    ----------
    changes, powers : (reaction, species)   rows of N^T; orders
    constants : (reaction,)                 k
    start : (species,), uM                  begin

    Returns
    -------
    list of float, uM

    Raises
    ------
    ValueError                              where the reactions never settle
    """
    N, orders = np.array(changes, dtype=float).T, np.array(powers, dtype=float)
    k, begin = np.array(constants, dtype=float), np.array(start, dtype=float)

    def rates(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = k * np.prod(y[None, :] ** orders, axis=1)
        slope = np.zeros((k.size, y.size))
        for s in range(y.size):
            less = orders.copy()
            less[:, s] = np.maximum(orders[:, s] - 1, 0)
            slope[:, s] = k * orders[:, s] * np.prod(y[None, :] ** less, axis=1)
        return N @ r, N @ slope

    u, size, _ = np.linalg.svd(N)
    rank = int((size > 1e-10 * size[0]).sum()) if size.size else 0
    moving, kept = u[:, :rank], u[:, rank:]
    y, dt, whole = begin.astype(float), 1e-3, max(float(begin.max(initial=0.0)), 1e-9)
    for _ in range(2000):
        new = y
        for _ in range(8):
            R, J = rates(new)
            change = np.linalg.solve(np.eye(y.size) / dt - J, R - (new - y) / dt)
            new = new + np.asarray(change)
            if np.abs(change).max() <= 1e-10 * whole:
                break
        if np.isfinite(new).all() and new.min() >= -1e-9 * whole:
            moved = np.abs(new - y).max()
            y, dt = np.maximum(new, 0.0), dt * 2.0
            if dt > 1e9 and moved <= 1e-9 * whole:
                break
            if y.max() > 1e6 * whole:
                dt = np.inf
                break
        else:
            dt *= 0.25
    else:
        dt = np.inf
    if np.isinf(dt):
        raise ValueError(
            "The reactions never settle while the ions are held at rest, so there is no rest to start from. "
            "Give every species initial=, or make the reactions that run away reversible."
        )
    for _ in range(6):
        R, J = rates(y)
        fault = np.concatenate([moving.T @ R, kept.T @ (y - begin)])
        change = np.linalg.lstsq(np.concatenate([moving.T @ J, kept.T]), -fault, rcond=None)[0]
        y = np.maximum(y + change, 0.0)
        if np.abs(change).max() <= 1e-15 * whole:
            break
    return [float(one) for one in y]
