"""The question: a box of cytosol, who is in it, where the channels are, what the walls do."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from microdomain.model import canonical, checks, consistency, tree
from microdomain.model.channels import Channel, Cluster, check_distances, resolve
from microdomain.model.chemistry import Chemistry
from microdomain.model.complexes import Complex
from microdomain.model.given import NONE, Taken, part
from microdomain.model.membrane import Held, Walls
from microdomain.model.obstacles import OBSTACLES, Inside, Obstacle, check_obstacles
from microdomain.model.patches import HeldPatch
from microdomain.model.pumps import Pump
from microdomain.model.reactions import Reaction, VolumePump
from microdomain.model.species import Buffer, Ion, Species
from microdomain.model.tissue import Tissue, channel_medium, check_tissue
from microdomain.model.toml_text import model_to_toml
from microdomain.model.voltage import PROTOCOLS, Hold, Voltage
from microdomain.units import BODY

_CLOSED, _HOLD = Walls(), Hold(-70.0)
Box = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


@part(repr=False)
class Model:
    """A box of cytosol with ions, buffers and channels.  It knows no grid, no step, no device.

    Models are frozen, comparable and hashable; `dataclasses.replace` makes variants.  Sequences
    are kept as tuples, `uptake` as sorted pairs.

    Parameters
    ----------
    box : three pairs, um         (lower, upper) along x, y and z
    ions : sequence of Ion
    buffers : sequence of Buffer, TwoSite and Competing
                                  those with several bound forms are kept as `complexes`
    channels : Cluster or sequence of Cluster
    walls : Walls                 closed where not said otherwise
    uptake : dict, 1/ms           ion name -> k of the linear uptake -k (c - rest) everywhere in the box
    temperature : float, K
    voltage : Hold, Steps, Ramp, Pulses, ActionPotential or Trace
                                  membrane voltage, mV; a Fixed current does not ask for it
    obstacles : sequence of Block, Ball, Ellipsoid, Cylinder, Surface or Inside
                                  what ions cannot enter; `Inside(shape)` closes all that is outside a shape
    pumps : Pump or sequence of Pump     what carries ions through faces and patches
    molecules : sequence of Species         other species that take part in `reactions`, uM
    reactions : sequence of Reaction        rate constants in powers of uM and ms: k c1 c2 .. in uM/ms
    volume_pumps : sequence of VolumePump   Vmax in uM/ms, K in uM; they take up, and leak to rest
    complexes : sequence of TwoSite and Competing       as `buffers`
    tissue : Tissue or sequence of Tissue               free volume and tortuosity; free fluid where left out
    held : HeldPatch or sequence of HeldPatch           patches of closed faces that are held at rest

    Raises
    ------
    ValueError, TypeError         saying which part is wrong and what would be right

    >>> calcium = Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
    >>> Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[calcium], channels=Cluster([(0, 0)])).species
    ('Ca',)
    """

    box: Taken[Iterable[Iterable[float]], Box]
    ions: Taken[Ion | Iterable[Ion], tuple[Ion, ...]]
    buffers: Taken[Buffer | Complex | Iterable[Buffer | Complex], tuple[Buffer, ...]] = NONE
    channels: Taken[Cluster | Iterable[Cluster], tuple[Cluster, ...]] = NONE
    walls: Walls = _CLOSED
    uptake: Taken[Mapping[str, float] | Iterable[tuple[str, float]], tuple[tuple[str, float], ...]] = NONE
    temperature: float = BODY
    voltage: Voltage = _HOLD
    obstacles: Taken[Obstacle | Iterable[Obstacle], tuple[Obstacle, ...]] = NONE
    pumps: Taken[Pump | Iterable[Pump], tuple[Pump, ...]] = NONE
    molecules: Taken[Species | Iterable[Species], tuple[Species, ...]] = NONE
    reactions: Taken[Reaction | Iterable[Reaction], tuple[Reaction, ...]] = NONE
    volume_pumps: Taken[VolumePump | Iterable[VolumePump], tuple[VolumePump, ...]] = NONE
    complexes: Taken[Complex | Iterable[Complex], tuple[Complex, ...]] = NONE
    tissue: Taken[Tissue | Iterable[Tissue], tuple[Tissue, ...]] = NONE
    held: Taken[HeldPatch | Iterable[HeldPatch], tuple[HeldPatch, ...]] = NONE

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "box", _box(self.box))
        put(self, "ions", _sequence(self.ions, Ion, "ions"))
        buffers = _listed(self.buffers)
        several = [b for b in buffers if isinstance(b, Complex)]
        put(self, "complexes", _sequence((*_listed(self.complexes), *several), Complex, "complexes"))
        plain = tuple(b for b in buffers if not isinstance(b, Complex))
        put(self, "buffers", _sequence(plain, Buffer, "buffers"))
        put(self, "molecules", _sequence(self.molecules, Species, "molecules"))
        put(self, "reactions", _sequence(self.reactions, Reaction, "reactions"))
        put(self, "volume_pumps", _sequence(self.volume_pumps, VolumePump, "volume_pumps"))
        put(self, "channels", _sequence(self.channels, Cluster, "channels"))
        put(self, "pumps", _sequence(self.pumps, Pump, "pumps"))
        put(self, "tissue", _sequence(self.tissue, Tissue, "tissue"))
        put(self, "held", _sequence(self.held, HeldPatch, "held"))
        if not isinstance(self.walls, Walls):
            raise TypeError(
                f"Model: walls = {self.walls!r}; expected Walls(x=, y=, z=) of Closed() and Held()."
            )
        if not isinstance(self.voltage, PROTOCOLS):
            raise TypeError(
                f"Model: voltage = {self.voltage!r}; expected Hold(-70.0), in mV, or another protocol."
            )
        put(self, "temperature", _temperature(self.temperature))
        put(self, "obstacles", _obstacles(self.obstacles))
        consistency.check_names(self)
        put(self, "uptake", consistency.checked_uptake(self))
        consistency.check_walls(self)
        consistency.check_outsides(self)
        consistency.check_mouths(self)
        check_distances(self.resolved_channels)
        check_obstacles(self.obstacles, self.box, self.resolved_channels)
        check_tissue(self.tissue, self.box, self.resolved_channels)

    @property
    def species(self) -> tuple[str, ...]:
        """Names of all that has a concentration: ions, buffers (their bound form), then other species."""
        plain = (*(i.name for i in self.ions), *(b.name for b in self.buffers if not b.paired))
        return (*plain, *(f.name for f in self.chemistry.forms))

    @cached_property
    def chemistry(self) -> Chemistry:
        """Species and reactions beyond plain 1:1 buffers."""
        return Chemistry.of(self)

    @cached_property
    def rest_forms(self) -> dict[str, float]:
        """Concentrations of the species of `chemistry` in equilibrium with the ions at rest, uM."""
        return self.chemistry.equilibrium({i.name: i.rest for i in self.ions})

    @cached_property
    def initial_forms(self) -> dict[str, float]:
        """Concentrations of the species of `chemistry` at t = 0, uM."""
        return self.chemistry.start({i.name: i.start for i in self.ions})

    def binding_rate(self, ion: str) -> float:
        """Rate at which everything binds or takes up an ion at rest, without linear uptake, 1/ms."""
        plain = [b for b in self.buffers if b.binds == ion and not b.paired]
        rate = sum(b.k_on * (b.total - self.rest_bound(b)) for b in plain)
        if not self.chemistry.steps:
            return rate
        levels = {**{i.name: i.rest for i in self.ions}, **self.rest_forms}
        return rate + self.chemistry.loss_rate(ion, levels)

    def plain_buffers_only(self, who_knows: str, advice: str = "") -> None:
        """Refuse reactions and species beyond plain buffers where a method does not know them."""
        if self.chemistry.forms:
            first = self.chemistry.forms[0].name
            raise ValueError(
                f"{who_knows} plain 1:1 buffers only, and this model has the species {first!r} of a "
                f"reaction network.{advice}"
            )

    def ion(self, name: str | Ion) -> Ion:
        """The ion of that name; ValueError names those there are."""
        found = [ion for ion in self.ions if name in (ion.name, ion)]
        return found[0] if found else self._unknown(name)

    def buffer(self, name: str | Buffer) -> Buffer:
        """The buffer of that name; ValueError names those there are."""
        found = [buffer for buffer in self.buffers if name in (buffer.name, buffer)]
        return found[0] if found else self._unknown(name)

    def _unknown(self, name: Any) -> Any:
        known = ", ".join(repr(one) for one in self.species)
        raise ValueError(f"No species {getattr(name, 'name', name)!r} in this model; it has {known}.")

    def uptake_rate(self, ion: str | Ion) -> float:
        """Rate k of the uptake -k (c - rest) of an ion, 1/ms; 0 where there is none."""
        return dict(self.uptake).get(self.ion(ion).name, 0.0)

    def initial_ion(self, ion: str | Ion) -> float:
        """Free concentration of an ion at t = 0, uM."""
        return self.ion(ion).start

    def initial_bound(self, buffer: str | Buffer) -> float:
        """Bound form of a buffer at t = 0, uM: as given, else in equilibrium with its ion at t = 0."""
        buffer = self.buffer(buffer)
        if buffer.bound is not None:
            return buffer.bound
        return float(buffer.bound_at(self.initial_ion(buffer.binds)))

    def rest_bound(self, buffer: str | Buffer) -> float:
        """Bound form of a buffer in equilibrium with its ion at rest, uM (what held walls keep)."""
        buffer = self.buffer(buffer)
        return float(buffer.bound_at(self.ion(buffer.binds).rest))

    def pull(self, channel: Channel) -> float:
        """Greatest slope P of the pumps of its ion on the membrane around a channel, um/ms; 0 without any.

        Pumps on patches further away than `pumps.AROUND` are not counted.  In tissue it is what it would be
        against free fluid, P lambda^2/alpha.
        """
        total = sum(p.law.terms.steepest for p in self.pumps if p.is_around(channel, self.box))
        alpha, tortuosity = channel_medium(self.tissue, (channel,)) or (1.0, 1.0)
        return total * tortuosity**2 / alpha

    @property
    def leaks(self) -> bool:
        """Whether a wall, a surface or a patch is held at rest, so that all that is mobile can leave."""
        walls = (*self.walls.x, *self.walls.y, *self.walls.z)
        held = any(isinstance(wall, Held) for wall in walls) or bool(self.held)
        return held or any(isinstance(one, Inside) and one.held for one in self.obstacles)

    @property
    def volume(self) -> float:
        """Volume of the box, um^3."""
        return math.prod(high - low for low, high in self.box)

    @cached_property
    def resolved_channels(self) -> tuple[Channel, ...]:
        """Every channel of every cluster, in the box's coordinates, numbered through."""
        return resolve(self.channels, self.box)

    def to_dict(self) -> dict[str, Any]:
        """Canonical plain dictionary: house units, lists for tuples, ready for JSON."""
        return {
            "box": [list(side) for side in self.box],
            "temperature": self.temperature,
            "ions": [canonical.plain(ion) for ion in self.ions],
            "buffers": [canonical.plain(buffer) for buffer in self.buffers],
            "channels": [canonical.cluster_to_dict(cluster) for cluster in self.channels],
            "walls": canonical.walls_to_dict(self.walls),
            "uptake": dict(self.uptake),
            "voltage": canonical.tagged("voltage", self.voltage),
            **canonical.obstacles_to_dict(self.obstacles),
            **({"pumps": [canonical.pump_to_dict(pump) for pump in self.pumps]} if self.pumps else {}),
            **canonical.chemistry_to_dict(self),
            **canonical.tissue_to_dict(self),
        }

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Model:
        """The model that `to_dict` came from; unknown keys are refused."""
        model: Model = canonical.build(cls, canonical.parts_from_dict(given), "model")
        return model

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits; equal models have equal hashes."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_toml(self, title: str = "") -> str:
        """The model as the text of a scenario file; `microdomain.load` reads it back to an equal Model."""
        return model_to_toml(self.to_dict(), title)

    def __repr__(self) -> str:
        return tree.drawn(self)


