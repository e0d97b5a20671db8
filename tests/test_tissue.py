"""Tissue and held patches as a user meets them: media, scenarios, hashes, errors."""

import dataclasses

import numpy as np
import pytest

import microdomain as md
from microdomain.mask_media import lay_media
from microdomain.plan import lay
from microdomain.scenario import loads
from microdomain.view.fields import field_of
from microdomain.view.readings import Readings

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
TISSUE = md.Tissue(0.2, 1.6)
FLUID = md.Tissue(1.0, 1.0, md.Block((-1, -1, 0.1), (1, 1, 1)), name="fluid")


def model(*tissue, **changes):
    settings = {
        "box": ((-0.2, 0.2), (-0.2, 0.2), (0, 0.3)),
        "ions": [CALCIUM],
        "channels": md.Cluster([(0, 0)]),
    }
    return md.Model(**(settings | changes), tissue=tissue)


def test_tissue_and_patches_go_to_text_and_back():
    asked = model(
        md.Tissue(((0, 0.2), (0.3, 0.4)), 1.6, along="z"),
        md.Tissue(0.3, 1.2, md.Ball((0.1, 0, 0.15), 0.05), name="ball"),
        held=(md.HeldPatch("z+", md.Circle((0, 0), 0.1)), md.HeldPatch("x-", name="whole")),
    )
    assert md.Model.from_dict(asked.to_dict()) == asked
    assert loads(asked.to_toml()).model == asked
    assert asked.hash != model().hash
    assert not {"tissue", "held"} & set(model().to_dict())
    assert "free volume 0.2 to 0.4 along z, tortuosity 1.6, everywhere" in repr(asked)
    assert "patch  held at rest, a circle of z+" in repr(asked)


def test_scenario_refuses_what_is_no_profile():
    text = model(TISSUE).to_toml().replace("free_volume = 0.2", 'free_volume = [["0 nm", 0.2], 3]')
    with pytest.raises(ValueError, match="is no profile; give a number, or pairs"):
        loads(text)


ERRORS = {
    "free_volume = 1.2; it is the part of the volume": lambda: md.Tissue(1.2),
    "free_volume = 0 must be more than 0": lambda: md.Tissue(0.0),
    "tortuosity = 0.9 must not be below 1": lambda: md.Tissue(0.2, 0.9),
    "along = 'w'; give 'x', 'y' or 'z'": lambda: md.Tissue(0.2, along="w"),
    "expected a number, or two or more pairs": lambda: md.Tissue(((0, 0.2),)),
    "positions 1, 0 um must rise": lambda: md.Tissue(((1, 0.2), (0, 0.3))),
    "shape = 3; expected Block": lambda: md.Tissue(0.2, shape=3),
    "lies outside the box: along z": lambda: model(md.Tissue(0.2, shape=md.Block((0, 0, 1), (1, 1, 2)))),
    "two media are called 'tissue'": lambda: model(TISSUE, TISSUE),
    "stands on the boundary of two media": lambda: model(
        TISSUE, md.Tissue(1, shape=md.Block((0, -1, -1), (1, 1, 1)), name="half")
    ),
    "stand in different media": lambda: model(
        TISSUE,
        md.Tissue(1, shape=md.Block((0, -1, -1), (1, 1, 1)), name="half"),
        channels=md.Cluster([(-0.1, 0), (0.1, 0)]),
    ),
    "no face 'top'; the faces are": lambda: md.HeldPatch("top"),
    "patch = 3; expected Rectangle": lambda: md.HeldPatch("z+", 3),
    "'patch': its patch reaches from -0.3 to 0.3": lambda: model(
        held=md.HeldPatch("z+", md.Circle((0, 0), 0.3))
    ),
    "is on HeldPatch 'patch', which would swallow": lambda: model(
        held=md.HeldPatch("z-", md.Circle((0, 0), 0.1))
    ),
    "which is held as a whole. Close it": lambda: model(
        held=md.HeldPatch("z+"), walls=md.Walls(z=(md.Closed(), md.Held()))
    ),
}


