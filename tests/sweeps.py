"""A tiny scenario and a sweep of six points, for the tests of sweeps."""

import json

TINY = """
title = "tiny"
[model]
box = [[-0.2, 0.2], [-0.2, 0.2], [0, 0.2]]
[model.ions.Ca]
z = 2
D = 0.22
rest = 0.1
outside = 2000
[model.buffers.b]
total = "100 uM"
k_on = 0.1
K_d = 1
[[model.channels]]
name = "cav"
face = "z-"
positions = [[0, 0]]
current = "0.1 pA"
gate = { kind = "pulse", on = 0, off = 0.01 }
[grid]
kind = "uniform"
spacing = "40 nm"
[run]
until = "20 us"
device = "numpy"
[record]
every = "5 us"
points = { nose = [0, 0, 0.03] }
"""
SIX = """
title = "six points"
scenario = "tiny.toml"
[[axis]]
key = "model.buffers.b.total"
values = ["50 uM", "100 uM", "200 uM"]
[[axis]]
name = "current"
key = "model.channels.cav.current"
values = ["0.05 pA", "0.1 pA"]
"""


def marks(folder):
    """What every point came to, by its key."""
    found = {path.name: json.loads(path.read_text()) for path in (folder / "done").iterdir()}
    return {name: mark["summary"] for name, mark in found.items()}
