"""Obstacles as a user meets them: shapes, scenarios, hashes, errors, readings, files."""

import dataclasses
import math

import numpy as np
import pytest

import microdomain as md
from microdomain.mask import SAMPLES, lay_mask
from microdomain.model.obstacles import solid
from microdomain.plan import lay
from microdomain.scenario import loads

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)


def model(*obstacles, **changes):
    settings = {
        "box": ((-0.2, 0.2), (-0.2, 0.2), (0, 0.3)),
        "ions": [CALCIUM],
        "channels": md.Cluster([(0, 0)]),
    }
    return md.Model(**(settings | changes), obstacles=obstacles)


def octahedron(radius, centre):
    """Points and triangles of a closed octahedron."""
    corners = np.concatenate([np.eye(3), -np.eye(3)]) * radius + np.array(centre)
    faces = [(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2), (1, 0, 5), (3, 1, 5), (4, 3, 5), (0, 4, 5)]
    return tuple(map(tuple, corners.tolist())), tuple(faces)


SHAPES = {
    "block": (md.Block((-0.05, -0.06, 0.1), (0.07, 0.06, 0.17)), 0.12 * 0.12 * 0.07),
    "ball": (md.Ball((0.02, 0.01, 0.15), 0.08), 4 / 3 * math.pi * 0.08**3),
    "ellipsoid": (md.Ellipsoid((0, 0, 0.15), (0.1, 0.05, 0.08)), 4 / 3 * math.pi * 0.1 * 0.05 * 0.08),
    "cylinder": (md.Cylinder((0, 0, 0.15), 0.06, length=0.2, axis="x"), math.pi * 0.06**2 * 0.2),
    "surface": (md.Surface(*octahedron(0.09, (0, 0, 0.15))), 4 / 3 * 0.09**3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_have_their_volume_on_the_grid(name):
    shape, volume = SHAPES[name]
    asked = model(shape)
    grid = md.Grid.uniform(asked, 0.02)
    plan = lay([asked], grid)
    assert 0.4 * 0.4 * 0.3 - plan.volume == pytest.approx(volume, rel=0.01)
    # The cell that is left inside of it has the rest.
    cell = lay([model(md.Inside(shape), channels=())], grid)
    assert cell.volume == pytest.approx(volume, rel=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_distances_are_signed_and_never_too_long(name):
    shape, _ = SHAPES[name]
    random = np.random.default_rng(1)
    points = random.uniform((-0.2, -0.2, 0), (0.2, 0.2, 0.3), (400, 3))
    distance, inside = shape.distance(*points.T), solid(shape, *points.T)
    assert 5 < inside.sum() < 380
    assert (distance[inside] <= 0).all()
    assert (distance[~inside] >= 0).all()
    step = random.normal(size=(400, 3))
    step *= 0.999 * np.abs(distance)[:, None] / np.linalg.norm(step, axis=1)[:, None]
    np.testing.assert_array_equal(solid(shape, *(points + step).T), inside)


def test_obstacles_go_to_text_and_back():
    asked = model(
        *(shape for shape, _ in SHAPES.values()),
        md.Inside(md.Cylinder((0, 0, 0.1), 0.19), held=True, name="rim"),
        channels=md.Cluster([(0.16, 0)], mouth=md.Disc(0.02)),
    )
    assert md.Model.from_dict(asked.to_dict()) == asked
    assert loads(asked.to_toml()).model == asked
    assert asked.hash != model().hash
    assert "obstacles" not in model().to_dict()


def test_a_scenario_has_units():
    text = (
        model().to_toml()
        + """
[[model.obstacles]]
kind = "ball"
name = "vesicle"
centre = ["60 nm", "0 nm", "0.03 um"]
radius = "20 nm"
"""
    )
    assert loads(text).model.obstacles == (md.Ball((0.06, 0, 0.03), 0.02, name="vesicle"),)
    with pytest.raises(ValueError, match=r"unknown key 'radios'. Did you mean 'radius'"):
        loads(text.replace("radius =", "radios ="))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: md.Ball((0, 0), 1), r"Obstacle 'ball': centre = \(0, 0\); give three lengths"),
        (lambda: md.Ball((0, 0, 0), -1), "radius = -1 um must be more than 0 um"),
        (lambda: md.Block((0, 0, 0), (1, -1, 1)), "upper y = -1 um must lie above lower y = 0 um"),
        (lambda: md.Cylinder((0, 0, 0), 1, axis="w"), "axis = 'w'; give 'x', 'y' or 'z'"),
        (lambda: md.Inside("cell"), "shape = 'cell'; expected Block, Ball"),
        (lambda: md.Inside(md.Ball((0, 0, 0), 1), held="yes"), "held = 'yes'; give True or False"),
        (lambda: model("vesicle"), "Model: obstacles holds 'vesicle'; expected Block, Ball"),
        (
            lambda: model(md.Ball((0, 0, 0.01), 0.03, name="vesicle")),
            r"Channel 'channels\[0\]' at \(0, 0, 0\) um lies in obstacle 'vesicle'. Move one of them",
        ),
        (
            lambda: model(
                md.Ball((0, 0, 0.0141), 0.014, name="vesicle"), channels=md.Cluster([(0, 0)], pore=0.01)
            ),
            "The mouth of channel 'channels.0.' at .* lies in obstacle 'vesicle'",
        ),
        (
            lambda: model(md.Ball((0, 0, 1), 0.1)),
            "Obstacle 'ball' lies outside the box: along z it reaches from 0.9",
        ),
        (
            lambda: md.Surface(octahedron(1, (0, 0, 0))[0], octahedron(1, (0, 0, 0))[1][:-1], name="er"),
            "Obstacle 'er' is not closed: 3 of its 12 edges belong to one triangle only. Close its holes",
        ),
        (lambda: md.Surface(((0, 0, 0),), ((0, 0, 0),)), "1 triangles on 1 points enclose nothing"),
        (lambda: md.Disc(0), "Disc: radius = 0 um must be more than 0 um"),
        (lambda: md.Cluster([(0, 0, 0)], face=None, mouth=md.Disc(1)), "give Disc.radius. and a face"),
    ],
)
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


