"""What can be drawn: concentrations, potentials, driving forces, currents, buffer occupancy.

====================  ======================================  ==========  ==========================
name                  what                                    unit        colours
====================  ======================================  ==========  ==========================
``Ca``                free concentration                      uM          logarithmic
``E_Ca``              reversal potential, inside - outside    mV          even
``V-E_Ca``            driving force                           mV          diverging, white at 0
``I_Ca``              current density g (V - E)               pA/um^2     diverging, inward negative
``BAPTA``             part of a buffer that is bound          1           even, from 0
====================  ======================================  ==========  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microdomain.model import Buffer, Ion, Model

CONCENTRATION, POTENTIAL, FORCE, CURRENT, OCCUPANCY = (
    "concentration",
    "potential",
    "force",
    "current",
    "occupancy",
)
UNITS = {CONCENTRATION: "uM", POTENTIAL: "mV", FORCE: "mV", CURRENT: "pA/um^2", OCCUPANCY: "1"}
#: Conductance per area (nS/um^2) of a current density for which none is given.
CONDUCTANCE = 1.0


@dataclass(frozen=True)
class Field:
    """A field of one member.

    Attributes
    ----------
    name, kind : str              as in the table above
    ion : Ion                     whose field it is; of a buffer the ion that it binds
    buffer : Buffer or None
    temperature : float, K
    V : float, mV                 of a driving force or a current
    g : float, nS/um^2            of a current
    """

    name: str
    kind: str
    ion: Ion
    buffer: Buffer | None
    temperature: float
    V: float
    g: float = CONDUCTANCE

    @property
    def unit(self) -> str:
        """Unit of the field's values."""
        return UNITS[self.kind]

    def of(self, values: Any) -> np.ndarray:
        """The field from the ion's free concentration, or from the buffer's bound one, uM.

        Parameters
        ----------
        values : array, uM

        Returns
        -------
        array of the same shape, in `unit`
        """
        from microdomain import electro

        values = np.asarray(values, float)
        if self.kind == CONCENTRATION:
            return values
        if self.buffer is not None:
            # A spline may swing beyond what can be bound.
            return np.clip(values / self.buffer.total, 0.0, 1.0)
        # Obstacles hold no ions: NaN there is no reason to warn of.
        E, fluid = np.full(values.shape, np.nan), ~np.isnan(values)
        E[fluid] = electro.reversal(values[fluid], self.ion.outside, self.ion.z, self.temperature)
        if self.kind == POTENTIAL:
            return E
        force = np.asarray(electro.driving_force(self.V, E), float)
        return force if self.kind == FORCE else self.g * force


def names_of(model: Model, recorded: Any = ()) -> list[str]:
    """Fields that a member has, E of the first ion first where it is known.

    Parameters
    ----------
    model : Model
    recorded : collection of str  species that were recorded; buffers are drawn where they were

    Returns
    -------
    list of str
    """
    ions = [ion.name for ion in model.ions]
    known = [ion.name for ion in model.ions if ion.outside is not None]
    derived = [f"{prefix}{name}" for name in known for prefix in ("V-E_", "I_")]
    buffers = [b.name for b in model.buffers if b.name in recorded and b.total > 0]
    return [*(f"E_{name}" for name in known), *ions, *derived, *buffers]


def field_of(
    model: Model, name: str | None, recorded: Any = (), V: float | None = None, g: float | None = None
) -> Field:
    """The field that a name asks for.

    Parameters
    ----------
    model : Model
    name : str or None            as in the table above; None: E of the first ion, else its concentration
    recorded : collection of str  species that were recorded
    V : float, mV                 membrane voltage; the model's own unless given
    g : float, nS/um^2            conductance per area of a current density; 1 unless given

    Returns
    -------
    Field

    Raises
    ------
    ValueError                    a field that the member does not have
    """
    known = names_of(model, recorded)
    name = known[0] if name is None else name.strip("[]")
    ions = {ion.name: ion for ion in model.ions}
    if name not in known:
        _refuse(model, name, known)
    from microdomain.model import Hold

    if V is None and isinstance(model.voltage, Hold):
        V = model.voltage.V
    if V is None and name.startswith(("V-E_", "I_")):
        raise ValueError(f"{name}: the voltage of this model moves; give V= in mV.")
    V = np.nan if V is None else float(V)
    rest: dict[str, Any] = {"temperature": model.temperature, "V": V, "g": CONDUCTANCE if g is None else g}
    if name in ions:
        return Field(name, CONCENTRATION, ions[name], None, **rest)
    for prefix, kind in (("V-E_", FORCE), ("E_", POTENTIAL), ("I_", CURRENT)):
        if name.startswith(prefix) and name.removeprefix(prefix) in ions:
            return Field(name, kind, ions[name.removeprefix(prefix)], None, **rest)
    buffer = model.buffer(name)
    return Field(name, OCCUPANCY, ions[buffer.binds], buffer, **rest)


def _refuse(model: Model, name: str, known: list[str]) -> None:
    for ion in model.ions:
        if name in (f"E_{ion.name}", f"V-E_{ion.name}", f"I_{ion.name}"):
            raise ValueError(f"{name} is not known: {ion.name!r} has no outside concentration in this model.")
    if name in [b.name for b in model.buffers]:
        raise ValueError(f"Buffer {name!r} was not recorded; ask for it with Record(fields=[{name!r}]).")
    plain = [k for k in known if k in [i.name for i in model.ions] or k.startswith("E_")]
    more = [k for k in known if k not in plain]
    also = f" Also {', '.join(map(repr, more))}." if more else ""
    raise ValueError(f"No field {name!r} in this result; it has {', '.join(map(repr, plain))}.{also}")
