"""All species and reactions of a model beyond its plain 1:1 buffers, and their equilibrium.

Built from the model's parts: buffers that need two species, buffers with several bound forms, the
user's own species and reactions, and pumps in the volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from microdomain.model.checks import nearest
from microdomain.model.reactions import Rate, Reaction, Side, TimedRate, conserved


@dataclass(frozen=True)
class Form:
    """A species of the network; `buffer` names the paired buffer whose region it shares."""

    name: str
    D: float
    total: float
    initial: float | None
    holds: tuple[tuple[str, int], ...]
    layer: Any = None
    profile: Any = None
    store: bool = False

    @property
    def mobile(self) -> bool:
        """Whether it diffuses."""
        return self.D > 0


@dataclass(frozen=True)
class Step:
    """A reaction in one direction: mass action of `left`, or a Hill law (K, n) of its one ion."""

    left: Side
    right: Side
    rate: Rate
    hill: tuple[float, int] | None = None

    @property
    def first(self) -> float:
        """The rate constant before all times."""
        return self.rate.first if isinstance(self.rate, TimedRate) else self.rate


@dataclass(frozen=True)
class Chemistry:
    """Species and directed reactions of a model; empty where plain buffers are all there is."""

    forms: tuple[Form, ...]
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, model: Any) -> Chemistry:
        """Gather the parts of a model and check every reaction."""
        forms: list[Form] = []
        reactions: list[Reaction] = []
        for b in model.buffers:
            if b.paired:
                free, of_bound = f"{b.name}.free", b.D if b.D_bound is None else b.D_bound
                region = (b.layer, b.profile)
                start = None if b.bound is None else b.total - b.bound
                forms.append(Form(free, b.D, b.total, start, ((b.name, 1),), *region))
                forms.append(Form(b.name, of_bound, 0.0, b.bound, ((b.name, 1), (b.binds, 1)), *region))
                reactions.append(Reaction(f"{b.binds} + {free} <-> {b.name}", b.k_on, b.k_off))
        species = [s for c in model.complexes for s in c.species] + list(model.molecules)
        forms += [Form(s.name, s.D, s.total, s.initial, tuple(s.holds.items())) for s in species]
        reactions += [r for c in model.complexes for r in c.reactions] + list(model.reactions)
        contains: dict[str, dict[str, int]] = {i.name: {i.name: 1} for i in model.ions}
        contains |= {f.name: dict(f.holds) for f in forms}
        steps: list[Step] = []
        for r in reactions:
            _check(r, contains, model)
            steps.append(Step(r.left, r.right, r.forward))
            if r.backward is not None:
                steps.append(Step(r.right, r.left, r.backward))
        for p in model.volume_pumps:
            ion = ((p.ion, 1),)
            rest = model.ion(p.ion).rest
            forms.append(Form(p.name, 0.0, 0.0, 0.0, ion, store=True))
            steps.append(Step(ion, ((p.name, 1),), p.Vmax, (p.K, p.n)))
            # The leak that balances it: of order zero, out of the store.
            steps.append(Step((), (*ion, (p.name, -1)), float(p.rate(rest))))
        return cls(tuple(forms), tuple(steps))

    def equilibrium(self, ions: Mapping[str, float]) -> dict[str, float]:
        """Concentrations of all forms with the ions held, from what was poured in as totals, uM.

        Parameters
        ----------
        ions : mapping                ion -> free concentration, uM

        Raises
        ------
        ValueError                    where the reactions never settle
        """
        forms = [f for f in self.forms if not f.store]
        if not forms:
            return {f.name: 0.0 for f in self.forms}
        # NumPy is loaded here, so that a model can be written down without it.
        from microdomain.model.equilibrium import settled

        at = {f.name: k for k, f in enumerate(forms)}
        rows, rates, orders = [], [], []
        for s in self.steps:
            if s.hill or not s.left:
                continue
            k, order, change = s.first, [0.0] * len(forms), [0.0] * len(forms)
            for name, n in s.left:
                if name in at:
                    order[at[name]] += n
                    change[at[name]] -= n
                else:
                    k *= ions[name] ** n
            for name, n in s.right:
                if name in at:
                    change[at[name]] += n
            rows.append(change)
            rates.append(k)
            orders.append(order)
        found = begin = [f.total for f in forms]
        if rows:
            found = settled(rows, orders, rates, begin)
        out = {f.name: float(v) for f, v in zip(forms, found, strict=True)}
        return {f.name: out.get(f.name, 0.0) for f in self.forms}

    def loss_rate(self, ion: str, levels: Mapping[str, float]) -> float:
        """Sum of d(loss)/d[ion] over all steps that use the ion up, 1/ms."""
        out = 0.0
        for s in self.steps:
            used = dict(s.left).get(ion, 0) - dict(s.right).get(ion, 0)
            if used > 0:
                out += used * _slope(s, ion, levels)
        return out

    def start(self, ions: Mapping[str, float]) -> dict[str, float]:
        """Concentrations of all forms at t = 0, uM: `initial` where it is given, else the equilibrium."""
        rest = self.equilibrium(ions)
        return {f.name: rest[f.name] if f.initial is None else f.initial for f in self.forms}


def _slope(step: Step, ion: str, levels: Mapping[str, float]) -> float:
    """d rate / d [ion]."""
    c = levels[ion]
    if step.hill:
        K, n = step.hill
        return step.first * n * K**n * c ** (n - 1) / (K**n + c**n) ** 2
    out = step.first
    for name, n in step.left:
        out *= n * c ** (n - 1) if name == ion else levels[name] ** n
    return out


def _check(reaction: Reaction, contains: Mapping[str, Mapping[str, int]], model: Any) -> None:
    for name, _ in (*reaction.left, *reaction.right):
        if name not in contains:
            plain = [b.name for b in model.buffers]
            hint = (
                f" {name!r} is a plain 1:1 buffer; give it D_bound= and its forms are {name}.free and {name}."
                if name in plain
                else nearest(name, contains)
            )
            raise ValueError(
                f"{reaction.who} names {name!r}, which is neither an ion nor a species of the model's "
                f"reactions; there are {', '.join(map(repr, contains))}.{hint}"
            )
    conserved(reaction, contains)


def structure(model: Any) -> list[Any]:
    """What members of one run must share of their chemistry: species, D, elements, layers, equations."""
    c = model.chemistry
    return [[(f.name, f.D, f.holds, f.layer, f.profile) for f in c.forms]] + [
        [(s.left, s.right, s.hill[1] if s.hill else 0) for s in c.steps]
    ]
