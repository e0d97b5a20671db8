"""How fast a gate moves: named forms in the voltage and the local concentration.

A scenario is data, so a rate is one of these forms, never a formula's text.  The same forms say a
rate (/ms), a time constant (ms) or a steady state (a number from 0 to 1); V is in mV, inside minus
outside, and c is the free concentration at the channel's mouth in uM.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Many, part


def _put(form: Any, **limits: dict[str, float]) -> None:
    """Check the numbers of a form and keep them as floats."""
    who = type(form).__name__
    for word, limit in limits.items():
        object.__setattr__(
            form,
            word,
            checks.number(
                getattr(form, word), f"{who}: {word}", least=limit.get("least"), above=limit.get("above")
            ),
        )


def _slope(form: Any, word: str) -> None:
    _put(form, **{word: {}})
    if getattr(form, word) == 0:
        raise ValueError(f"{type(form).__name__}: {word} = 0 mV has no slope; give mV per e-fold.")


@dataclass(frozen=True)
class Constant:
    """a, whatever the voltage.

    >>> Constant(0.5).value(-70.0, 0.1)
    0.5
    """

    a: float

    def __post_init__(self) -> None:
        _put(self, a={"least": 0.0})

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        return self.a + 0.0 * V


@dataclass(frozen=True)
class Exp:
    """a exp((V - V_0) / v): v in mV per e-fold, negative where the rate falls with V.

    >>> round(float(Exp(1.78, 23.3).value(23.3, 0.1)), 4)
    4.8385
    """

    a: float
    v: float
    V_0: float = 0.0

    def __post_init__(self) -> None:
        _put(self, a={"least": 0.0}, V_0={})
        _slope(self, "v")

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        import numpy as np

        return self.a * np.exp((V - self.V_0) / self.v)


@dataclass(frozen=True)
class Sigmoid:
    """a / (1 + exp(-(V - V_half) / k)).

    >>> float(Sigmoid(V_half=-23.2, k=9.1).value(-23.2, 0.1))
    0.5
    """

    V_half: float
    k: float
    a: float = 1.0

    def __post_init__(self) -> None:
        _put(self, a={"least": 0.0}, V_half={})
        _slope(self, "k")

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        import numpy as np

        # tanh saturates where exp would overflow
        return self.a * 0.5 * (1.0 + np.tanh(0.5 * (V - self.V_half) / self.k))


@dataclass(frozen=True)
class Linoid:
    """a x / (1 - exp(-x)) with x = (V - V_half) / k; a at V_half.

    >>> float(Linoid(0.1, V_half=-40, k=10).value(-40.0, 0.1))
    0.1
    """

    a: float
    V_half: float
    k: float

    def __post_init__(self) -> None:
        _put(self, a={"least": 0.0}, V_half={})
        _slope(self, "k")

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        from microdomain.electro.ghk import bernoulli

        return self.a * bernoulli(-(V - self.V_half) / self.k)


@dataclass(frozen=True)
class Bell:
    """a exp(-(V - V_0)^2 / w), w in mV^2.

    >>> float(Bell(1.1622, V_0=-26.798, w=164.19).value(-26.798, 0.1))
    1.1622
    """

    a: float
    V_0: float
    w: float

    def __post_init__(self) -> None:
        _put(self, a={"least": 0.0}, V_0={}, w={"above": 0.0})

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        import numpy as np

        return self.a * np.exp(-((V - self.V_0) ** 2) / self.w)


@dataclass(frozen=True)
class Calcium:
    """k c: proportional to the concentration at the mouth, k in 1/(uM ms).

    >>> Calcium(0.002).value(-70.0, 50.0)
    0.1
    """

    k: float

    def __post_init__(self) -> None:
        _put(self, k={"least": 0.0})

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        return self.k * c + 0.0 * V


@part()
class Lookup:
    """Straight lines between measured points; the end values beyond them.

    >>> float(Lookup((-80, 0), (0.0, 0.5)).value(-40.0, 0.1))
    0.25
    """

    V: Many[float]
    values: Many[float]

    def __post_init__(self) -> None:
        V = tuple(checks.number(v, "Lookup: V", "mV") for v in self.V)
        values = tuple(checks.number(v, f"Lookup: value {k}", least=0.0) for k, v in enumerate(self.values))
        if len(V) != len(values) or len(V) < 2:
            raise ValueError(
                f"Lookup: {len(V)} voltages and {len(values)} values; give as many, at least two."
            )
        for k, (a, b) in enumerate(pairwise(V)):
            if b <= a:
                raise ValueError(f"Lookup: V must increase; V {k + 1} ({b:g} mV) follows {a:g} mV.")
        object.__setattr__(self, "V", V)
        object.__setattr__(self, "values", values)

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        import numpy as np

        return np.interp(V, self.V, self.values)


def _parts(form: Any) -> None:
    parts = tuple(form.parts)
    if not parts or not all(isinstance(p, FORMS) for p in parts):
        raise TypeError(
            f"{type(form).__name__}: parts = {form.parts!r}; expected at least one form of a rate."
        )
    object.__setattr__(form, "parts", parts)


@part()
class Sum:
    """The sum of its parts.

    >>> Sum((Constant(0.5), Calcium(0.1))).value(-70.0, 2.0)
    0.7
    """

    parts: Many[Form]

    def __post_init__(self) -> None:
        _parts(self)

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        return sum(p.value(V, c) for p in self.parts)


@part()
class Inverse:
    """1 / (sum of its parts): a time constant from two rates.

    >>> Inverse((Constant(0.5), Constant(1.5))).value(-70.0, 0.1)
    0.5
    """

    parts: Many[Form]

    def __post_init__(self) -> None:
        _parts(self)

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        return 1.0 / sum(p.value(V, c) for p in self.parts)


@dataclass(frozen=True)
class Split:
    """`below` where V < at, `above` elsewhere.

    >>> float(Split(-40, Constant(1), Constant(2)).value(-41.0, 0.1))
    1.0
    """

    at: float
    below: Any
    above: Any

    def __post_init__(self) -> None:
        _put(self, at={})
        for word in ("below", "above"):
            if not isinstance(getattr(self, word), FORMS):
                raise TypeError(f"Split: {word} = {getattr(self, word)!r}; expected a form of a rate.")

    def value(self, V: Any, c: Any) -> Any:
        """Value at voltage V (mV) and concentration c (uM)."""
        import numpy as np

        return np.where(np.asarray(V) < self.at, self.below.value(V, c), self.above.value(V, c))


#: Every form there is.
Form = Constant | Exp | Sigmoid | Linoid | Bell | Calcium | Lookup | Sum | Inverse | Split
FORMS = (Constant, Exp, Sigmoid, Linoid, Bell, Calcium, Lookup, Sum, Inverse, Split)


def feels_calcium(form: Form) -> bool:
    """Whether a form asks for the local concentration.

    >>> feels_calcium(Sum((Constant(1), Calcium(0.1))))
    True
    """
    if isinstance(form, Sum | Inverse):
        return any(feels_calcium(p) for p in form.parts)
    if isinstance(form, Split):
        return feels_calcium(form.below) or feels_calcium(form.above)
    return isinstance(form, Calcium)


def feels_voltage(form: Form) -> bool:
    """Whether a form changes with the voltage.

    >>> feels_voltage(Constant(1))
    False
    """
    if isinstance(form, Sum | Inverse):
        return any(feels_voltage(p) for p in form.parts)
    return not isinstance(form, Constant | Calcium)
