"""What each channel's flux was, is and will be: piecewise cubics in time.

Every law of a channel's current ends here, as J(t) = sum_k a_k (t - t_i)^k between knots t_i, in
uM um^3/ms and positive into the box.  A pulse has three constant pieces, a table linear ones, a
Gaussian cubic Hermite ones; a current that the local concentration feeds back on is appended
while the run goes on.  The near field folds the last tau of it, the blob reads it at t - tau, the
ledger integrates it exactly, and a stored result keeps it, so every reader sees the same flux.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.model import Channel, Fixed, Gaussian, Table
from microdomain.model.gating import TIMED, Intervals
from microdomain.units import flux_per_pA

#: A Gaussian is followed to this many standard deviations, with this many knots per deviation:
#: a Hermite error of (1/16)^4 * 3 / 384 = 1e-7 of the peak, and 1e-9 of it at the cut.
REACH, KNOTS = 6.5, 16
#: A table has step ends at this many of its points, those with the sharpest bends.
KINKS = 64
#: Up to this many pieces are compared all at once instead of row by row.
FEW = 24


@dataclass(frozen=True, eq=False)
class Pieces:
    """One flux J(t) as a piecewise cubic.

    Attributes
    ----------
    starts : array (K,), ms         piece i holds from starts[i] to starts[i + 1]; starts[0] = -inf
    coefficients : array (K, 4)     of powers of (t - starts[i]), in uM um^3/ms; row 0 is constant
    jumps : array, ms               times where J is discontinuous or begins to move: steps end here
                                    and start anew
    kinks : array, ms               times where steps end but need no restart
    """

    starts: np.ndarray
    coefficients: np.ndarray
    jumps: np.ndarray
    kinks: np.ndarray

    def integral_at_starts(self) -> np.ndarray:
        """Integral of J from starts[1] up to each start (0 for the first two)."""
        out = np.zeros(self.starts.size)
        for i in range(1, self.starts.size - 1):
            d = self.starts[i + 1] - self.starts[i]
            out[i + 1] = out[i] + sum(self.coefficients[i, k] * d ** (k + 1) / (k + 1) for k in range(4))
        return out


def waveform(current: Any) -> Pieces:
    """The current's own waveform in pA, gate aside."""
    value = current.i
    if isinstance(value, Gaussian):
        return _gaussian(value)
    if isinstance(value, Table):
        return _table(np.asarray(value.times, dtype=float), np.asarray(value.values, dtype=float))
    return Pieces(np.array([-np.inf]), np.array([[float(value), 0, 0, 0]]), np.empty(0), np.empty(0))


def _gaussian(pulse: Gaussian) -> Pieces:
    sigma = pulse.fwhm / np.sqrt(8.0 * np.log(2.0))
    peak = pulse.peak if pulse.peak is not None else pulse.charge / (sigma * np.sqrt(2.0 * np.pi))
    t = pulse.at + sigma * np.linspace(-REACH, REACH, int(2 * REACH * KNOTS) + 1)
    y = peak * np.exp(-0.5 * ((t - pulse.at) / sigma) ** 2)
    slope = -y * (t - pulse.at) / sigma**2
    d = np.diff(t)
    secant = np.diff(y) / d
    cubic = np.stack(
        [y[:-1], slope[:-1], (3 * secant - 2 * slope[:-1] - slope[1:]) / d,
         (slope[:-1] + slope[1:] - 2 * secant) / d**2], axis=1,
    )  # fmt: skip
    zero = np.zeros((1, 4))
    # The flux begins to move at about 4.5 deviations (4e-5 of the peak): start anew there, or a
    # long step taken in the silence before would jump over the whole pulse.
    return Pieces(
        np.concatenate([[-np.inf], t]),
        np.concatenate([zero, cubic, zero]),
        np.array([pulse.at - 4.5 * sigma]),
        np.array([pulse.at - 2.0 * sigma, pulse.at]),
    )


def _table(t: np.ndarray, y: np.ndarray) -> Pieces:
    """Linear between the table's points, zero outside them."""
    cubic = np.zeros((t.size - 1, 4))
    cubic[:, 0], cubic[:, 1] = y[:-1], np.diff(y) / np.diff(t)
    # It moves where it is above a millionth of its peak, so that a baseline of noise hides no onset.
    moving = np.concatenate([[False], np.abs(y) > 1e-6 * np.abs(y).max(), [False]])
    jumps = t[(moving[1:-1] != moving[2:]) | (moving[1:-1] != moving[:-2])]
    kinks = t
    if t.size > KINKS:  # of a long recording the sharpest bends: no step may jump over a spike
        bend = np.abs(np.diff(np.concatenate([[0.0], np.diff(y) / np.diff(t), [0.0]])))
        kinks = np.sort(t[np.argsort(bend, kind="stable")[-KINKS:]])
    zero = np.zeros((1, 4))
    return Pieces(np.concatenate([[-np.inf], t]), np.concatenate([zero, cubic, zero]), jumps, kinks)


