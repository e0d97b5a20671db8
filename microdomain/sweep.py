"""Sweeps: a scenario over axes of changes, thousands of points, nothing computed twice or lost.

::

    sweep = md.sweep.plan("sweep.toml", "folder")     # every point resolved, a line of the manifest each
    md.sweep.run("folder", on="local")                # or "here", "dask", "slurm", any executor
    print(md.sweep.status("folder"))
    data = md.sweep.collect("folder")                 # an xarray.Dataset over the axes

A point is known by the hash of its resolved scenario.  It is done when its mark stands in the folder,
so `run` may be called as often as one likes, from as many places; what is done is left alone.
"""

from __future__ import annotations

from microdomain.sweep_collect import Status, collect, status, table, write_table
from microdomain.sweep_plan import Point, Sweep, plan
from microdomain.sweep_run import Outcome, run
from microdomain.sweep_slurm import script

__all__ = [
    "Outcome",
    "Point",
    "Status",
    "Sweep",
    "collect",
    "plan",
    "run",
    "script",
    "status",
    "table",
    "write_table",
]
