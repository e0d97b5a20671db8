"""Where we look: tensor-product grids of cells, uniform or graded toward the channels.

One axis, with n = 4 cells; `*` marks the cell centres, the data are cell averages::

    face 0     1        2             3                  4
      |---*----|---*----|------*------|--------*---------|
      lo   cell 0   cell 1    cell 2        cell 3       hi

Arrays over a grid are indexed ``[z, y, x]`` with x contiguous, so ``grid.shape`` is
``(nz, ny, nx)``; faces, centres and widths are named by their axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.grid_spacing import aligned, near_spacing
from microdomain.model.tissue import flat_boundaries

if TYPE_CHECKING:
    from microdomain.model import Model

#: Growth from cell to cell, and largest cell (um).
GROWTH, FAR = 1.2, 0.080
#: A graded axis has at least this many cells: a narrow cleft is still resolved across.
FEWEST = 6


@dataclass(frozen=True, eq=False)
class Grid:
    """A tensor-product grid of box-shaped cells.

    Parameters
    ----------
    x_faces, y_faces, z_faces : array (n + 1,), um
        Face positions, strictly increasing; the first and last are the walls.

    Raises
    ------
    ValueError
        If an axis has no cell, is not strictly increasing or is not finite.
    """

    x_faces: np.ndarray
    y_faces: np.ndarray
    z_faces: np.ndarray

    def __post_init__(self) -> None:
        for name in ("x_faces", "y_faces", "z_faces"):
            faces = np.array(getattr(self, name), dtype=float)
            if faces.ndim != 1 or faces.size < 2:
                raise ValueError(f"{name} needs at least two face positions, got shape {faces.shape}.")
            if not np.all(np.isfinite(faces)) or np.any(np.diff(faces) <= 0):
                raise ValueError(f"{name} must be finite and strictly increasing.")
            faces.setflags(write=False)
            object.__setattr__(self, name, faces)

    @property
    def faces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Face positions in the order (x, y, z), um."""
        return (self.x_faces, self.y_faces, self.z_faces)

    @cached_property
    def widths(self) -> tuple[np.ndarray, ...]:
        """Cell widths in the order (x, y, z), um."""
        return tuple(np.diff(f) for f in self.faces)

    @cached_property
    def centres(self) -> tuple[np.ndarray, ...]:
        """Cell centres in the order (x, y, z), um."""
        return tuple(0.5 * (f[1:] + f[:-1]) for f in self.faces)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cells along (z, y, x)."""
        return (self.z_faces.size - 1, self.y_faces.size - 1, self.x_faces.size - 1)

    @property
    def cells(self) -> int:
        """Number of cells."""
        nz, ny, nx = self.shape
        return nz * ny * nx

    @cached_property
    def volumes(self) -> np.ndarray:
        """Cell volumes [z, y, x], um^3."""
        hx, hy, hz = self.widths
        return hz[:, None, None] * hy[None, :, None] * hx[None, None, :]

    @property
    def volume(self) -> float:
        """Volume of the box, um^3."""
        return float(np.prod([f[-1] - f[0] for f in self.faces]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return all(np.array_equal(a, b) for a, b in zip(self.faces, other.faces, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(f.tobytes() for f in self.faces))

    def __repr__(self) -> str:
        nz, ny, nx = self.shape
        smallest = min(float(w.min()) for w in self.widths)
        largest = max(float(w.max()) for w in self.widths)
        return (
            f"Grid  {nx} x {ny} x {nz} = {self.cells} cells (x, y, z), "
            f"{1e3 * smallest:.3g} to {1e3 * largest:.3g} nm"
        )

    def cell_at(self, position: Sequence[float]) -> tuple[int, int, int]:
        """Indices (ix, iy, iz) of the cell that holds a point (um); walls belong to the cell inside.

        Parameters
        ----------
        position : (x, y, z), um

        Returns
        -------
        tuple of int
        """
        found = []
        for faces, p in zip(self.faces, position, strict=True):
            i = int(np.searchsorted(faces, p, side="right")) - 1
            found.append(min(max(i, 0), faces.size - 2))
        return (found[0], found[1], found[2])

    def spacing_at(self, position: Sequence[float]) -> float:
        """Largest width (um) of the cell that holds a point, over the three axes.

        Parameters
        ----------
        position : (x, y, z), um

        Returns
        -------
        float, um
        """
        cell = self.cell_at(position)
        return max(float(w[i]) for w, i in zip(self.widths, cell, strict=True))

    def coarsened(self, factor: float) -> Grid:
        """The same grading with about `factor` times the spacing on every axis.

        The faces are resampled from the map "cell number -> position", so the ratio of cell sizes
        across the box is kept: the companion grid of a spatial error estimate.  An even number of cells
        stays even: a channel that lay on a face would else come to lie in the middle of a cell.

        Parameters
        ----------
        factor : float                ratio of the new spacing to the old, greater than 0

        Returns
        -------
        Grid
        """
        return Grid(*(_resampled(f, factor) for f in self.faces))

    @classmethod
    def uniform(cls, model: Model, spacing: float) -> Grid:
        """Equal cells, as near to `spacing` as a whole number of cells allows.

        Parameters
        ----------
        model : Model                 gives the box
        spacing : float, um           wanted cell width

        Returns
        -------
        Grid
        """
        _positive(spacing=spacing)
        counts = [max(1, round((hi - lo) / spacing)) for lo, hi in model.box]
        return cls(*(np.linspace(lo, hi, n + 1) for (lo, hi), n in zip(model.box, counts, strict=True)))

    @classmethod
    def graded(
        cls,
        model: Model | Sequence[Model],
        near: float | None = None,
        growth: float = GROWTH,
        far: float = FAR,
    ) -> Grid:
        """Fine near the channels, growing away from them, axis by axis.

        The wanted width at distance d from the nearest channel coordinate of an axis is
        h(d) = min(far, near + (growth - 1) d): cells that grow geometrically by `growth`.
        Faces stand where the integral of dx/h passes whole numbers, so neighbouring widths differ
        by no more than `growth` and a symmetric cluster gives a symmetric grid.  Faces next to flat
        boundaries of tissue are moved onto them.

        Parameters
        ----------
        model : Model or sequence of Model    the grid is graded toward the union of their channels
        near : float, um                      width at a channel; `near_spacing` when left out
        growth : float                        ratio of neighbouring widths, 1 to 1.5
        far : float, um                       largest width

        Returns
        -------
        Grid
        """
        models: Sequence[Any] = [model] if not isinstance(model, Sequence) else model
        near = near_spacing(models) if near is None else near
        _positive(near=near, far=far)
        if not 1.0 < growth <= 1.5:
            raise ValueError(f"growth = {growth}: give a ratio above 1 and at most 1.5 (1.2 is well tested).")
        points = np.array([c.position for m in models for c in m.resolved_channels], dtype=float)
        points = points.reshape(-1, 3)
        faces = []
        for axis, (lo, hi) in enumerate(models[0].box):
            centres = np.unique(points[:, axis])
            planes = flat_boundaries(models[0].tissue, axis, lo, hi)
            one = _graded_axis(lo, hi, centres, near, growth, max(far, near))
            faces.append(aligned(one, planes, centres) if planes else one)
        return cls(*faces)


def _positive(**lengths: float) -> None:
    for name, value in lengths.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value}: give a positive length in um.")


def _graded_axis(
    lo: float, hi: float, centres: np.ndarray, near: float, growth: float, far: float
) -> np.ndarray:
    """Faces of one axis; `centres` are the channels' coordinates on it."""
    if centres.size == 0:
        return np.linspace(lo, hi, max(1, round((hi - lo) / far)) + 1)
    # Geometric cells x_n = near (growth^n - 1)/(growth - 1) have the density
    # dn/dx = [(growth - 1)/ln growth] / (near + (growth - 1) x); the limit at x = 0 is about 1/near.
    enough = int(np.clip(20.0 * (hi - lo) / near, 4000, 1_000_000)) + 1
    samples = np.unique(np.concatenate([np.linspace(lo, hi, enough), centres]))
    after = np.searchsorted(centres, samples)
    left, right = centres[np.maximum(after - 1, 0)], centres[np.minimum(after, centres.size - 1)]
    distance = np.minimum(np.abs(samples - left), np.abs(samples - right))
    width = np.minimum((near + (growth - 1.0) * distance) * np.log(growth) / (growth - 1.0), far)
    # Between channels closer than a few cells the width stays at `near`.
    density = 1.0 / width
    count = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(samples))])
    symmetric = _symmetric(lo, hi, centres)
    # Symmetric channels get a face in the middle: a channel between cells is read twice as well
    # after it closes as one at a cell's centre (0.8 against 1.2 % on a single channel).
    n = max(FEWEST, 2 * round(0.5 * count[-1]) if symmetric else round(count[-1]))
    faces = np.interp(np.linspace(0.0, count[-1], n + 1), count, samples)
    if symmetric:
        faces = 0.5 * (faces + (lo + hi - faces)[::-1])
    faces[0], faces[-1] = lo, hi
    return faces


def _symmetric(lo: float, hi: float, centres: np.ndarray) -> bool:
    return bool(np.allclose(np.sort(centres), np.sort(lo + hi - centres), rtol=0, atol=1e-12 * (hi - lo)))


def _resampled(faces: np.ndarray, factor: float) -> np.ndarray:
    """Faces with about 1/factor as many cells, along the same map from cell number to position."""
    from scipy.interpolate import PchipInterpolator

    n = faces.size - 1
    coarse = max(2, 2 * round(n / factor / 2) if n % 2 == 0 else round(n / factor))
    number = np.linspace(0, n, coarse + 1)
    out = np.asarray(PchipInterpolator(np.arange(n + 1), faces)(number))
    out[0], out[-1] = faces[0], faces[-1]
    return out
