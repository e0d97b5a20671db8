"""Frozen parts that take what a script has at hand, lists and arrays too, and keep it as tuples.

A field's type says both: ``ions: Many[Ion]`` is read as ``tuple[Ion, ...]`` and may be given as any
iterable of `Ion`.  The conversion is each class's own `__post_init__`; `Taken` is never instantiated.
It is a descriptor for type checkers alone, who take the type of an argument from its `__set__`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, dataclass_transform

Part = TypeVar("Part")
Item = TypeVar("Item")
Given = TypeVar("Given")
Kept = TypeVar("Kept", covariant=True)

#: What is left out, whatever a field keeps: no type is a descriptor and a tuple at once.
NONE: Any = ()


class Taken(Generic[Given, Kept]):
    """A field that takes `Given` and keeps `Kept`."""

    def __get__(self, part: object, cls: type | None = None) -> Kept:
        raise NotImplementedError("Taken is a note for type checkers; no object of it exists.")

    def __set__(self, part: object, given: Given) -> None:
        raise NotImplementedError("Taken is a note for type checkers; no object of it exists.")


Many = Taken[Iterable[Item], tuple[Item, ...]]
Vector3 = Taken[Iterable[float], tuple[float, float, float]]
Pair = Taken[Iterable[float], tuple[float, float]]


# Type checkers take arguments from `__set__` where the transform is not dataclasses' own (mypy, "implicit").
@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def part(*, repr: bool = True) -> Callable[[type[Part]], type[Part]]:
    """``dataclass(frozen=True)`` for a class with fields that take more than they keep."""
    return dataclasses.dataclass(frozen=True, repr=repr)