def flux_of(channel: Channel, z: int, intervals: Intervals | None = None) -> Pieces:
    """A channel's flux as prescribed by its current and gate.

    Parameters
    ----------
    channel : Channel               its current must be `Fixed`, its gate a rule in time
    z : int                         charge number of its ion
    intervals : pairs (on, off), optional
                                    open times, ms, in place of the gate's own

    Returns
    -------
    Pieces, uM um^3/ms
    """
    if not isinstance(channel.current, Fixed):
        raise TypeError(
            f"Channel '{channel.name}': a {type(channel.current).__name__} current is not prescribed in time."
        )
    wave = waveform(channel.current)
    if intervals is None:
        if not isinstance(channel.gate, TIMED):
            raise TypeError(
                f"Channel '{channel.name}': a {type(channel.gate).__name__} gate is no rule in time."
            )
        intervals = channel.gate.intervals()
    unit = flux_per_pA(z)
    starts, rows, jumps, kinks = [-np.inf], [np.zeros(4)], [], []
    for on, off in intervals:
        inside = (wave.starts > on) & (wave.starts < off)
        for start in [on, *wave.starts[inside]]:
            starts.append(start)
            rows.append(_shifted(wave, start) * unit)
        if np.isfinite(off):
            starts.append(off)
            rows.append(np.zeros(4))
        jumps += [on, off, *wave.jumps[(wave.jumps > on) & (wave.jumps < off)]]
        kinks += list(wave.kinks[(wave.kinks > on) & (wave.kinks < off)])
    finite = [t for t in jumps if np.isfinite(t)]
    return Pieces(np.array(starts), np.array(rows), np.unique(finite), np.unique(kinks))


def _shifted(wave: Pieces, start: float) -> np.ndarray:
    """Coefficients of the piece that holds at `start`, written in powers of (t - start)."""
    i = int(np.searchsorted(wave.starts, start, side="right")) - 1
    a = wave.coefficients[i]
    if i == 0:
        return a.copy()
    d = start - wave.starts[i]
    return np.array(
        [
            a[0] + d * (a[1] + d * (a[2] + d * a[3])),
            a[1] + d * (2 * a[2] + 3 * d * a[3]),
            a[2] + 3 * d * a[3],
            a[3],
        ]
    )


