"""Pictures look as the kept ones do; see `pictures` for what is compared and how to draw them anew."""

import sys
from pathlib import Path

import pytest
from PIL import Image

import microdomain as md
from microdomain.view import gl

sys.path.insert(0, str(Path(__file__).parent))
from pictures import DRAWN, FOLDER, MEAN, MOST, differences, result, shrunk


@pytest.fixture(scope="module")
def results():
    return result()


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_looks_as_it_did(results, name):
    needs_gl, draw = DRAWN[name]
    if needs_gl and gl.missing():
        pytest.skip(gl.missing())
    most, mean = differences(shrunk(draw(results)), Image.open(FOLDER / f"{name}.png").convert("RGB"))
    assert most < MOST
    assert mean < MEAN


@pytest.mark.gl
@pytest.mark.parametrize("how", [{"time": 0.05}, {"field": "Ca"}, {"z": 0.1}])
def test_another_picture_is_told_from_it(results, how):
    """Another time, field or place does not pass for the kept slice."""
    asked = {"field": "E_Ca", "time": 0.02} | how
    drawn = shrunk(md.view.slice(results, **asked)._repr_png_())
    most, mean = differences(drawn, Image.open(FOLDER / "slice.png").convert("RGB"))
    assert most > MOST
    assert mean > MEAN


def test_kept_pictures_are_small_and_all_compared():
    kept = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert set(kept) == set(DRAWN)
    assert max(kept.values()) <= 30_000
