"""Gates that follow the concentration at the mouth: their hazard along a step, and where it is used up.

A waiting time has no closed form when rates follow [Ca], and thinning has no bound.  So the hazard
-ln U is drawn, the rate out of the state is integrated along each step with the mouth's own course,
and where the integral passes it a step is made to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microdomain.fluxes import Live
from microdomain.gates import GAUSS, WEIGHTS
from microdomain.gates_walk import first_state, next_state
from microdomain.laws import BEFORE
from microdomain.model import Markov, Voltage

#: A jump is located to this (ms).
LOCATED = 1e-10


@dataclass(eq=False)
class Node:
    """A time at which fluxes and mouths are known, and the cubics (in t - begin) that lead there."""

    t: float
    J: np.ndarray
    c: np.ndarray
    flux: np.ndarray
    mouth: np.ndarray


@dataclass(eq=False)
class Gate:
    """A gate that follows the concentration: its state, and the hazard it still survives."""

    live: Live
    scheme: Markov
    state: int
    left: float
    entered: list[tuple[float, bool]]

    @property
    def open(self) -> bool:
        """Whether the state carries current."""
        return self.scheme.states[self.state] in self.scheme.open

    @classmethod
    def of(cls, live: Live, V: float, c: float) -> Gate:
        """The gate of a live channel at the start, at V (mV) and c (uM)."""
        scheme, stream = live.channel.gate, live.stream
        assert isinstance(scheme, Markov)
        assert stream is not None
        state = first_state(scheme, V, c, stream)
        gate = cls(live, scheme, state, stream.waiting(), [])
        gate.entered.append((-np.inf, gate.open))
        return gate

    def openness(self, times: np.ndarray) -> np.ndarray:
        """1 where the gate is open, 0 where it is closed, at times (ms); at a jump the state after it."""
        entered = np.array([t for t, _ in self.entered])
        states = np.array([float(is_open) for _, is_open in self.entered])
        return np.asarray(states[np.searchsorted(entered, times, side="right") - 1])

    def reach(self, n: int, start: float, nodes: Sequence[Node], voltage: Voltage) -> tuple[float, float]:
        """When the hazard is used up in a step (infinity: it is not), and the step's whole hazard.

        Parameters
        ----------
        n : int                       number of the channel in the nodes' arrays
        start : float, ms             begin of the step
        nodes : sequence of Node      of the step
        voltage : Voltage
        """
        begin, passed = start, 0.0
        for node in nodes:
            width = node.t - begin
            more = self._hazard(n, begin, node, width, voltage)
            if passed + more >= self.left and width > 0:
                low, high = 0.0, width
                while high - low > 1e-13:
                    middle = 0.5 * (low + high)
                    if passed + self._hazard(n, begin, node, middle, voltage) < self.left:
                        low = middle
                    else:
                        high = middle
                    if middle in (0.0, width):
                        break
                return begin + high, passed + more
            passed += more
            begin = node.t
        return np.inf, passed

    def _hazard(self, n: int, begin: float, node: Node, width: float, voltage: Voltage) -> float:
        d = width * GAUSS
        a = node.mouth[n]
        c = np.maximum(a[0] + d * (a[1] + d * a[2]), 0.0)
        end = node.t - BEFORE * (1.0 + abs(node.t))
        Q = self.scheme.matrix(np.asarray(voltage.value(np.minimum(begin + d, end))), c)
        return float(-Q[:, self.state, self.state] @ WEIGHTS) * width

    def use(self, n: int, start: float, now: float, nodes: Sequence[Node], voltage: Voltage) -> bool:
        """Use up the hazard of an accepted step; whether the channel opens or closes at its end."""
        hit, hazard = self.reach(n, start, nodes, voltage)
        if hit > now + LOCATED:
            self.left -= hazard
            return False
        was, stream = self.open, self.live.stream
        assert stream is not None
        V = float(voltage.value(now - BEFORE * (1.0 + abs(now))))
        Q = self.scheme.matrix(V, max(float(nodes[-1].c[n]), 0.0))
        self.state = next_state(Q[:, self.state], self.state, stream)
        self.left = stream.waiting()
        if self.open != was:
            self.entered.append((now, self.open))
        return self.open != was
