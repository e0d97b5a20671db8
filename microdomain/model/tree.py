"""A model drawn as a small tree, for `repr`."""

from __future__ import annotations

from typing import Any

from microdomain.model.complexes import TwoSite
from microdomain.model.currents import GHK, Fixed, Gaussian, Ohmic, Table
from microdomain.model.gating import Open, Pulse, Train
from microdomain.model.membrane import FACES, Held
from microdomain.model.obstacles import Inside
from microdomain.model.reactions import TimedRate
from microdomain.model.schemes import HH, Markov
from microdomain.model.triangles import Surface
from microdomain.model.voltage import Hold
from microdomain.units import ZERO_CELSIUS


def drawn(model: Any) -> str:
    """A line for the box, then one for every ion, buffer and cluster, and one for the walls."""
    size = " x ".join(f"{high - low:g}" for low, high in model.box)
    head = f"Model  box {size} um, {model.temperature - ZERO_CELSIUS:.4g} degC, "
    voltage = f"{model.voltage.V:g} mV" if isinstance(model.voltage, Hold) else type(model.voltage).__name__
    head += f"{voltage}, {model.hash[:12]}"
    uptake = dict(model.uptake)
    lines = []
    for ion in model.ions:
        line = f"{ion.name}  z = {ion.z:+d}, D = {ion.D:g} um^2/ms, rest {ion.rest:g} uM"
        line += f", initially {ion.initial:g} uM" if ion.initial is not None else ""
        line += f", outside {ion.outside:g} uM" if ion.outside is not None else ""
        lines.append(line + (f", uptake {uptake[ion.name]:g} /ms" if ion.name in uptake else ""))
    for buffer in model.buffers:
        line = (
            f"{buffer.name}  {buffer.total:g} uM, k_on = {buffer.k_on:g} /(uM ms), K_d = {buffer.K_d:g} uM, "
        )
        line += f"D = {buffer.D:g} um^2/ms" if buffer.mobile else "immobile"
        line += "" if buffer.D_bound is None else f", bound form {buffer.D_bound:g} um^2/ms"
        line += "" if buffer.layer is None else f", within {buffer.layer[1]:g} um of {buffer.layer[0]}"
        along = ", ".join(axis for axis, _ in buffer.profile or ())
        line += f", profile along {along}" if along else ""
        lines.append(line + (f", binds {buffer.binds}" if len(model.ions) > 1 else ""))
    for complex in model.complexes:
        kind = "two sites" if isinstance(complex, TwoSite) else "competing ions"
        line = f"{complex.name}  {complex.total:g} uM, {kind}, binds {', '.join(complex.ions)}, "
        lines.append(line + (f"D = {complex.D:g} um^2/ms" if complex.D > 0 else "immobile"))
    for one in model.molecules:
        line = f"{one.name}  {one.total:g} uM before reactions settle, "
        lines.append(line + (f"D = {one.D:g} um^2/ms" if one.D > 0 else "immobile"))
    lines += [f"{r.equation}  {_rates(r)}" for r in model.reactions]
    for p in model.volume_pumps:
        lines.append(f"{p.name}  takes up {p.ion}, Vmax = {p.Vmax:g} uM/ms, K = {p.K:g} uM, n = {p.n}")
    for cluster in model.channels:
        n = len(cluster)
        place = f"on {cluster.face}" if cluster.face else "inside"
        line = f"{cluster.name}  {n} channel{'s' if n > 1 else ''} {place}, "
        line += "" if cluster.mouth is None else f"round mouths of radius {1e3 * cluster.mouth.radius:g} nm, "
        line += f"{_current(cluster.current)}, {_gate(cluster.gate)}"
        lines.append(line + (f", passes {cluster.ion}" if len(model.ions) > 1 else ""))
    for pump in model.pumps:
        words = ", ".join(f"{k} = {v:g}" for k, v in vars(pump.law).items() if not isinstance(v, str))
        line = f"{pump.name}  {type(pump.law).__name__} on {pump.face}, {words}"
        line += f", on a {type(pump.patch).__name__.lower()}" if pump.patch is not None else ""
        lines.append(line + (f", carries {pump.ion}" if len(model.ions) > 1 else ""))
    lines += [f"{one.name}  {_solid(one)}" for one in model.obstacles]
    lines += [f"{one.name}  {_medium(one)}" for one in model.tissue]
    for one in model.held:
        where = "" if one.patch is None else f"a {type(one.patch).__name__.lower()} of "
        lines.append(f"{one.name}  held at rest, {where}{one.face}")
    held = [face for face in FACES if isinstance(model.walls[face], Held)]
    lines.append(
        "walls  "
        + (
            "all closed"
            if not held
            else "all held"
            if len(held) == 6
            else f"closed, held at {', '.join(held)}"
        )
    )
    return "\n".join([head, *(f"├── {line}" for line in lines[:-1]), f"└── {lines[-1]}"])


def _solid(obstacle: Any) -> str:
    if isinstance(obstacle, Inside):
        return f"inside of a {_solid(obstacle.shape)}, {'held' if obstacle.held else 'closed'} outside"
    kind = type(obstacle).__name__.lower()
    if isinstance(obstacle, Surface):
        return f"{kind} of {len(obstacle.triangles)} triangles"
    ends = " x ".join(f"{low:g} .. {high:g}" for low, high in obstacle.bounds)
    return f"{kind}, {ends} um"


def _medium(tissue: Any) -> str:
    words = []
    for what, value in (("free volume", tissue.free_volume), ("tortuosity", tissue.tortuosity)):
        if isinstance(value, tuple):
            words.append(f"{what} {value[0][1]:g} to {value[-1][1]:g} along {tissue.along}")
        else:
            words.append(f"{what} {value:g}")
    return ", ".join([*words, "everywhere" if tissue.shape is None else _solid(tissue.shape)])


def _rates(reaction: Any) -> str:
    both = [r for r in (reaction.forward, reaction.backward) if r is not None]
    return ", ".join("changes in time" if isinstance(r, TimedRate) else f"{r:g}" for r in both)


def _current(current: Any) -> str:
    if isinstance(current, tuple):
        return f"{len(current)} currents"
    if isinstance(current, Fixed):
        if isinstance(current.i, Gaussian):
            return f"Gaussian {current.i.height:.4g} pA at {current.i.at:g} ms, width {current.i.fwhm:g} ms"
        if isinstance(current.i, Table):
            return f"current table {current.i.times[0]:g}-{current.i.times[-1]:g} ms"
        return f"{current.i:g} pA"
    if isinstance(current, Ohmic):
        return f"ohmic {current.g:g} pS" + ("" if current.E is None else f" about {current.E:g} mV")
    if isinstance(current, GHK):
        return f"GHK {current.P:g} um^3/ms"
    return repr(current)


def _gate(gate: Any) -> str:
    if isinstance(gate, tuple):
        return f"{len(gate)} gates"
    if isinstance(gate, Open):
        return "open"
    if isinstance(gate, Pulse):
        return f"pulse {gate.on:g}-{gate.off:g} ms"
    if isinstance(gate, Train):
        return f"train of {gate.count} x {gate.width:g} ms every {gate.period:g} ms from {gate.start:g} ms"
    if isinstance(gate, HH):
        return " ".join(f"{p.name}^{p.power}" if p.power > 1 else p.name for p in gate.particles)
    if isinstance(gate, Markov):
        return f"Markov scheme of {len(gate.states)} states, open in {', '.join(gate.open)}"
    return repr(gate)
