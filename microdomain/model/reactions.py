"""Mass-action reactions among ions and other species, rates that change in time, pumps in the volume.

A reaction is written as chemists write it, ``A + 2 B <-> C``.  Its rate is the rate constant times the
product of the concentrations on its left, each to the power of its count; `<->` adds the way back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Many, part

#: Molecules that meet in one elementary step.
MOST = 3
_ARROW = re.compile(r"\s+(<->|->)\s+")
_TERM = re.compile(r"(?:([1-9][0-9]*)\s+)?([A-Za-z][A-Za-z0-9_+.\-]*)\Z")
# See `model.species`: no two molecules meet faster, in 1/(uM ms).
_FASTEST_BINDING = 1000.0


@part()
class TimedRate:
    """A rate constant that changes in time, such as that of a photolysis.

    Parameters
    ----------
    times : sequence of float, ms           increasing
    values : sequence of float              the rate constant from each time on, or at each time
    linear : bool                           False: constant from each time to the next, as by a shutter;
                                            True: straight lines between the times
    Before the first time the first value holds, after the last time the last.

    Raises
    ------
    ValueError, TypeError                   for times that do not increase and for negative values

    >>> flash = TimedRate(times=(0, 1, 1.5), values=(0, 20, 0))
    >>> flash.value(1.2, 1.2), flash.jumps()
    (20.0, (1.0, 1.5))
    """

    times: Many[float]
    values: Many[float]
    linear: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        times = tuple(checks.number(t, "TimedRate: time", "ms") for t in self.times)
        values = tuple(checks.number(v, f"TimedRate: value {k}", least=0) for k, v in enumerate(self.values))
        if len(times) != len(values) or not times:
            raise ValueError(f"TimedRate: {len(times)} times and {len(values)} values; give as many of both.")
        for a, b in pairwise(times):
            if b <= a:
                raise ValueError(f"TimedRate: times must increase; {b:g} ms follows {a:g} ms.")
        put(self, "times", times)
        put(self, "values", values)
        put(self, "linear", bool(self.linear))

    @property
    def first(self) -> float:
        """The value before all times."""
        return self.values[0]

    def value(self, t: float, since: float) -> float:
        """The rate constant at t (ms), as seen by a step that began at `since`.

        A step that ends at a jump keeps the value before the jump up to its end.
        """
        k = bisect_right(self.times, t if self.linear else since) - 1
        if k < 0 or not self.linear or k == len(self.times) - 1:
            return self.values[max(k, 0)]
        (a, b), (low, high) = self.times[k : k + 2], self.values[k : k + 2]
        return low + (high - low) * (t - a) / (b - a)

    def jumps(self) -> tuple[float, ...]:
        """Times at which the rate constant jumps, ms."""
        if self.linear:
            return ()
        moved = zip(self.times[1:], pairwise(self.values), strict=True)
        return tuple(t for t, (a, b) in moved if a != b)

    def kinks(self) -> tuple[float, ...]:
        """Times at which it bends, ms."""
        return self.times if self.linear else ()


Rate = float | TimedRate
Side = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Reaction:
    """A mass-action reaction among ions and species of a model.

    Parameters
    ----------
    equation : str                  ``"A + 2 B <-> C"`` or ``"A -> B"``, with blanks around signs
    forward : float or TimedRate    rate constant to the right: 1/ms, 1/(uM ms), 1/(uM^2 ms) for one, two,
                                    three molecules on the left; the left side is lost at forward * A B^2,
                                    A once and B twice
    backward : float or TimedRate   rate constant to the left; `<->` only

    Raises
    ------
    ValueError, TypeError           for an equation that cannot be read, more than three molecules on a
                                    side, negative rates

    >>> Reaction("Ca + B <-> CaB", forward=0.1, backward=1.0).left
    (('Ca', 1), ('B', 1))
    """

    equation: str
    forward: Rate
    backward: Rate | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not isinstance(self.equation, str):
            raise TypeError(f"Reaction: {self.equation!r} is not a text such as 'A + 2 B <-> C'.")
        put(self, "equation", " ".join(self.equation.split()))
        left, right, there_and_back = parsed(self.equation)
        if there_and_back and self.backward is None:
            raise ValueError(f"{self.who}: <-> needs a rate constant backward=; give it, or write ->.")
        if not there_and_back and self.backward is not None:
            raise ValueError(f"{self.who}: -> has no way back; write <-> or leave backward= out.")
        put(self, "forward", self._rate(self.forward, "forward", left))
        if there_and_back:
            put(self, "backward", self._rate(self.backward, "backward", right))

    def _rate(self, given: Any, word: str, side: Side) -> Rate:
        order = sum(n for _, n in side)
        if order > MOST:
            raise ValueError(
                f"{self.who}: {order} molecules would have to meet at once; {MOST} are the most. "
                "Write it as several reactions with intermediate species."
            )
        unit = ("", "/ms", "/(uM ms)", "/(uM^2 ms)")[order]
        if isinstance(given, TimedRate):
            highest = max(given.values)
        else:
            given = highest = checks.number(given, f"{self.who}: {word}", unit, least=0)
        if order == 2 and highest > _FASTEST_BINDING:
            raise ValueError(
                f"{self.who}: {word} = {highest:g} /(uM ms) is faster than diffusion allows. "
                f"{highest:g} /(M s) is {highest * 1e-9:g} /(uM ms)."
            )
        return given

    @property
    def who(self) -> str:
        """How errors call it."""
        return f"Reaction {self.equation!r}"

    @property
    def left(self) -> Side:
        """What is used up, with counts."""
        return parsed(self.equation)[0]

    @property
    def right(self) -> Side:
        """What is made, with counts."""
        return parsed(self.equation)[1]


def parsed(equation: str) -> tuple[Side, Side, bool]:
    """Left and right side with counts, and whether there is a way back."""
    parts = _ARROW.split(equation)
    if len(parts) != 3:
        raise ValueError(
            f"Reaction {equation!r}: expected one arrow, <-> or ->, with blanks on both sides, "
            "such as 'A + 2 B <-> C'."
        )
    return _side(parts[0], equation), _side(parts[2], equation), parts[1] == "<->"


def _side(text: str, equation: str) -> Side:
    counts: dict[str, int] = {}
    for term in re.split(r"\s+\+\s+", text.strip()):
        found = _TERM.match(term)
        if not found:
            raise ValueError(
                f"Reaction {equation!r}: {term!r} is not a species, or a count and a species such as '2 B'. "
                "A sink without a product is an uptake of the model or a VolumePump."
            )
        counts[found[2]] = counts.get(found[2], 0) + int(found[1] or 1)
    return tuple(counts.items())


@dataclass(frozen=True)
class VolumePump:
    """Pumps spread through the cytosol, such as SERCA in a fine reticulum: ions leave the free pool.

    The free ion changes at  -Vmax [c^n / (K^n + c^n) - rest^n / (K^n + rest^n)]:  a leak that does not
    depend on c balances the pump at rest.  What was taken up, less what leaked, is kept as a species
    with the pump's name (uM of cytosol since t = 0, below zero where the leak won), so that the account
    of the ion closes exactly.

    Parameters
    ----------
    ion : str                     name of the ion
    Vmax : float, uM/ms           rate of the saturated pump
    K : float, uM                 concentration of half the rate
    n : int                       Hill exponent, 1 to 4
    name : str                    of the species that counts what was taken up

    >>> VolumePump("Ca", Vmax=0.2, K=0.27, n=2).name
    'SERCA'
    """

    ion: str
    Vmax: float
    K: float
    n: int = 1
    name: str = "SERCA"

    def __post_init__(self) -> None:
        who = f"VolumePump {checks.name(self.name, 'VolumePump')!r}"
        put = object.__setattr__
        checks.name(self.ion, f"{who}: the ion's")
        put(self, "Vmax", checks.number(self.Vmax, f"{who}: Vmax", "uM/ms", least=0))
        put(self, "K", checks.number(self.K, f"{who}: K", "uM", above=0))
        put(self, "n", checks.count(self.n, f"{who}: n"))
        if self.n > 4:
            raise ValueError(f"{who}: n = {self.n} is no Hill exponent of a pump; it may be 1 to 4.")

    def rate(self, c: Any) -> Any:
        """What the pump alone takes up at the free concentration c, uM/ms."""
        return self.Vmax * c**self.n / (self.K**self.n + c**self.n)


def conserved(reaction: Reaction, contains: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse a reaction that makes or loses an element.

    Parameters
    ----------
    reaction : Reaction
    contains : mapping            species -> how much of each element it holds
    """
    sides = []
    for side in (reaction.left, reaction.right):
        sum_: dict[str, int] = {}
        for name, count in side:
            for element, n in contains[name].items():
                sum_[element] = sum_.get(element, 0) + n * count
        sides.append(sum_)
    for element in {**sides[0], **sides[1]}:
        before, after = sides[0].get(element, 0), sides[1].get(element, 0)
        if before != after:
            raise ValueError(
                f"{reaction.who} does not conserve {element!r}: {before} on the left, {after} on the right. "
                f"Mend the counts, or say what the species hold, such as "
                f"Species({reaction.right[0][0]!r}, contains={_example(reaction, contains)})."
            )


def _example(reaction: Reaction, contains: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    held: dict[str, int] = {}
    for name, count in reaction.left:
        for element, n in contains[name].items():
            held[element] = held.get(element, 0) + n * count
    return held
