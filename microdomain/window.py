"""A window of the recent past: how the flux of the last tau folds into weights on the heat kernel.

The near field of a channel is int_0^tau J(t - s) exp(-kappa s) K(s) ds.  The ages s are divided into
bins that halve toward 0, with Gauss nodes s_q in each, and the integral becomes sum_q W_q K(s_q) with

    W_q = int J(t - s) exp(-kappa s) l_q(s) ds,     l_q the Lagrange polynomials of the bin.

Where J is smooth W_q = w_q J(t - s_q) exp(-kappa s_q); at a jump the bin is cut there.  J, kappa and t
enter only here, so members with other rates and currents share every table of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from microdomain.history import History

#: (bins, Gauss nodes per bin) for cell averages and for values at points.
AVERAGES, POINTS = (10, 4), (20, 6)


@dataclass(frozen=True, eq=False)
class Window:
    """Ages 0 to tau with their quadrature.

    Attributes
    ----------
    D : float, um^2/ms
    tau : float, ms
    edges : array (B + 1,), ms        0 < tau/2^(B-1) < ... < tau
    nodes, weights : array (Q,), ms   Gauss nodes of all bins, in order
    """

    D: float
    tau: float
    edges: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    per_bin: int

    @classmethod
    def of(cls, D: float, tau: float, rule: tuple[int, int]) -> Window:
        """Window of age `tau` for an ion of diffusion coefficient `D`; `rule` = (bins, nodes per bin)."""
        bins, per_bin = rule
        edges = np.concatenate([[0.0], tau * 0.5 ** np.arange(bins, -1.0, -1.0)])
        x, w = _gauss(per_bin)
        width = np.diff(edges)
        nodes = (edges[:-1, None] + width[:, None] * x).ravel()
        return cls(D, tau, edges, nodes, (width[:, None] * w).ravel(), per_bin)

    @cached_property
    def _lagrange(self) -> np.ndarray:
        """Coefficients [power, node] of the Lagrange polynomials on [0, 1]."""
        x, _ = _gauss(self.per_bin)
        return np.linalg.inv(np.vander(x, increasing=True))

    def fold(self, history: History, rows: np.ndarray, t: np.ndarray, kappa: np.ndarray) -> np.ndarray:
        """Weights W of the kernel at every node.

        Parameters
        ----------
        history : History
        rows : int array (P,)          flux of each pair (member, flux)
        t, kappa : array (P,)          its time (ms) and screening rate (1/ms); rows of one group, which are
                                       those of a member, have one kappa, and may have different times

        Returns
        -------
        array (P, Q), uM um^3
        """
        whole = history.single_piece(rows, t - self.tau, t)
        group = history.group[rows]
        bent, out = ~whole & (group >= 0), np.empty((rows.size, self.nodes.size))
        if not bent.all():
            plain = np.flatnonzero(~bent)
            fading = np.exp(-kappa[plain, None] * self.nodes)
            out[plain] = history.value(rows[plain], t[plain, None] - self.nodes) * fading * self.weights
        for g in np.unique(group[bent]) if bent.any() else ():
            mine = np.flatnonzero(bent & (group == g))
            starts, screen = history.starts[rows[mine[0]]], float(kappa[mine[0]])
            for now in np.unique(t[mine]).tolist():
                alike = mine[t[mine] == now]
                knots = starts[(starts > now - self.tau) & (starts < now)]
                s, weigh = self._cut(now - knots, screen)
                out[alike] = weigh(history.values_of_group(rows[alike], now - s))
        for p in np.flatnonzero(~whole & (group < 0)):
            jumps = history.jumps_within(rows[p], t[p] - self.tau, t[p])
            if jumps.size:
                out[p] = self._split(history, rows[p : p + 1], t[p], kappa[p], jumps)
        return out

    def fold_mean(
        self, history: History, rows: np.ndarray, start: np.ndarray, end: np.ndarray, kappa: np.ndarray
    ) -> np.ndarray:
        """Weights W of the kernel, meant over a stretch of time.

        The mean of J(t - s) over t from `start` to `end` is [I(end - s) - I(start - s)]/(end - start),
        with I the integral of J: a jump of J becomes a bend at each end of the stretch.

        Parameters
        ----------
        history : History
        rows : int array (P,)
        start, end : arrays (P,), ms
        kappa : array (P,), 1/ms

        Returns
        -------
        array (P, Q), uM um^3
        """
        out = np.empty((rows.size, self.nodes.size))
        for p, row in enumerate(rows):
            jumps = history.jumps_within(row, start[p] - self.tau - 1e-12, end[p])
            ages = np.concatenate([end[p] - jumps, start[p] - jumps])
            s, basis, w, width, first = self._laid(ages[ages > 0])
            times = np.stack([end[p] - s, start[p] - s])
            amount = history.integral(rows[p : p + 1], times[None])[0]
            f = (amount[0] - amount[1]) / (end[p] - start[p]) * np.exp(-kappa[p] * s) * w * width[:, None]
            out[p] = np.add.reduceat((f[:, None, :] @ basis)[:, 0], first).ravel()
        return out

    def fold_piece(self, start: float, coefficients: np.ndarray, t: float, kappa: float) -> np.ndarray:
        """Weights (Q,) of a flux that is one cubic from `start` to t, and nothing before.

        Parameters
        ----------
        start, t, kappa : float        ms, ms, 1/ms
        coefficients : array (4,)      of powers of (time - start)
        """
        s, weigh = self._cut(np.array([t - start]) if t - start < self.tau else np.empty(0), kappa)
        d, (a0, a1, a2, a3) = t - s - start, coefficients
        return weigh(np.where(d > 0, a0 + d * (a1 + d * (a2 + d * a3)), 0.0)[None])[0]

    def _cut(self, ages: np.ndarray, kappa: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Gauss nodes in bins cut at some ages, and what turns values [R, n, g] there into weights."""
        s, basis, w, width, first = self._laid(ages)
        basis *= (np.exp(-kappa * s) * w * width[:, None])[..., None]

        def weigh(values: np.ndarray) -> np.ndarray:
            parts = np.add.reduceat(np.matmul(values.transpose(1, 0, 2), basis), first, axis=0)
            return parts.transpose(1, 0, 2).reshape(values.shape[0], -1)

        return s, weigh

    def _laid(self, ages: np.ndarray) -> tuple[np.ndarray, ...]:
        """Bins cut at some ages: nodes, basis, weights and width of each cut, and every bin's first cut."""
        cuts = np.unique(np.concatenate([self.edges, np.minimum(ages, self.edges[-1])]))
        x, w = _gauss(self.per_bin + 1)
        width = np.diff(cuts)
        s = cuts[:-1, None] + width[:, None] * x
        bins = np.searchsorted(self.edges, 0.5 * (cuts[1:] + cuts[:-1]), side="right") - 1
        bins = np.minimum(bins, self.edges.size - 2)  # a sliver's middle rounds to the window's end
        xi = (s - self.edges[bins, None]) / (self.edges[bins + 1] - self.edges[bins])[:, None]
        basis = _powers(xi, self.per_bin) @ self._lagrange
        # Cuts come in order and every bin has at least one.
        return s, basis, w, width, np.searchsorted(bins, np.arange(self.edges.size - 1))

    def _split(
        self, history: History, row: np.ndarray, t: float, kappa: float, jumps: np.ndarray
    ) -> np.ndarray:
        """The same for one flux that jumps inside the window: bins are cut at the jumps."""
        s, weigh = self._cut(t - jumps, kappa)
        return weigh(history.value(row, (t - s)[None]))[0]


