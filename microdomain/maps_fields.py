"""What maps are made of: values that fit a field, member by member, and the fluid beside obstacles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray


def in_fluid(results: Any, formula: Callable[..., Any], field: np.ndarray, *others: Any) -> Any:
    """A formula of concentrations where there is fluid; NaN in obstacles, of which nobody need be warned.

    Parameters
    ----------
    results : Results
    formula : callable              of a field and others, point by point
    field : array                   NaN in obstacles
    others : numbers or arrays      that broadcast with the field

    Returns
    -------
    array
    """
    if not any(model.obstacles for model in results.models) or not (solid := np.isnan(field)).any():
        return formula(field, *others)
    # Any concentration will do where the formula's value is dropped.
    filled = [np.where(solid, 1.0, np.broadcast_to(v, solid.shape)) for v in (field, *others)]
    return np.where(solid, np.nan, formula(*filled))


def by_member(
    results: Any, field: xarray.DataArray, own: Sequence[Any], given: Any, what: str
) -> float | np.ndarray:
    """One number where the members agree, else an array along the field's members.

    Parameters
    ----------
    results : Results
    field : DataArray
    own : sequence                  the members' own values
    given : float or None           wins where there is one
    what : str                      as errors call it

    Returns
    -------
    float or array
    """
    if given is not None or len(set(own)) == 1:
        return float(own[0] if given is None else given)
    if "member" not in field.dims or field.sizes["member"] != len(own):
        raise ValueError(
            f"The members differ in {what} and this field has lost track of them; give {what}=, or a field "
            "with all members."
        )
    shape = [-1 if d == "member" else 1 for d in field.dims]
    return np.array(own, dtype=float).reshape(shape)


def fitting(value: Any, field: xarray.DataArray, what: str) -> Any:
    """A number as it is, a field as an array that broadcasts over another.

    Parameters
    ----------
    value : number or DataArray
    field : DataArray
    what : str                      as errors call it

    Returns
    -------
    number or array
    """
    if not hasattr(value, "dims"):
        return value
    import xarray

    strange = [str(d) for d in value.dims if d not in field.dims]
    try:
        if strange:
            raise ValueError(f"{', '.join(strange)} is no dimension of it")
        xarray.align(field, value, join="exact", copy=False)
    except ValueError as reason:
        raise ValueError(
            f"{what} does not fit the map over {', '.join(map(str, field.dims))}: {reason}. "
            "Take both at the same times and points."
        ) from None
    return value.broadcast_like(field).transpose(*field.dims).values
