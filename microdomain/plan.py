"""A Model laid on a Grid: arrays, tables and index lists, on one device.

Users never build a Plan.  Here, and only here, names become indices.  Species are ordered ions,
mobile buffers, mobile forms of the network, immobile buffers, immobile forms; a buffer is represented
by its bound form, buffer j by species `at(j)`.  The state of a member is one vector: first the cell
averages ``[species, z, y, x]`` (for an ion the grid part u), then the bound forms of the refined buffers
at ``SUB^3`` sub-cells of the cells next to channels, ``[refined, cell, sub]``; the cell averages of refined
buffers are kept beside them and stay their means.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microdomain.finite_volume import CLOSED, HELD, Axis, lay_axis
from microdomain.fluxes import FluxRows, Live, fluxes_of
from microdomain.grid import Grid
from microdomain.history import History
from microdomain.mask import Mask, lay_mask
from microdomain.mask_media import lay_media, pumps_in
from microdomain.mask_walls import in_the_open
from microdomain.model import Held, Model
from microdomain.near_field import BLOB
from microdomain.network import Network
from microdomain.network_lay import binding_rates, interleaved, lay_network
from microdomain.plan_members import check_alike
from microdomain.plan_sites import lay_sites
from microdomain.sites import SUB, Site
from microdomain.wall_pumps import NO_PUMPS, Pumps, lay_pumps
from microdomain.window import Window, lay_windows

#: A buffer is refined when it diffuses slower than this part of its ion's D: within a cell's
#: diffusion time it stays where it bound.
SLOW = 0.02


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything a stepper needs; see the module's text for the order of species and state.

    Attributes
    ----------
    models : tuple of Model             one per member
    grid : Grid
    names : tuple of str                species, in order
    ions, mobile, refined : int         how many ions, species that diffuse; `refined` lists buffers
    axes : (Axis, Axis, Axis)           along x, y, z
    D : array (species,), um^2/ms
    binds : tuple of int                the ion of each buffer
    k_on, k_off, total : array (member, buffer)
    rest : array (member, species)      rest level: of ions, of buffers bound at rest, of forms
    uptake, kappa : array (member, ion), 1/ms
    history : History                   rows are the distinct fluxes
    channel_rows : tuple of tuples      row of each channel of each member
    live : tuple of tuples of Live      per member, the channels whose flux the run finds
    windows : tuple of Window           per ion
    pair_member, pair_row, pair_ion : int arrays (P,)
    pair_count : array (P,)             channels that share the pair
    pair_mass, pair_loss                (P, Q + 1) and (P, Q): patch masses, summed over the pair's sites
    cells : int array (C,)              refined cells, flat indices into [z, y, x]
    mixing : array (refined, C), 1/ms   rate at which diffusion evens a refined buffer out inside a cell
    mask : Mask or None                 obstacles
    pair_back : array (P, Q), 1/ms      what obstacles hand from a pair's window to the grid
    pumps : Pumps                       what crosses the walls by itself
    network : Network or None           reactions beyond plain 1:1 buffers
    free : float                        free volume fraction where the channels stand
    """

    models: tuple[Model, ...]
    grid: Grid
    names: tuple[str, ...]
    ions: int
    mobile: int
    refined: tuple[int, ...]
    axes: tuple[Axis, Axis, Axis]
    D: np.ndarray
    binds: tuple[int, ...]
    k_on: np.ndarray
    k_off: np.ndarray
    total: np.ndarray
    rest: np.ndarray
    uptake: np.ndarray
    kappa: np.ndarray
    history: History
    channel_rows: tuple[tuple[int, ...], ...]
    live: tuple[tuple[Live, ...], ...]
    windows: tuple[Window, ...]
    sites: tuple[Site, ...]
    pair_member: np.ndarray
    pair_row: np.ndarray
    pair_ion: np.ndarray
    pair_count: np.ndarray
    pair_mass: np.ndarray
    pair_loss: np.ndarray
    cells: np.ndarray
    mixing: np.ndarray
    pair_back: np.ndarray
    mask: Mask | None = None
    pumps: Pumps = NO_PUMPS
    network: Network | None = None
    free: float = 1.0

    @property
    def volumes(self) -> np.ndarray:
        """Free volumes of the cells [z, y, x], um^3."""
        return (self.free if self.mask is None else self.mask.phi) * self.grid.volumes

    @property
    def volume(self) -> float:
        """Free volume of the box, um^3."""
        return self.free * self.grid.volume if self.mask is None else float(self.volumes.sum())

    @property
    def leaks(self) -> bool:
        """Whether anything can leave through held walls or surfaces."""
        held = self.mask is not None and self.mask.rim.size > 0
        return held or not all(a.closed for a in self.axes)

    @property
    def members(self) -> int:
        """Number of members."""
        return len(self.models)

    @property
    def species(self) -> int:
        """Number of species on the grid."""
        return len(self.names)

    @property
    def buffers(self) -> int:
        """Number of plain buffers."""
        return len(self.binds)

    @property
    def movers(self) -> int:
        """Number of mobile plain buffers."""
        return self.mobile - self.ions - (len(self.network.mobile) if self.network else 0)

    @property
    def carried(self) -> int:
        """Ions, mobile buffers and mobile forms but those that follow others: what solves carry."""
        return self.mobile - (len(self.network.followers) if self.network else 0)

    def at(self, j: int) -> int:
        """Species index of buffer j."""
        return self.ions + j + (self.mobile - self.ions - self.movers if j >= self.movers else 0)

    @property
    def bound(self) -> list[int]:
        """Species index of every buffer."""
        return [self.at(j) for j in range(self.buffers)]

    @property
    def forms(self) -> list[int]:
        """Species index of every form of the network."""
        if self.network is None:
            return []
        moving = len(self.network.mobile)
        first, later = self.ions + self.movers, self.mobile + self.buffers - self.movers
        return [*range(first, first + moving), *range(later, later + len(self.network.still))]

    @property
    def size(self) -> int:
        """Length of one member's state vector."""
        return self.species * self.grid.cells + len(self.refined) * self.cells.size * SUB**3

    @property
    def positive(self) -> list[int]:
        """Species index of every form that cannot fall below zero: all but what pumps took up."""
        return [s for k, s in enumerate(self.forms) if self.network and not self.network.store[k]]

    def coarse(self, y: Any) -> Any:
        """View [member, species, z, y, x] of state vectors [member, size]."""
        return y[:, : self.species * self.grid.cells].reshape(y.shape[0], self.species, *self.grid.shape)

    def fine(self, y: Any) -> Any:
        """View [member, refined, cell, sub] of state vectors [member, size]."""
        return y[:, self.species * self.grid.cells :].reshape(
            y.shape[0], len(self.refined), self.cells.size, SUB**3
        )

    def take(self, members: Sequence[int]) -> Plan:
        """The plan of some members only; grid, tables and fluxes are shared."""
        chosen = np.asarray(members, dtype=int)
        if chosen.size == self.members and np.array_equal(chosen, np.arange(self.members)):
            return self
        new_member = np.full(self.members, -1)
        new_member[chosen] = np.arange(chosen.size)
        kept = np.flatnonzero(new_member[self.pair_member] >= 0)
        new_pair = np.full(self.pair_member.size, -1)
        new_pair[kept] = np.arange(kept.size)
        sites = []
        for s in self.sites:
            here = new_member[s.members] >= 0
            if here.any():
                sites.append(
                    dataclasses.replace(s, members=new_member[s.members[here]], pairs=new_pair[s.pairs[here]])
                )
        return dataclasses.replace(
            self,
            models=tuple(self.models[m] for m in chosen),
            channel_rows=tuple(self.channel_rows[m] for m in chosen),
            live=tuple(self.live[m] for m in chosen),
            **{name: getattr(self, name)[chosen] for name in _PER_MEMBER},
            pumps=self.pumps.take(chosen),
            sites=tuple(sites),
            network=self.network and self.network.take(chosen),
            pair_member=new_member[self.pair_member[kept]],
            **{name: getattr(self, name)[kept] for name in _PER_PAIR},
        )


