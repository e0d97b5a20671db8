"""Random plans for agreement tests: graded grids, walls, species, members, all by a seed."""

import numpy as np

from microdomain.grid import Grid
from microdomain.model import (
    Buffer,
    Closed,
    Cluster,
    Competing,
    Fixed,
    Held,
    Ion,
    Model,
    Pulse,
    Reaction,
    Species,
    TimedRate,
    TwoSite,
    VolumePump,
    Walls,
)
from microdomain.plan import Plan, lay

#: What a case has: ions, mobile, slow and immobile buffers, members, channels.
CASES = {
    "one ion, no buffer": (1, 0, 0, 0, 1, 1),
    "one channel, two buffers": (1, 1, 0, 1, 1, 1),
    "two ions, three members": (2, 2, 1, 1, 3, 3),
    "immobile buffers only": (1, 0, 0, 2, 2, 2),
    "slow buffer, cluster": (1, 1, 1, 0, 1, 4),
    "no channel": (2, 1, 0, 1, 2, 0),
    "network: mobile, with refined buffers": (2, 1, 1, 1, 2, 3),
    "network: all stay, no buffer": (2, 0, 0, 0, 1, 1),
    "network: moving, staying, pump": (1, 1, 0, 1, 3, 2),
}


def network(case, draw):
    """Species and reactions of a case, empty where it has none; `draw(low, high)` gives rates."""
    if "network" not in case:
        return {}

    def two_site(name, D):
        rates = [draw(0.1, 0.5), draw(1, 5), draw(1, 3), draw(1, 5)]
        return TwoSite(name, draw(20, 80), *rates, D=D)

    if "mobile" in case:
        sites = {"Ca": (draw(0.1, 0.5), draw(5, 20)), "Mg": (draw(0.05, 0.2), draw(1, 5))}
        return {"complexes": [two_site("N", 0.05), Competing("ATP", draw(50, 90), sites, D=0.2)]}
    if "all stay" in case:
        return {
            "complexes": [two_site("N", 0.0)],
            "volume_pumps": [VolumePump("Ca", draw(0.1, 0.5), draw(0.2, 0.4), 2)],
        }
    molecules = [Species("A", D=0.1, total=draw(5, 9)), Species("B", total=draw(5, 9)),
                 Species("AB2", contains={"A": 1, "B": 2})]  # fmt: skip
    reactions = [
        Reaction("A + 2 B <-> AB2", forward=TimedRate((0, 0.5), (draw(0.1, 0.2), 0.3)), backward=draw(1, 2))
    ]
    return {
        "buffers": [Buffer("pair", draw(50, 90), draw(0.1, 0.2), draw(1, 5), D=0.05, D_bound=0.02)],
        "complexes": [two_site("N", 0.05), two_site("C", 0.0)],
        "molecules": molecules,
        "reactions": reactions,
        "volume_pumps": [VolumePump("Ca", draw(0.1, 0.5), draw(0.2, 0.4), 1)],
    }  # fmt: skip


def faces(random, lo, hi, n):
    """Random faces whose widths differ by up to 1.3 from cell to cell."""
    widths = np.cumprod(random.uniform(1 / 1.3, 1.3, n))
    return lo + (hi - lo) * np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum()


def random_plan(case: str, seed: int = 0) -> Plan:
    """A plan of a case; the seed draws grid, walls, rates and positions."""
    ions, mobile, slow, immobile, members, channels = CASES[case]
    random = np.random.default_rng([seed, list(CASES).index(case)])
    box = ((-0.4, 0.4), (-0.35, 0.35), (0.0, 0.5))
    counts = random.integers(7, 19, 3)
    grid = Grid(*(faces(random, lo, hi, n) for (lo, hi), n in zip(box, counts, strict=True)))

    def wall():
        return Held() if random.random() < 0.4 else Closed()

    walls = Walls(x=(wall(), wall()), y=(wall(), wall()), z=(Closed(), wall()))
    names = ["Ca", "Mg"][:ions]
    kinds = [("mobile", 0.1)] * mobile + [("slow", 0.003)] * slow + [("fixed", 0.0)] * immobile
    binds = [names[k % ions] for k in range(len(kinds))]
    positions = random.uniform(-0.2, 0.2, (channels, 2))
    models = []
    for _ in range(members):
        clusters = [
            Cluster(
                [tuple(p)],
                name=f"site{k}",
                ion=names[k % ions],
                current=Fixed(float(random.uniform(0.02, 0.3))),
                gate=Pulse(0, float(random.uniform(0.5, 1))),
            )
            for k, p in enumerate(positions)
        ]
        more = network(case, lambda low, high: float(random.uniform(low, high)))
        pairs = more.pop("buffers", [])
        models.append(
            Model(
                box=box,
                ions=[Ion(n, z=2, D=0.22 + 0.1 * i, rest=float(random.uniform(0.05, 0.3)), outside=2000)
                      for i, n in enumerate(names)],
                buffers=[
                    Buffer(f"{kind}{k}", total=float(random.uniform(50, 300)),
                           k_on=float(random.uniform(0.05, 0.5)), K_d=float(random.uniform(0.2, 10)),
                           D=D, binds=b)
                    for k, ((kind, D), b) in enumerate(zip(kinds, binds, strict=True))
                ] + pairs,
                channels=clusters,
                walls=walls,
                uptake={"Ca": float(random.uniform(0.1, 0.5))} if random.random() < 0.5 else {},
                **more,
            )
        )  # fmt: skip
    return lay(models, grid)


def random_state(plan: Plan, seed: int) -> np.ndarray:
    """A state near rest, positive, whose refined cells are the means of their sub-cells."""
    random = np.random.default_rng([seed, 7])
    y = np.empty((plan.members, plan.size))
    coarse, fine = plan.coarse(y), plan.fine(y)
    coarse[...] = plan.rest[:, :, None, None, None] * random.uniform(0.8, 1.2, coarse.shape)
    for r, j in enumerate(plan.refined):
        level = plan.rest[:, plan.at(j), None, None]
        fine[:, r] = level * random.uniform(0.8, 1.2, fine[:, r].shape)
        flat = coarse[:, plan.at(j)].reshape(plan.members, -1)
        flat[:, plan.cells] = fine[:, r].mean(axis=2)
        coarse[:, plan.at(j)] = flat.reshape(coarse[:, plan.at(j)].shape)
    return y
