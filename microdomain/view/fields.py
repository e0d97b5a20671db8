"""What can be drawn: concentrations, potentials, driving forces, currents, occupancy, forms of networks.

====================  ======================================  ==========  ==========================
name                  what                                    unit        colours
====================  ======================================  ==========  ==========================
``Ca``                free concentration                      uM          logarithmic
``E_Ca``              reversal potential, inside - outside    mV          even
``V-E_Ca``            driving force                           mV          diverging, white at 0
``I_Ca``              current density g (V - E)               pA/um^2     diverging, inward negative
``BAPTA``             part of a buffer that is bound          1           even, from 0
``CaM_N``             bound sites of all sites of a buffer    1           even, from 0
                      with several forms
``CaM_N.2``           one form of it, or another species      uM          logarithmic
====================  ======================================  ==========  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microdomain.model import Ion, Model
    from microdomain.model.complexes import Complex

CONCENTRATION, POTENTIAL, FORCE, CURRENT, OCCUPANCY, FORM = (
    "concentration",
    "potential",
    "force",
    "current",
    "occupancy",
    "form",
)
UNITS = {CONCENTRATION: "uM", POTENTIAL: "mV", FORCE: "mV", CURRENT: "pA/um^2", OCCUPANCY: "1", FORM: "uM"}
#: Conductance per area (nS/um^2) of a current density for which none is given.
CONDUCTANCE = 1.0


@dataclass(frozen=True)
class Field:
    """A field of one member.

    Attributes
    ----------
    name, kind : str              as in the table above
    ion : Ion                     whose field it is; of a buffer the ion that it binds, of a form the first
    temperature : float, K
    V : float, mV                 of a driving force or a current
    g : float, nS/um^2            of a current
    parts : tuple of (str, float) of an occupancy or a form: recorded species, and how much of each counts
    rest : float, uM              their sum at rest
    sites : float, uM             of an occupancy: all that can be bound
    """

    name: str
    kind: str
    ion: Ion
    temperature: float
    V: float
    g: float = CONDUCTANCE
    parts: tuple[tuple[str, float], ...] = ()
    rest: float = 0.0
    sites: float = 1.0

    @property
    def unit(self) -> str:
        """Unit of the field's values."""
        return UNITS[self.kind]

    def of(self, values: Any) -> np.ndarray:
        """The field from the ion's free concentration, or from the sum of its parts, uM.

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
        # A spline may swing beyond what can be bound, and below what is there.
        if self.kind == FORM:
            return np.maximum(values, 0.0)
        if self.kind == OCCUPANCY:
            return np.clip(values / self.sites, 0.0, 1.0)
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
    several = [c.name for c in model.complexes if c.total > 0 and all(n in recorded for n, _ in bound_of(c))]
    forms = [f.name for f in model.chemistry.forms if f.name in recorded]
    return [*(f"E_{name}" for name in known), *ions, *derived, *buffers, *several, *forms]


def bound_of(buffer: Complex) -> tuple[tuple[str, int], ...]:
    """Forms of a buffer with several, and how many sites of it each has bound.

    Parameters
    ----------
    buffer : TwoSite or Competing

    Returns
    -------
    tuple of (str, int)

    >>> from microdomain.model import TwoSite
    >>> bound_of(TwoSite("CaM_N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22))
    (('CaM_N.1', 1), ('CaM_N.2', 2))
    """
    counts = [(f.name, sum(n for who, n in f.holds.items() if who in buffer.ions)) for f in buffer.species]
    return tuple((name, count) for name, count in counts if count)


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
        return Field(name, CONCENTRATION, ions[name], **rest)
    for prefix, kind in (("V-E_", FORCE), ("E_", POTENTIAL), ("I_", CURRENT)):
        if name.startswith(prefix) and name.removeprefix(prefix) in ions:
            return Field(name, kind, ions[name.removeprefix(prefix)], **rest)
    return _of_parts(model, name, rest)


def _of_parts(model: Model, name: str, rest: dict[str, Any]) -> Field:
    """The occupancy of a buffer, or a form."""
    for buffer in model.buffers:
        if buffer.name == name:
            level, ion = model.rest_bound(buffer), model.ion(buffer.binds)
            return Field(name, OCCUPANCY, ion, parts=((name, 1.0),), rest=level, sites=buffer.total, **rest)
    for several in model.complexes:
        if several.name == name:
            parts = tuple((form, float(count)) for form, count in bound_of(several))
            level = sum(count * model.rest_forms[form] for form, count in parts)
            sites = several.total * max(count for _, count in parts)
            return Field(
                name, OCCUPANCY, model.ion(several.ions[0]), parts=parts, rest=level, sites=sites, **rest
            )
    return Field(name, FORM, model.ions[0], parts=((name, 1.0),), rest=model.rest_forms[name], **rest)


def _refuse(model: Model, name: str, known: list[str]) -> None:
    for ion in model.ions:
        if name in (f"E_{ion.name}", f"V-E_{ion.name}", f"I_{ion.name}"):
            raise ValueError(f"{name} is not known: {ion.name!r} has no outside concentration in this model.")
    if name in [b.name for b in model.buffers]:
        raise ValueError(f"Buffer {name!r} was not recorded; ask for it with Record(fields=[{name!r}]).")
    if name in [f.name for f in model.chemistry.forms]:
        raise ValueError(f"{name!r} was not recorded; ask for it with Record(fields=[{name!r}]).")
    for several in model.complexes:
        if name == several.name:
            forms = [form for form, _ in bound_of(several)]
            raise ValueError(
                f"The forms of {name!r} were not recorded; ask for them with Record(fields={forms})."
            )
    plain = [k for k in known if k in [i.name for i in model.ions] or k.startswith("E_")]
    more = [k for k in known if k not in plain]
    also = f" Also {', '.join(map(repr, more))}." if more else ""
    raise ValueError(f"No field {name!r} in this result; it has {', '.join(map(repr, plain))}.{also}")
