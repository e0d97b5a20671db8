"""Gates with a mind of their own: Hodgkin-Huxley variables and Markov schemes, as data.

An `HH` gate is a fraction that follows the voltage: the channel carries that part of its current.
A `Markov` gate is a molecule that jumps between states; each trial has jumps of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Many, Taken, part
from microdomain.model.rates import FORMS, Constant, Form, feels_calcium, feels_voltage

#: A column of a rate matrix counts as summing to zero within this part of its largest entry.
_ZERO = 1e-9


@dataclass(frozen=True)
class Particle:
    """One Hodgkin-Huxley variable x, dx/dt = (inf - x) / tau, which enters as x^power.

    Give `inf` and `tau` as printed, or `alpha` and `beta` (tau = 1/(alpha + beta), inf = alpha tau).

    Parameters
    ----------
    power : int
    inf : form, 0 to 1            steady state
    tau : form, ms                time constant
    alpha, beta : form, /ms       opening and closing rate
    name : str                    for messages

    Raises
    ------
    ValueError, TypeError         saying which of them is missing or no form

    >>> Particle(2, alpha=Constant(0.5), beta=Constant(1.5)).settles(-70.0)
    (0.25, 0.5)
    """

    power: int = 1
    inf: Form | None = None
    tau: Form | None = None
    alpha: Form | None = None
    beta: Form | None = None
    name: str = "m"

    def __post_init__(self) -> None:
        who = f"Particle {checks.name(self.name, 'Particle')!r}"
        object.__setattr__(self, "power", checks.count(self.power, f"{who}: power"))
        given = tuple(w for w in ("inf", "tau", "alpha", "beta") if getattr(self, w) is not None)
        if given not in (("inf", "tau"), ("alpha", "beta")):
            found = " and ".join(given) if given else "none of them"
            raise ValueError(f"{who}: give inf and tau, or alpha and beta; found {found}.")
        for word in given:
            form = getattr(self, word)
            if not isinstance(form, FORMS):
                raise TypeError(
                    f"{who}: {word} = {form!r}; expected a form, such as Constant, Exp, Sigmoid or Linoid."
                )
            if feels_calcium(form):
                raise ValueError(
                    f"{who}: {word} follows the local concentration; a Markov gate can, an HH gate cannot."
                )

    def settles(self, V: Any) -> tuple[Any, Any]:
        """Steady state and time constant (ms) at voltage V (mV, number or array).

        Raises
        ------
        ValueError                for a rate or time constant that is negative, zero or no number there
        """
        if self.inf is not None and self.tau is not None:
            inf, tau = self.inf.value(V, 0.0), self.tau.value(V, 0.0)
            self._check("inf", inf, V, most=1.0 + 1e-9)
        else:
            assert self.alpha is not None
            assert self.beta is not None
            alpha, beta = self.alpha.value(V, 0.0), self.beta.value(V, 0.0)
            self._check("alpha", alpha, V)
            self._check("beta", beta, V)
            self._check("alpha + beta", alpha + beta, V, above=True)
            tau = 1.0 / (alpha + beta)
            inf = alpha * tau
        self._check("tau", tau, V, above=True)
        return inf, tau

    def _check(self, word: str, value: Any, V: Any, most: float = float("inf"), above: bool = False) -> None:
        bad = bad_value(value, V, most, above)
        if bad is not None:
            wanted = f"from 0 to {round(most):g}" if most < 2 else "above 0" if above else "0 or more"
            raise ValueError(
                f"Particle {self.name!r}: {word} is {bad[0]:g} at {bad[1]:g} mV; it must be {wanted}."
            )


def bad_value(value: Any, V: Any, most: float = float("inf"), above: bool = False) -> Any:
    """The first value that is not finite, negative, or too large, and its voltage; None where all is well."""
    import numpy as np

    value, V = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(V, dtype=float))
    with np.errstate(invalid="ignore"):
        wrong = ~np.isfinite(value) | ((value <= 0) if above else (value < 0)) | (value > most)
    if not wrong.any():
        return None
    k = int(np.flatnonzero(wrong.ravel())[0])
    return float(value.ravel()[k]), float(V.ravel()[k])


@part()
class HH:
    """A Hodgkin-Huxley gate: the product of its particles to their powers, settled at the start.

    Parameters
    ----------
    particles : sequence of Particle

    >>> gate = HH((Particle(2, alpha=Constant(0.5), beta=Constant(1.5)),))
    >>> gate.particles[0].power
    2
    """

    particles: Taken[Particle | Iterable[Particle], tuple[Particle, ...]]

    def __post_init__(self) -> None:
        given = (self.particles,) if isinstance(self.particles, Particle) else tuple(self.particles)
        if not given or not all(isinstance(p, Particle) for p in given):
            raise TypeError(f"HH: particles = {self.particles!r}; expected at least one Particle(...).")
        object.__setattr__(self, "particles", given)


@part()
class Transition:
    """One arrow of a scheme.

    Parameters
    ----------
    source, target : str          states
    rate : form or number, /ms

    Raises
    ------
    TypeError                     a rate that is neither

    >>> Transition("C", "O", 0.5).rate
    Constant(a=0.5)
    """

    source: str
    target: str
    rate: Taken[Form | float, Form]

    def __post_init__(self) -> None:
        if isinstance(self.rate, int | float) and not isinstance(self.rate, bool):
            object.__setattr__(self, "rate", Constant(float(self.rate)))
        if not isinstance(self.rate, FORMS):
            raise TypeError(
                f"Transition {self.source!r} to {self.target!r}: rate = {self.rate!r}; "
                "expected a number (/ms) or a form, such as Constant, Exp or Calcium."
            )


@part()
class Markov:
    """A channel that jumps between states at random; rates may follow V and the local concentration.

    Parameters
    ----------
    states : sequence of str
    open : sequence of str        states in which the channel carries its current
    rates : sequence of Transition or (from, to, rate)
    start : str or None           state at t = 0; None: drawn from the occupancies in the steady state

    Raises
    ------
    ValueError, TypeError         naming the state or the transition

    >>> gate = Markov(("C", "O"), ("O",), [("C", "O", 0.5), ("O", "C", 1.5)], start="C")
    >>> gate.follows_calcium, gate.follows_voltage
    (False, False)
    """

    states: Many[str]
    open: Many[str]
    rates: Taken[Iterable[Transition | tuple[str, str, Form | float]], tuple[Transition, ...]]
    start: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        states = tuple(checks.name(s, "Markov: state") for s in self.states)
        opened = (self.open,) if isinstance(self.open, str) else tuple(self.open)
        rates = tuple(r if isinstance(r, Transition) else Transition(*r) for r in self.rates)
        if len(states) < 2 or len(set(states)) != len(states):
            raise ValueError(f"Markov: states {', '.join(states)}; expected at least two, each once.")
        named = [("open", s) for s in opened] + ([("start", self.start)] if self.start is not None else [])
        for r in rates:
            named += [("rate from", r.source), ("rate to", r.target)]
        for word, s in named:
            if s not in states:
                raise ValueError(
                    f"Markov: {word} {s!r}, which is no state.{checks.nearest(str(s), states)} "
                    f"There are {', '.join(states)}."
                )
        if not opened:
            raise ValueError("Markov: no state is open; such a channel carries nothing.")
        arrows = [(r.source, r.target) for r in rates]
        for a, b in arrows:
            if a == b or arrows.count((a, b)) > 1:
                raise ValueError(
                    f"Markov: the rate from {a!r} to {b!r} "
                    + ("goes nowhere." if a == b else "is given twice; use Sum for two ways of one step.")
                )
        put(self, "states", states)
        put(self, "open", opened)
        put(self, "rates", rates)

    @classmethod
    def from_matrix(
        cls, states: Sequence[str], matrix: Any, open: Sequence[str], start: str | None = None
    ) -> Markov:
        """A scheme from constant rates ``matrix[to][from]`` in /ms, minus each column's sum on the diagonal.

        Parameters
        ----------
        states, open, start : as in `Markov`
        matrix : array (n, n), /ms

        Raises
        ------
        ValueError                    a column that does not sum to zero (probability would get lost), a
                                      negative rate, or another shape; naming the state
        """
        import numpy as np

        Q = np.asarray(matrix, dtype=float)
        n = len(states)
        if Q.shape != (n, n):
            raise ValueError(f"Markov: a matrix of shape {Q.shape} for {n} states; expected ({n}, {n}).")
        for k, s in enumerate(states):
            total = float(Q[:, k].sum())
            if not abs(total) <= _ZERO * float(np.abs(Q[:, k]).max(initial=1e-300)):
                raise ValueError(
                    f"Markov: the column of {s!r} sums to {total:g} /ms, not to zero, so probability would "
                    "not be conserved. What leaves a state must arrive somewhere."
                )
        rates = []
        for k, a in enumerate(states):
            for i, b in enumerate(states):
                if i != k and Q[i, k] < 0:
                    raise ValueError(
                        f"Markov: the rate from {a!r} to {b!r} is {Q[i, k]:g} /ms; it is negative."
                    )
                if i != k and Q[i, k] > 0:
                    rates.append(Transition(a, b, Constant(float(Q[i, k]))))
        return cls(tuple(states), tuple(open), tuple(rates), start)

    @property
    def follows_calcium(self) -> bool:
        """Whether a rate asks for the concentration at the channel's mouth."""
        return any(feels_calcium(r.rate) for r in self.rates)

    @property
    def follows_voltage(self) -> bool:
        """Whether a rate changes with the voltage."""
        return any(feels_voltage(r.rate) for r in self.rates)

    def matrix(self, V: Any, c: Any) -> Any:
        """Rates ``[..., to, from]`` (/ms) at voltages V (mV) and concentrations c (uM); columns sum to zero.

        Raises
        ------
        ValueError                    a rate that is negative or no number there, naming the transition
        """
        import numpy as np

        V, c = np.broadcast_arrays(np.asarray(V, dtype=float), np.asarray(c, dtype=float))
        n = len(self.states)
        out = np.zeros((*V.shape, n, n))
        for r in self.rates:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = np.asarray(r.rate.value(V, c), dtype=float) + np.zeros(V.shape)
            bad = bad_value(value, V)
            if bad is not None:
                raise ValueError(
                    f"Markov: the rate from {r.source!r} to {r.target!r} is {bad[0]:g} /ms at {bad[1]:g} mV; "
                    "a rate must be a number, 0 or more."
                )
            k, i = self.states.index(r.source), self.states.index(r.target)
            out[..., i, k] = value
            out[..., k, k] -= value
        return out

    def occupancies(self, V: float, c: float) -> Any:
        """Probabilities of the states in the steady state at a constant voltage and concentration."""
        import numpy as np

        Q = self.matrix(V, c)
        system = np.vstack([Q, np.ones(len(self.states))])
        target = np.append(np.zeros(len(self.states)), 1.0)
        p = np.clip(np.linalg.lstsq(system, target, rcond=None)[0], 0.0, None)
        return p / p.sum()
