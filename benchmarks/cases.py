"""What is timed: four problems, and where their time goes."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import microdomain as md
from microdomain.backends.compiled import Processor
from microdomain.model import Buffer, Cluster, Fixed, Ion, Markov, Model, Pulse

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
    """30 channels over 1 um^2 that open at 1.5 /ms and close at 4.5 /ms by chance: 81 events in 1 ms."""
    gate = Markov(("C", "O"), ("O",), [("C", "O", 1.5), ("O", "C", 4.5)])
    place = {"within": (1, 1), "exclusion": 0.03, "seed": 1}
    return _model((Cluster.random(30, **place, current=Fixed(0.1), gate=gate),)), 1.0, 1


def batch():
    """64 members of P1."""
    model, until, _ = single()
    return model, until, 64


#: Of random streams, and the load above which a machine has no two idle cores.
SEED, LOADED = 1, 0.5
CASES = {"single channel": single, "16 channels": cluster, "30 gating channels": gating, "64 members": batch}


def run(case, device):
    """Run a case once; seconds of this process, which other work on the machine does not count into."""
    model, until, members = CASES[case]()
    start = time.process_time()
    md.simulate(
        model, until=until, device=device, members=members, record=md.Record(times=(until,)), seed=SEED
    )
    return time.process_time() - start


@dataclass
class Shares:
    """Seconds of one run: all of it, in C (kernels and matrix products); and of the same products alone."""

    whole: float
    inside: float
    alone: float


def shares(case, monkeypatch):
    """Where the time of a case goes on the compiled backend.

    All that runs in C passes through `Processor._play`, and tapes know the shapes of their products.
    """
    spent, shapes = Counter(), Counter()
    play, play_tape = Processor._play, Processor._play_tape

    def timed(self, *given):
        start = time.process_time()
        play(self, *given)
        spent["inside"] += time.process_time() - start

    def counted(self, found, places):
        shapes.update(found.products)
        play_tape(self, found, places)

    monkeypatch.setattr(Processor, "_play", timed)
    monkeypatch.setattr(Processor, "_play_tape", counted)
    whole = run(case, "compiled")
    monkeypatch.undo()
    return Shares(whole, spent["inside"], _alone(shapes))


def _alone(shapes):
    """Seconds that the same matrix products take with nothing between them."""
    total = 0.0
    for (count, rows, inner, columns, *strides), times in shapes.items():
        sides = ((rows, inner), (inner, columns))
        # A matrix that serves all is there once.
        a, b = (np.ones((count, *s) if stride else s) for s, stride in zip(sides, strides, strict=True))
        out, taken = np.empty((count, rows, columns)), []
        np.matmul(a, b, out=out)
        for _ in range(20):
            start = time.process_time()
            np.matmul(a, b, out=out)
            taken.append(time.process_time() - start)
        total += times * float(np.median(taken))
    return total


def rate_of_two(case, members):
    """How many times the members per second two processes of one thread each get through, over one.

    None where the machine has no two idle cores.
    """
    if (os.cpu_count() or 1) < 2 or os.getloadavg()[0] > LOADED:
        return None
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "import microdomain as md; from cases import CASES, SEED, run\n"
        f"case, members = {case!r}, {members}\n"
        "run(case, 'compiled'); print('ready', flush=True); sys.stdin.readline()\n"
        "model, until, _ = CASES[case](); start = time.perf_counter()\n"
        "md.simulate(model, until=until, device='compiled', members=members, seed=SEED,"
        " record=md.Record(times=(until,)))\n"
        "print(time.perf_counter() - start, flush=True)\n"
    )
    took = {}
    for count in (1, 2):
        words = [sys.executable, "-c", script, str(Path(__file__).parent)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        some = [subprocess.Popen(words, **pipes) for _ in range(count)]
        for process in some:
            process.stdout.readline()
        for process in some:
            process.stdin.write("go\n")
            process.stdin.flush()
        took[count] = max(float(process.communicate()[0]) for process in some)
    return 2 * took[1] / took[2]
