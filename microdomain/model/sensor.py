"""Release sensors as data: states, steps between them that calcium drives, and fusion out of them.

A vesicle's sensor is a Markov chain.  A step's rate is k c^n with n = 0 (it does not ask for calcium),
1 (it binds one ion) or more; a state may fuse, and a fused vesicle does not come back.  Nothing is
integrated here: `microdomain.sensors` does that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Many, Taken, part
from microdomain.model.sites import Chain, Step

#: A column of a rate matrix counts as summing to zero within this part of its largest entry.
_ZERO = 1e-9
Arrow = tuple[str, str, float] | tuple[str, str, float, int]


@part()
class Sensor:
    """A release sensor: a vesicle's chain of states, driven by [Ca], with fusion out of some of them.

    Parameters
    ----------
    states : sequence of str
    steps : sequence of Step or (from, to, k[, n])
    fusion : dict or pairs        state -> fusion rate, /ms
    start : str or None           state at the start; None: in equilibrium with the resting concentration,
                                  as if nothing fused

    Raises
    ------
    ValueError                    naming the state or the step

    >>> Sensor(("empty", "bound"), [("empty", "bound", 0.1, 1), ("bound", "empty", 4)], {"bound": 6}).fuses
    (0.0, 6.0)
    """

    states: Many[str]
    steps: Taken[Iterable[Step | Arrow], tuple[Step, ...]]
    fusion: Taken[Mapping[str, float] | Iterable[tuple[str, float]], tuple[tuple[str, float], ...]]
    start: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        states = tuple(checks.name(s, "Sensor: state") for s in self.states)
        steps = tuple(s if isinstance(s, Step) else Step(*s) for s in self.steps)
        pairs = self.fusion.items() if isinstance(self.fusion, Mapping) else self.fusion
        fusion = tuple(
            (str(s), checks.number(g, f"Sensor: fusion from {s!r}", "/ms", least=0.0)) for s, g in pairs
        )
        if not states or len(set(states)) != len(states):
            raise ValueError(
                f"Sensor: states {', '.join(states) or 'none'}; expected at least one, each once."
            )
        named = [("start", self.start)] if self.start is not None else []
        named += [(word, s) for x in steps for word, s in (("step from", x.source), ("step to", x.target))]
        for word, s in [*named, *(("fusion from", s) for s, _ in fusion)]:
            if s not in states:
                raise ValueError(
                    f"Sensor: {word} {s!r}, which is no state.{checks.nearest(str(s), states)} "
                    f"There are {', '.join(states)}."
                )
        arrows = [(s.source, s.target, s.n) for s in steps]
        for a in arrows:
            if a[0] == a[1] or arrows.count(a) > 1:
                raise ValueError(
                    f"Sensor: the step from {a[0]!r} to {a[1]!r} "
                    + ("goes nowhere." if a[0] == a[1] else f"with c^{a[2]} is given twice.")
                )
        if not any(g > 0 for _, g in fusion) or len({s for s, _ in fusion}) != len(fusion):
            raise ValueError(
                "Sensor: no state fuses, or one is given twice; give fusion = {state: rate in /ms}."
            )
        put(self, "states", states)
        put(self, "steps", steps)
        put(self, "fusion", fusion)

    @property
    def fuses(self) -> tuple[float, ...]:
        """Fusion rate out of every state, /ms."""
        rates = dict(self.fusion)
        return tuple(rates.get(s, 0.0) for s in self.states)

    def matrices(self, fusion: bool = True) -> Any:
        """Rates by the power of c: array [n, to, from] with A(c) = sum_n A[n] c^n; columns sum to zero.

        Parameters
        ----------
        fusion : bool             with the fused vesicles as a last state that nothing leaves

        Returns
        -------
        array (powers, S + 1, S + 1), or (powers, S, S) without fusion
        """
        import numpy as np

        size = len(self.states)
        powers = 1 + max((s.n for s in self.steps), default=0)
        out = np.zeros((powers, size + fusion, size + fusion))
        for s in self.steps:
            k, i = self.states.index(s.source), self.states.index(s.target)
            out[s.n, i, k] += s.k
            out[s.n, k, k] -= s.k
        if fusion:
            for k, rate in enumerate(self.fuses):
                out[0, size, k] += rate
                out[0, k, k] -= rate
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, from which `from_dict` makes an equal sensor."""
        out: dict[str, Any] = {
            "states": list(self.states),
            "steps": [[s.source, s.target, s.k, s.n] for s in self.steps],
            "fusion": dict(self.fusion),
        }
        return out if self.start is None else out | {"start": self.start}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Sensor:
        """The sensor that `to_dict` wrote."""
        return cls(given["states"], given["steps"], given["fusion"], given.get("start"))

    # -- the usual ones ------------------------------------------------------------------------

    @classmethod
    def sequential(
        cls, sites: int, k_on: float, k_off: float, gamma: float, b: float = 1.0, start: str | None = None
    ) -> Sensor:
        """Sites that fill one after the other; the full sensor fuses at the rate gamma (/ms).

        The other arguments are those of `Chain`.

        Source: Schneggenburger & Neher, Nature 406:889 (2000).

        >>> Sensor.sequential(5, k_on=0.09, k_off=9.5, b=0.25, gamma=6).states[-1]
        'S5'
        """
        return _lattice({"S": Chain(sites, k_on, k_off, b)}, lambda n: gamma * (n[0] == sites), start)

    @classmethod
    def allosteric(
        cls, sites: int, k_on: float, k_off: float, l: float, f: float, b: float = 1.0,
        start: str | None = None,
    ) -> Sensor:  # fmt: skip
        """Every state fuses, each bound ion f times as fast: l f^n from n bound ions (l in /ms).

        The other arguments are those of `Chain`.

        Source: Lou, Scheuss & Schneggenburger, Nature 435:497 (2005).

        >>> Sensor.allosteric(5, k_on=0.1, k_off=4, b=0.5, l=2e-7, f=31.3).fuses[0]
        2e-07
        """
        return _lattice({"S": Chain(sites, k_on, k_off, b)}, lambda n: l * math.prod([f] * n[0]), start)

    @classmethod
    def joint(cls, chains: Mapping[str, Chain], gamma: float, start: str | None = None) -> Sensor:
        """Independent chains of sites, such as X and Y; a vesicle with all of them full fuses at gamma (/ms).

        Parameters
        ----------
        chains : dict of Chain    letter of the states -> sites
        gamma : float, /ms
        start : str or None

        >>> len(Sensor.joint({"X": Chain(4, 0.5, 100), "Y": Chain(1, 0.01, 0.15)}, gamma=1).states)
        10
        """
        full = tuple(c.sites for c in chains.values())
        return _lattice(chains, lambda n: gamma * (n == full), start)

    @classmethod
    def dual(
        cls, fast: Chain, slow: Chain, gamma: float, gamma_slow: float, l: float = 0.0,
        start: str | None = None,
    ) -> Sensor:  # fmt: skip
        """Two sensors on one vesicle: each lets it fuse when it is full.

        Source: Sun et al., Nature 450:676 (2007).  The published code loses 4 Y where it gains 1 Y; here
        the two chains are a lattice, so probability is conserved.

        Parameters
        ----------
        fast, slow : Chain
        gamma, gamma_slow : float, /ms    fusion where the fast and where the slow one is full; their sum
                                  where both are
        l : float, /ms            fusion from every other state
        start : str or None

        >>> sensor = Sensor.dual(Chain(5, 0.153, 5.8, 0.25), Chain(2, 0.00294, 0.13, 0.25), 6, 6, l=4.17e-7)
        >>> len(sensor.states)
        18
        """

        def fuses(n: tuple[int, ...]) -> float:
            rate = gamma * (n[0] == fast.sites) + gamma_slow * (n[1] == slow.sites)
            return rate if fast.sites == n[0] or slow.sites == n[1] else l

        return _lattice({"F": fast, "M": slow}, fuses, start)

    @classmethod
    def from_matrices(
        cls, states: Sequence[str], matrices: Sequence[Any], fusion: Any, start: str | None = None
    ) -> Sensor:
        """A sensor from rate matrices ``matrices[n][to][from]``, one for each power n of the concentration.

        Parameters
        ----------
        states : sequence of str
        matrices : sequence of (S, S) arrays, 1/(uM^n ms)    minus each column's sum on the diagonal
        fusion : dict or pairs    state -> /ms; not in the matrices
        start : str or None

        Raises
        ------
        ValueError                a column that does not sum to zero: probability would get lost
        """
        import numpy as np

        steps = []
        for n, given in enumerate(matrices):
            Q = np.asarray(given, dtype=float)
            if Q.shape != (len(states), len(states)):
                raise ValueError(
                    f"Sensor: a matrix of shape {Q.shape} for {len(states)} states; expected a square one."
                )
            for k, s in enumerate(states):
                total = float(Q[:, k].sum())
                if not abs(total) <= _ZERO * float(np.abs(Q[:, k]).max(initial=1e-300)):
                    raise ValueError(
                        f"Sensor: the column of {s!r} with c^{n} sums to {total:g}, not to zero, so "
                        "probability would not be conserved. What leaves a state must arrive in another one."
                    )
                steps += [
                    Step(s, t, float(Q[i, k]), n) for i, t in enumerate(states) if i != k and Q[i, k] != 0
                ]
        return cls(tuple(states), tuple(steps), fusion, start)


def _lattice(chains: Mapping[str, Chain], fuses: Any, start: str | None) -> Sensor:
    """States are counts of bound ions, one for each chain; one ion comes or goes at a time."""
    letters, sites = list(chains), list(chains.values())

    def word(n: tuple[int, ...]) -> str:
        return "".join(f"{letter}{k}" for letter, k in zip(letters, n, strict=True))

    counts = list(itertools.product(*(range(c.sites + 1) for c in sites)))
    steps = []
    for n in counts:
        for k, chain in enumerate(sites):
            if n[k] < chain.sites:
                more = (*n[:k], n[k] + 1, *n[k + 1 :])
                steps.append(Step(word(n), word(more), chain.up(n[k]), 1))
                steps.append(Step(word(more), word(n), chain.down(n[k] + 1)))
    rates = {word(n): float(fuses(n)) for n in counts}
    if not all(math.isfinite(r) for r in rates.values()):
        raise ValueError(f"Sensor: a fusion rate is no finite number: {rates}.")
    return Sensor(tuple(map(word, counts)), tuple(steps), {s: r for s, r in rates.items() if r != 0}, start)
