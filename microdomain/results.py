"""What came out: fields, mouths, probes, the ledger, and how it was made.

The same datasets stand behind a result in memory and one on disk, and every answer is computed
from them by the same code, so `open` answers with the same bits:

    root     [Ca] at cell centres and bound buffers, (time, member, z, y, x)
    solver   the grid part u of every ion, which readings at points need; the models; the faces
    mouths   per channel [ion], reversal potential and influx, and volume means, (time, member, channel)
    probes   concentrations at named points, (time, member, point)
    sensors  concentrations at release sensors, at each member's own steps, (time, member, sensor)

The dimension `member` is dropped for whoever asked for one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.fluxes import stored_fluxes
from microdomain.grid import Grid
from microdomain.ledger import Budget, Ledger
from microdomain.model import Ion, Model
from microdomain.plan import Plan, lay
from microdomain.record import Record

if TYPE_CHECKING:
    import xarray

    from microdomain.compare import Comparison

__all__ = ["Record", "Results", "open"]

#: Groups of a stored result beside the root.
GROUPS = ("solver", "mouths", "probes", "sensors")


class Results:
    """A run's results.  Made by `simulate` and by `open`.

    Parameters
    ----------
    parts : dict                    name -> xarray.Dataset: "root" and those of `GROUPS` that exist
    """

    def __init__(self, parts: Mapping[str, xarray.Dataset]) -> None:
        self._parts = dict(parts)
        about = self._parts["solver"].attrs
        self.models: tuple[Model, ...] = tuple(Model.from_dict(d) for d in about["models"])
        self.grid = Grid(*(self._parts["solver"][f"{a}_faces"].values for a in "xyz"))
        self.member_names: tuple[str, ...] = tuple(about.get("member_names") or ())
        self.provenance: dict[str, Any] = dict(about["provenance"])
        self._ensemble = bool(about["ensemble"])

    # -- what it is ----------------------------------------------------------------------------

    @property
    def model(self) -> Model:
        """The first member's model."""
        return self.models[0]

    @property
    def members(self) -> int:
        """Number of members."""
        return len(self.models)

    @property
    def partial(self) -> bool:
        """True when the run did not reach its end."""
        return not bool(self._parts["root"].attrs.get("complete", True))

    @property
    def failures(self) -> dict[int, str]:
        """Members that could not go on, and why; their values are NaN from then on."""
        about = self._parts["solver"].attrs.get("failures", {})
        return {int(k): str(sentence) for k, sentence in about.items()}

    @property
    def ledger(self) -> Ledger:
        """Ions in, out and stored."""
        return Ledger.from_dict(self._account["ledger"])

    @property
    def budget(self) -> Budget:
        """How far the numbers can be trusted."""
        return Budget(**self._account["budget"])

    @property
    def _account(self) -> dict[str, Any]:
        about = self._parts["solver"].attrs
        if "ledger" not in about:
            raise ValueError("This result is partial: its run was stopped before a ledger was written.")
        return dict(about)

    @cached_property
    def _plan(self) -> Plan:
        plan = lay(self.models, self.grid, fluxes=stored_fluxes(self._parts["solver"], self.models))
        # A steady state screens its near field with the mobile buffers only, and says so.
        kappa = self._parts["solver"].attrs.get("kappa")
        return plan if kappa is None else dataclasses.replace(plan, kappa=np.array(kappa))

    def _squeezed(self, data: Any) -> Any:
        if "member" not in data.dims:
            return data
        rest = [d for d in data.dims if d != "member"]
        return data.transpose("member", *rest) if self._ensemble else data.isel(member=0, drop=True)

    # -- what it answers -----------------------------------------------------------------------

    @property
    def dataset(self) -> xarray.Dataset:
        """Recorded species at cell centres, ([member,] time, z, y, x), uM; near field included."""
        return self._squeezed(self._parts["root"])

    @property
    def mouths(self) -> xarray.Dataset:
        """Per channel `concentration` (uM) at its pore distance, `reversal` (mV), `influx` (pA)."""
        return self._squeezed(self._parts["mouths"])

    @property
    def probes(self) -> xarray.Dataset:
        """Concentrations at the recorded points; empty where none were asked for."""
        import xarray

        return self._squeezed(self._parts.get("probes", xarray.Dataset()))

    def at(self, points: Any, times: Any = None, ion: str | None = None) -> xarray.DataArray:
        """Free concentration at any points, near field included.

        Parameters
        ----------
        points : array (P, 3), um       points in the box; one within 0.1 nm of a channel is read 0.1 nm from
                                        it, for at a point source itself there is no concentration
        times : float or sequence, ms   recorded times; all of them when left out
        ion : str, optional             the first ion when left out

        Returns
        -------
        xarray.DataArray ([member,] time, point), uM

        Raises
        ------
        ValueError                      a point outside the box; a time that was not recorded
        """
        from microdomain import maps

        return self._squeezed(maps.concentration_at(self, points, times, ion))

    def outside(self, points: Any, times: Any = None, ion: str | None = None, **how: Any) -> xarray.DataArray:
        """Concentration beyond the membrane, ([member,] time, point), uM; see `maps_outside`."""
        from microdomain import maps_outside

        return self._squeezed(maps_outside.outside_field(self, points, times, ion, **how))

    def reversal(
        self,
        ion: str | None = None,
        outside: Any = None,
        temperature: float | None = None,
        field: xarray.DataArray | None = None,
        **how: Any,
    ) -> xarray.DataArray:
        """Local reversal (Nernst) potential at every cell centre, or of a field that `at` gave, mV.

        Parameters
        ----------
        ion : str, optional             the first ion when left out
        outside : float, uM, or field, or "depleted"    the ion's own when left out
        temperature : float, K          the model's when left out
        field : DataArray, uM, optional e.g. ``results.at(points)``
        how : activity=, D=, box=       see `microdomain.maps.reversal`

        Returns
        -------
        xarray.DataArray, mV            inside minus outside; NaN where a concentration is not positive
        """
        from microdomain import maps

        return maps.reversal(self, ion, outside, temperature, field, **how)

    def ghk_reversal(self, P: Mapping[str, float], outside: Any = None, **how: Any) -> xarray.DataArray:
        """Where the GHK currents of several ions cancel, mV; see `microdomain.maps.ghk_reversal`."""
        from microdomain import maps

        return maps.ghk_reversal(self, P, outside, **how)

    def driving_force(self, V: Any, ion: str | None = None, **how: Any) -> xarray.DataArray:
        """Local V - E, mV; see `microdomain.maps.driving_force`."""
        from microdomain import maps

        return maps.driving_force(self, V, ion, **how)

    def current_density(self, g: Any, V: Any, ion: str | None = None, **how: Any) -> xarray.DataArray:
        """Local g (V - E) in pA/um^2, inward negative; see `microdomain.maps.current_density`."""
        from microdomain import maps

        return maps.current_density(self, g, V, ion, **how)

    def compare(self, ion: str | None = None, **how: Any) -> Comparison:
        """EBA, RBA, LIN and images beside the field; see `microdomain.compare.compare`."""
        from microdomain.compare import compare

        return compare(self, ion, **how)

    def release(self, sensor: Any = None, at: Any = None, **how: Any) -> xarray.Dataset:
        """Release at a recorded sensor, or of any sensor at a point; see `microdomain.release.release`."""
        from microdomain import release

        return self._squeezed(release.release(self, sensor, at, **how))

    def coupling(self, at: Any = None) -> xarray.Dataset:
        """Distances from sensors to open channels, um; see `microdomain.release.coupling`."""
        from microdomain import release

        return self._squeezed(release.coupling(self, at))

    def statistics(
        self, name: str, quantiles: Sequence[float] = (0.05, 0.5, 0.95), part: str | None = None
    ) -> xarray.Dataset:
        """Mean, SD and quantiles over members, a frame at a time; see `results_statistics.statistics`."""
        from microdomain.results_statistics import statistics

        return statistics(self._parts, name, quantiles, part)

    def export(
        self, path: str | Path, fields: Sequence[str] | None = None, overwrite: bool = False
    ) -> tuple[Path, ...]:
        """Write VTK files, one .pvd per member, and name them; see `microdomain.export.export`."""
        from microdomain.export import export

        return export(self, path, fields, overwrite)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the result to a Zarr store, from which `open` answers with the same bits.

        Parameters
        ----------
        path : str or Path
        overwrite : bool                replace a store that stands there

        Returns
        -------
        Path
        """
        from microdomain.results_save import write

        return write(self._parts, path, overwrite, not self.partial)

    # -- within --------------------------------------------------------------------------------

    def _ion(self, name: str | None) -> Ion:
        names = [i.name for i in self.model.ions]
        if name is not None and name not in names:
            raise ValueError(f"No ion '{name}' in this model; it has {', '.join(map(repr, names))}.")
        return self.model.ions[0 if name is None else names.index(name)]

    def _frames(self, times: Any) -> list[int]:
        known = self._parts["solver"]["time"].values
        if times is None:
            return list(range(known.size))
        out = []
        for t in np.atleast_1d(np.asarray(times, dtype=float)):
            k = int(np.argmin(np.abs(known - t)))
            if abs(known[k] - t) > 1e-9 * max(1.0, abs(t)):
                listed = ", ".join(f"{x:g}" for x in known[:12]) + (", ..." if known.size > 12 else "")
                raise ValueError(
                    f"No field was recorded at {t:g} ms; there are {listed}. "
                    "Ask for it with Record(times=[...])."
                )
            out.append(k)
        return out

    def __repr__(self) -> str:
        root = self._parts["root"]
        times = root["time"].values if "time" in root else np.empty(0)
        span = f"{times[0]:g} to {times[-1]:g} ms in {times.size} frames" if times.size else "no frames"
        lines = [
            f"Results  {self.members} member{'s' if self.members > 1 else ''}, {span}"
            + ("  (partial)" if self.partial else ""),
            f"├── {self.grid!r}",
            f"├── {', '.join(map(str, self._parts['root'].data_vars))}",
            f"└── scenario {self.provenance.get('scenario', '')[:12]}, {self.provenance.get('scheme')}"
            f" on {self.provenance.get('backend')}",
        ]
        return "\n".join(lines)


def open(path: str | Path) -> Results:
    """Open a stored result; arrays are fetched from disk when they are used.

    Parameters
    ----------
    path : str or Path              a store that `simulate(out=...)` or `Results.save` wrote

    Returns
    -------
    Results

    Raises
    ------
    FileNotFoundError, ValueError   there is nothing there, or no result in it
    """
    from microdomain import store

    there = store.groups(path)
    missing = [g for g in ("solver", "mouths") if g not in there]
    if missing:
        raise ValueError(f"'{path}' is a store without a result in it (no group '{missing[0]}').")
    parts = {g: store.read(path, g) for g in GROUPS if g in there}
    return Results({"root": store.read(path), **parts})
