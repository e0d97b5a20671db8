"""What the fluxes of one attempted step are at its stages.

Fluxes that are known beforehand are folded for all stages at once; those that feel the field wait for the
stage's state.  Where a flux jumps at the begin of the step, its weights' mean over the step stands in every
stage (see `Fluxes.fresh`), and only its end has the weights themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.weights import Fluxes


class Course:
    """The fluxes of one attempted step.

    Parameters
    ----------
    ops : Operations
    fluxes : Fluxes
    start : array (member,), ms         begin of the step
    near, weights                       near field and folded weights there
    dt : array (member,), ms
    parts : sequence of float           stage times in parts of the step: the first 0, the last 1

    Attributes
    ----------
    near : near field at the begin of the step, as its stages see it
    """

    def __init__(
        self, ops: Any, fluxes: Fluxes, start: np.ndarray, near: Any, weights: np.ndarray, dt: np.ndarray,
        parts: Sequence[float],
    ) -> None:  # fmt: skip
        self._ops, self._fluxes, self._start, self._dt = ops, fluxes, start, dt
        self._times = [start + part * dt for part in parts]
        self._fresh, self._means = fluxes.fresh(start, dt)
        self.near, self._weights, self._blobs = near, [self._meant(weights)], list[np.ndarray]()
        if self._fresh.size:
            self.near = ops.near(self._weights[0], fluxes.law(start, start))
        self._known = None
        if not fluxes.live:
            self._known = fluxes.weights_at(self._times[1:]), fluxes.blobs_at(self._times, start, dt)

    def _meant(self, weights: np.ndarray) -> np.ndarray:
        if self._fresh.size:
            weights = weights.copy()
            weights[self._fresh] = self._means
        return weights

    def stage(self, y: Any) -> tuple[Any, np.ndarray]:
        """Near field and blobs of the next stage, whose state is y."""
        fluxes, i = self._fluxes, len(self._blobs)
        t = self._times[i]
        if i > 0:
            now = (
                self._known[0][i - 1] if self._known else fluxes.stage(self._ops, y, t, self._start, self._dt)
            )
            self._lay(self._meant(now), t)
        self._blobs.append(self._known[1][i] if self._known else fluxes.blob(t, self._start, self._dt))
        return self.near, self._blobs[i]

    def _lay(self, weights: np.ndarray, t: np.ndarray) -> None:
        # While all fluxes are steady the weights are the same array, and so is the field.
        if weights is not self._weights[-1] or self._fluxes.moves:
            self.near = self._ops.near(weights, self._fluxes.law(t, self._start))
        self._weights.append(weights)

    def flows(self) -> np.ndarray:
        """Rates at which the window hands to the grid and loses, at every stage: (stage, 2, pair)."""
        out = np.zeros((len(self._blobs), 2, self._blobs[0].size))
        for i, (weights, blob) in enumerate(zip(self._weights, self._blobs, strict=True)):
            out[i, 0] = self._fluxes.deposit(weights, blob)
            if self._fluxes.held:
                out[i, 1] = self._fluxes.loss(weights)
        return out

    def end(self) -> tuple[np.ndarray | None, Any]:
        """Weights and near field at the end of the step, None where the last stage does not say."""
        # Live channels have the last word from the step's own result, and rate constants may jump there.
        if self._known is None:
            return None, None
        return self._known[0][-1], None if self._fresh.size or self._fluxes.moves else self.near
