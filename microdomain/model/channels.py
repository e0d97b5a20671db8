"""Where the channels are: clusters on a face of the box or inside it.

Positions along a face are two coordinates in the order of the axes: (x, y) on "z-" and "z+",
(x, z) on "y-" and "y+", (y, z) on "x-" and "x+".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microdomain.model import checks, layouts
from microdomain.model.columns import LENGTHS, read_columns
from microdomain.model.currents import CURRENT_KINDS, Current, Fixed
from microdomain.model.gating import GATES, Gate, Open
from microdomain.model.given import Taken, part
from microdomain.model.membrane import FACES
from microdomain.model.mouths import Disc

_TENTH: Any = Fixed(0.1)
_OPEN: Any = Open()


@dataclass(frozen=True)
class Channel:
    """One channel of a model, in the box's coordinates.

    Attributes
    ----------
    name : str                    "cav[3]": its cluster and its number there
    cluster : str                 name of the cluster
    index : int                   number over the whole model
    position : (x, y, z), um
    normal : (nx, ny, nz)         unit vector into the box; (0, 0, 1) inside the box
    face : str or None            "x-" to "z+", None inside the box
    ion, pore, current, gate, mouth     as in `Cluster`
    """

    name: str
    cluster: str
    index: int
    position: tuple[float, float, float]
    normal: tuple[float, float, float]
    face: str | None
    ion: str
    pore: float
    current: Current
    gate: Gate
    mouth: Disc | None = None


@part()
class Cluster:
    """Channels of one kind.

    Parameters
    ----------
    positions : sequence of points, um
                                  two coordinates along the face or three in space
    face : str or None            "x-" to "z+"; None: inside the box (three coordinates)
    ion : str                     the ion that passes
    pore : float, um              distance from the source at which the mouth's concentration is read
    current : current             `Fixed(...)` or a number of pA, `Ohmic(g)`, `GHK(P)`; one or one each
    gate : gate                   `Open()`, `Pulse(...)`, `Train(...)`, `HH(...)`, `Markov(...)`; the same way
    name : str
    centred : bool                whether positions are relative to the centre of the face (or of the box)
    mouth : Disc, optional        a finite mouth; a point without one

    Raises
    ------
    ValueError, TypeError         naming the cluster and the channel

    >>> len(Cluster.lattice(4, 4, pitch=0.04))
    16
    """

    positions: Taken[Iterable[Iterable[float]], tuple[tuple[float, ...], ...]]
    face: str | None = "z-"
    ion: str = "Ca"
    pore: float = 0.005
    current: Taken[Current | float | Sequence[Current | float], Current | tuple[Current, ...]] = _TENTH
    gate: Taken[Gate | Sequence[Gate], Gate | tuple[Gate, ...]] = _OPEN
    name: str = "channels"
    centred: bool = False
    mouth: Disc | None = None

    def __post_init__(self) -> None:
        who = f"Cluster {checks.name(self.name, 'Cluster')!r}"
        put = object.__setattr__
        if self.face is not None and self.face not in FACES:
            raise ValueError(
                f"{who}: no face {self.face!r}; give one of {', '.join(FACES)}, or None for inside the box."
            )
        checks.name(self.ion, f"{who}: the ion's")
        if self.mouth is not None and (not isinstance(self.mouth, Disc) or self.face is None):
            raise ValueError(f"{who}: mouth = {self.mouth!r}; give Disc(radius) and a face that it lies on.")
        put(self, "pore", checks.number(self.pore, f"{who}: pore", "um", above=0))
        points = []
        for k, point in enumerate(self.positions):
            try:
                numbers = tuple(point)
            except TypeError:
                raise TypeError(
                    f"{who}: position {k} = {point!r} is not a point; give two or three numbers."
                ) from None
            if len(numbers) != 3 and (self.face is None or len(numbers) != 2):
                few = (
                    "three coordinates in space"
                    if self.face is None
                    else "two coordinates along the face or three in space"
                )
                raise ValueError(f"{who}: position {k} has {len(numbers)} coordinates; expected {few}.")
            points.append(tuple(checks.number(v, f"{who}: position {k}", "um") for v in numbers))
        if not points:
            raise ValueError(f"{who} has no channel; give at least one position.")
        put(self, "positions", tuple(points))
        put(self, "current", self._each(self.current, CURRENT_KINDS, "current", "Fixed(0.1)", who))
        put(self, "gate", self._each(self.gate, GATES, "gate", "Open(), Pulse(0, 1) or Train(...)", who))

    def _each(self, given: Any, kinds: tuple[type, ...], word: str, examples: str, who: str) -> Any:
        """One object for all, or a tuple with one per channel; equal ones fold into one."""
        several = isinstance(given, Sequence) and not isinstance(given, str)
        items = list(given) if several else [given]
        for k, item in enumerate(items):
            if word == "current" and isinstance(item, int | float) and not isinstance(item, bool):
                items[k] = Fixed(item)
            elif not isinstance(item, kinds):
                raise TypeError(
                    f"{who}: {word} = {item!r}; expected {examples}, one for all or one per channel."
                )
        if several and len(items) != len(self.positions):
            raise ValueError(
                f"{who}: {len(items)} {word}s for {len(self)} channel{'s' if len(self) > 1 else ''}; "
                "give one for all or one per channel."
            )
        return items[0] if all(item == items[0] for item in items) else tuple(items)

    def __len__(self) -> int:
        return len(self.positions)

    def current_of(self, k: int) -> Current:
        """The current of channel k of this cluster."""
        return self.current[k] if isinstance(self.current, tuple) else self.current

    def gate_of(self, k: int) -> Gate:
        """The gate of channel k of this cluster."""
        return self.gate[k] if isinstance(self.gate, tuple) else self.gate

    @classmethod
    def _laid(cls, offsets: list[tuple[float, float]], centre: Any, kw: dict[str, Any]) -> Cluster:
        """Offsets in the plane, about the centre of the face (None) or about a point of the box."""
        inside = kw.get("face", "z-") is None
        given = (0.0,) * (3 if inside else 2) if centre is None else tuple(centre)
        if len(given) not in ((3,) if inside else (2, 3)):
            raise ValueError(
                f"Cluster: centre = {centre!r}; give two coordinates along the face or three in space."
            )
        middle = [checks.number(v, "Cluster: centre", "um") for v in given]
        axes = (0, 1)
        if len(middle) == 3 and not inside:
            axes = layouts.along(kw.get("face", "z-"))
        points = []
        for offset in offsets:
            point = list(middle)
            for axis, step in zip(axes, offset, strict=True):
                point[axis] += step
            points.append(tuple(point))
        return cls(tuple(points), centred=centre is None, **kw)

    @classmethod
    def lattice(cls, nx: int, ny: int, pitch: float, centre: Any = None, **kw: Any) -> Cluster:
        """An nx by ny lattice; the rest as in `Cluster`.

        Parameters
        ----------
        nx, ny : int                  channels along the face's first and second axis
        pitch : float, um             distance of neighbours
        centre : point, um            in the box's coordinates; None: the centre of the face
        """
        return cls._laid(layouts.lattice(nx, ny, pitch), centre, kw)

    @classmethod
    def ring(cls, n: int, radius: float, centre: Any = None, **kw: Any) -> Cluster:
        """n channels on a circle, the first on the face's first axis; the rest as in `Cluster`."""
        return cls._laid(layouts.ring(n, radius), centre, kw)

    @classmethod
    def random(
        cls, n: int, within: Any, exclusion: float | None = None, seed: int = 0, centre: Any = None, **kw: Any
    ) -> Cluster:
        """n channels at random, none closer to another than `exclusion`; the same seed gives the same places.

        Parameters
        ----------
        n : int                       number of channels
        within : float or pair, um    radius of a disc, or the side lengths of a rectangle
        exclusion : float, um         least distance; None: the pore distance
        seed : int
        centre : point, um            in the box's coordinates; None: the centre of the face

        Raises
        ------
        ValueError                    when they do not find room
        """
        least = kw.get("pore", 0.005) if exclusion is None else exclusion
        return cls._laid(layouts.scattered(n, within, least, seed), centre, kw)

    @classmethod
    def from_csv(cls, path: Any, **kw: Any) -> Cluster:
        """Positions from the columns x, y or x, y, z of a CSV file.

        A heading may carry the unit (``x_nm, y_nm``), else um.  The first two columns are the
        coordinates along the face, in the order of the axes; three are a point in space.
        """
        words = (("x", "y"), ("y", "z"), ("z",))
        return cls(tuple(read_columns(path, words, (LENGTHS,) * 3, optional=1)), **kw)


