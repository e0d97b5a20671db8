"""Channel positions on a plan's grid: patches, refined cells, what obstacles change, and who uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from microdomain.finite_volume import Axis
from microdomain.mask_media import free_at
from microdomain.mask_near import lay_beside
from microdomain.model.mouths import mouth_points
from microdomain.mouths import disc_of
from microdomain.near_field import CUT, Patch, Source, lay_patch
from microdomain.sites import Site, mixing_rates, refined_cells, ripples
from microdomain.window import AVERAGES, Window

#: Tables of this many channel positions are kept for the next run, at about half a megabyte each.
KEPT = 64


def lay_sites(
    common: dict[str, Any], channels: Sequence[Any], rows: Sequence[Sequence[int]], ion_names: list[str],
    slow: list[float],
) -> dict[str, Any]:  # fmt: skip
    """Every channel position with its tables, and who uses them: the last attributes of a `Plan`."""
    grid, axes, windows, mask = common["grid"], common["axes"], common["windows"], common["mask"]
    places: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    pairs: dict[tuple[int, int, int], int] = {}
    for member, (row, fluxes) in enumerate(zip(channels, rows, strict=True)):
        for c, r in zip(row, fluxes, strict=True):
            i = ion_names.index(c.ion)
            pair = pairs.setdefault((member, r, i), len(pairs))
            points = mouth_points(c)
            for k, point in enumerate(points):
                places.setdefault((i, point, c if c.mouth else None, k, len(points)), []).append(
                    (member, pair)
                )
    near = {key: refined_cells(grid, key[1]) for key in places} if common["refined"] else {}
    if mask is not None:
        # Beside a surface a cell has no sub-cells.
        near = {key: np.setdiff1d(found, mask.touched) for key, found in near.items()}
    cells = np.unique(np.concatenate([np.empty(0, int), *near.values()]))
    nodes = max((w.nodes.size for w in windows), default=0)
    mass, count = np.zeros((len(pairs), nodes + 1)), np.zeros(len(pairs))
    loss, back = np.zeros((len(pairs), nodes)), np.zeros((len(pairs), nodes))
    sites = []
    for key, users in places.items():
        i, position, channel, number, many = key
        window = windows[i]
        own = near.get(key, np.empty(0, int))
        sources, patch, ripple = _tables(axes, position, window.D, window.tau, own.tobytes())
        # Concentrations are those of the free volume, amounts are not.
        free = common["free"] if mask is None else free_at(mask.media, grid, position)
        gain = 1.0 / free
        beside = lay_beside(mask, grid, position, patch, sources, window, float(common["D"][i]), free)
        patch = patch if gain == 1.0 else replace(patch, zy=gain * patch.zy)
        site = Site(
            i, position, sources, patch, np.array([m for m, _ in users]), np.array([p for _, p in users]),
            np.searchsorted(cells, own), gain * ripple, beside, gain=gain,
        )  # fmt: skip
        site = site.shared(1.0 / many, disc_of(channel, axes, window, _reach(window)), number > 0)
        for _, p in users:
            carried = site.patch if site.beside is None else site.beside
            mass[p] += carried.mass
            loss[p] += site.patch.loss if site.beside is None else site.beside.lost
            back[p] += 0.0 if site.beside is None else site.beside.returned
            count[p] += site.share
        sites.append(site)
    keys = np.array(list(pairs), dtype=int).reshape(-1, 3)
    return dict(  # noqa: C408
        sites=tuple(sites), pair_member=keys[:, 0], pair_row=keys[:, 1], pair_ion=keys[:, 2],
        pair_count=count, pair_mass=mass, pair_loss=loss, pair_back=back, cells=cells,
        mixing=mixing_rates(grid, cells, np.array(slow)),
    )  # fmt: skip


def _reach(window: Window) -> float:
    """How far a window reaches, um."""
    return float(CUT * np.sqrt(4.0 * window.D * window.tau))


@lru_cache(maxsize=KEPT)
def _tables(
    axes: tuple[Axis, Axis, Axis], position: tuple[float, float, float], D: float, tau: float, own: bytes
) -> tuple[tuple[Source, Source, Source], Patch, np.ndarray]:
    """Images, patch and ripple in the cells `own` of one channel position; not to be written to."""
    window = Window.of(D, tau, AVERAGES)
    faces, reach = [a.faces for a in axes], _reach(window)
    sx, sy, sz = (
        Source.of(x, a.faces[0], a.faces[-1], a.lower, a.upper, reach, D)
        for x, a in zip(position, axes, strict=True)
    )
    sources = (sx, sy, sz)
    patch = lay_patch(sources, faces, window, reach)
    ripple = ripples(sources, faces, window, np.frombuffer(own, dtype=int))
    for table in (patch.zy, patch.x, patch.mass, patch.loss, ripple):
        table.setflags(write=False)
    return sources, patch, ripple
