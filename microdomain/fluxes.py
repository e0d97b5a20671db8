"""The flux of every channel of a run: prescribed where nothing local decides, else live.

What a current and a gate say without knowing the field becomes a prescribed row of the `History`,
shared by all channels that say the same.  A channel whose law asks for the concentration at its
mouth (`GHK`, `Ohmic`), or whose gate does, gets a row of its own that grows while the run goes on;
its `Live` entry says what `feedback` needs to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microdomain.gates import Stream, breaks, hermite, inside, open_fraction
from microdomain.gates_walk import Walk
from microdomain.history import History, Pieces, flux_of, waveform
from microdomain.model import GHK, HH, Channel, Fixed, Markov, Model, Ohmic, Voltage
from microdomain.units import flux_per_pA, influx_from_current

#: Knots of a moving voltage between two breaks.
KNOTS = 200


@dataclass(frozen=True, eq=False)
class Live:
    """A channel whose flux is found while the run goes on.

    Attributes
    ----------
    channel : Channel
    index : int                   its number in its member
    row : int                     its row of the history
    opened : Pieces or None       open fraction, where the gate does not follow the concentration
    stream : Stream or None       random numbers of a gate that does
    wave : Pieces or None         influx of a `Fixed` current in pA
    """

    channel: Channel
    index: int
    row: int
    opened: Pieces | None
    stream: Stream | None
    wave: Pieces | None


@dataclass(eq=False)
class FluxRows:
    """Fluxes of an ensemble: the history's rows, the row of each channel, and the live ones per member."""

    pieces: list[Pieces] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    live: list[list[Live]] = field(default_factory=list)

    read: bool = False

    def history(self) -> History:
        """The rows as a `History`; those of a member's live channels grow together."""
        groups = {one.row: m for m, member in enumerate(self.live) for one in member}
        return History(self.pieces, [r if self.read else groups.get(r, -1) for r in range(len(self.pieces))])

    @classmethod
    def stored(cls, starts: np.ndarray, coefficients: np.ndarray, rows: Sequence[Sequence[int]]) -> FluxRows:
        """The fluxes that a result keeps: every piece is read as if J could jump at its begin."""
        none = np.empty(0)
        pieces = []
        for start, row in zip(starts, coefficients, strict=True):
            some = start < np.inf
            pieces.append(Pieces(start[some], row[some], none, none))
        return cls(pieces, [list(r) for r in rows], [[] for _ in rows], read=True)


def is_stored(model: Model) -> bool:
    """Whether a model's fluxes cannot be had again from the model alone, so that results keep them."""
    return any(
        not isinstance(c.current, Fixed) or isinstance(c.gate, HH | Markov) for c in model.resolved_channels
    )


def stored_fluxes(solver: Any, models: Sequence[Model]) -> FluxRows | None:
    """The fluxes that a result keeps in its dataset `solver`; None where the models alone say them.

    Raises
    ------
    ValueError                    a partial result, killed before they were written
    """
    if not any(is_stored(m) for m in models):
        return None
    if "flux_starts" not in solver:
        raise ValueError(
            "This result is partial: its run was killed before the fluxes of its channels were written."
        )
    starts, pieces = solver["flux_starts"].values, solver["flux_pieces"].values
    return FluxRows.stored(starts, pieces, solver.attrs["channel_rows"])


def fluxes_of(
    models: Sequence[Model], until: float | None, seed: int = 0, trials: Sequence[int] | None = None
) -> FluxRows:
    """The fluxes of all members.

    Parameters
    ----------
    models : sequence of Model
    until : float or None, ms     end of the run; None where no gate needs to know it
    seed : int
    trials : sequence of int, optional    number of each member's trial; 0, 1, ... when left out

    Returns
    -------
    FluxRows

    Raises
    ------
    ValueError                    a gate that needs the end of the run
    """
    out = FluxRows()
    known: dict[Any, Any] = {}
    for number, model in zip(trials or range(len(models)), models, strict=True):
        mine, live = [], []
        for channel in model.resolved_channels:
            z = model.ion(channel.ion).z
            stream = Stream(seed, number, channel.index)
            if _is_live(channel):
                row = len(out.pieces)
                live.append(_live(channel, row, model.voltage, until, stream, known))
                out.pieces.append(_silent(live[-1], model.voltage))
                mine.append(row)
                continue
            own = isinstance(channel.gate, Markov)
            moving = isinstance(channel.current, Ohmic) or isinstance(channel.gate, HH)
            key = (channel.current, channel.gate, abs(z), model.voltage if moving else None)
            if own or key not in known:
                known[key] = len(out.pieces)
                out.pieces.append(_prescribed(channel, z, model.voltage, until, stream, known))
            mine.append(known[key])
        out.rows.append(mine)
        out.live.append(live)
    return out