def resolve(clusters: tuple[Cluster, ...], box: tuple[tuple[float, float], ...]) -> tuple[Channel, ...]:
    """Every channel of the clusters, in the box's coordinates, checked to lie in the box."""
    channels: list[Channel] = []
    for cluster in clusters:
        for k, point in enumerate(cluster.positions):
            position, normal = _place(cluster, k, point, box)
            channels.append(
                Channel(
                    name=f"{cluster.name}[{k}]",
                    cluster=cluster.name,
                    index=len(channels),
                    position=position,
                    normal=normal,
                    face=cluster.face,
                    ion=cluster.ion,
                    pore=cluster.pore,
                    current=cluster.current_of(k),
                    gate=cluster.gate_of(k),
                    mouth=cluster.mouth,
                )
            )
    return tuple(channels)


def _place(
    cluster: Cluster, k: int, point: tuple[float, ...], box: tuple[tuple[float, float], ...]
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    middle = [0.5 * (low + high) for low, high in box]
    place = list(point)
    normal = [0.0, 0.0, 1.0]
    if cluster.face is not None:
        axis, side = divmod(FACES.index(cluster.face), 2)
        wall = box[axis][side]
        if len(point) == 2:
            place.insert(axis, wall)
        elif cluster.centred:
            place[axis] += wall
        normal = [0.0, 0.0, 0.0]
        normal[axis] = -1.0 if side else 1.0
        middle[axis] = 0.0
        if abs(place[axis] - wall) > 1e-9 * max(abs(wall), box[axis][1] - box[axis][0]):
            raise ValueError(
                f"Channel {k} of {cluster.name!r} at {_point(place)} um is not on face {cluster.face!r} "
                f"({'xyz'[axis]} = {wall:g} um). Give two coordinates, or face=None for a channel inside."
            )
        place[axis] = wall
    if cluster.centred:
        place = [v + m for v, m in zip(place, middle, strict=True)]
    for axis, (v, (low, high)) in enumerate(zip(place, box, strict=True)):
        if not low <= v <= high:
            raise ValueError(
                f"Channel {k} of {cluster.name!r} at {_point(place)} um is outside the box: "
                f"{'xyz'[axis]} goes from {low:g} to {high:g} um. Move it, or make the box larger."
            )
        if cluster.face is None and v in (low, high):
            face = "xyz"[axis] + ("-" if v == low else "+")
            raise ValueError(
                f"Channel {k} of {cluster.name!r} lies on face {face!r}, "
                f"but its cluster has face=None. Give face={face!r}."
            )
    return (place[0], place[1], place[2]), (normal[0], normal[1], normal[2])


def check_distances(channels: tuple[Channel, ...]) -> None:
    """Refuse two channels closer than their pore distance (hashing by cells: n, not n^2)."""
    if not channels:
        return
    side = max(c.pore for c in channels)
    cells: dict[tuple[int, ...], list[Channel]] = {}
    for b in channels:
        cell = tuple(math.floor(v / side) for v in b.position)
        near = (
            cells.get((cell[0] + i, cell[1] + j, cell[2] + k), ())
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            for k in (-1, 0, 1)
        )
        for a in (a for group in near for a in group):
            apart, pore = math.dist(a.position, b.position), max(a.pore, b.pore)
            if apart < pore * (1 - 1e-9):
                if a.cluster == b.cluster:
                    pair = (
                        " and ".join(c.name[c.name.rindex("[") + 1 : -1] for c in (a, b))
                        + f" of {a.cluster!r}"
                    )
                else:
                    pair = f"{a.name!r} and {b.name!r}"
                raise ValueError(
                    f"Channels {pair} are {1000 * apart:.3g} nm apart, closer than their pore distance "
                    f"({1000 * pore:.3g} nm). Move one, or give a smaller pore."
                )
        cells.setdefault(cell, []).append(b)


def _point(place: list[float]) -> str:
    return "(" + ", ".join(f"{v:g}" for v in place) + ")"
