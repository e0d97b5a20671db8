"""The model as a whole: names, rest states, canonical form, hash, text, and every refusal by its sentence."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from microdomain.model import (
    Buffer,
    Closed,
    Cluster,
    Fixed,
    Gaussian,
    Held,
    Hold,
    Ion,
    Model,
    Open,
    Pulse,
    Table,
    Train,
    Walls,
)

BOX = ((-1, 1), (-1, 1), (0, 1))
CALCIUM = Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
FIXED = Buffer("endogenous", total=400, k_on=0.1, K_d=10)
BAPTA = Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)


def p1(**changes):
    channel = Cluster([(0, 0)], name="cav", gate=Pulse(0, 1))
    return Model(**{"box": BOX, "ions": [CALCIUM], "buffers": [FIXED, BAPTA], "channels": channel, **changes})


def rich():
    """A model with something of everything."""
    clusters = (
        Cluster.lattice(2, 2, pitch=0.04, gate=Train(0, 1, 5, 3), current=Fixed(0.1)),
        Cluster(
            [(0, 0.1), (0, 0.2)],
            face="x+",
            name="side",
            gate=[Open(), Pulse(1)],
            ion="K",
            current=[0.1, -0.2],
        ),
        Cluster([(0.5, 0.5, 0.5)], face=None, name="in", current=Fixed(Gaussian(peak=1, at=2, fwhm=0.3))),
        Cluster([(0, 0)], face="y-", name="tab", current=Fixed(Table([0, 1, 3], [0, 1, 0])), pore=0.01),
    )
    return Model(
        box=((-1, 1), (-1.5, 1.5), (0, 1)),
        ions=[CALCIUM, Ion("K", z=1, D=1.9, rest=140000, outside=5000, initial=139000)],
        buffers=[FIXED, replace(BAPTA, bound=1.5)],
        channels=clusters,
        walls=Walls(z=(Closed(), Held())),
        uptake={"K": 0.1, "Ca": 0.4},
        temperature=298.15,
        voltage=Hold(-80),
    )


def test_names_and_rest():
    model = p1(uptake={"Ca": 0.4})
    assert model.species == ("Ca", "endogenous", "BAPTA")
    assert model.ion("Ca") is CALCIUM
    assert model.buffer("BAPTA") is BAPTA
    assert model.rest_bound("endogenous") == pytest.approx(3.960396, rel=1e-6)
    assert model.rest_bound(BAPTA) == pytest.approx(31.25)
    assert (model.uptake_rate("Ca"), model.uptake_rate(CALCIUM)) == (0.4, 0.4)
    assert p1().uptake_rate("Ca") == 0
    assert model.volume == 4


def test_buffers_start_in_equilibrium_with_the_ion_at_the_start():
    model = p1(ions=[replace(CALCIUM, initial=10)], buffers=[FIXED, replace(BAPTA, bound=0)])
    assert model.initial_ion("Ca") == 10
    assert model.initial_bound("endogenous") == pytest.approx(200)
    assert model.initial_bound("BAPTA") == 0
    assert model.rest_bound("endogenous") == pytest.approx(3.960396, rel=1e-6)


def test_walls_by_face():
    walls = Walls(x=Held(), z=(Closed(), Held()))
    assert [type(walls[f]) for f in ("x-", "x+", "y-", "z-", "z+")] == [Held, Held, Closed, Closed, Held]
    assert repr(walls) == "Walls(x=(Held(), Held()), y=(Closed(), Closed()), z=(Closed(), Held()))"
    assert repr(Walls()) == "Walls(x=Closed(), y=Closed(), z=Closed())"
    with pytest.raises(ValueError, match="No face 'top'; the faces are x-"):
        walls["top"]


def test_equal_models_have_equal_hashes_and_others_do_not():
    assert p1() == p1()
    assert hash(p1()) == hash(p1())
    assert p1().hash == p1().hash
    assert len(p1().hash) == 64
    other = replace(p1(), temperature=300)
    assert other != p1()
    assert other.hash != p1().hash
    assert replace(other, temperature=p1().temperature) == p1()


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        p1().temperature = 300


def test_canonical_dictionary_goes_through_json_and_back():
    model = rich()
    back = Model.from_dict(json.loads(json.dumps(model.to_dict())))
    assert back == model
    assert back.hash == model.hash
    assert back.channels[1].current == (Fixed(0.1), Fixed(-0.2))


def test_the_hash_is_the_same_in_another_process():
    program = (
        "from microdomain.model import *;"
        "print(Model(box=((-1,1),(-1,1),(0,1)), ions=[Ion('Ca', z=2, D=0.22, rest=0.1, outside=2000)]).hash)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert told == Model(box=BOX, ions=[CALCIUM]).hash


def test_drawn_as_a_tree():
    lines = repr(p1()).splitlines()
    assert lines[0] == f"Model  box 2 x 2 x 1 um, 37 degC, -70 mV, {p1().hash[:12]}"
    assert lines[1] == "├── Ca  z = +2, D = 0.22 um^2/ms, rest 0.1 uM, outside 2000 uM"
    assert lines[2] == "├── endogenous  400 uM, k_on = 0.1 /(uM ms), K_d = 10 uM, immobile"
    assert lines[4] == "├── cav  1 channel on z-, 0.1 pA, pulse 0-1 ms"
    assert lines[5] == "└── walls  all closed"
    for word in (
        "2 currents",
        "2 gates",
        "inside",
        "Gaussian 1 pA at 2 ms",
        "table 0-3 ms",
        "train of 3",
        "uptake 0.4",
    ):
        assert word in repr(rich())
    assert "held at z+" in repr(rich())
    assert "all held" in repr(Model(box=BOX, ions=[CALCIUM], walls=Walls(Held(), Held(), Held())))


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"box": (1, 1, 1)}, ValueError, r"expected three pairs \(lower, upper\) in um"),
        ({"box": ((0, 1), (0, 1))}, ValueError, "expected three pairs"),
        (
            {"box": ((0, 1), (1, 0), (0, 1))},
            ValueError,
            "box, y: upper end 0 um must lie above lower end 1 um",
        ),
        ({"box": ((0, 1), (0, float("inf")), (0, 1))}, ValueError, "box, y = inf is not a finite number"),
        ({"ions": []}, ValueError, "Model: no ions; give at least one"),
        ({"ions": [FIXED]}, TypeError, r"Model: ions holds .*; expected Ion\(\.\.\.\)"),
        ({"ions": [CALCIUM, CALCIUM]}, ValueError, "two species are called 'Ca'"),
        ({"buffers": [replace(FIXED, name="Ca")]}, ValueError, "two species are called 'Ca'"),
        (
            {"channels": [Cluster([(0, 0)]), Cluster([(0.1, 0)])]},
            ValueError,
            "two clusters are called 'channels'",
        ),
        (
            {"buffers": [replace(FIXED, binds="Mg")]},
            ValueError,
            "binds 'Mg', which is not among the model's ions: 'Ca'",
        ),
        (
            {"channels": Cluster([(0, 0)], ion="K")},
            ValueError,
            "passes 'K', which is not among the model's ions",
        ),
        (
            {"uptake": {"Mg": 1}},
            ValueError,
            "No species 'Mg' in this model; it has 'Ca', 'endogenous', 'BAPTA'.",
        ),
        ({"uptake": {"Ca": -1}}, ValueError, "uptake of 'Ca' = -1 /ms must not be below 0"),
        ({"temperature": 37}, ValueError, "37 K is not one at which cells live .* 37 degC is 310.15 K"),
        ({"walls": Held()}, TypeError, r"walls = Held\(\); expected Walls"),
        ({"walls": None}, TypeError, "walls = None; expected Walls"),
        ({"voltage": -70}, TypeError, r"voltage = -70; expected Hold\(-70.0\)"),
    ],
)
def test_model_refuses(changes, error, sentence):
    with pytest.raises(error, match=sentence):
        p1(**changes)


def test_other_refusals():
    with pytest.raises(
        ValueError, match=r"No species 'Ca2\+' in this model; it has 'Ca', 'endogenous', 'BAPTA'."
    ):
        p1().ion("Ca2+")
    with pytest.raises(ValueError, match="No species 'endogenous' in this model; it has 'K'"):
        Model(box=BOX, ions=[Ion("K", z=1, D=1, rest=1)]).rest_bound(FIXED)
    with pytest.raises(
        TypeError, match=r"Walls: x = \(Closed\(\),\); expected Closed\(\) or Held\(\), or a pair"
    ):
        Walls(x=(Closed(),))
    with pytest.raises(ValueError, match="would break any membrane"):
        Hold(70000)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("box2",), 1, r"Unknown key 'box2' of the model; it has .* Did you mean 'box'\?"),
        (("ions", 0, "rst"), 1, r"Unknown key 'rst' of the ion; .* Did you mean 'rest'\?"),
        (("channels", 0, "gate", "kind"), "opn", r"No gate of kind 'opn'; .* Did you mean 'open'\?"),
        (("channels", 0, "gate", "of"), 1, r"Unknown key 'of' of the gate of kind 'pulse'"),
    ],
)
def test_a_dictionary_with_foreign_keys(path, value, sentence):
    content = p1().to_dict()
    here = content
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    with pytest.raises(ValueError, match=sentence):
        Model.from_dict(content)


def test_a_dictionary_that_lacks_a_key():
    content = p1().to_dict()
    del content["ions"][0]["rest"]
    with pytest.raises(ValueError, match="The ion lacks 'rest'"):
        Model.from_dict(content)


def test_the_model_loads_nothing_heavy():
    program = (
        "import sys, microdomain.model; print([m for m in ('numpy', 'pint', 'pydantic') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