def common_edges(models: Sequence[Model], history: History, rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Times (ms) at which gates or the voltage jump, those of stochastic channels left out: array."""
    edges = [np.empty(0)]
    for model, mine in zip(models, rows, strict=True):
        for channel, r in zip(model.resolved_channels, mine, strict=True):
            if not isinstance(channel.gate, Markov):
                edges.append(history.jumps[r])
    return np.unique(np.concatenate(edges))


def _is_live(channel: Channel) -> bool:
    law, gate = channel.current, channel.gate
    local = isinstance(law, GHK) or (isinstance(law, Ohmic) and law.E is None)
    return local or (isinstance(gate, Markov) and gate.follows_calcium)


def _prescribed(
    channel: Channel, z: int, voltage: Voltage, until: float | None, stream: Stream, known: dict[Any, Any]
) -> Pieces:
    law, gate = channel.current, channel.gate
    if isinstance(law, Fixed) and not isinstance(gate, HH):
        openings = (
            _walk(channel, voltage, until, known).openings(stream) if isinstance(gate, Markov) else None
        )
        return flux_of(channel, z, openings)
    unit = flux_per_pA(z)
    if isinstance(law, Fixed):
        wave = waveform(law)
    else:
        assert isinstance(law, Ohmic)
        assert law.E is not None
        influx = float(influx_from_current(1e-3 * law.g, z))
        wave = _driven(voltage, _known_end(until, channel), influx, law.E)
    return product(_opened(channel, voltage, until, stream, known), wave, unit)


def _opened(
    channel: Channel, voltage: Voltage, until: float | None, stream: Stream, known: dict[Any, Any]
) -> Pieces:
    """The open fraction of a gate that does not follow the concentration."""
    gate = channel.gate
    if isinstance(gate, HH):
        key = ("open", gate, voltage)
        if key not in known:
            known[key] = open_fraction(gate, voltage, _known_end(until, channel))
        found: Pieces = known[key]
        return found
    if isinstance(gate, Markov):
        return _boxes(_walk(channel, voltage, until, known).openings(stream))
    return _boxes(gate.intervals())


def _known_end(until: float | None, channel: Channel) -> float:
    if until is None:
        raise ValueError(
            f"Channel {channel.name!r} has a current or gate that moves in time; "
            "its course needs the end of the run."
        )
    return until


def _walk(channel: Channel, voltage: Voltage, until: float | None, known: dict[Any, Any]) -> Walk:
    key = ("walk", channel.gate, voltage)
    if key not in known:
        assert isinstance(channel.gate, Markov)
        known[key] = Walk(channel.gate, voltage, _known_end(until, channel))
    walk: Walk = known[key]
    return walk


def _boxes(openings: Any) -> Pieces:
    """1 inside open intervals, 0 outside."""
    starts, values = [-np.inf], [0.0]
    for on, off in openings:
        if on <= starts[-1] and values[-1] == 0.0:
            values[-1] = 1.0
        else:
            starts.append(on)
            values.append(1.0)
        if np.isfinite(off):
            starts.append(off)
            values.append(0.0)
    rows = np.zeros((len(starts), 4))
    rows[:, 0] = values
    return Pieces(np.array(starts), rows, np.array(starts[1:]), np.empty(0))


def _driven(voltage: Voltage, until: float, slope: float, E: float) -> Pieces:
    """slope (V(t) - E) in pieces."""
    starts, rows = [np.array([-np.inf])], [np.array([[slope * (float(voltage.value(-1e-9)) - E), 0, 0, 0]])]
    for stretch in breaks(voltage, until):
        a, b = stretch
        moving = float(np.ptp(inside(voltage, np.linspace(a, b, 5), stretch))) > 0
        t = np.linspace(a, b, KNOTS + 1 if moving else 2)
        rim = 1e-6 * (b - a)
        ahead, behind = (np.asarray(inside(voltage, np.clip(t + s, a, b), stretch)) for s in (rim, -rim))
        span = np.clip(t + rim, a, b) - np.clip(t - rim, a, b)
        starts.append(t[:-1])
        rows.append(hermite(t, slope * (inside(voltage, t, stretch) - E), slope * (ahead - behind) / span))
    last = slope * (float(inside(voltage, until, (0.0, until))) - E)
    return Pieces(
        np.concatenate([*starts, [until]]), np.concatenate([*rows, [[last, 0, 0, 0]]]),
        np.array([t for t in voltage.jumps() if t > 0]), np.array([t for t in voltage.kinks() if t > 0]),
    )  # fmt: skip


def product(p: Pieces, q: Pieces, factor: float = 1.0) -> Pieces:
    """factor * p * q; exact where one of them is constant, else cubics through values and slopes.

    Parameters
    ----------
    p, q : Pieces
    factor : float

    Returns
    -------
    Pieces
    """
    starts = np.unique(np.concatenate([p.starts, q.starts]))
    rows = np.zeros((starts.size, 4))
    for k, t in enumerate(starts):
        a, b = _at(p, t), _at(q, t)
        d = starts[k + 1] - t if k + 1 < starts.size and np.isfinite(t) else 0.0
        if not a[1:].any() or not b[1:].any() or d == 0.0:
            rows[k] = factor * (a[0] * b if not a[1:].any() else a * b[0])
            continue
        powers = d ** np.arange(4)
        y0, y1 = a[0] * b[0], (a @ powers) * (b @ powers)
        down = np.arange(1, 4) * d ** np.arange(3)
        s0 = a[1] * b[0] + a[0] * b[1]
        s1 = (a[1:] @ down) * (b @ powers) + (a @ powers) * (b[1:] @ down)
        rows[k] = factor * hermite(np.array([0.0, d]), np.array([y0, y1]), np.array([s0, s1]))[0]
    return Pieces(
        starts,
        rows,
        np.unique(np.concatenate([p.jumps, q.jumps])),
        np.unique(np.concatenate([p.kinks, q.kinks])),
    )


def _at(pieces: Pieces, t: float) -> np.ndarray:
    """Coefficients of the piece that holds at t, in powers of the time since t."""
    i = int(np.searchsorted(pieces.starts, t, side="right")) - 1
    a = pieces.coefficients[max(i, 0)]
    if i <= 0:
        return a
    d = t - pieces.starts[i]
    return np.array(
        [
            a[0] + d * (a[1] + d * (a[2] + d * a[3])),
            a[1] + d * (2 * a[2] + 3 * d * a[3]),
            a[2] + 3 * d * a[3],
            a[3],
        ]
    )


def _live(
    channel: Channel, row: int, voltage: Voltage, until: float | None, stream: Stream, known: dict[Any, Any]
) -> Live:
    wave = waveform(channel.current) if isinstance(channel.current, Fixed) else None
    if isinstance(channel.gate, Markov) and channel.gate.follows_calcium:
        return Live(channel, channel.index, row, None, stream, wave)
    opened = _opened(channel, voltage, until, stream, known)
    return Live(channel, channel.index, row, opened, None, wave)


def _silent(live: Live, voltage: Voltage) -> Pieces:
    """The row of a live channel before the run: no flux yet, but the times at which it will jump."""
    jumps, kinks = [np.array(voltage.jumps())], [np.array(voltage.kinks())]
    for known in (live.opened, live.wave):
        if known is not None:
            jumps.append(known.jumps)
            kinks.append(known.kinks)
    edges, bends = np.unique(np.concatenate([[0.0], *jumps])), np.unique(np.concatenate(kinks))
    return Pieces(np.array([-np.inf]), np.zeros((1, 4)), edges[edges >= 0], bends[bends > 0])
