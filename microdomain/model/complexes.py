"""Buffers with more than one bound form: two cooperating sites, and ions that compete for one site.

Both are conveniences: a model follows them as species and reactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from microdomain.model import checks
from microdomain.model.given import Taken, part
from microdomain.model.reactions import Reaction
from microdomain.model.species import Species, _diffusion

#: (ion, k_on in 1/(uM ms), koff in 1/ms)
Sites = tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class TwoSite:
    """A buffer that binds two ions one after the other, such as a lobe of calmodulin.

    Both sites are alike until one is taken; with rate constants per site (T: none bound yet, R: the other
    site taken)::

        ion + N0 <-> N1     forward 2 k_T,   backward koff_T
        ion + N1 <-> N2     forward k_R,     backward 2 koff_R

    The factor 2 counts the ways: two free sites to bind to, two bound ions to lose.  Published tables
    list either these constants per site or those of the steps (with the factor in): with steps k1, k2
    forward and q1, q2 backward give k_T = k1 / 2, k_R = k2, koff_T = q1, koff_R = q2 / 2.  At equilibrium
    [N1] = 2 c/K_T [N0] and [N2] = c/(2 K_R) [N1], K = koff / k.
    The forms are species NAME.free, NAME.1 and NAME.2.  (Faas, Raghavachari, Lisman & Mody,
    Nature Neurosci. 14:301, 2011, for calmodulin.)

    Parameters
    ----------
    name : str                    e.g. "CaM_N"
    total : float, uM             all forms together; calmodulin has one N and one C lobe each
    k_T, k_R : float, 1/(uM ms)   binding rate of one free site
    koff_T, koff_R : float, 1/ms  unbinding rate of one bound ion
    D : float, um^2/ms            of all forms
    binds : str                   name of the ion
    start : str or None           None: in equilibrium; "free": nothing bound at t = 0

    >>> TwoSite("CaM_N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05).reactions[0].forward
    1.54
    """

    name: str
    total: float
    k_T: float
    koff_T: float
    k_R: float
    koff_R: float
    D: float = 0.0
    binds: str = "Ca"
    start: str | None = None

    def __post_init__(self) -> None:
        who = f"TwoSite {checks.name(self.name, 'TwoSite')!r}"
        put = object.__setattr__
        put(self, "total", checks.number(self.total, f"{who}: total", "uM", least=0))
        for word in ("k_T", "k_R"):
            put(self, word, checks.number(getattr(self, word), f"{who}: {word}", "/(uM ms)", above=0))
        for word in ("koff_T", "koff_R"):
            put(self, word, checks.number(getattr(self, word), f"{who}: {word}", "/ms", above=0))
        put(self, "D", _diffusion(self.D, f"{who}: D", least=0))
        checks.name(self.binds, f"{who}: the ion's")
        _check_start(self.start, who)

    @property
    def ions(self) -> tuple[str, ...]:
        """Names of the ions it binds."""
        return (self.binds,)

    @property
    def species(self) -> tuple[Species, ...]:
        """Its forms."""
        return tuple(
            Species(
                form, self.D, total=self.total if n == 0 else 0.0, initial=_initial(self, n == 0),
                contains={self.name: 1, **({self.binds: n} if n else {})},
            )
            for n, form in enumerate(self._forms)
        )  # fmt: skip

    @property
    def reactions(self) -> tuple[Reaction, ...]:
        """Its steps."""
        free, one, two = self._forms
        return (
            Reaction(f"{self.binds} + {free} <-> {one}", forward=2 * self.k_T, backward=self.koff_T),
            Reaction(f"{self.binds} + {one} <-> {two}", forward=self.k_R, backward=2 * self.koff_R),
        )

    @property
    def _forms(self) -> tuple[str, str, str]:
        return (f"{self.name}.free", f"{self.name}.1", f"{self.name}.2")


@part()
class Competing:
    """A buffer with one site that several ions compete for, such as ATP or parvalbumin with Mg.

    The forms are species NAME.free and NAME.ION for every ion.  Every ion must be an `Ion` of the model.

    Parameters
    ----------
    name : str                    e.g. "ATP"
    total : float, uM             all forms together
    sites : dict                  ion -> (k_on in 1/(uM ms), koff in 1/ms)
    D : float, um^2/ms            of all forms
    start : str or None           None: in equilibrium; "free": nothing bound at t = 0

    >>> atp = Competing("ATP", 2000, {"Ca": (0.5, 45), "Mg": (0.5, 22.5)}, D=0.22)
    >>> [s.name for s in atp.species]
    ['ATP.free', 'ATP.Ca', 'ATP.Mg']
    """

    name: str
    total: float
    sites: Taken[Mapping[str, tuple[float, float]] | Iterable[tuple[str, float, float]], Sites]
    D: float = 0.0
    start: str | None = None

    def __post_init__(self) -> None:
        who = f"Competing {checks.name(self.name, 'Competing')!r}"
        put = object.__setattr__
        put(self, "total", checks.number(self.total, f"{who}: total", "uM", least=0))
        put(self, "D", _diffusion(self.D, f"{who}: D", least=0))
        put(self, "sites", _sites(self.sites, who))
        _check_start(self.start, who)

    @property
    def ions(self) -> tuple[str, ...]:
        """Names of the ions it binds."""
        return tuple(ion for ion, _, _ in self.sites)

    @property
    def species(self) -> tuple[Species, ...]:
        """Its forms."""
        bound = tuple(
            Species(f"{self.name}.{ion}", self.D, initial=_initial(self, False),
                    contains={self.name: 1, ion: 1})
            for ion in self.ions
        )  # fmt: skip
        return (
            Species(
                f"{self.name}.free", self.D, total=self.total, initial=_initial(self, True),
                contains={self.name: 1},
            ),
            *bound,
        )  # fmt: skip

    @property
    def reactions(self) -> tuple[Reaction, ...]:
        """One for every ion."""
        return tuple(
            Reaction(f"{ion} + {self.name}.free <-> {self.name}.{ion}", forward=k_on, backward=koff)
            for ion, k_on, koff in self.sites
        )


Complex = TwoSite | Competing


def _initial(complex: Complex, free: bool) -> float | None:
    if complex.start is None:
        return None
    return complex.total if free else 0.0


def _check_start(start: Any, who: str) -> None:
    if start not in (None, "free"):
        raise ValueError(f'{who}: start = {start!r}; leave it out for equilibrium, or say "free".')


def _sites(given: Any, who: str) -> Sites:
    rows = [(i, *v) for i, v in given.items()] if isinstance(given, Mapping) else [tuple(r) for r in given]
    if not rows or any(len(row) != 3 for row in rows):
        raise ValueError(
            f"{who}: sites = {given!r}; expected for every ion a pair (k_on, koff), "
            'such as {"Ca": (0.5, 45.0), "Mg": (0.5, 22.5)}.'
        )
    return tuple(
        (
            checks.name(ion, f"{who}: the ion's"),
            checks.number(k_on, f"{who}: k_on of {ion!r}", "/(uM ms)", above=0),
            checks.number(koff, f"{who}: koff of {ion!r}", "/ms", above=0),
        )
        for ion, k_on, koff in rows
    )