class History:
    """The distinct fluxes of a run, one row each.

    Attributes
    ----------
    starts : array (rows, K), ms           padded with +inf
    coefficients : array (rows, K, 4)
    jumps : list of arrays, ms             per row
    kinks : list of arrays, ms             per row
    revision : int                         raise it with every change: readers may remember what they read
    group : int array (rows,)              rows that grow while the run goes on have the same knots as all
                                           others of their group, and J may bend at each; -1 elsewhere
    """

    revision: int = 0

    def __init__(self, pieces: Sequence[Pieces], group: Sequence[int] | None = None) -> None:
        self.group = np.full(len(pieces), -1) if group is None else np.array(group, dtype=int)
        count = max((p.starts.size for p in pieces), default=1)
        self.starts = np.full((len(pieces), count), np.inf)
        self.coefficients = np.zeros((len(pieces), count, 4))
        self.integrals = np.zeros((len(pieces), count))
        for r, p in enumerate(pieces):
            self.starts[r, : p.starts.size] = p.starts
            self.coefficients[r, : p.starts.size] = p.coefficients
            self.integrals[r, : p.starts.size] = p.integral_at_starts()
        self.jumps = [p.jumps for p in pieces]
        self.kinks = [p.kinks for p in pieces]

    def write(self, rows: np.ndarray, first: int, starts: np.ndarray, coefficients: np.ndarray) -> None:
        """Replace the pieces of some rows from piece `first` on; what came before stays.

        Parameters
        ----------
        rows : int array (R,)
        first : int                          the piece before it must end at starts[0]
        starts : array (n,), ms              the same for all these rows
        coefficients : array (R, n, 4)
        """
        n, room = starts.size, self.starts.shape[1]
        if first + n > room:
            self.make_room(max(2 * room, first + n) - room)
        self.starts[rows, first + n :] = np.inf
        self.starts[rows, first : first + n] = starts
        self.coefficients[rows, first : first + n] = coefficients
        d = np.diff(starts)[:, None] ** np.arange(1, 5) / np.arange(1, 5)
        grown = np.cumsum((coefficients[:, :-1] * d).sum(axis=2), axis=1)
        self.integrals[rows, first + 1 : first + n] = self.integrals[rows, first : first + 1] + grown
        self.revision += 1

    def make_room(self, more: int) -> None:
        """Room for more pieces in every row."""
        size = (len(self.starts), more)
        self.starts = np.concatenate([self.starts, np.full(size, np.inf)], axis=1)
        self.coefficients = np.concatenate([self.coefficients, np.zeros((*size, 4))], axis=1)
        self.integrals = np.concatenate([self.integrals, np.zeros(size)], axis=1)

    def add_jump(self, rows: np.ndarray, t: float) -> None:
        """Note that some rows jump at t (ms)."""
        for r in rows:
            self.jumps[r] = np.union1d(self.jumps[r], [t])
        self.revision += 1

    def _locate(self, rows: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Piece that holds at each time, and the time since its start (0 in the first piece)."""
        row = rows.reshape(rows.shape + (1,) * (times.ndim - 1))
        if self.starts.shape[1] <= FEW:
            starts = self.starts[rows].reshape(*row.shape, self.starts.shape[1])
            i = (starts <= times[..., None]).sum(axis=-1) - 1
        else:
            i = np.empty(times.shape, dtype=int)
            for p, r in enumerate(rows):
                i[p] = np.searchsorted(self.starts[r], times[p], side="right") - 1
        return i, np.where(i > 0, times - self.starts[row, i], 0.0)

    def value(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """J of ``rows[p]`` at ``times[p, ...]``; at a jump the value after it.

        Parameters
        ----------
        rows : int array (P,)
        times : array (P, ...), ms

        Returns
        -------
        array (P, ...), uM um^3/ms
        """
        i, d = self._locate(rows, times)
        a = self.coefficients[rows.reshape(rows.shape + (1,) * (times.ndim - 1)), i]
        return a[..., 0] + d * (a[..., 1] + d * (a[..., 2] + d * a[..., 3]))

    def values_of_group(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """J (R, ...) of rows (R,) of one group, which have the same knots, at the same times (...), ms."""
        starts = self.starts[rows[0]]
        i = starts.searchsorted(times, side="right") - 1
        d = np.where(i > 0, times - starts[i], 0.0)
        a = self.coefficients[rows][:, i]
        return np.asarray(a[..., 0] + d * (a[..., 1] + d * (a[..., 2] + d * a[..., 3])))

    def integral(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Amount that has flowed since the first knot (before it: as if nothing had), uM um^3.

        Parameters
        ----------
        rows : int array (P,)
        times : array (P, ...), ms

        Returns
        -------
        array (P, ...), uM um^3
        """
        i, d = self._locate(rows, times)
        row = rows.reshape(rows.shape + (1,) * (times.ndim - 1))
        a = self.coefficients[row, i]
        grown = d * (a[..., 0] + d * (a[..., 1] / 2 + d * (a[..., 2] / 3 + d * a[..., 3] / 4)))
        return self.integrals[row, i] + grown

    def single_piece(self, rows: np.ndarray, since: np.ndarray, until: np.ndarray) -> np.ndarray:
        """True where no knot lies in (since, until], so that one cubic holds there.

        Parameters
        ----------
        rows : int array (P,)
        since, until : array (P,), ms

        Returns
        -------
        bool array (P,)
        """
        starts = self.starts[rows]
        return np.asarray(np.all((starts <= since[:, None]) | (starts > until[:, None]), axis=1))

    def steady(self, rows: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last time of the piece that holds at each time, and whether J is constant on it.

        Parameters
        ----------
        rows : int array (P,)
        times : array (P,), ms

        Returns
        -------
        begin, end : arrays (P,), ms
        constant : bool array (P,)
        """
        i, _ = self._locate(rows, times)
        following = np.minimum(i + 1, self.starts.shape[1] - 1)
        end = np.where(following > i, self.starts[rows, following], np.inf)
        return self.starts[rows, i], end, np.asarray(~self.coefficients[rows, i, 1:].any(axis=1))

    def jumps_within(self, row: int, since: float, until: float) -> np.ndarray:
        """Jumps of a row in the open interval (since, until), ms."""
        j = self.jumps[row]
        return np.asarray(j[(j > since) & (j < until)])