@pytest.mark.parametrize("sentence", ERRORS)
def test_errors_say_what_is_wrong(sentence):
    with pytest.raises((ValueError, TypeError)) as caught:
        ERRORS[sentence]()
    assert sentence in str(caught.value)


def test_members_stand_in_one_medium():
    halves = (TISSUE, md.Tissue(1, shape=md.Block((0, -1, -1), (1, 1, 1)), name="half"))
    two = [model(*halves, channels=md.Cluster([(x, 0)])) for x in (-0.1, 0.1)]
    with pytest.raises(ValueError, match="channels of the members stand in different media"):
        lay(two, md.Grid.uniform(two[0], 0.05))
    with pytest.raises(
        ValueError,
        match=r"Member 1 differs .* in its tissue\. Members share .* tissue, held patches, where pumps",
    ):
        lay([model(), model(TISSUE)], md.Grid.uniform(model(), 0.05))


def test_pumps_ask_for_one_medium_at_their_face():
    halves = (TISSUE, md.Tissue(1, shape=md.Block((0.05, -1, -1), (1, 1, 1)), name="half"))
    asked = model(*halves, pumps=md.Pump(md.LinearPump(0.1), face="z+"))
    with pytest.raises(ValueError, match=r"Several media meet beside the face z\+ of pump 'pump'"):
        lay([asked], md.Grid.uniform(asked, 0.05))


def test_steady_state_refuses_what_varies():
    for changes, word in (
        ({"tissue": (TISSUE, FLUID)}, "knows no uneven tissue, and this model has 'fluid'"),
        ({"held": md.HeldPatch("z+")}, "held"),
    ):
        asked = dataclasses.replace(model(uptake={"Ca": 1.0}), **changes)
        with pytest.raises(ValueError, match=word):
            md.steady_state(asked)


@pytest.mark.parametrize("spacing", [0.05, 0.04, 0.03])
def test_media_have_their_volume_and_conductance_on_any_grid(spacing):
    """Free volume to round-off of the samples; a stack of layers conducts as its resistances in series."""
    asked = model(TISSUE, FLUID)
    grid = md.Grid.uniform(asked, spacing)
    media, plan = lay_media([asked], grid), lay([asked], grid)
    assert plan.volume == pytest.approx(0.4 * 0.4 * (0.2 * 0.1 + 0.2), rel=0.02)
    # Between the centres of two cells far from the boundary, in um of free fluid.
    z, k = grid.centres[2], media.faces[2][:, 0, 0]
    series = float((np.diff(z) / k[1:-1]).sum())
    whole = (0.1 - z[0]) * 1.6**2 / 0.2 + z[-1] - 0.1
    assert series == pytest.approx(whole, rel=0.01)


def test_equal_media_are_one():
    """A region of what surrounds it changes nothing; one of free fluid in free fluid not a bit."""
    grid = md.Grid.graded(model(), near=0.03)
    same = md.Tissue(0.2, 1.6, md.Block((-0.1, -0.1, 0.05), (0.1, 0.1, 0.2)), name="same")
    assert lay([model(TISSUE, same)], grid).mask is None
    free = md.Tissue(shape=md.Ball((0, 0, 0.1), 0.05))
    ends = [
        md.simulate(m, grid, until=0.1, device="numpy").at([(0, 0, 0.03)], times=[0.1]).values
        for m in (model(), model(free))
    ]
    assert np.array_equal(*ends)


def test_regions_go_over_into_a_uniform_medium():
    """A region that differs by 1e-9 is masked and gives the plain solver's answer."""
    asked = model(TISSUE, uptake={"Ca": 1.0})
    almost = md.Tissue(0.2 * (1 + 1e-9), 1.6, md.Block((-1, -1, 0.1), (1, 1, 1)), name="almost")
    grid = md.Grid.uniform(asked, 0.02)
    assert lay([model(TISSUE, almost)], grid).mask is not None
    found = [
        md.simulate(m, grid, until=0.2, rtol=1e-4, device="numpy").at(
            [(0, 0, 0.02), (0.05, 0, 0.2)], times=[0.2]
        )
        for m in (asked, dataclasses.replace(asked, tissue=(TISSUE, almost)))
    ]
    np.testing.assert_allclose(found[1].values, found[0].values, rtol=3e-3)