def _box(given: Any) -> Box:
    try:
        pairs = [tuple(pair) for pair in given]
    except TypeError:
        pairs = []
    if len(pairs) != 3 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"Model: box = {given!r}; expected three pairs (lower, upper) in um, "
            "e.g. ((-1, 1), (-1, 1), (0, 1))."
        )
    sides = []
    for axis, (low, high) in zip("xyz", pairs, strict=True):
        low, high = (checks.number(v, f"Model: box, {axis}", "um") for v in (low, high))
        if high <= low:
            raise ValueError(
                f"Model: box, {axis}: upper end {high:g} um must lie above lower end {low:g} um."
            )
        sides.append((low, high))
    return sides[0], sides[1], sides[2]


def _sequence(given: Any, cls: Any, word: str) -> tuple[Any, ...]:
    items = _listed(given)
    for item in items:
        if not isinstance(item, cls):
            expected = getattr(cls, "__name__", "TwoSite(...) or Competing")
            raise TypeError(f"Model: {word} holds {item!r}; expected {expected}(...).")
    return items


def _obstacles(given: Any) -> tuple[Obstacle, ...]:
    items = (given,) if isinstance(given, OBSTACLES) else tuple(given)
    for item in items:
        if not isinstance(item, OBSTACLES):
            raise TypeError(
                f"Model: obstacles holds {item!r}; expected {', '.join(o.__name__ for o in OBSTACLES)}."
            )
    return items


def _listed(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, Iterable) else (given,)


def _temperature(given: Any) -> float:
    T = checks.number(given, "Model: temperature", "K", above=0)
    if not 250 <= T <= 350:
        hint = f" {T:g} degC is {T + 273.15:g} K." if T < 80 else ""
        raise ValueError(f"Model: temperature = {T:g} K is not one at which cells live (250 to 350 K).{hint}")
    return T