_PER_MEMBER = ("k_on", "k_off", "total", "rest", "uptake", "kappa")
_PER_PAIR = ("pair_row", "pair_ion", "pair_count", "pair_mass", "pair_loss", "pair_back")


def lay(
    models: Sequence[Model], grid: Grid, history: History | None = None, fluxes: FluxRows | None = None
) -> Plan:
    """Lay models on a grid.

    Parameters
    ----------
    models : sequence of Model      one per member; they share what `plan_members.shared` lists
    grid : Grid
    history : History, optional     fluxes to use instead of those the models prescribe, a row a channel
    fluxes : FluxRows, optional         fluxes of a run whose end is known; gates that move need it

    Returns
    -------
    Plan
    """
    first = models[0]
    check_alike(models)
    axes = tuple(
        lay_axis(f, *(_sign(w) for w in pair))
        for f, pair in zip(grid.faces, (first.walls.x, first.walls.y, first.walls.z), strict=True)
    )
    plain = [b for b in first.buffers if not b.paired]
    mobile = [b.name for b in plain if b.mobile]
    order = mobile + [b.name for b in plain if not b.mobile]
    network = lay_network(models, grid)
    ion_names = [i.name for i in first.ions]
    per_model = [([m.ion(n) for n in ion_names], [m.buffer(n) for n in order]) for m in models]
    binds = tuple(ion_names.index(first.buffer(n).binds) for n in order)

    def table(attribute: str) -> np.ndarray:
        rows = [[getattr(b, attribute) for b in buffers] for _, buffers in per_model]
        return np.array(rows, dtype=float).reshape(len(models), len(order))

    k_on, k_off, total = table("k_on"), table("k_off"), table("total")
    ion_rest = np.array([[i.rest for i in ions] for ions, _ in per_model], dtype=float)
    bound_rest = np.array(
        [
            [b.bound_at(ions[k].rest) for b, k in zip(buffers, binds, strict=True)]
            for ions, buffers in per_model
        ],
        dtype=float,
    ).reshape(len(models), len(order))
    uptake = np.array([[m.uptake_rate(n) for n in ion_names] for m in models], dtype=float)
    kappa = uptake.copy()
    for j, i in enumerate(binds):
        kappa[:, i] += k_on[:, j] * (total[:, j] - bound_rest[:, j])
    plain_D = [first.buffer(n).D for n in order]
    D = np.array([*(i.D for i in first.ions), *plain_D], dtype=float)
    names, rest = [*ion_names, *order], np.concatenate([ion_rest, bound_rest], axis=1)
    if network is not None:
        kappa += binding_rates(models, network, grid)
        names, D, rest = interleaved(network, len(ion_names) + len(mobile), names, D, rest)

    media = lay_media(models, grid)
    # D of the bare grid, and of the channels' surroundings.
    D, here = (D, D) if media is None else (D / media.reference**2, D / media.channel[1] ** 2)
    plain_D = plain_D if media is None else [d / media.channel[1] ** 2 for d in plain_D]
    channels = [m.resolved_channels for m in models]
    places = [[c.position for row in channels for c in row if c.ion == n] for n in ion_names]
    windows = lay_windows(here, [max((grid.spacing_at(p) for p in at), default=0.0) for at in places], BLOB)
    if history is None:
        fluxes = fluxes_of(models, None) if fluxes is None else fluxes
        history, rows, live = fluxes.history(), fluxes.rows, fluxes.live
    else:
        rows, live = [list(range(len(row))) for row in channels], [[] for _ in models]
    refined = tuple(
        j for j, i in enumerate(binds) if plain_D[j] <= SLOW * here[i] and channels_of(channels, ion_names[i])
    )
    masked = first.obstacles or first.held or not (media is None or media.even)
    mask = lay_mask(first.obstacles, grid, axes, media, first.held) if masked else None
    pumps = pumps_in(lay_pumps(models, grid, axes), media, mask is not None)
    common: dict[str, Any] = dict(  # noqa: C408
        mask=mask,
        models=tuple(models), grid=grid, names=tuple(names), ions=len(ion_names),
        mobile=len(ion_names) + len(mobile) + (len(network.mobile) if network else 0), refined=refined,
        axes=axes, D=D, binds=binds, k_on=k_on, k_off=k_off, total=total, rest=rest, uptake=uptake,
        kappa=kappa, history=history, network=network,
        pumps=in_the_open(pumps, mask), free=1.0 if media is None else media.channel[0],
        channel_rows=tuple(tuple(r) for r in rows), live=tuple(tuple(x) for x in live), windows=windows,
    )  # fmt: skip
    return Plan(**common, **lay_sites(common, channels, rows, ion_names, [plain_D[j] for j in refined]))


def channels_of(channels: Sequence[Any], ion: str) -> bool:
    """True where any member has a channel for the ion."""
    return any(c.ion == ion for row in channels for c in row)


def _sign(wall: Any) -> int:
    return HELD if isinstance(wall, Held) else CLOSED
