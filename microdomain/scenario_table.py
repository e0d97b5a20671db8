"""What every table of a scenario is: no unknown keys, quantities with units."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from microdomain.model.checks import nearest
from microdomain.quantities import parse


def _read(value: Any, dimension: str) -> float:
    try:
        return parse(value, dimension)
    except ValueError as error:
        raise PydanticCustomError("quantity", "{sentence}", {"sentence": str(error)}) from None


def _quantity(dimension: str) -> BeforeValidator:
    return BeforeValidator(partial(_read, dimension=dimension))


# Optional fields simply have the default None: TOML has no null, so None never comes from a file.
Length = Annotated[float | None, _quantity("length")]
Time = Annotated[float | None, _quantity("time")]
Concentration = Annotated[float | None, _quantity("concentration")]
Rate = Annotated[float | None, _quantity("rate")]
OnRate = Annotated[float | None, _quantity("on-rate")]
Diffusion = Annotated[float | None, _quantity("diffusion")]
Current = Annotated[float | None, _quantity("current")]
Permeability = Annotated[float | None, _quantity("permeability")]
Conductance = Annotated[float | None, _quantity("conductance")]
Charge = Annotated[float | None, _quantity("charge")]
Voltage = Annotated[float | None, _quantity("voltage")]
Temperature = Annotated[float | None, _quantity("temperature")]
Flux = Annotated[float | None, _quantity("flux")]
Velocity = Annotated[float | None, _quantity("velocity")]
Density = Annotated[float | None, _quantity("density")]
Number = Annotated[float | None, _quantity("dimensionless")]
Point = list[Length]


class Table(BaseModel):
    """A table of the file: keys that it does not have are refused, with the nearest it has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    known = list(cls.model_fields)
                    raise PydanticCustomError(
                        "key",
                        "{sentence}",
                        {"sentence": f"unknown key {key!r}.{nearest(key, known)} It has {', '.join(known)}."},
                    )
        return given
