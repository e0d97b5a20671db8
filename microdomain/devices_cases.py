"""Input for checking a device: a random plan, a timed one, and a single channel with known values."""

from __future__ import annotations

from typing import Any

import numpy as np

from microdomain.grid import Grid
from microdomain.model import Buffer, Closed, Cluster, Fixed, Held, Ion, Model, Pulse, Walls
from microdomain.plan import Plan, lay

#: [Ca] (uM) above one channel of 0.1 pA that is open from 0 to 1 ms, 400 uM fixed buffer (k_on 0.1,
#: K_d 10) and 100 uM BAPTA (0.4, 0.22, D 0.2), box 2 x 2 x 1 um: two radial spectral-element solutions
#: that agree to 2.4e-7, in a hemisphere whose wall does not matter to 1e-4 up to 1.1 ms.
REFERENCE: dict[str, Any] = {
    "t": (0.001, 0.01, 0.1, 1.0, 1.1),
    "z": (10.0, 20.0, 30.0, 50.0, 100.0, 200.0),
    "Ca": (
        (23.369, 6.2665, 1.9275, 0.22186, 0.10001, 0.10000),
        (30.933, 12.670, 6.8685, 2.6643, 0.42070, 0.10273),
        (31.966, 13.590, 7.7035, 3.3534, 0.79411, 0.16238),
        (33.187, 14.647, 8.5997, 3.9901, 1.0662, 0.21468),
        (0.83913, 0.78659, 0.72079, 0.58584, 0.33771, 0.15113),
    ),
}


def single_channel() -> Model:
    """The model whose concentrations `REFERENCE` holds."""
    return Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=(Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0),),
        buffers=(
            Buffer("fixed", total=400, k_on=0.1, K_d=10),
            Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
        ),
        channels=(Cluster(((0.0, 0.0),), current=Fixed(0.1), gate=Pulse(0, 1.0)),),
    )


def uniform_plan(edge: int) -> Plan:
    """The single channel on `edge`^3 equal cells."""
    model = single_channel()
    faces = [np.linspace(lo, hi, edge + 1) for lo, hi in model.box]
    return lay([model], Grid(*faces))


def random_plan(seed: int, members: int = 2) -> Plan:
    """Two ions, a mobile, a slow and a fixed buffer, random graded grid, walls, rates and channels.

    Parameters
    ----------
    seed : int
    members : int

    Returns
    -------
    Plan
    """
    random = np.random.default_rng(seed)
    box = ((-0.4, 0.4), (-0.35, 0.35), (0.0, 0.5))
    grid = Grid(*(_faces(random, lo, hi) for lo, hi in box))

    def wall() -> Any:
        return Held() if random.random() < 0.4 else Closed()

    walls = Walls(x=(wall(), wall()), y=(wall(), wall()), z=(Closed(), wall()))
    kinds = (("mobile", 0.1, "Ca"), ("slow", 0.003, "Ca"), ("fixed", 0.0, "Mg"), ("other", 0.2, "Mg"))
    places = random.uniform(-0.2, 0.2, (3, 2))

    def draw(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    models = []
    for _ in range(members):
        clusters = tuple(
            Cluster(
                ((float(x), float(y)),),
                name=f"site{k}",
                ion=("Ca", "Mg")[k % 2],
                current=Fixed(draw(0.02, 0.3)),
                gate=Pulse(0, draw(0.3, 1.0)),
            )
            for k, (x, y) in enumerate(places)
        )
        models.append(
            Model(
                box=box,
                ions=(
                    Ion("Ca", z=2, D=0.22, rest=draw(0.05, 0.3), outside=2000.0),
                    Ion("Mg", z=2, D=0.3, rest=draw(0.05, 0.3), outside=2000.0),
                ),
                buffers=tuple(
                    Buffer(name, total=draw(50, 300), k_on=draw(0.05, 0.5), K_d=draw(0.2, 10), D=D, binds=ion)
                    for name, D, ion in kinds
                ),
                channels=clusters,
                walls=walls,
                uptake=(("Ca", draw(0.1, 0.5)),),
            )
        )
    return lay(models, grid)


def _faces(random: np.random.Generator, lo: float, hi: float) -> np.ndarray:
    """Random faces whose widths differ by up to 1.3 from cell to cell."""
    widths = np.cumprod(random.uniform(1 / 1.3, 1.3, int(random.integers(9, 17))))
    return np.asarray(lo + (hi - lo) * np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum())


def random_state(plan: Plan, seed: int) -> np.ndarray:
    """A positive state near rest whose refined cells are the means of their sub-cells."""
    random = np.random.default_rng([seed, 7])
    y = np.empty((plan.members, plan.size))
    coarse, fine = plan.coarse(y), plan.fine(y)
    coarse[...] = plan.rest[:, :, None, None, None] * random.uniform(0.8, 1.2, coarse.shape)
    for r, j in enumerate(plan.refined):
        fine[:, r] = plan.rest[:, plan.at(j), None, None] * random.uniform(0.8, 1.2, fine[:, r].shape)
        for m in range(plan.members):
            coarse[m, plan.at(j)].reshape(-1)[plan.cells] = fine[m, r].mean(axis=1)
    return y
