"""The network's part of the reference: rates, and the two factors of M in array code.

See `network.py` for the mathematics and `network_algebra.py` for the order of the statements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.network import Network
from microdomain.network_algebra import Elimination


def values(ops: Any, y: Any, near: Any) -> list[Any]:
    """Ions' c and all forms, each [m, z, y, x], in the network's order."""
    plan = ops.plan
    coarse = plan.coarse(y)
    return [coarse[:, i] + near.average[:, i] for i in range(plan.ions)] + [coarse[:, s] for s in plan.forms]


def columns(law: np.ndarray) -> Any:
    """Rate constants [law][m, 1, 1, 1]."""
    return law.T.reshape(law.shape[1], -1, 1, 1, 1)


def changes(network: Network, law: np.ndarray, v: list[Any]) -> list[Any]:
    """d/dt of every value by the reactions."""
    k = columns(law)
    out = [0.0 * one for one in v]
    for r, moved in enumerate(network.changes):
        rate = network.rate(r, k, v)
        for s, n in moved:
            out[s] = out[s] + n * rate
    return out


def slopes(network: Network, law: np.ndarray, v: list[Any]) -> list[Any]:
    """Every elementary derivative, [m, z, y, x]."""
    k = columns(law)
    return [network.slope(q, k, v) + 0.0 * v[0] for q in range(len(network.slopes))]


def extremes(v: list[Any], xp: Any) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value over the cells: two arrays (member, v)."""
    flat = [one.reshape(one.shape[0], -1) for one in v]
    low = xp.stack([one.min(axis=1) for one in flat], axis=1)
    high = xp.stack([one.max(axis=1) for one in flat], axis=1)
    return np.asarray(low), np.asarray(high)


def eliminated(steps: Elimination, entry: dict[tuple[int, int], Any], x: list[Any]) -> None:
    """Solve A x = r in place; `entry` holds A and is used up."""
    one: dict[int, Any] = {}
    for p, rows, across in steps.pivots:
        one[p] = 1.0 / entry[p, p]
        for i in rows:
            part = entry[i, p] * one[p]
            for j in across:
                entry[i, j] = entry.get((i, j), 0.0) - part * entry[p, j]
            x[i] = x[i] - part * x[p]
    for p, _, across in reversed(steps.pivots):
        for j in across:
            x[p] = x[p] - entry[p, j] * x[j]
        x[p] = x[p] * one[p]


def table(network: Network, bars: np.ndarray, word: str) -> dict[tuple[int, int], Any]:
    """Entries of S, F, U or W as {(row, column): [m, 1, 1, 1]}."""
    begin = network.places[word]
    return {pair: bars[:, begin + k].reshape(-1, 1, 1, 1) for k, pair in enumerate(getattr(network, word))}


def solve_pointwise(network: Network, g: Any, surplus: list[Any], total: list[Any], x: list[Any]) -> None:
    """(diag(total) - g (J - Jbar)) x = r in place; `surplus` are the slopes less their minima."""
    entry: dict[tuple[int, int], Any] = {
        (v, v): total[v] if v < network.ions else 1.0 for v, _, _ in network.pointwise.pivots
    }
    for place, terms in network.closed.items():
        for n, q in terms:
            entry[place] = entry.get(place, 0.0) - n * (g * surplus[q])
    eliminated(network.pointwise, entry, x)
    follow(network, x)


def follow(network: Network, x: list[Any]) -> None:
    """Let the followers change as the others do, in place."""
    for f, terms in network.followers:
        x[f] = 0.0 - sum(w * x[v] for v, w in terms)


def solve_modes(network: Network, bars: np.ndarray, diagonal: list[Any], x: list[Any]) -> None:
    """(diag + S) x = r of ions and mobile forms that follow no others, per mode, in place."""
    entry: dict[tuple[int, int], Any] = dict(table(network, bars, "S"))
    for v in range(network.carried):
        entry[v, v] = entry.get((v, v), 0.0) + diagonal[v]
    eliminated(network.modal, entry, x)
