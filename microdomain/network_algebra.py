"""Gaussian elimination of a small sparse matrix as a fixed list of statements, without pivoting.

The matrix of a reaction network, I - g J, has the same entries in every cell, so the order of
elimination is found once: what fills least goes first.  Backends write the statements out, as array
code or as straight-line C.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """Statements that solve A x = r for matrices with given entries (and a full diagonal).

    Attributes
    ----------
    size : int
    entries : frozenset of (row, column)    of A, diagonal included
    pivots : tuple of (pivot, rows, columns)
        In order: with l = A[i, p] / A[p, p] for every i of `rows`:  A[i, j] -= l A[p, j] for j of
        `columns`, x[i] -= l x[p].  Backwards: x[p] = (x[p] - sum_j A[p, j] x[j]) / A[p, p].
    """

    size: int
    entries: frozenset[Place]
    pivots: tuple[tuple[int, tuple[int, ...], tuple[int, ...]], ...]

    @classmethod
    def of(
        cls, size: int, entries: Iterable[Place], last: Iterable[int] = (), without: Iterable[int] = ()
    ) -> Elimination:
        """Order the elimination by least fill (Markowitz); `last` are eliminated last, `without` not at all.

        Parameters
        ----------
        size : int
        entries : iterable of (row, column)
        last, without : iterables of int
        """
        left, late = set(range(size)) - set(without), set(last)
        begin = frozenset(entries) | {(i, i) for i in left}
        full = set(begin)
        pivots = []
        while left:
            p = min((q in late, _fill(q, full, left), q) for q in left)[2]
            left.remove(p)
            rows = tuple(i for i in sorted(left) if (i, p) in full)
            columns = tuple(j for j in sorted(left) if (p, j) in full)
            full |= {(i, j) for i in rows for j in columns}
            pivots.append((p, rows, columns))
        return cls(size, begin, tuple(pivots))


def _fill(p: int, full: set[Place], left: set[int]) -> int:
    """Entries that eliminating p may create."""
    rows = sum((i, p) in full for i in left if i != p)
    columns = sum((p, j) in full for j in left if j != p)
    return rows * columns
