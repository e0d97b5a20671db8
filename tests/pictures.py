"""Pictures that are kept, and how two are compared; run as a script it draws the kept ones anew.

    python tests/pictures.py

Mesa's versions differ in single pixels along edges and fonts in theirs, so what is compared are the mean
colours of blocks: a title that moved by a pixel passes; a field or a colour map that changed does not.
"""

import io
import os
import sys
from pathlib import Path

import numpy as np

import microdomain as md

FOLDER = Path(__file__).parent / "baselines"
#: Width of a kept picture, pixels; blocks along its width.
WIDTH, BLOCKS = 240, 24
#: Largest difference of a block's mean colour and of all blocks' mean (of 255).
MOST, MEAN = 24.0, 2.5


def result():
    """Two channels, 0.02 ms open, on a coarse grid."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000.0)
    fixed = md.Buffer("fixed", total=400, k_on=0.1, K_d=10)
    two = md.Cluster([(-0.1, 0.0), (0.1, 0.05)], gate=md.Pulse(0, 0.02))
    box = ((-0.5, 0.5), (-0.4, 0.4), (0.0, 0.4))
    one = md.Model(box=box, ions=[calcium], buffers=[fixed], channels=two)
    grid = md.Grid.graded(one, near=0.05, growth=1.4, far=0.2)
    record = md.Record(times=[0, 0.01, 0.02, 0.05], fields=["fixed"])
    return md.simulate(one, grid, until=0.05, record=record, rtol=5e-2, device="numpy")


def chart(figure):
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return held.getvalue()


#: Name -> (whether it needs GL, how it is drawn from a result).
DRAWN = {
    "slice": (True, lambda r: md.view.slice(r, "E_Ca", time=0.02)._repr_png_()),
    "vertical_cut": (True, lambda r: md.view.slice(r, "Ca", time=0.02, y=0.0)._repr_png_()),
    "isosurfaces": (True, lambda r: md.view.isosurfaces(r, "Ca", time=0.02, levels=[1.0, 5.0])._repr_png_()),
    "map": (False, lambda r: md.view.slice(r, "fixed", time=0.02, flat=True)._repr_png_()),
    "courses": (False, lambda r: chart(md.view.time_courses(r))),
}


def shrunk(png):
    """A PNG as a picture of `WIDTH` pixels."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    size = WIDTH, round(image.height * WIDTH / image.width)
    return image.resize(size, Image.Resampling.BOX)


def blocks(image):
    """Mean colours of square blocks, (rows, columns, 3)."""
    from PIL import Image

    rows = round(BLOCKS * image.height / image.width)
    return np.asarray(image.resize((BLOCKS, rows), Image.Resampling.BOX), float)


def differences(one, other):
    """(largest, mean) difference of two pictures' blocks; infinite where their shapes differ."""
    a, b = blocks(one), blocks(other)
    if a.shape != b.shape:
        return np.inf, np.inf
    gap = np.abs(a - b)
    return float(gap.max()), float(gap.mean())


if __name__ == "__main__":
    os.environ.setdefault("PYVISTA_OFF_SCREEN", "true")
    FOLDER.mkdir(exist_ok=True)
    results = result()
    for name in sys.argv[1:] or DRAWN:
        shrunk(DRAWN[name][1](results)).save(FOLDER / f"{name}.png", optimize=True)
