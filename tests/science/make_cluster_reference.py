"""Writes cluster_reference.csv: [Ca] around two clusters, converged with the grid and the tolerance.

    python -m tests.science.make_cluster_reference          (from the top of the repository, a few minutes)

`lattice` is P2, 4 x 4 channels of 0.1 pA and 40 nm pitch, solved on a quarter of its box (closed walls are
its planes of symmetry, and no channel lies on them).  `random` has six channels in a smaller box.  The column
`spread` is the relative change from the next coarser solution (7 nm for 5, 9 nm for 7): what remains is a
fraction of it.
"""

import csv
from pathlib import Path

import numpy as np

import microdomain as md

from .problems import cell

TABLE = Path(__file__).with_name("cluster_reference.csv")
TIMES = (0.01, 0.1, 1.0, 1.1, 2.0)
SMALL = ((-0.5, 0.5), (-0.5, 0.5), (0.0, 0.5))

#: Channels of the two clusters (x, y), um.
LATTICE = [(-0.06 + 0.04 * i, -0.06 + 0.04 * j) for i in range(4) for j in range(4)]
RANDOM = [
    (-0.112, 0.034),
    (0.087, 0.101),
    (0.013, -0.121),
    (-0.041, -0.026),
    (0.118, -0.047),
    (-0.017, 0.083),
]

#: Points for each: above the centre, above channels, between them, and outside.
POINTS = {
    "lattice": [(0, 0, z) for z in (0.01, 0.02, 0.05, 0.1, 0.2)]
    + [(a, a, z) for a in (0.02, 0.06) for z in (0.01, 0.02, 0.05)]
    + [
        (0.02, 0.06, 0.01),
        (0.04, 0.02, 0.01),
        (0.1, 0, 0.01),
        (0.1, 0.1, 0.05),
        (0.2, 0, 0.02),
        (0.2, 0.1, 0.1),
    ],
    "random": [(x, y, z) for x, y in RANDOM[:4] for z in (0.01, 0.03, 0.1)]
    + [(0, 0, 0.01), (0.05, 0.02, 0.05), (0, 0, 0.2), (0.2, 0.1, 0.02)],
}


def lattice(quarter: bool = False) -> md.Model:
    """P2, whole or one quarter of it."""
    if quarter:
        return cell([p for p in LATTICE if min(p) > 0], box=((0.0, 1.0),) * 3)
    return cell(LATTICE)


def scattered() -> md.Model:
    """Six channels at random places."""
    return cell(RANDOM, box=SMALL)


def solve(model: md.Model, points: list, near: float, growth: float, rtol: float) -> np.ndarray:
    """[Ca] (times, points) on a grid of its own."""
    grid = md.Grid.graded(model, near=near, growth=growth, far=0.05)
    record = md.Record(times=TIMES)
    return md.simulate(model, grid, until=2.0, record=record, rtol=rtol, device="numpy").at(points).values


def main() -> None:
    """Solve both twice and write the table."""
    with TABLE.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["case", "t_ms", "x_um", "y_um", "z_um", "ca_uM", "spread"])
        for name, model, coarse, fine in (
            ("lattice", lattice(quarter=True), (0.007, 1.08), (0.005, 1.06)),
            ("random", scattered(), (0.009, 1.1), (0.007, 1.08)),
        ):
            points = POINTS[name]
            less, best = solve(model, points, *coarse, 1e-3), solve(model, points, *fine, 5e-4)
            for i, t in enumerate(TIMES):
                for j, (x, y, z) in enumerate(points):
                    spread = abs(less[i, j] / best[i, j] - 1)
                    rows.writerow([name, t, x, y, z, f"{best[i, j]:.6g}", f"{spread:.1e}"])


if __name__ == "__main__":
    main()