def _powers(x: np.ndarray, count: int) -> np.ndarray:
    """1, x, x^2, .. along a new last axis; products, for a power function takes ten times as long."""
    out = np.empty((*x.shape, count))
    out[..., 0] = 1.0
    for k in range(1, count):
        out[..., k] = out[..., k - 1] * x
    return out


@cache
def _gauss(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (x + 1.0), 0.5 * w


def lay_windows(D: Any, spacings: Sequence[float], blob: float) -> tuple[Window, ...]:
    """A window per ion.

    An ion without channels has no flux to keep; it gets the window of another ion, so that it adds no age
    and no end of a step.

    Parameters
    ----------
    D : floats, um^2/ms                     of the ions, and maybe more
    spacings : sequence of float, um        largest cell at an ion's channels, 0 where it has none
    blob : float                            standard deviation of a blob in units of the spacing

    Returns
    -------
    tuple of Window
    """
    made = [Window.of(d, (blob * h) ** 2 / (2.0 * d), AVERAGES) if h else None
            for d, h in zip(D, spacings, strict=False)]  # fmt: skip
    known = next((w for w in made if w is not None), None)
    if known is None:
        known = Window.of(D[0], blob**2 / (2.0 * D[0]), AVERAGES)
    return tuple(known if w is None else w for w in made)
