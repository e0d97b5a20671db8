"""A model's reaction network laid on a grid: forms in order, rates per member, totals per cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microdomain.grid import Grid
from microdomain.model import Model, TimedRate
from microdomain.network import Network


def lay_network(models: Sequence[Model], grid: Grid) -> Network | None:
    """The network of models that run together; None where plain buffers are all there is."""
    first = models[0].chemistry
    if not first.forms:
        return None
    ions = [i.name for i in models[0].ions]
    behind = _followers(models[0])
    mobile = [f for f in first.forms if f.mobile]
    # Those that follow others stand last among the mobile ones.
    order = [f for f in mobile if f.name not in behind] + [f for f in mobile if f.name in behind]
    order += [f for f in first.forms if not f.mobile]
    index = {n: k for k, n in enumerate([*ions, *(f.name for f in order)])}
    law, timed = [], []
    for m in models:
        steps = m.chemistry.steps
        law.append([s.first for s in steps] + [s.hill[0] ** s.hill[1] for s in steps if s.hill])
        timed.append(tuple((r, s.rate) for r, s in enumerate(steps) if isinstance(s.rate, TimedRate)))
    uses, changes = [], []
    for s in first.steps:
        uses.append(tuple((index[n], p) for n, p in s.left))
        net: dict[int, int] = {}
        for sign, side in ((-1, s.left), (1, s.right)):
            for name, n in side:
                net[index[name]] = net.get(index[name], 0) + sign * n
        changes.append(tuple((v, n) for v, n in net.items() if n))
    return Network(
        ions=len(ions),
        mobile=tuple(f.name for f in order if f.mobile),
        still=tuple(f.name for f in order if not f.mobile),
        D=np.array([f.D for f in order]),
        content=np.array([[dict(f.holds).get(i, 0) for i in ions] for f in order], dtype=int),
        store=np.array([f.store for f in order]),
        uses=tuple(uses),
        changes=tuple(changes),
        hill=tuple(s.hill[1] if s.hill else 0 for s in first.steps),
        law=np.array(law, dtype=float).reshape(len(models), -1),
        timed=tuple(timed),
        rest=np.array([[m.rest_forms[f.name] for f in order] for m in models]),
        shapes=tuple(cell_factors(grid, f.layer, f.profile) for f in order),
        followers=tuple((index[n], tuple((index[o], w) for o, w in behind[n])) for n in index if n in behind),
    )


def _followers(model: Model) -> dict[str, list[tuple[str, int]]]:
    """Forms that change by minus what others change by: name -> [(another, weight)].

    Everything that holds some element diffuses alike and was poured in evenly, so that its sum is, and
    stays, the same everywhere; the first form that holds one of it, and no ion, follows the rest.  Beside
    held walls, surfaces and patches that takes sums that begin as they are at rest, as those of buffers do.
    """
    ions = {i.name for i in model.ions}
    buffers = {b.name for b in model.complexes} | {b.name for b in model.buffers if b.paired}
    forms, steps = model.chemistry.forms, model.chemistry.steps
    out: dict[str, list[tuple[str, int]]] = {}
    for element in sorted({e for f in forms for e, _ in f.holds} - ions):
        mine = {f: dict(f.holds)[element] for f in forms if element in dict(f.holds)}
        names = {f.name: n for f, n in mine.items()}
        alike = len({f.D for f in mine}) == 1 and all(
            f.mobile and not f.store and f.layer is None and f.profile is None for f in mine
        )
        # In every step one of them turns into one other.
        sides = [[(n, p) for n, p in side if n in names] for s in steps for side in (s.left, s.right)]
        pairs = list(zip(sides[::2], sides[1::2], strict=True))
        turning = all(
            a == b or (len(a) == len(b) == 1 and a[0][1] == b[0][1] == 1 and names[a[0][0]] == names[b[0][0]])
            for a, b in pairs
        )
        free = [f.name for f in mine if mine[f] == 1 and not ions & dict(f.holds).keys()]
        if not (alike and turning and free and len(mine) > 1) or (model.leaks and element not in buffers):
            continue
        follower = free[0]
        others = [(n, w) for n, w in names.items() if n != follower]
        # A form that another one follows, or that follows, is taken.
        if follower not in {n for terms in out.values() for n, _ in terms} and not out.keys() & set(names):
            out[follower] = others
    return out


def cell_factors(grid: Grid, layer: Any, profile: Any) -> Any:
    """Cell averages [z, y, x] of what multiplies a total: 1 in a layer, lines along axes; or None."""
    if layer is None and profile is None:
        return None
    along = [np.ones(f.size - 1) for f in grid.faces]
    if layer is not None:
        face, depth = layer
        axis = "xyz".index(face[0])
        faces = grid.faces[axis]
        # Distance from the wall, so that a cell's part of the layer is a difference.
        low = face[1] == "-"
        inside = np.minimum(faces - faces[0], depth) if low else -np.minimum(faces[-1] - faces, depth)
        along[axis] = along[axis] * np.diff(inside) / np.diff(faces)
    for name, knots in profile or ():
        axis = "xyz".index(name)
        faces = grid.faces[axis]
        at, value = np.array(knots).T
        inner = np.unique(np.concatenate([faces, at[(at > faces[0]) & (at < faces[-1])]]))
        height = np.interp(inner, at, value)
        area = np.concatenate([[0.0], np.cumsum(0.5 * (height[1:] + height[:-1]) * np.diff(inner))])
        along[axis] = along[axis] * np.diff(np.interp(faces, inner, area)) / np.diff(faces)
    x, y, z = along
    return np.asarray(z[:, None, None] * y[:, None] * x)


def interleaved(
    network: Network, cut: int, names: list[str], D: np.ndarray, rest: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, D, rest levels with the network's mobile forms from index `cut` on and the others at the end."""
    k = len(network.mobile)
    return (
        [*names[:cut], *network.mobile, *names[cut:], *network.still],
        np.concatenate([D[:cut], network.D[:k], D[cut:], network.D[k:]]),
        np.concatenate([rest[:, :cut], network.rest[:, :k], rest[:, cut:], network.rest[:, k:]], axis=1),
    )


def binding_rates(models: Sequence[Model], network: Network, grid: Grid) -> np.ndarray:
    """Rates at which the forms at rest bind each ion where its channels are: array (member, ion), 1/ms."""
    out = np.zeros((len(models), network.ions))
    for m, model in enumerate(models):
        for i, ion in enumerate(model.ions):
            places = [grid.cell_at(c.position) for c in model.resolved_channels if c.ion == ion.name]
            now = {v: one.rest for v, one in enumerate(model.ions)}
            for k, shape in enumerate(network.shapes):
                here = [] if shape is None else [shape[z, y, x] for x, y, z in places]
                now[network.ions + k] = float(network.rest[m, k]) * (float(np.mean(here)) if here else 1.0)
            for n, q in network.entries.get((i, i), ()):
                out[m, i] -= min(n * float(network.slope(q, network.law[m], now)), 0.0)
    return out
