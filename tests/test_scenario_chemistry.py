"""Reactions, species and buffers of every kind in scenario files: read, written, refused by key."""

import pytest

import microdomain as md
from microdomain import presets_complexes as presets
from microdomain.scenario import ScenarioError, loads

HEAD = """
[model]
box = [[-1, 1], [-1, 1], [0, 1]]
ions.Ca = { z = 2, D = 0.22, rest = 0.1 }
ions.Mg = { z = 2, D = 0.2, rest = "300 uM" }
"""

WHOLE = (
    HEAD
    + """
[model.buffers.CaM_N]
preset = "calmodulin-N"
total = "100 uM"
start = "free"
[model.buffers.PV]
kind = "competing"
total = "0.1 mM"
sites = { Ca = ["0.4 /uM/ms", "4 /s"], Mg = ["1e6 /M/s", "30 /s"] }
D = "100 um^2/s"
[model.buffers.membrane]
total = "300 uM"
k_on = "1e8 /M/s"
K_d = "5 uM"
layer = ["z-", "50 nm"]
[model.buffers.graded]
total = "300 uM"
k_on = "1e8 /M/s"
K_d = "5 uM"
profile = { z = [["0 nm", 1.0], ["1 um", 0.5]] }
[model.buffers.uneven]
total = "10 uM"
k_on = "1e8 /M/s"
K_d = "5 uM"
D = 0.1
D_bound = "20 um^2/s"
[model.molecules.caged]
total = "1 mM"
D = 0.1
contains = { cage = 1, Ca = 1 }
[model.molecules.cage]
[[model.reactions]]
equation = "caged -> Ca + cage"
forward = { times = ["0 ms", "1 ms", "2 ms"], values = [0, "400 /s", 0] }
[[model.reactions]]
equation = "2 Ca + cage <-> Y"
forward = "1e9 /M^2/s"
backward = "2 /s"
[model.molecules.Y]
contains = { Ca = 2, cage = 1 }
[[model.volume_pumps]]
ion = "Ca"
Vmax = "0.2 mM/s"
K = "270 nM"
n = 2
"""
)


def test_a_whole_chemistry_is_read():
    model = loads(WHOLE).model
    lobe, pv = model.complexes
    assert lobe == presets.complex_buffer("calmodulin-N", 100, name="CaM_N", start="free")
    assert (lobe.k_T, lobe.koff_T, lobe.k_R, lobe.koff_R, lobe.D) == pytest.approx((0.77, 160, 32, 22, 0.05))
    assert pv.sites == (("Ca", pytest.approx(0.4), pytest.approx(0.004)),
                        ("Mg", pytest.approx(0.001), pytest.approx(0.03)))  # fmt: skip
    assert model.buffer("membrane").layer == ("z-", pytest.approx(0.05))
    assert model.buffer("graded").profile == (("z", ((0.0, 1.0), (1.0, 0.5))),)
    assert model.buffer("uneven").D_bound == pytest.approx(0.02)
    flash, bind = model.reactions
    assert flash.forward.times == (0, 1, 2)
    assert flash.forward.values == pytest.approx((0, 0.4, 0))
    assert (bind.forward, bind.backward) == (pytest.approx(1e-6), pytest.approx(0.002))
    (pump,) = model.volume_pumps
    assert (pump.ion, pump.Vmax, pump.K, pump.n) == ("Ca", pytest.approx(0.2), pytest.approx(0.27), 2)


def test_it_is_written_and_read_again():
    model = loads(WHOLE).model
    again = loads(model.to_toml("again")).model
    assert again == model
    assert again.hash == model.hash


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[model.buffers.B]\nkind = "two-sit"\ntotal = 1', "model.buffers.B.*no kind 'two-sit'"),
        ('[model.buffers.B]\nkind = "two-site"\ntotal = 1', "model.buffers.B.k_T: is missing"),
        (
            '[model.buffers.B]\nkind = "competing"\ntotal = 1\nsites = { Ca = ["1 um", 2] }',
            "model.buffers.B.sites: .*expected an on-rate",
        ),
        ('[model.buffers.B]\npreset = "calmoduln-N"\ntotal = 1', "Did you mean 'calmodulin-N'"),
        (
            '[model.buffers.B]\nk_on = 1\nK_d = 1\ntotal = 1\nlayer = "z-"',
            "model.buffers.B.layer: .*is not a layer",
        ),
        (
            "[model.buffers.B]\nk_on = 1\nK_d = 1\ntotal = 1\nprofile = { z = 3 }",
            "model.buffers.B.profile: .*is not a profile",
        ),
        ('[[model.reactions]]\nequation = "A = B"\nforward = 1', r"model.reactions\[0\]: .*one arrow"),
        (
            '[[model.reactions]]\nequation = "A -> B"\nforward = "1 uM"',
            r"model.reactions\[0\].*concentration; expected a rate",
        ),
        (
            '[[model.reactions]]\nequation = "A -> B"\nforward = { values = 3 }',
            r"model.reactions\[0\].*needs times and values",
        ),
        ('[[model.volume_pumps]]\nion = "Ca"\nK = 1\nVmax = "1 /ms"', r"model.volume_pumps\[0\].Vmax: "),
    ],
)
def test_faults_name_their_key(more, told):
    with pytest.raises(ScenarioError, match=told):
        loads(HEAD + more)


# Parameter library: k /(uM ms), koff /ms; D um^2/ms.
@pytest.mark.parametrize(
    ("name", "known", "D"),
    [
        ("calmodulin-N", (0.77, 160, 32, 22), 0.05),
        ("calmodulin-C", (0.084, 2.6, 0.025, 0.0065), 0.05),
        ("calretinin-pair", (0.0018, 0.053, 0.31, 0.020), 0.02),
        ("parvalbumin", (0.107, 9.5e-4, 0.0008, 0.025), 0.043),
        ("parvalbumin-Keller", (0.4, 0.004, 0.001, 0.03), 0.1),
        ("ATP-Mg", (0.5, 45, 0.5, 22.5), 0.22),
    ],
)
def test_presets_with_several_forms(name, known, D):
    one = presets.complex_buffer(name, total=10, name="mine")
    if isinstance(one, md.TwoSite):
        found = (one.k_T, one.koff_T, one.k_R, one.koff_R)
    else:
        found = tuple(x for row in one.sites for x in row[1:])
    assert found == pytest.approx(known)
    assert pytest.approx(D) == one.D
    entry = presets.complex_entry(name)
    assert len(entry["source"]) > 20
    text = HEAD + f'[model.buffers.mine]\npreset = "{name}"\ntotal = 10'
    assert loads(text).model.complexes == (one,)


def test_the_sites_of_a_preset_are_per_site():
    """Steps carry the factor 2: at equilibrium [N1]/[N0] = 2 c/K_T and [N2]/[N1] = c/(2 K_R)."""
    lobe = presets.complex_buffer("calmodulin-N", total=100, name="N")
    rest = md.Model(box=((0, 1),) * 3, ions=[md.Ion("Ca", z=2, D=0.22, rest=0.5)], buffers=[lobe]).rest_forms
    assert rest["N.1"] / rest["N.free"] == pytest.approx(2 * 0.5 / (160 / 0.77))
    assert rest["N.2"] / rest["N.1"] == pytest.approx(0.5 / (2 * 22 / 32))


def test_no_such_preset_with_several_forms():
    with pytest.raises(ValueError, match=r"No preset 'calretinin-pai'.* Did you mean 'calretinin-pair'"):
        presets.complex_entry("calretinin-pai")
