"""Maps that a result answers: concentrations at points, potentials, driving forces, currents.

The un-stirred cell: near an open channel both sides of the membrane differ from the bulk, so the
reversal potential is a field, not a number.  Concentrations are the solver's; every formula is
`microdomain.electro`'s, applied point by point.  What is not modelled is a constant that the caller
states: the other side of the membrane, and ions without a field.  `maps_outside` adds the gradient on
the other side.

The box is the inside of the cell unless ``box="outside"`` says that it is the other one, a cleft for
instance.  Voltages are inside minus outside either way.

These functions are methods of `Results`; `results` below is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain import electro
from microdomain.electro.inputs import concentration
from microdomain.maps_fields import by_member, fitting, in_fluid
from microdomain.maps_outside import at_points, point_list
from microdomain.reading_fields import read_points

if TYPE_CHECKING:
    import xarray


def concentration_at(
    results: Any, points: Any, times: Any = None, ion: str | None = None
) -> xarray.DataArray:
    """Free concentration at any points, near field included.

    Parameters
    ----------
    results : Results
    points : array (P, 3), um       points in the box
    times : float or sequence, ms   recorded times; all of them when left out
    ion : str, optional             the first ion when left out

    Returns
    -------
    xarray.DataArray (time, member, point), uM

    Raises
    ------
    ValueError                      a point outside the box; a time that was not recorded
    """
    points = point_list(points)
    plan, solver = results._plan, results._parts["solver"]
    name = results._ion(ion).name
    i = plan.names.index(name)
    frames = results._frames(times)
    out = np.empty((len(frames), results.members, len(points)))
    for row, k in enumerate(frames):
        frame = solver.isel(time=k)
        u = np.stack([frame[f"u_{n}"].values for n in plan.names[: plan.ions]], axis=1)
        t = np.full(results.members, float(frame["time"]))
        hidden = frame["hidden"].values if "hidden" in frame else None
        out[row] = read_points(plan, t, u, points, hidden)[:, i]
    times = solver["time"].values[frames]
    return at_points(results, name, out, times, points, {"long_name": f"[{name}]"})


def reversal(
    results: Any,
    ion: str | None = None,
    outside: Any = None,
    temperature: float | None = None,
    field: xarray.DataArray | None = None,
    *,
    activity: Any = None,
    D: float | None = None,
    box: str = "inside",
) -> xarray.DataArray:
    """Local reversal (Nernst) potential of an ion, at every cell centre or of a field that `at` gave.

    Parameters
    ----------
    results : Results
    ion : str, optional             the first ion when left out
    outside : float, uM, or DataArray, or "depleted"
        The other side of the membrane: one concentration (the ion's own when left out), a field over the
        same times and points, or the local one that channels leave there (`outside_field`), for which
        `field` must be ``results.at(points)``.
    temperature : float, K          the model's when left out
    field : DataArray, uM, optional
    activity : pair or rule         activity coefficients, see `microdomain.electro.nernst`
    D : float, um^2/ms              with "depleted": diffusion there; the ion's own when left out
    box : {"inside", "outside"}     which side of the membrane the box is

    Returns
    -------
    xarray.DataArray, mV            inside minus outside; NaN where a concentration is not positive

    Raises
    ------
    ValueError                      no concentration of the other side is known, or it fits no field
    """
    mine = results._ion(ion)
    field = results.dataset[mine.name] if field is None else field
    kelvin = by_member(results, field, [m.temperature for m in results.models], temperature, "temperature")
    other: Any
    if isinstance(outside, str):
        if outside != "depleted":
            raise ValueError(f'outside = {outside!r}: give uM, a field, or "depleted".')
        other = fitting(_depleted(results, field, mine.name, D), field, "The depleted outside")
    elif outside is None:
        levels = [m.ion(mine.name).outside for m in results.models]
        if None in levels:
            raise ValueError(
                f"Ion '{mine.name}' has no outside concentration in this model; "
                "give outside= in uM (2 mM is 2000)."
            )
        other = by_member(results, field, levels, None, "outside")
    else:
        other = fitting(outside, field, "outside")
        other = concentration(other, "outside") if np.ndim(other) == 0 else other
    inside = _box_is_inside(box)

    def formula(here: Any, there: Any) -> Any:
        return electro.reversal(*((here, there) if inside else (there, here)), mine.z, kelvin, activity)

    E = in_fluid(results, formula, field.values, other)
    attrs = {"outside_uM": float(other)} if np.ndim(other) == 0 else {}
    return _map(field, E, f"E_{mine.name}", "mV", attrs | _kelvin(kelvin))


def ghk_reversal(
    results: Any,
    P: Mapping[str, float],
    outside: Mapping[str, Any] | None = None,
    inside: Mapping[str, Any] | None = None,
    *,
    z: Mapping[str, int] | None = None,
    temperature: float | None = None,
    fields: Mapping[str, xarray.DataArray] | None = None,
    box: str = "inside",
) -> xarray.DataArray:
    """Local reversal potential of a channel that several ions pass: where their GHK currents cancel.

    Parameters
    ----------
    results : Results
    P : dict                        ion -> relative permeability, any one unit
    outside, inside : dict, uM      ion -> concentration there (number or field).  An ion of the model has
                                    its field on the side of the box and its own `outside` on the other,
                                    unless given here; any other ion needs both.
    z : dict                        charge numbers of ions that neither the model nor
                                    `microdomain.electro.CHARGES` knows
    temperature : float, K          the model's when left out
    fields : dict of DataArray, uM  ion -> field, e.g. ``results.at(points, ion="Ca")``; the cell centres'
                                    when left out
    box : {"inside", "outside"}     which side of the membrane the box is

    Returns
    -------
    xarray.DataArray, mV            inside minus outside; NaN where no voltage exists

    Raises
    ------
    ValueError                      a concentration or charge that nobody knows, or no field at all

    Sources: Goldman 1943; Hodgkin and Katz 1949; Lewis 1979 (divalents), see
    `microdomain.electro.ghk_balance`.
    """
    here, there = (inside or {}, outside or {}) if _box_is_inside(box) else (outside or {}, inside or {})
    across = "outside" if box == "inside" else "inside"
    modelled = {i.name for i in results.model.ions}
    mine = [name for name in P if name in modelled and name not in here]
    unread = [name for name in mine if fields is not None and name not in fields]
    if unread:
        raise ValueError(
            f"fields holds no '{unread[0]}', which this model has; add results.at(points, ion='{unread[0]}')."
        )
    fields = {name: results.dataset[name] if fields is None else fields[name] for name in mine}
    if not fields:
        raise ValueError(
            f"None of {', '.join(map(repr, P))} has a field in this result, so there is no map; "
            "microdomain.electro.ghk_voltage takes numbers."
        )
    template = next(iter(fields.values()))
    near, far, charges = [], [], []
    for name in P:
        charges.append(_charge(results, name, z or {}))
        near.append(
            fitting(here[name] if name in here else fields.get(name), template, f"The field of {name}")
        )
        level = there.get(name)
        if level is None and name in modelled:
            levels = [m.ion(name).outside for m in results.models]
            level = None if None in levels else by_member(results, template, levels, None, "outside")
        far.append(fitting(level, template, f"{across} of {name}"))
        for side, value in ((box, near[-1]), (across, far[-1])):
            if value is None:
                raise ValueError(f"No concentration of '{name}' {side}; give {side}={{'{name}': ...}} in uM.")
    kelvin = by_member(results, template, [m.temperature for m in results.models], temperature, "temperature")

    def formula(_: Any, *levels: Any) -> Any:
        sides = list(levels[: len(near)]), list(levels[len(near) :])
        here, there = sides if box == "inside" else sides[::-1]
        return electro.ghk_reversal(list(P.values()), charges, here, there, kelvin)

    E = in_fluid(results, formula, template.values, *near, *far)
    ratios = ", ".join(f"{name} {value:g}" for name, value in P.items())
    return _map(template, E, "E_GHK", "mV", {"permeabilities": ratios} | _kelvin(kelvin))


def driving_force(
    results: Any, V: Any, ion: str | None = None, E: xarray.DataArray | None = None, **how: Any
) -> xarray.DataArray:
    """Local driving force V - E: negative where positive charge is driven inward.

    Parameters
    ----------
    results : Results
    V : float or DataArray, mV      a field over some of the map's dimensions, e.g. over time
    ion : str, optional             the first ion when left out
    E : DataArray, mV, optional     a map that `reversal` or `ghk_reversal` gave
    how : keywords of `reversal`    when `E` is left out

    Returns
    -------
    xarray.DataArray, mV
    """
    E = reversal(results, ion, **how) if E is None else E
    force = electro.driving_force(fitting(V, E, "V"), E.values)
    return _map(E, force, str(E.name).replace("E_", "V_minus_E_", 1), "mV", {})


def current_density(
    results: Any, g: Any, V: Any, ion: str | None = None, E: xarray.DataArray | None = None, **how: Any
) -> xarray.DataArray:
    """Local ohmic current per membrane area, g (V - E).

    Parameters
    ----------
    results : Results
    g : float or DataArray, nS/um^2     conductance per area; 0.1 nS/um^2 is 10 mS/cm^2
    V : float or DataArray, mV
    ion : str, optional                 the first ion when left out
    E : DataArray, mV, optional         a map that `reversal` or `ghk_reversal` gave
    how : keywords of `reversal`        when `E` is left out

    Returns
    -------
    xarray.DataArray, pA/um^2           inward negative
    """
    E = reversal(results, ion, **how) if E is None else E
    density = electro.current_density(fitting(g, E, "g"), fitting(V, E, "V"), E.values)
    return _map(E, density, str(E.name).replace("E_", "I_", 1), "pA/um^2", {})


def _map(
    like: xarray.DataArray, values: Any, name: str, units: str, attrs: dict[str, Any]
) -> xarray.DataArray:
    """A map on the coordinates of another, with a name and a unit of its own."""
    out = like.copy(data=np.asarray(values, dtype=float))
    out.name, out.attrs = name, {"units": units, "long_name": name} | attrs
    return out


def _kelvin(temperature: Any) -> dict[str, float]:
    return {"temperature_K": float(temperature)} if np.ndim(temperature) == 0 else {}


def _box_is_inside(box: str) -> bool:
    if box not in ("inside", "outside"):
        raise ValueError(f'box = {box!r}: the box is "inside" the cell, or the "outside" of it.')
    return box == "inside"


def _charge(results: Any, name: str, given: Mapping[str, int]) -> int:
    for ion in results.model.ions:
        if ion.name == name:
            return int(ion.z)
    if name not in given and name not in electro.CHARGES:
        raise ValueError(f"The charge of '{name}' is not known; give z={{'{name}': ...}}.")
    return int(given[name] if name in given else electro.CHARGES[name])


def _depleted(results: Any, field: xarray.DataArray, ion: str, D: float | None) -> xarray.DataArray:
    """The other side at the times and points of a field that `at` gave."""
    if "point" not in field.dims or not {"x", "y", "z", "time"} <= set(field.coords):
        raise ValueError(
            'outside = "depleted" is computed at points: give field=results.at(points), with times and '
            "x, y, z of its points."
        )
    points = np.stack([field[a].values for a in "xyz"], axis=1)
    there = results.outside(points, np.atleast_1d(field["time"].values), ion, D=D)
    return there if "time" in field.dims else there.isel(time=0)
