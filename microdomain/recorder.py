"""Frames, mouths and probes on their way into memory or a store, as the run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microdomain.batch import Batch
from microdomain.closing import Traces, channel_influx, local_reversal
from microdomain.fluxes import is_stored
from microdomain.laws import law_names
from microdomain.ledger import Budget, Ledger
from microdomain.mask_fill import blanked
from microdomain.plan import Plan
from microdomain.reading import Near
from microdomain.reading_cusps import kept
from microdomain.reading_fields import centre_values
from microdomain.record import Record
from microdomain.recorder_sensors import SensorSamples, check_places

#: Traces are handed over in pieces of at most this many times.
PIECE = 500


class Recorder:
    """Collects what `Record` asks for.

    Parameters
    ----------
    plan : Plan                     of all members
    record : Record
    frames, dense : arrays, ms      times of fields, and of mouths and probes
    out : path or None              a store to stream to; None keeps everything in memory
    overwrite : bool
    provenance : dict
    member_names : sequence of str or None
    ensemble : bool                 keep the dimension `member`
    identity : dict or None         texts that the run is known by, kept with the result
    counts : dict or None           frames of a store at `out` to go on with, as `position` gave them
    """

    def __init__(
        self,
        plan: Plan,
        record: Record,
        frames: np.ndarray,
        dense: np.ndarray,
        out: str | Path | None,
        overwrite: bool,
        provenance: dict[str, Any],
        member_names: Sequence[str] | None,
        ensemble: bool,
        identity: Mapping[str, str] | None = None,
        counts: dict[str, int] | None = None,
    ) -> None:
        from microdomain import store

        self.plan, self.record, self.frames, self.dense = plan, record, frames, dense
        for name in record.fields:
            if name not in plan.names:
                plan.models[0].ion(name)  # says which there are
        check_places(record, plan.models[0].obstacles)
        self.channels = [m.resolved_channels for m in plan.models]
        self._laws = law_names(plan.models)
        # Kernels at cell centres, and at the watched points of each batch, are the same at every time.
        self._centres, self._traced = Near(plan), Traces()
        self._done = 0
        self._last_frame = -1.0
        self._rows: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        self._writer: store.Writer | None = None
        if out is not None and counts is None:
            self._writer = store.create(out, overwrite=overwrite, aside=True)
        self._heads: dict[str, dict[str, Any]] = {}
        axes: dict[str, Any] = {
            a: (a, c, {"units": "um"}) for a, c in zip("xyz", plan.grid.centres, strict=True)
        }
        names: dict[str, Any] = {"member": ("member", np.array(member_names))} if member_names else {}
        self._head("root", coords=axes | names, attrs={"title": "microdomain"})
        self._head(
            "solver",
            variables={
                f"{a}_faces": (f"{a}_face", f, {"units": "um"})
                for a, f in zip("xyz", plan.grid.faces, strict=True)
            },
            attrs={
                "models": [m.to_dict() for m in plan.models],
                "member_names": list(member_names or []),
                "ensemble": ensemble,
                "provenance": provenance,
                **(identity or {}),
            },
            coords=names,
        )
        self._head("mouths", coords=self._channel_coordinates() | names)
        if record.points:
            xyz = np.array([p for _, p in record.points])
            points: dict[str, Any] = {"point": ("point", np.array([n for n, _ in record.points]))}
            points |= {a: ("point", xyz[:, k], {"units": "um"}) for k, a in enumerate("xyz")}
            self._head("probes", coords=points | names)
        self._sensors = SensorSamples(record)
        if record.sensors:
            self._head("sensors", **self._sensors.head(names))
        if out is not None and counts is not None:
            self._writer = store.reopen(out, counts)
        elif self._writer is not None:
            self._writer.settle()

    def _head(self, part: str, variables: Any = None, attrs: Any = None, coords: Any = None) -> None:
        self._heads[part] = {"variables": variables or {}, "attrs": attrs or {}, "coords": coords or {}}
        self._rows.setdefault(part, [])
        if self._writer is not None:
            self._writer.put("/" if part == "root" else part, variables, attrs, coords)

    def _channel_coordinates(self) -> dict[str, Any]:
        most = max(self.channels, key=len)
        xyz = np.full((3, self.plan.members, len(most)), np.nan)
        for m, row in enumerate(self.channels):
            for k, c in enumerate(row):
                xyz[:, m, k] = c.position
        names = np.array([c.name for c in most], dtype=str) if most else np.empty(0, dtype="<U1")
        out: dict[str, Any] = {"channel": ("channel", names)}
        for k, a in enumerate("xyz"):
            out[a] = (("member", "channel"), xyz[k], {"units": "um"})
        return out

    def watched(self, part: Plan) -> np.ndarray:
        """Mouths of a part's members, in turn, then probes, then sensors: array (P, 3), um."""
        mouths = [
            np.array(c.position) + c.pore * np.array(c.normal)
            for m in part.models
            for c in m.resolved_channels
        ]
        others = [p for _, p in self.record.points] + [p for _, _, p in self.record.sensors]
        return np.array(mouths + others, dtype=float).reshape(-1, 3)

    @property
    def asked(self) -> np.ndarray | None:
        """Times at which traces are asked for (ms); None where sensors follow every step."""
        return None if self.record.sensors else self.dense

    # -- while the run goes on -----------------------------------------------------------------

    def write(self, t: float, batches: Sequence[Batch]) -> None:
        """Record a frame at t, where all members stand, and the traces up to there."""
        states = [b.plan.coarse(b.state()) for b in batches]
        whole = np.concatenate(states, axis=0)
        whole[[bool(word) for b in batches for word in b.failed]] = np.nan  # they stayed behind
        plan, here = self.plan, ("member", "z", "y", "x")
        u = whole[:, : plan.ions]
        c = centre_values(plan, np.full(plan.members, t), u, self._centres)
        root: dict[str, Any] = {}
        solver: dict[str, Any] = {}
        for i, name in enumerate(plan.names[: plan.ions]):
            root[name] = (here, c[:, i], {"units": "uM", "long_name": f"[{name}]"})
            about = {"units": "uM", "long_name": f"grid part of [{name}], cell averages"}
            solver[f"u_{name}"] = (here, u[:, i], about)
        solver |= kept(batches)
        for name in self.record.fields:
            if name not in root:
                s = plan.names.index(name)
                word = "bound " if name in {b.name for b in plan.models[0].buffers} else ""
                about = {"units": "uM", "long_name": f"{word}{name}, cell averages"}
                root[name] = (here, blanked(plan.mask, whole[:, s]), about)
        self._append("root", root, t)
        self._append("solver", solver, t)
        self._last_frame = t
        self.finish_traces(batches, t)

    def finish_traces(self, batches: Sequence[Batch], until: float) -> None:
        """Record mouths and probes at the times up to `until` that have not been recorded yet."""
        end = int(np.searchsorted(self.dense, until, side="right"))
        for first in range(self._done, end, PIECE):
            times = self.dense[first : min(first + PIECE, end)]
            self._traces(times, batches)
        self._done = max(self._done, end)
        if self.record.sensors:
            self._append_many("sensors", *self._sensors.taken(batches, until))
        for b in batches:
            b.forget(until)

    def _traces(self, times: np.ndarray, batches: Sequence[Batch]) -> None:
        plan = self.plan
        count = max((len(c) for c in self.channels), default=0)
        shape = (times.size, plan.members, count)
        held, volts, influx, stirred = (np.full(shape, np.nan) for _ in range(4))
        probes = np.empty((times.size, plan.members, plan.ions, len(self.record.points)))
        means = np.empty((times.size, plan.members, plan.ions))
        first = 0
        for b in batches:
            values, mean = self._traced(b, times)
            offset = 0
            for k in range(b.plan.members):
                m = first + k
                means[:, m] = mean[k]
                for n, channel in enumerate(self.channels[m]):
                    i = plan.names.index(channel.ion)
                    held[:, m, n] = values[k, :, i, offset + n]
                    influx[:, m, n], stirred[:, m, n] = channel_influx(
                        b, k, n, times, held[:, m, n], mean[k, :, i]
                    )
                    ion = plan.models[m].ion(channel.ion)
                    if ion.outside is not None:
                        volts[:, m, n] = local_reversal(held[:, m, n], ion, plan.models[m])
                offset += len(self.channels[m])
            for k in range(b.plan.members):
                probes[:, first + k] = values[k, :, :, offset : offset + probes.shape[-1]]
            first += b.plan.members
        mine = ("member", "channel")
        table: dict[str, Any] = {
            "concentration": (mine, held, {"units": "uM", "long_name": "concentration at the pore distance"}),
            "reversal": (mine, volts, {"units": "mV", "long_name": "local reversal potential"}),
            "influx": (mine, influx, {"units": "pA", "long_name": "influx, positive into the box"}),
        }
        if self._laws != "fixed":
            words = "influx that the volume mean of the ion would let in"
            table["influx"][2]["law"] = self._laws
            table["well_stirred"] = (mine, stirred, {"units": "pA", "long_name": words})
        for i, name in enumerate(plan.names[: plan.ions]):
            table[f"mean_{name}"] = (
                ("member",), means[:, :, i], {"units": "uM", "long_name": f"volume mean of free {name}"},
            )  # fmt: skip
        self._append_many("mouths", table, times)
        if self.record.points:
            rows = {
                name: (("member", "point"), probes[:, :, i], {"units": "uM", "long_name": f"[{name}]"})
                for i, name in enumerate(plan.names[: plan.ions])
            }
            self._append_many("probes", rows, times)

    def _append(self, part: str, variables: dict[str, Any], t: float) -> None:
        if self._writer is not None:
            self._writer.append("/" if part == "root" else part, variables, time=t)
        else:
            self._rows[part].append((t, {n: (d, v.copy(), a) for n, (d, v, a) in variables.items()}))

    def _append_many(self, part: str, variables: dict[str, Any], times: np.ndarray) -> None:
        if self._writer is not None:
            self._writer.append(part, variables, time=times)
            return
        for k, t in enumerate(times):
            self._rows[part].append((float(t), {n: (d, v[k], a) for n, (d, v, a) in variables.items()}))

    def has(self, t: float) -> bool:
        """Whether the frame at t was written before the checkpoint that the run goes on from."""
        return bool(self._last_frame >= t)

    def position(self) -> dict[str, Any]:
        """How far it is, with the frames that wait written down: what `skip` takes."""
        counts: dict[str, int] = {}
        if self._writer is not None:
            self._writer.flush()
            counts = self._writer.counts
        return {"done": self._done, "last_frame": self._last_frame, "counts": counts}

    def skip(self, done: int, last_frame: float) -> None:
        """Go on behind the times of mouths and probes, and behind the frame, that are done."""
        self._done, self._last_frame = done, last_frame
        self._sensors.since = last_frame if last_frame >= 0 else self._sensors.since

    # -- at the end ----------------------------------------------------------------------------

    def close(
        self,
        ledger: Ledger,
        budget: Budget,
        provenance: dict[str, Any],
        failures: Mapping[int, str] | None = None,
    ) -> None:
        """Write the account and mark the store as complete."""
        about: dict[str, Any] = {
            "ledger": ledger.to_dict(),
            "budget": {"temporal": budget.temporal, "spatial": budget.spatial, "rtol": budget.rtol},
            "provenance": provenance,
            "failures": {str(k): sentence for k, sentence in (failures or {}).items()},
        }
        kept: dict[str, Any] = {}
        if any(is_stored(m) for m in self.plan.models):
            about["channel_rows"] = [list(r) for r in self.plan.channel_rows]
            units = {"units": "uM um^3/ms"}
            kept["flux_starts"] = (("flux", "piece"), self.plan.history.starts, {"units": "ms"})
            kept["flux_pieces"] = (("flux", "piece", "power"), self.plan.history.coefficients, units)
        self._heads["solver"]["attrs"] |= about
        self._heads["solver"]["variables"] |= kept
        if self._writer is not None:
            self._writer.put("solver", kept, attrs=about)
            self._writer.close()

    def abandon(self, stopped: BaseException) -> None:
        """The run ended early: what was recorded stays readable and says that it is partial."""
        if self._writer is not None:
            self._writer.__exit__(type(stopped), stopped, None)

    def parts(self) -> dict[str, Any]:
        """What was recorded up to now, as datasets."""
        import xarray

        if self._writer is not None:
            from microdomain import store

            self._writer.flush()
            there = [part for part in self._heads if part != "root"]
            return {"root": store.read(self._writer.path)} | {
                part: store.read(self._writer.path, part) for part in there
            }
        out = {}
        for part, head in self._heads.items():
            rows = self._rows[part]
            data = dict(head["variables"])
            for name in rows[0][1] if rows else ():
                dims, _, attrs = rows[0][1][name]
                dims = (dims,) if isinstance(dims, str) else tuple(dims)
                data[name] = (("time", *dims), np.stack([r[1][name][1] for r in rows]), attrs)
            coords = dict(head["coords"])
            if rows:
                coords["time"] = ("time", np.array([r[0] for r in rows]), {"units": "ms"})
            out[part] = xarray.Dataset(data, coords=coords, attrs=head["attrs"])
        return out
