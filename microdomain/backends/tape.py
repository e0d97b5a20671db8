"""Launches and matrix products written down once and replayed: no Python between kernels.

A stage of a step is the same row of kernels and products every time; only where its arrays stand
changes.  A tape is that row as numbers, eight bytes each::

    kernel, argument, argument, ...   kernel, argument, ...   product, count, rows, ...

and C works it off in one call.  Addresses within one of the arrays that may be others next time are
marked, with the array and the offset into it, and set anew before every replay.  So a tape depends on
the plan and on which arrays are absent or the same, never on an address: it cannot go stale.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

import numpy as np

from microdomain.backends import sources

Kept = TypeVar("Kept")

#: How C reads the number in a slot.
_READ = {"int": "(int)s[{}].whole", "wide": "s[{}].whole", "double": "s[{}].number"}
#: Slots of a product: its code, then count, rows, inner, columns, a, b, out, two strides and pieces.
_PRODUCT = 11

_HEAD = """
/* Rows of launches and products, worked off without a return to the caller. */
typedef union { wide whole; double number; void *place; } Slot;
/* Counts are `wide`: a library that reads 32 bits finds the lower ones, and one that reads 64 finds all. */
typedef void Product(char *, char *, wide *, wide *, wide *, real *, real *, wide *, real *, wide *, real *,
                     real *, wide *);
static Product *product;
void use_product(Product *given) { product = given; }

/* out = a b of many row-major matrices: for a library that goes by columns, out^T = b^T a^T.  The columns
 * of b are taken in pieces, for which libraries have faster kernels than for one wide matrix. */
static void multiply(const Slot *s) {
    wide rows = s[2].whole, inner = s[3].whole, columns = s[4].whole, some = columns / s[10].whole;
    real one = 1, zero = 0, *a = s[5].place, *b = s[6].place, *out = s[7].place;
    for (wide k = 0; k < s[1].whole; ++k)
        for (wide at = 0; at < columns; at += some)
            product("N", "N", &some, &rows, &inner, &one, b + k * s[9].whole + at, &columns,
                    a + k * s[8].whole, &inner, &zero, out + k * rows * columns + at, &columns);
}

/* `moved` holds of every address that may differ its slot, its array and its place in that array in bytes. */
void replay(wide entries, Slot *s, wide changes, const wide *moved, const wide *arrays) {
    for (wide k = 0; k < changes; ++k, moved += 3) s[moved[0]].whole = arrays[moved[1]] + moved[2];
    for (; entries > 0; --entries) switch (s->whole) {
"""


def text() -> str:
    """The C function that replays tapes, to stand behind the kernels.

    Returns
    -------
    str
    """
    lines = []
    for code, (name, arguments) in enumerate(sources.signatures().items()):
        given = ", ".join(
            f"s[{k}].place" if a.pointer else _READ[a.kind].format(k) for k, a in enumerate(arguments, 1)
        )
        lines.append(f"        case {code}: {name}({given}); s += {len(arguments) + 1}; break;\n")
    lines.append(f"        default: multiply(s); s += {_PRODUCT};\n    }}\n}}\n")
    return _HEAD + "".join(lines)


@cache
def _layouts() -> dict[str, tuple[int, struct.Struct, tuple[int, ...]]]:
    """Of every kernel its code, how its entry is packed, and which of its slots are addresses."""
    found = {}
    for code, (name, arguments) in enumerate(sources.signatures().items()):
        form = "q" + "".join("d" if a.kind == "double" and not a.pointer else "q" for a in arguments)
        pointers = tuple(k for k, a in enumerate(arguments, 1) if a.pointer)
        found[name] = (code, struct.Struct(form), pointers)
    return found


def launch(name: str, arguments: Iterable[Any]) -> tuple[bytes, tuple[int, ...]]:
    """A launch as an entry of a tape.

    Parameters
    ----------
    name : str                      of a kernel
    arguments : iterable            in the order of the C signature, addresses as integers

    Returns
    -------
    tuple                           the entry and which of its slots are addresses
    """
    code, packed, pointers = _layouts()[name]
    return packed.pack(code, *arguments), pointers


def product(
    count: int, shape: Sequence[int], places: Sequence[int], strides: Sequence[int], pieces: int = 1
) -> bytes:
    """The products of `count` matrices as an entry of a tape.

    Parameters
    ----------
    count : int
    shape : sequence of int         rows, inner, columns
    places : sequence of int        addresses of a, b and out
    strides : sequence of int       numbers from one a and one b to the next; 0 if all share it
    pieces : int                    in which the columns of b are taken; divides their number

    Returns
    -------
    bytes
    """
    return struct.pack(f"{_PRODUCT}q", -1, count, *shape, *places, *strides, pieces)


#: Which slots of a product are addresses.
PRODUCT_POINTERS = (5, 6, 7)


class Recent(Generic[Kept]):
    """What was kept by key; of more than `most` the one that has gone unused for longest is dropped.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Hashable, Kept] = {}

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable) -> Kept | None:
        """What is kept under a key, or None."""
        if key not in self._found:
            return None
        return self.keep(key, self._found[key])

    def keep(self, key: Hashable, value: Kept) -> Kept:
        """Keep a value, and give it back."""
        self._found.pop(key, None)
        self._found[key] = value
        if len(self._found) > self._most:
            del self._found[next(iter(self._found))]
        return value


class Tape:
    """A row of entries.

    Attributes
    ----------
    entries : int
    slots : int64 array             the entries, one after the other
    moved : int64 array (change, 3)     slot, array and offset in bytes of addresses that may differ
    place, changes : int            addresses of `slots` and `moved`
    products : list of tuple        (count, rows, inner, columns) and the two strides of every product
    """

    def __init__(self) -> None:
        self.entries, self._length = 0, 0
        self._written: list[bytes] = []
        self._pointers: list[int] = []
        self._given: list[Any] = []
        self.products: list[tuple[int, ...]] = []

    def add(self, entry: bytes, pointers: Sequence[int], given: Iterable[Any]) -> None:
        """Write down an entry.

        Parameters
        ----------
        entry : bytes
        pointers : sequence of int      which of its slots are addresses
        given : iterable                what these are the addresses of
        """
        self._pointers += [self._length + k for k in pointers]
        self._given += given
        self._written.append(entry)
        self._length += len(entry) // 8
        self.entries += 1

    def close(self, spans: Sequence[tuple[int, int]]) -> None:
        """Find the addresses that lie in arrays which may be others next time.

        Parameters
        ----------
        spans : sequence of (address, bytes)    where these arrays are; absent ones have no bytes
        """
        self.slots = np.frombuffer(b"".join(self._written), np.int64).copy()
        pointers = np.array(self._pointers, dtype=np.int64)
        places, owner = self.slots[pointers], np.full(pointers.size, -1)
        for k, (begin, length) in enumerate(spans):
            owner[(owner < 0) & (places >= begin) & (places < begin + length)] = k
        mine = owner >= 0
        begins = np.array([begin for begin, _ in spans], dtype=np.int64)[owner[mine]]
        self.moved = np.stack([pointers[mine], owner[mine], places[mine] - begins], axis=1)
        # All other arrays stay for as long as their addresses stand here.
        self._given = [a for a, moves in zip(self._given, mine, strict=True) if not moves]
        self._written.clear()
        self.place, self.changes = self.slots.ctypes.data, self.moved.ctypes.data
