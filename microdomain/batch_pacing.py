"""How long a member's next step is: an elementary controller, cut at the member's own stops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Step-size control: safety, bounds of the change.
SAFETY, SHRINK, GROW = 0.85, 0.3, 3.0


def change(error: np.ndarray, exponent: float) -> np.ndarray:
    """The factor that brings an error (in units of the tolerance) near 1: array (member,)."""
    return np.asarray(np.clip(SAFETY * np.maximum(error, 1e-12) ** -exponent, SHRINK, GROW))


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that a member is about to try; times in ms.

    Attributes
    ----------
    t, dt, end : float              begin, length and end
    wanted : float                  how long it would be, had the member no stops
    arrives : bool                  it ends at a stop
    """

    t: float
    dt: float
    end: float
    wanted: float
    arrives: bool

    @classmethod
    def to(cls, stop: float, t: float, wanted: float) -> Planned:
        """The step from t of a member that must stop at `stop`."""
        left = stop - t
        if wanted >= left:
            return cls(t, left, stop, wanted, True)
        # Halve the approach to a stop instead of leaving a sliver.
        dt = 0.5 * left if wanted > 0.5 * left else wanted
        return cls(t, dt, stop if dt == left else t + dt, wanted, dt == left)

    def following(self, factor: float) -> float:
        """The next step wanted, once this one is accepted."""
        grown = self.dt * factor
        # A step cut short by a stop says nothing against the longer one that was wanted.
        return max(grown, self.wanted) if self.dt < self.wanted and factor >= 1 else grown

    def retried(self, error: float, factor: float) -> float:
        """The step to try instead, after an error above 1 or a concentration below zero."""
        return min(self.dt * factor, 0.9 * self.dt) if error > 1.0 else 0.5 * self.dt