def test_graded_grids_put_faces_on_flat_boundaries():
    asked = model(TISSUE, FLUID)
    assert np.abs(md.Grid.graded(asked).faces[2] - 0.1).min() == 0.0
    bare = md.Grid.graded(model())
    assert np.diff(md.Grid.graded(asked).faces[2]).min() > 0.5 * np.diff(bare.faces[2]).min()
    assert md.Grid.graded(asked).cells == bare.cells


SCALED = {
    "walls and pumps": {
        "walls": md.Walls(x=(md.Closed(), md.Held())),
        "pumps": [(md.HillPump(0.4, 0.3), md.HillPump(2.0, 0.3)), (md.LinearPump(0.1), md.LinearPump(0.5))],
    },
    "vesicle": {"obstacles": md.Ball((0.06, 0.01, 0.05), 0.03)},
    "vesicle, pump, round mouth": {
        "obstacles": md.Ball((0.06, 0.01, 0.05), 0.03),
        "pumps": [(md.HillPump(0.4, 0.3), md.HillPump(2.0, 0.3))],
        "mouth": md.Disc(0.02),
    },
    "GHK": {"current": (md.GHK(5e-5), md.GHK(2.5e-4))},
}


@pytest.mark.parametrize("case", SCALED)
def test_uniform_tissue_is_another_D_and_more_current(case):
    """alpha and lambda everywhere: D/lambda^2, and what channels and pumps carry over alpha."""
    given = dict(SCALED[case])
    pumps, (slow, fast) = given.pop("pumps", []), given.pop("current", (md.Fixed(0.1), md.Fixed(0.5)))
    mouth, found = given.pop("mouth", None), []
    for side, D, current, tissue in ((0, 0.22, slow, TISSUE), (1, 0.22 / 1.6**2, fast, ())):
        asked = model(
            ions=[dataclasses.replace(CALCIUM, D=D)],
            buffers=[md.Buffer("fixed", 200, 0.1, 10), md.Buffer("EGTA", 100, 0.1, 0.5, D=D / 1.1)],
            channels=md.Cluster([(0, 0)], current=current, gate=md.Pulse(0, 0.05), mouth=mouth),
            pumps=[
                md.Pump(p[side], face=f, name=f"pump{f[0]}")
                for p, f in zip(pumps, ("z-", "y+"), strict=False)
            ],
            **given,
        )
        asked = dataclasses.replace(asked, tissue=tissue)
        grid = md.Grid.graded(asked, near=0.02)
        record = md.Record(times=[0.04, 0.1])
        found.append(md.simulate(asked, grid, until=0.1, rtol=3e-2, record=record))
    points = [(0, 0, 0.005), (0.04, 0, 0.01), (0.1, -0.1, 0.2)]
    values = [r.at(points, times=[0.04, 0.1]).values for r in found]
    np.testing.assert_allclose(*values, rtol=1e-8)
    np.testing.assert_allclose(*(r.mouths.concentration for r in found), rtol=1e-8)
    for word in ("start", "influx", "walls", "through_pumps", "end"):
        tissue, fluid = (getattr(r.ledger, word) for r in found)
        np.testing.assert_allclose(tissue, 0.2 * fluid, rtol=1e-7, atol=1e-12)


