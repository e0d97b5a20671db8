"""One ion's steady equations: the buffers that carry it, their rates, and the rapid-buffer field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microdomain.steady_linear import Lattice

if TYPE_CHECKING:
    from microdomain.steady_pumps import Membranes


class NoSteadyState(ValueError):
    """The question has no steady state; the text says why and what would give it one."""


class Unsettled(RuntimeError):
    """Newton's method did not settle."""


@dataclass(frozen=True, eq=False)
class Binding:
    """One mobile buffer of the problem.

    Attributes
    ----------
    D, k_on, k_off, total, rest : float     rest is the bound form at rest, uM
    ripple : array (cells, sub) or None     near field of sub-cells over the cell's mean, for a buffer
                                            so slow that it differs from sub-cell to sub-cell
    mixing : array (cells,) or None, 1/ms   rate at which diffusion evens it out inside a cell
    """

    D: float
    k_on: float
    k_off: float
    total: float
    rest: float
    ripple: np.ndarray | None = None
    mixing: np.ndarray | None = None

    def rate(
        self, c: np.ndarray, b: np.ndarray, cells: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """R, p = dR/dc and q = -dR/db in every cell."""
        p = self.k_on * (self.total - b)
        q = self.k_on * c + self.k_off
        R = p * c - self.k_off * b
        if self.ripple is not None and cells.size:
            at = np.unravel_index(cells, c.shape)
            R[at], p[at], q[at] = self.in_parts(c[at], b[at])
        return R, p, q

    def in_parts(self, c: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same in cells (n,) whose sub-cells see their own c.

        Each balances  k_on c B - q b_sub - R + mixing (b - b_sub) = 0,  and their mean is b.
        """
        fine_c, q, slow = self._in_sub_cells(c)
        surplus = self.k_on * fine_c * self.total - q * b[:, None]
        scale = slow.mean(axis=1)
        R = (surplus * slow).mean(axis=1) / scale
        slope = self.k_on * ((self.total - b)[:, None] - (surplus - R[:, None]) * slow) * slow
        return R, slope.mean(axis=1) / scale, (q * slow).mean(axis=1) / scale

    def parts(self, c: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Bound form in the sub-cells (n, sub) of cells with c and b (n,)."""
        R = self.in_parts(c, b)[0]
        fine_c, _, slow = self._in_sub_cells(c)
        assert self.mixing is not None
        return np.asarray((self.k_on * fine_c * self.total + (self.mixing * b - R)[:, None]) * slow)

    def _in_sub_cells(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """c, q and 1/(q + mixing) there."""
        assert self.ripple is not None
        assert self.mixing is not None
        fine_c = c[:, None] + self.ripple
        q = self.k_on * fine_c + self.k_off
        return fine_c, q, 1.0 / (q + self.mixing[:, None])


@dataclass(frozen=True, eq=False)
class Problem:
    """One ion's steady equations on a lattice.

    Attributes
    ----------
    lattice : Lattice
    ion : str                               its name, for what errors say
    D, rest, uptake : float                 um^2/ms, uM, 1/ms
    near : array (z, y, x), uM              cell averages of c_s
    source : array (z, y, x), uM/ms         blobs and kappa c_s
    buffers : tuple of Binding              the mobile ones
    cells : int array                       flat indices of the refined cells of the lattice
    pumps : Membranes or None               pumps on the walls
    """

    lattice: Lattice
    ion: str
    D: float
    rest: float
    uptake: float
    near: np.ndarray
    source: np.ndarray
    buffers: tuple[Binding, ...]
    cells: np.ndarray
    pumps: Membranes | None = None

    @property
    def taken(self) -> bool:
        """Whether something is taken out in the box or at its walls: then w is an unknown, too."""
        return self.uptake > 0.0 or self.pumps is not None

    @property
    def sink(self) -> float:
        """Rate of uptake, that of the pumps spread over the box with it, 1/ms."""
        return self.uptake + (0.0 if self.pumps is None else self.pumps.rate)

    @property
    def rests(self) -> np.ndarray:
        """Bound forms at rest (buffer, 1, 1, 1), uM."""
        return self._column("rest")

    @property
    def totals(self) -> np.ndarray:
        """Total buffer (buffer, 1, 1, 1), uM."""
        return self._column("total")

    @property
    def spread(self) -> np.ndarray:
        """D of the bound forms (buffer, 1, 1, 1), um^2/ms."""
        return self._column("D")

    def _column(self, name: str) -> np.ndarray:
        return np.array([getattr(b, name) for b in self.buffers], dtype=float).reshape(-1, 1, 1, 1)

    def free(self, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        """c of every cell from w (z, y, x) and the excesses v (buffer, z, y, x)."""
        out = self.near + w / self.D
        for b, excess in zip(self.buffers, v, strict=True):
            out -= (b.D / self.D) * excess
        return out + self.rest


@dataclass(frozen=True, eq=False)
class Field:
    """The solution of a Problem.

    Attributes
    ----------
    u : array (z, y, x), uM                 grid part of the ion
    bound : array (buffer, z, y, x), uM
    newton, krylov : int                    iterations
    residual : float                        largest |D_j lap b_j + R_j| over the largest binding rate
    """

    u: np.ndarray
    bound: np.ndarray
    newton: int
    krylov: int
    residual: float


def rapid(problem: Problem, w: np.ndarray) -> np.ndarray:
    """Excesses of the bound forms with binding in equilibrium: D c + sum D_j B_j c/(K_j + c) = w.

    The left side is concave and grows, so Newton's method from below never overshoots.
    """
    if not problem.buffers:
        return np.zeros((0, *w.shape))
    carried = [(b.D * b.total, b.k_off / b.k_on) for b in problem.buffers]
    goal = w + problem.D * (problem.rest + problem.near)
    goal += sum(b.D * b.rest for b in problem.buffers)
    if goal.min() <= 0.0:
        raise NoSteadyState(drained(problem))
    c = np.maximum(0.0, (goal - sum(a for a, _ in carried)) / problem.D)
    for _ in range(60):
        value, slope = problem.D * c, np.full_like(c, problem.D)
        for a, K in carried:
            part = a / (K + c)
            value += part * c
            slope += part * (K / (K + c))
        step = (goal - value) / slope
        c += step
        if (np.abs(step) <= 1e-10 * c).all():
            break
    return np.stack([b.total * c / (b.k_off / b.k_on + c) - b.rest for b in problem.buffers])


def drained(problem: Problem) -> str:
    """What is wrong where more is taken out than comes in, in the words of what there is."""
    held, pumps = not problem.lattice.closed, problem.pumps
    gives = ["flow in from the held walls"] * held
    gives += ["leak in through pumps"] * (pumps is not None and pumps.leaky)
    gives += ["be given back by the uptake"] * (problem.uptake > 0.0)
    takes = ["channels"] * bool(problem.near.min() < 0.0) + ["pumps"] * (pumps is not None and pumps.fixed)
    return (
        f"The {' and '.join(takes) or 'channels'} take out more {problem.ion!r} than can "
        f"{' and '.join(gives) or 'come in'}: its steady concentration would be negative. Give smaller "
        f"outward currents{', or walls nearer by' if held else ''}."
    )
