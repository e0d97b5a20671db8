"""The account of every run: ions in, out and stored, and how far its numbers can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from microdomain.units import IONS_PER_UM_UM3

#: Corrections above this part of the influx call for a warning.
SUSPECT = 1e-3


@dataclass(frozen=True, eq=False)
class Ledger:
    """Where the ions went; amounts in uM um^3, per member and ion.

    The account of an ion is start + influx = end + walls + uptake + pumped, counting free, bound and
    near-field ions; `closure` is what is missing, relative to the end.  `corrections` is the summed
    size of what was added to the grid to close each step, relative to the influx: how well the
    steps integrated the near field's deposits (1e-7 to 1e-4 is usual).

    Attributes
    ----------
    ions, pumps : tuple of str
    start, influx, walls, uptake, end, corrections : arrays (member, ion)
    pumped : array (member, pump, ion)     carried out of the box by every pump
    steps, rejected, negative : int arrays (member,)
        Accepted steps; rejected ones; of these, rejected for a negative concentration only.
    lowest : array (member,), uM    smallest free concentration of any species seen after a step
    largest_error : array (member,) largest accepted error estimate, relative (times the tolerance)
    dtype : str                     of the states, "float64" or "float32"
    """

    ions: tuple[str, ...]
    start: np.ndarray
    influx: np.ndarray
    walls: np.ndarray
    uptake: np.ndarray
    end: np.ndarray
    corrections: np.ndarray
    steps: np.ndarray
    rejected: np.ndarray
    negative: np.ndarray
    lowest: np.ndarray
    largest_error: np.ndarray
    dtype: str = "float64"
    pumps: tuple[str, ...] = ()
    pumped: np.ndarray = field(default_factory=lambda: np.zeros((1, 0, 1)))

    @property
    def through_pumps(self) -> np.ndarray:
        """Carried out of the box by all pumps together: array (member, ion)."""
        return np.asarray(self.pumped.sum(axis=1))

    @property
    def closure(self) -> np.ndarray:
        """(start + influx - walls - uptake - pumped - end) / end: array (member, ion)."""
        missing = self.start + self.influx - self.walls - self.uptake - self.through_pumps - self.end
        return np.asarray(missing / np.where(self.end != 0, np.abs(self.end), 1.0))

    @property
    def correction(self) -> np.ndarray:
        """Corrections relative to the influx (0 where nothing flowed in): array (member, ion)."""
        return np.asarray(
            np.where(
                self.influx != 0, self.corrections / np.where(self.influx != 0, np.abs(self.influx), 1.0), 0.0
            )
        )

    def warnings(self) -> list[str]:
        """Sentences about what looks wrong; empty when nothing does."""
        out = []
        worst = float(self.correction.max(initial=0.0))
        if worst > SUSPECT:
            out.append(
                f"The ledger's corrections are {worst:.1e} of the influx (above {SUSPECT:g}): the steps "
                "follow the current poorly. Tighten rtol, or refine the grid near the channels."
            )
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a store."""
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            out[f.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ledger:
        """The ledger that `to_dict` wrote."""
        whole = {"steps", "rejected", "negative"}
        made: dict[str, Any] = {}
        for f in fields(cls):
            if f.name in ("pumps", "pumped") and not data.get("pumps"):
                continue  # no pumps, or a result from before there were any
            value = data[f.name]
            if f.name in ("ions", "pumps"):
                made[f.name] = tuple(value)
            elif f.name == "dtype":
                made[f.name] = value
            else:
                made[f.name] = np.array(value, dtype=int if f.name in whole else float)
        return cls(**made)

    def __str__(self) -> str:
        lines = ["Ledger (uM um^3; 1 = 602 ions)"]
        if self.dtype != "float64":
            lines[0] += f", states in {self.dtype}: totals hold to about 1e-6, not to 1e-12"
        members = self.start.shape[0]
        for m in range(min(members, 8)):
            label = f"member {m}  " if members > 1 else ""
            for i, ion in enumerate(self.ions):
                lines.append(
                    f"  {label}{ion:<4} start {self.start[m, i]:.6g}  influx {self.influx[m, i]:+.6g}"
                    f" ({self.influx[m, i] * IONS_PER_UM_UM3:.0f} ions)"
                    f"  uptake {0.0 - self.uptake[m, i]:+.4g}  walls {0.0 - self.walls[m, i]:+.4g}"
                    f"  end {self.end[m, i]:.6g}"
                )
                through = [
                    f"{name} {0.0 - self.pumped[m, k, i]:+.4g}"
                    for k, name in enumerate(self.pumps)
                    if self.pumped[m, k, i] != 0
                ]
                if through:
                    lines.append(f"  {label}     through pumps {', '.join(through)}")
                lines.append(
                    f"  {label}     closure {self.closure[m, i]:+.1e} of the total,"
                    f" corrections {self.correction[m, i]:.1e} of the influx"
                )
            lines.append(
                f"  {label}     {self.steps[m]} steps, {self.rejected[m]} rejected"
                f" ({self.negative[m]} for a negative concentration),"
                f" lowest concentration {self.lowest[m]:.4g} uM"
            )
        if members > 8:
            lines.append(
                f"  ... and {members - 8} members more; worst closure {np.abs(self.closure).max():.1e}"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class Budget:
    """How far the numbers can be trusted.

    Attributes
    ----------
    temporal : float              largest error of any one step by its embedded estimate, relative; no bound
                                  on what the steps of a run add up to
    spatial : float or None       largest relative difference at mouths and probes to a companion run
                                  at 1.5 times the spacing; None where no companion ran
    rtol : float
    """

    temporal: float
    spatial: float | None
    rtol: float

    def __str__(self) -> str:
        space = "not estimated" if self.spatial is None else f"{100 * self.spatial:.2g} %"
        return (
            f"Error budget  per step in time {100 * self.temporal:.2g} % (tolerance {100 * self.rtol:g} %),"
            f" in space {space}"
        )