def test_oracles_know_one_medium():
    asked = model(TISSUE, buffers=[md.Buffer("BAPTA", 1000, 0.4, 0.22, D=0.2)])
    scaled = model(
        ions=[dataclasses.replace(CALCIUM, D=0.22 / 1.6**2)],
        buffers=[md.Buffer("BAPTA", 1000, 0.4, 0.22, D=0.2 / 1.6**2)],
        channels=md.Cluster([(0, 0)], current=md.Fixed(0.5)),
    )
    points = [(0, 0, 0.02), (0.05, 0, 0.01)]
    for oracle in (md.oracles.eba_at, md.oracles.rba_at, md.oracles.lin_at):
        np.testing.assert_allclose(oracle(asked, points), oracle(scaled, points), rtol=1e-12)
    images = [md.oracles.images_at(m, points, 0.1) for m in (asked, scaled)]
    np.testing.assert_allclose(*images, rtol=1e-12)
    with pytest.raises(ValueError, match="Images know no uneven tissue, and this model has 'fluid'"):
        md.oracles.images_at(model(TISSUE, FLUID), points, 0.1)


def test_a_boundary_in_the_channels_cell_is_refused():
    asked = model(TISSUE, md.Tissue(1.0, shape=md.Block((-1, -1, 0.011), (1, 1, 1)), name="bath"))
    with pytest.raises(ValueError, match="A boundary of media crosses the grid's cells at the channel"):
        lay([asked], md.Grid.uniform(asked, 0.02))


@pytest.mark.parametrize("face", ["x-", "y+", "z-", "z+"])
def test_readings_go_to_rest_at_a_held_patch(face):
    """The slab between a closed and a held face (Crank 1975, eq. 2.54): points, and probes, beside the patch.

    Ten cells; read as beside a closed face it is 0.135 at the patch itself, where it is at rest, 0.1.
    """
    axis, t, away = "xyz".index(face[0]), 1.0, np.array([0.0, 0.02, 0.1, 0.5])
    odd = np.arange(1, 41, 2)[:, None] * np.pi / 2
    modes = 2 / odd * np.sin(odd) * np.cos(odd * (1 - away)) * np.exp(-(odd**2) * 0.22 * t)
    lines, points = [[0.0, 0.1]] * 3, np.full((4, 3), 0.05)
    lines[axis] = np.linspace(0, 1, 11)
    points[:, axis] = away if face[1] == "-" else 1 - away
    asked = md.Model(
        box=[(f[0], f[-1]) for f in lines],
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=1.1)],
        held=md.HeldPatch(face),
    )
    record = md.Record(times=[t], points={f"p{k}": tuple(p) for k, p in enumerate(points)})
    results = md.simulate(asked, md.Grid(*lines), until=t, rtol=1e-5, record=record, device="numpy")
    read = results.at(points, times=[t]).values.squeeze()
    np.testing.assert_allclose(read, 0.1 + modes.sum(axis=0), rtol=4e-3)
    np.testing.assert_allclose(results.probes["Ca"].values[-1], read, rtol=1e-10)


def test_readings_beside_a_small_held_patch_are_at_rest_on_it_only():
    """A disc of eight cells across in a face: rest in its middle, the closed face's reading far from it."""
    asked = md.Model(
        box=((-0.5, 0.5), (-0.5, 0.5), (0, 0.5)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, initial=1.1)],
        held=md.HeldPatch("z-", md.Circle((0, 0), 0.1)),
    )
    lines = np.linspace(-0.5, 0.5, 41)
    grid = md.Grid(lines, lines, np.linspace(0, 0.5, 21))
    results = md.simulate(asked, grid, until=0.05, rtol=1e-3, record=md.Record(times=[0.05]))
    x = np.linspace(-0.45, 0.45, 61)
    line = [(h, 0.01, 0) for h in x]
    along = results.at(line, times=[0.05]).values.squeeze()
    np.testing.assert_allclose(along[np.abs(x) < 0.08], 0.1, atol=0.03)
    assert (np.diff(along[x < -0.12]) < 0).all()
    drawn = Readings(results, line).of(field_of(asked, "Ca"), [0.05])[0]
    np.testing.assert_allclose(drawn, along, rtol=1e-9)