def test_the_grid_says_what_it_cannot_see():
    grid = md.Grid.uniform(model(), 0.05)
    speck = md.Ball((0.1, 0.1, 0.1), 0.0005, name="speck")
    with pytest.raises(
        ValueError, match=r"Obstacle 'speck' has no volume that the grid sees: samples are 4.2 nm"
    ):
        lay([model(speck)], grid)
    assert SAMPLES == 12
    with pytest.raises(ValueError, match=r"The obstacles leave no fluid in the box"):
        lay([model(md.Block((-1, -1, -1), (1, 1, 1)), channels=())], grid)
    # A slit of 0.8 nm in a cell of 57 nm is not enough to hold a channel.
    sides = [md.Block((-1, -1, -1), (-4e-4, 1, 0.15), name="left"), md.Block((4e-4, -1, -1), (1, 1, 0.15))]
    narrow = model(*sides)
    with pytest.raises(ValueError, match=r"cell at \(0, 0, 0\) um holds no fluid: too coarse for the gap"):
        lay([narrow], md.Grid(*(np.linspace(lo, hi, 8) for lo, hi in narrow.box)))


def test_probes_in_an_obstacle_are_refused_and_pictures_are_empty_there():
    asked = model(md.Ball((0.1, 0, 0.12), 0.07, name="vesicle"))
    with pytest.raises(ValueError, match=r"Point 0 at .0.1, 0, 0.12. um lies in obstacle 'vesicle'"):
        md.simulate(asked, until=0.01, record=md.Record(points={"nose": (0.1, 0, 0.12)}))
    results = md.simulate(asked, until=0.01)
    values = results.at([(0.1, 0, 0.12), (0.0, 0, 0.1)]).isel(time=-1).values
    assert np.isnan(values[..., 0]).all()
    assert np.isfinite(values[..., 1]).all()
    assert np.isnan(results.dataset["Ca"].values).any()


def test_a_steady_state_is_refused():
    asked = model(md.Ball((0.1, 0, 0.1), 0.03, name="vesicle"), walls=md.Walls(x=md.Held()))
    with pytest.raises(ValueError, match=r"steady_state knows no obstacles, and this model has 'vesicle'"):
        md.steady_state(asked)


def test_members_share_their_obstacles():
    first = model(md.Ball((0.1, 0, 0.1), 0.03))
    other = dataclasses.replace(first, obstacles=())
    with pytest.raises(ValueError, match=r"Member 1 differs from member 0 in its obstacles"):
        lay([first, other], md.Grid.uniform(first, 0.04))


def test_a_members_result_does_not_depend_on_its_mates():
    first = model(md.Ball((0.1, 0, 0.1), 0.03))
    second = dataclasses.replace(first, channels=md.Cluster([(0.02, 0)], current=0.3))
    grid = md.Grid.graded([first, second])
    together = md.simulate(first, grid, until=0.05, members=[first, second]).dataset["Ca"].isel(time=-1)
    alone = md.simulate(second, grid, until=0.05).dataset["Ca"].isel(time=-1)
    np.testing.assert_array_equal(together.isel(member=1).values, alone.values.squeeze())


def test_a_surface_from_a_file(tmp_path):
    pyvista = pytest.importorskip("pyvista")
    ball = pyvista.Sphere(radius=80.0, theta_resolution=24, phi_resolution=24)
    ball.save(tmp_path / "ball.stl")
    read = md.surfaces.read(tmp_path / "ball.stl", unit=1e-3, offset=(0, 0, 0.15), name="nucleus")
    assert read.name == "nucleus"
    asked = model(read)
    plan = lay([asked], md.Grid.uniform(asked, 0.02))
    assert 0.4 * 0.4 * 0.3 - plan.volume == pytest.approx(4 / 3 * math.pi * 0.08**3, rel=0.03)
    ball.remove_cells(range(3)).save(tmp_path / "open.stl")
    with pytest.raises(ValueError, match=r"open.stl' is not closed: it has \d+ open edges. Close its holes"):
        md.surfaces.read(tmp_path / "open.stl")
    with pytest.raises(ValueError, match=r"nothing.stl' does not exist"):
        md.surfaces.read(tmp_path / "nothing.stl")
    text = (
        model().to_toml()
        + """
[[model.obstacles]]
kind = "inside"
shape = { kind = "surface", file = "ball.stl", unit = "1 nm", offset = ["0 nm", "0 nm", "60 nm"] }
"""
    )
    assert loads(text, folder=tmp_path).model.obstacles[0].shape.bounds[0][1] == pytest.approx(0.08, rel=0.02)


def test_masks_know_their_parts():
    asked = model(md.Block((-1, -1, 0.1), (1, 1, 0.16)))
    grid = md.Grid.uniform(asked, 0.02)
    plan = lay([asked], grid)
    mask = lay_mask(asked.obstacles, grid, plan.axes)
    assert mask.free.tolist() == [True, True]
    assert float((mask.phi * grid.volumes).sum()) == pytest.approx(0.4 * 0.4 * 0.24)
    assert set(np.unique(mask.phi)) == {0.0, 1.0}
