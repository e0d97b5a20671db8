"""What live channels carry: the current's law on the concentration at the mouth.

Fluxes are in uM um^3/ms and positive into the box; concentrations in uM.  With the concentration
linear in the fluxes of a node, c = A + B J, all live channels of a member are solved together:
a GHK current is linear in c, an ohmic one needs Newton's method, kept where c is positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.electro.ghk import ghk_coefficients
from microdomain.fluxes import Live
from microdomain.history import Pieces
from microdomain.model import GHK, Fixed, Model, Ohmic
from microdomain.units import flux_per_pA, thermal_voltage

#: Newton stops when no flux moves by more than this part of the largest, and fails after MOST.
CLOSE, MOST = 1e-13, 60
#: A gate or a voltage is read this much before the end of a step (ms), so that a jump there is not seen.
BEFORE = 1e-12


def piece_values(pieces: Pieces, t: Any) -> np.ndarray:
    """Values of one piecewise cubic at times t (ms); at a jump the one after it."""
    t = np.asarray(t, dtype=float)
    i = np.searchsorted(pieces.starts, t, side="right") - 1
    start = pieces.starts[i]
    d = np.where(np.isfinite(start), t - np.where(np.isfinite(start), start, 0.0), 0.0)
    a = pieces.coefficients[i]
    return np.asarray(a[..., 0] + d * (a[..., 1] + d * (a[..., 2] + d * a[..., 3])))


@dataclass(frozen=True, eq=False)
class Law:
    """Fluxes of live channels as functions of their mouths: J = even - fall c - slope ln c.

    Attributes
    ----------
    even : array (L,), uM um^3/ms
    fall : array (L,), um^3/ms        of a GHK current
    slope : array (L,), uM um^3/ms    of an ohmic one
    """

    even: np.ndarray
    fall: np.ndarray
    slope: np.ndarray

    def flux(self, c: np.ndarray) -> np.ndarray:
        """Fluxes at concentrations c (uM)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.where(self.slope != 0, self.slope * np.log(np.where(self.slope != 0, c, 1.0)), 0.0)
        return np.asarray(self.even - self.fall * c - log)

    def solve(self, A: np.ndarray, B: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fluxes J and mouths c with J = flux(c) and c = A + B J.

        Parameters
        ----------
        A : array (L,), uM
        B : array (L, L), ms/um^3
        guess : array (L,)            where Newton's method begins

        Raises
        ------
        FloatingPointError            when it does not converge
        """
        ohmic = self.slope != 0
        J = guess.copy()
        c = A + B @ J
        for _ in range(MOST):
            if (c[ohmic] > 0).all():
                break
            J *= 0.5
            c = A + B @ J
        one = np.eye(A.size)
        for _ in range(MOST):
            down = self.fall + np.divide(self.slope, c, out=np.zeros_like(c), where=ohmic)
            step = np.linalg.solve(one + down[:, None] * B, self.flux(c) - J)
            part = 1.0
            while ((A + B @ (J + part * step))[ohmic] <= 0).any() and part > 1e-12:
                part *= 0.5
            J = J + part * step
            c = A + B @ J
            if np.abs(step).max(initial=0.0) <= CLOSE * max(float(np.abs(J).max(initial=0.0)), 1e-300):
                return J, c
        if np.abs(step).max() <= 1e-9 * np.abs(J).max():
            return J, c
        raise FloatingPointError(
            "the currents of the channels and the concentrations at their mouths do not settle"
        )


def law(live: Sequence[Live], model: Model, p: np.ndarray, V: float, wave: np.ndarray) -> Law:
    """The law of live channels at one time.

    Parameters
    ----------
    live : sequence of Live
    model : Model
    p : array (L,)                open fractions
    V : float, mV
    wave : array (L,), pA         influx of `Fixed` currents

    Returns
    -------
    Law
    """
    even, fall, slope = (np.zeros(len(live)) for _ in range(3))
    for n, one in enumerate(live):
        ion, current = model.ion(one.channel.ion), one.channel.current
        unit = flux_per_pA(ion.z) * p[n]
        sign = 1.0 if ion.z > 0 else -1.0
        if isinstance(current, GHK):
            assert ion.outside is not None
            a, b = ghk_coefficients(current.P, ion.z, V, model.temperature)
            even[n], fall[n] = sign * unit * b * ion.outside, sign * unit * a
        elif isinstance(current, Ohmic):
            g = sign * unit * 1e-3 * current.g
            if current.E is not None:
                even[n] = g * (current.E - V)
            else:
                assert ion.outside is not None
                kT = thermal_voltage(model.temperature) / ion.z
                even[n], slope[n] = g * (kT * np.log(ion.outside) - V), g * kT
        else:
            even[n] = unit * wave[n]
    return Law(even, fall, slope)


def influx(one: Live, model: Model, p: np.ndarray, times: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Influx (pA) that a channel's law gives at times (ms), open fractions and concentrations (uM).

    Parameters
    ----------
    one : Live
    model : Model
    p, times, c : arrays (T,)

    Returns
    -------
    array (T,), pA
    """
    ion, current = model.ion(one.channel.ion), one.channel.current
    V = np.broadcast_to(np.asarray(model.voltage.value(times), dtype=float), times.shape)
    sign = 1.0 if ion.z > 0 else -1.0
    if isinstance(current, Fixed):
        assert one.wave is not None
        return p * piece_values(one.wave, times)
    if isinstance(current, GHK):
        a, b = ghk_coefficients(current.P, ion.z, V, model.temperature)
        return np.asarray(sign * p * (b * ion.outside - a * c))
    if current.E is not None:
        return np.asarray(sign * p * 1e-3 * current.g * (current.E - V))
    assert ion.outside is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        E = thermal_voltage(model.temperature) / ion.z * np.log(ion.outside / c)
    return np.asarray(sign * p * 1e-3 * current.g * (E - V))


def law_names(models: Sequence[Model]) -> str:
    """The laws that ran, for a result: "fixed", "ohmic", "ghk", or several."""
    words = {
        "fixed" if isinstance(c.current, Fixed) else "ghk" if isinstance(c.current, GHK) else "ohmic"
        for m in models
        for c in m.resolved_channels
    }
    return ", ".join(sorted(words))
