"""What a release sensor is made of: steps whose rates follow a power of [Ca], and rows of equal sites."""

from __future__ import annotations

from dataclasses import dataclass

from microdomain.model import checks

#: Highest power of the concentration in a rate.
MOST_POWER = 8


@dataclass(frozen=True)
class Step:
    """One arrow of a sensor, with the rate k c^n.

    Parameters
    ----------
    source, target : str          states
    k : float, 1/(uM^n ms)
    n : int                       power of the concentration

    Raises
    ------
    ValueError                    a rate that is negative or no number; a power that is none

    >>> Step("S0", "S1", 0.5, 1).n
    1
    """

    source: str
    target: str
    k: float
    n: int = 0

    def __post_init__(self) -> None:
        who = f"Step {self.source!r} to {self.target!r}"
        object.__setattr__(self, "k", checks.number(self.k, f"{who}: k", "1/(uM^n ms)", least=0.0))
        if isinstance(self.n, bool) or not isinstance(self.n, int) or not 0 <= self.n <= MOST_POWER:
            raise ValueError(
                f"{who}: n = {self.n!r}; expected the power of the concentration, 0 to {MOST_POWER}."
            )


@dataclass(frozen=True)
class Chain:
    """Equal binding sites in a row, as they enter a sensor: N - n free ones bind, n bound ones let go.

    From n to n + 1 at (N - n) k_on c, back at (n + 1) k_off b^n.

    Parameters
    ----------
    sites : int                   N
    k_on : float, 1/(uM ms)
    k_off : float, /ms
    b : float                     cooperativity: each ion bound makes the next leave b times as fast

    Raises
    ------
    ValueError

    >>> Chain(5, k_on=0.1, k_off=4, b=0.5).down(3)
    3.0
    """

    sites: int
    k_on: float
    k_off: float
    b: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", checks.count(self.sites, "Chain: sites"))
        for word, unit in (("k_on", "1/(uM ms)"), ("k_off", "/ms"), ("b", "")):
            value = checks.number(getattr(self, word), f"Chain: {word}", unit, least=0.0)
            object.__setattr__(self, word, value)

    def up(self, n: int) -> float:
        """Factor of c in the rate from n bound ions to n + 1, 1/(uM ms)."""
        return (self.sites - n) * self.k_on

    def down(self, n: int) -> float:
        """Rate from n bound ions to n - 1, /ms."""
        return n * self.k_off * self.b ** (n - 1)
