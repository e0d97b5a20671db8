"""What is timed: four problems, and where their time goes."""

import time
from collections import Counter
from dataclasses import dataclass
from importlib import import_module

import numpy as np

import microdomain as md
from microdomain.backends.choose import choose
from microdomain.model import Buffer, Cluster, Fixed, Ion, Model, Pulse

CALCIUM = Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
BUFFERS = (
    Buffer("fixed", total=400, k_on=0.1, K_d=10),
    Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
)


def _model(clusters):
    return Model(box=((-1, 1), (-1, 1), (0, 1)), ions=(CALCIUM,), buffers=BUFFERS, channels=clusters)


def single():
    """P1: one channel of 0.1 pA, open for 1 ms."""
    return _model((Cluster(((0.0, 0.0),), current=Fixed(0.1), gate=Pulse(0, 1.0)),)), 2.0, 1


def cluster():
    """4 x 4 channels, 40 nm apart, of 0.1 pA, open for 1 ms."""
    return _model((Cluster.lattice(4, 4, pitch=0.04, current=Fixed(0.1), gate=Pulse(0, 1.0)),)), 2.0, 1


def gating():
    """30 channels over 1 um^2, each open once or twice within 1 ms."""
    random = np.random.default_rng(4)
    clusters = []
    for k, place in enumerate(random.uniform(-0.5, 0.5, (30, 2))):
        on = float(random.uniform(0.0, 0.7))
        gate = Pulse(on, on + float(random.uniform(0.05, 0.3)))
        clusters.append(Cluster((tuple(place),), name=f"c{k}", current=Fixed(0.1), gate=gate))
    return _model(tuple(clusters)), 1.0, 1


def batch():
    """64 members of P1."""
    model, until, _ = single()
    return model, until, 64


CASES = {"single channel": single, "16 channels": cluster, "30 gating channels": gating, "64 members": batch}


def run(case, device):
    """Run a case once; seconds."""
    model, until, members = CASES[case]()
    start = time.perf_counter()
    md.simulate(model, until=until, device=device, members=members, record=md.Record(times=(until,)))
    return time.perf_counter() - start


@dataclass
class Shares:
    """Seconds of one run: all of it, in matrix products, in kernels; and of the same products alone."""

    whole: float
    products: float
    kernels: float
    alone: float


class _Timing:
    """An array module whose matrix products are timed."""

    def __init__(self, spent):
        self.spent, self.shapes = spent, Counter()

    def __getattr__(self, name):
        return getattr(np, name)

    def matmul(self, a, b, out):
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        self.spent["products"] += time.perf_counter() - start
        self.shapes[a.shape, b.shape, out.shape] += 1


def shares(case, monkeypatch):
    """Where the time of a case goes on the compiled backend."""
    spent, timing = Counter(), []

    def timed(device, log):
        factory = choose(device, log)

        def make(plan):
            ops = factory(plan)
            call = ops._call

            def counted(name, *arguments):
                start = time.perf_counter()
                call(name, *arguments)
                spent["kernels"] += time.perf_counter() - start

            ops._call = counted
            ops.device.xp = _Timing(spent)
            timing.append(ops.device.xp)
            return ops

        return make

    # The package's `simulate` is the function, so the module comes by name.
    monkeypatch.setattr(import_module("microdomain.simulate"), "choose", timed)
    whole = run(case, "compiled")
    shapes = sum((t.shapes for t in timing), Counter())
    return Shares(whole, spent["products"], spent["kernels"], _alone(shapes))


def _alone(shapes):
    """Seconds that the same matrix products take with nothing between them."""
    total = 0.0
    for (left, right, result), count in shapes.items():
        a, b, out = np.ones(left), np.ones(right), np.empty(result)
        np.matmul(a, b, out=out)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            np.matmul(a, b, out=out)
            times.append(time.perf_counter() - start)
        total += count * float(np.median(times))
    return total
