"""Linear algebra of the steady state: the Laplacian, its modes, mirrors, and GMRES.

The steady equations use the 4th-order Laplacian of the grid and are preconditioned in the
eigenbasis of the 2nd-order one, where any combination of diffusion and constant rates is a
division.  Where a problem is its own mirror image in the middle of an axis, half of that axis
with a closed wall in the middle gives the same numbers for half the work: a mirrored ghost cell
is what the other half holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from scipy.linalg.blas import daxpy, saxpy

from microdomain.backends.reference import along
from microdomain.finite_volume import CLOSED, Axis, lay_axis

#: Two halves are the same when they differ by less than this part of the largest value.
SAME = 1e-10

Map = Callable[[np.ndarray], np.ndarray]


class Lattice:
    """A grid's operators on the part of it that mirrors do not repeat.

    Parameters
    ----------
    axes : three Axis               of the whole grid, along x, y, z
    folded : three bool             axes of which only the upper half is kept
    """

    def __init__(self, axes: Sequence[Axis], folded: Sequence[bool] = (False, False, False)) -> None:
        self.folded = tuple(folded)
        self.axes = tuple(
            lay_axis(a.faces[a.n // 2 :], CLOSED, a.upper) if half else a
            for a, half in zip(axes, folded, strict=True)
        )
        self.whole = (axes[2].n, axes[1].n, axes[0].n)
        rx, ry, rz = (a.rates for a in self.axes)
        #: Eigenvalues of the 2nd-order Laplacian (nz, ny, nx), 1/um^2, not positive.
        self.rates = rz[:, None, None] + ry[None, :, None] + rx[None, None, :]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells kept along (z, y, x)."""
        return (self.axes[2].n, self.axes[1].n, self.axes[0].n)

    @property
    def closed(self) -> bool:
        """True where every wall is closed."""
        return all(a.closed for a in self.axes)

    def fold(self, field: np.ndarray) -> np.ndarray:
        """The part of ``field[..., z, y, x]`` that is kept."""
        keep = tuple(
            slice(n // 2, n) if half else slice(None)
            for n, half in zip(self.whole, self.folded[::-1], strict=True)
        )
        return np.ascontiguousarray(field[(..., *keep)])

    def unfold(self, field: np.ndarray) -> np.ndarray:
        """A whole field from the part that is kept."""
        for axis, half in zip((-1, -2, -3), self.folded, strict=True):
            if half:
                field = np.concatenate([np.flip(field, axis), field], axis=axis)
        return field

    @cached_property
    def _matrices(self) -> dict[str, tuple[list[np.ndarray], ...]]:
        rows = [[getattr(a, name) for a in self.axes] for name in ("fourth", "inverse", "vectors")]
        return {
            kind: tuple([np.ascontiguousarray(m, dtype=kind) for m in row] for row in rows)
            for kind in ("f8", "f4")
        }

    def laplacian(self, excess: np.ndarray) -> np.ndarray:
        """4th-order Laplacian of ``excess[species, z, y, x]``, over the level that held walls keep.

        This and the two below answer in the precision of what they get, float64 or float32.
        """
        mx, my, mz = self._matrices[excess.dtype.str[1:]][0]
        one = excess[None]
        out = along(mx, one, 0, np)
        out += along(my, one, 1, np)
        out += along(mz, one, 2, np)
        return np.asarray(out[0])

    def to_modes(self, field: np.ndarray) -> np.ndarray:
        """Coefficients in the eigenbasis of the 2nd-order Laplacian."""
        return self._product(field, 1)

    def from_modes(self, modes: np.ndarray) -> np.ndarray:
        """Fields from their coefficients."""
        return self._product(modes, 2)

    def _product(self, field: np.ndarray, row: int) -> np.ndarray:
        one = field[None]
        for axis, matrix in enumerate(self._matrices[field.dtype.str[1:]][row]):
            one = along(matrix, one, axis, np)
        return np.asarray(one[0])

    def screened(self, source: np.ndarray, rate: float, tolerance: float) -> np.ndarray:
        """Solve  lap w - rate w = -source  to a relative residual.

        Parameters
        ----------
        source : array (1, z, y, x)
        rate : float, 1/um^2        0 where some wall is held
        tolerance : float

        Returns
        -------
        array (1, z, y, x)
        """
        divisor = 1.0 / (self.rates - rate)

        def precondition(r: np.ndarray) -> np.ndarray:
            return self.from_modes(self.to_modes(r) * divisor)

        def apply(w: np.ndarray) -> np.ndarray:
            out = self.laplacian(w)
            if rate:
                out -= rate * w
            return out

        return gmres(apply, precondition, -source, tolerance)[0]


def mirrored(axes: Sequence[Axis], fields: Sequence[np.ndarray]) -> tuple[bool, bool, bool]:
    """Along which of x, y, z the axis and all fields [..., z, y, x] are their own mirror images."""
    found = []
    for k, a in enumerate(axes):
        middle = a.faces[0] + a.faces[-1]
        same = a.n % 2 == 0 and a.lower == a.upper
        same = same and np.allclose(
            a.faces, middle - a.faces[::-1], rtol=0, atol=1e-12 * (a.faces[-1] - a.faces[0])
        )
        for f in fields:
            same = same and bool(np.abs(f - np.flip(f, -1 - k)).max() <= SAME * np.abs(f).max())
        found.append(bool(same))
    return (found[0], found[1], found[2])


def gmres(
    apply: Map, precondition: Map, right: np.ndarray, tolerance: float, most: int = 120, restart: int = 60
) -> tuple[np.ndarray, int]:
    """Solve apply(x) = right by GMRES with right preconditioning (Saad and Schultz 1986).

    Parameters
    ----------
    apply, precondition : functions of arrays of the shape of `right`
    right : array
    tolerance : float               wanted |right - apply(x)| / |right|, 2-norm
    most : int                      iterations before it gives what it has
    restart : int                   basis vectors kept

    Returns
    -------
    (array, int)                    x and the iterations taken
    """
    goal = tolerance * float(np.linalg.norm(right))
    x, residual, count = np.zeros_like(right), right, 0
    while count < most:
        size = float(np.linalg.norm(residual))
        if size <= goal or size == 0.0:
            break
        step, used, reached = _cycle(apply, precondition, residual, size, goal, min(restart, most - count))
        x, count = x + step, count + used
        if reached:
            break
        residual = right - apply(x)
    return x, count


def _cycle(
    apply: Map, precondition: Map, residual: np.ndarray, size: float, goal: float, most: int
) -> tuple[np.ndarray, int, bool]:
    """One cycle from zero: the correction, its iterations, and whether the goal was met."""
    shape = residual.shape
    axpy = saxpy if residual.dtype == np.float32 else daxpy
    # A list grows as it is needed: one array for all vectors would cost more in page faults than in sums.
    basis = [residual.ravel() / residual.dtype.type(size)]
    h = np.zeros((most + 1, most))
    turn = np.zeros((most, 2))
    g = np.zeros(most + 1)
    g[0] = size
    used, reached = 0, False
    for k in range(most):
        v = apply(precondition(basis[k].reshape(shape))).ravel()
        for i, one in enumerate(basis):
            h[i, k] = one @ v
            v = axpy(one, v, a=-h[i, k])
        norm = float(np.linalg.norm(v))
        for i in range(k):
            a, b = h[i, k], h[i + 1, k]
            h[i, k], h[i + 1, k] = turn[i] @ (a, b), turn[i, 0] * b - turn[i, 1] * a
        length = float(np.hypot(h[k, k], norm))
        if length == 0.0:
            break
        turn[k] = h[k, k] / length, norm / length
        h[k, k] = length
        g[k + 1], g[k] = -turn[k, 1] * g[k], turn[k, 0] * g[k]
        used = k + 1
        reached = abs(g[k + 1]) <= goal
        if reached or norm <= 1e-15 * length:
            break
        v *= 1.0 / norm
        basis.append(v)
    y = np.linalg.solve(h[:used, :used], g[:used])
    total = np.zeros_like(basis[0])
    for weight, one in zip(y, basis, strict=False):
        total = axpy(one, total, a=weight)
    return precondition(total.reshape(shape)), used, reached
