"""Closed forms and the steady-state solver say what they do not know; none of it is passed over."""

import numpy as np
import pytest

import microdomain as md
from microdomain import oracles
from microdomain.plan import lay
from microdomain.steady_feedback import settle

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
POINT = [(0, 0, 0.05)]
PLAIN = md.Buffer("plain", total=100, k_on=0.1, K_d=10, D=0.05)
FLUX, OHMIC = md.Fixed(0.1), md.Ohmic(2.0)


def model(current=FLUX, mouth=None, **more):
    channels = md.Cluster([(0, 0)], current=current, mouth=mouth)
    ions = [CALCIUM, md.Ion("Mg", z=2, D=0.2, rest=500)] if more.pop("magnesium", False) else [CALCIUM]
    box = ((-0.3, 0.3), (-0.3, 0.3), (0, 0.3))
    return md.Model(box=box, ions=ions, channels=channels, walls=md.Walls(x=md.Held()), **more)


def buffered(**more):
    return md.Buffer("odd", total=100, k_on=0.1, K_d=10, **more)


NAMED = "the species 'odd"
LOBES = {"k_T": 0.77, "koff_T": 160, "k_R": 32, "koff_R": 22}
TWO = [md.Species("A", total=1, contains={"A": 1}), md.Species("B", contains={"A": 1})]
#: What a model may have, and the words of the approximations, of images and of steady_state; images leave
#: buffers out, and steady states know pumps and round mouths.
ODD = {
    "obstacle": ({"obstacles": md.Ball((0, 0, 0.15), 0.03, name="er")}, "obstacle", "obstacle 'er'", "'er'"),
    "pump": ({"pumps": md.Pump(md.LinearPump(0.1), name="NCX")}, "pump 'NCX'", "pump 'NCX'", None),
    "volume pump": ({"volume_pumps": md.VolumePump("Ca", 0.1, 0.3)}, "1:1", "a volume pump of Ca", "1:1"),
    "disc": ({"mouth": md.Disc(0.02)}, "the round mouth of channels", "the round mouth of channels", None),
    "two sites": ({"buffers": md.TwoSite("N", 100, **LOBES)}, "species 'N.free'", None, "species 'N.free'"),
    "competing": (
        {"buffers": md.Competing("A", 100, {"Ca": (0.5, 45), "Mg": (0.5, 22.5)}), "magnesium": True},
        "species 'A.free'", None, "species 'A.free'",
    ),
    "reaction": (
        {"molecules": TWO, "reactions": md.Reaction("A -> B", 0.1)}, "species 'A'", "reaction 'A ->", "'A'",
    ),
    "two D": ({"buffers": buffered(D=0.1, D_bound=0.05)}, NAMED, None, NAMED),
    "layer": ({"buffers": buffered(layer=("z-", 0.05))}, NAMED, None, NAMED),
    "profile": ({"buffers": buffered(profile={"z": [(0, 1), (0.3, 0.5)]})}, NAMED, None, NAMED),
}  # fmt: skip


def words_of(column):
    """(what the model has, what must be said) for one of the columns."""
    rows = [(name, row[0], row[column]) for name, row in ODD.items() if row[column] is not None]
    return pytest.mark.parametrize(("has", "words"), [pytest.param(h, w, id=n) for n, h, w in rows])


@words_of(1)
@pytest.mark.parametrize("way", [oracles.eba_at, oracles.rba_at, oracles.lin_at])
def test_approximations(way, has, words):
    with pytest.raises(ValueError, match=rf"^EBA, RBA and LIN know .*{words}"):
        way(model(**has), POINT)


@words_of(2)
def test_images(has, words):
    with pytest.raises(ValueError, match=rf"^Images know .* channels only, and this model has .*{words}"):
        oracles.images_at(model(**has), POINT, 1.0)


@words_of(3)
@pytest.mark.parametrize("current", [FLUX, OHMIC], ids=["fixed", "ohmic"])
def test_steady_states(has, words, current):
    """Whether the fluxes are given or follow the field, and by either door."""
    with pytest.raises(ValueError, match=words):
        md.steady_state(model(current, **has))
    plan = lay([model(current, **has)], md.Grid.uniform(model(), spacing=0.05))
    with pytest.raises(ValueError, match=words):
        settle(plan)


@pytest.mark.parametrize("current", [FLUX, OHMIC], ids=["fixed", "ohmic"])
def test_a_steady_state_knows_round_mouths(current):
    """At the centre of the mouth and around it, against a run until nothing moves."""
    walls = md.Walls(x=md.Held(), y=md.Held())
    cluster = md.Cluster([(0, 0)], current=current, mouth=md.Disc(0.02))
    held = md.Model(((-0.2, 0.2), (-0.2, 0.2), (0, 0.2)), [CALCIUM], [PLAIN], cluster, walls)
    points = [(0, 0, 0), (0, 0, 0.005), (0.03, 0, 0), (0, 0, 0.05)]
    grid = md.Grid.graded(held, near=0.015)
    marched = md.simulate(held, grid, until=8.0, record=md.Record(times=[8.0])).at(points, times=8.0)
    np.testing.assert_allclose(
        md.steady_state(held, grid, check=False).at(points).values.ravel(), marched.values.ravel(), rtol=2e-3
    )


def test_what_they_all_know():
    known = model(buffers=[PLAIN], uptake={"Ca": 0.4})
    for way in (oracles.eba_at, oracles.lin_at):
        assert np.isfinite(way(known, POINT)).all()
