"""Pumps as they are asked for: laws, leaks, patches, presets, texts, and what is refused."""

import numpy as np
import pytest

import microdomain as md
from microdomain import presets_pumps
from microdomain.model import Model
from microdomain.scenario import loads

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1)
BOX = ((-1, 1), (-0.5, 0.5), (0, 1))
SCENARIO = """
[model]
box = [[-1, 1], [-1, 1], [0, 1]]
ions.Ca = {{ z = 2, D = 0.22, rest = 0.1 }}
[[model.pumps]]
name = "pump"
law = {{ {law} }}
{more}
"""


def model(*pumps, **more):
    return Model(box=BOX, ions=[CALCIUM], pumps=pumps, **more)


# -- laws --------------------------------------------------------------------------------------------


def test_pmca_of_bartols_type():
    """Check values computed from the printed rates, net of the leak through free pumps."""
    pump = presets_pumps.pump("PMCA-Bartol")
    assert (pump.K, pump.balance) == pytest.approx((0.18, 0.0645), rel=1e-12)
    net = pump.terms.flux(np.array([0.0645, 0.1, 1.0, 10.0]))
    assert net[0] == pytest.approx(0, abs=1e-16)
    np.testing.assert_allclose(net[1:], [4.547505e-4, 2.843575e-3, 3.500619e-3], rtol=1e-6)


@pytest.mark.parametrize(("name", "K", "k_cat"), [("PMCA-Keller", 0.5, 0.06), ("NCX-Keller", 3.0, 0.6)])
def test_keller(name, K, k_cat):
    pump = presets_pumps.pump(name, density=100)
    assert (pump.K, pump.k_cat) == pytest.approx((K, k_cat))
    # Half of the molecules turn over at K: 100 /um^2 * 60 /s / 2 in uM um/ms.
    assert pump.terms.flux(K) == pytest.approx(50 * k_cat / 602.214076, rel=1e-9)


def test_bcm_is_m_c_over_one_plus_c_over_k():
    pump = presets_pumps.pump("pump-BCM")
    c = np.array([0.01, 0.1, 1.0, 10.0])
    np.testing.assert_allclose(pump.terms.flux(c), 0.04 * c / (1 + c / 0.4), rtol=1e-12)


def test_ribbon_and_linear():
    pmca, ncx = presets_pumps.pump("PMCA-ribbon"), presets_pumps.pump("NCX-ribbon")
    assert (pmca.Vmax, pmca.K, pmca.n) == (0.03, 0.3, 2)
    assert presets_pumps.pump("PMCA-ribbon", n=1).n == 1
    assert pmca.terms.flux(0.3) == pytest.approx(0.015)
    assert ncx.terms.flux(1.5) == pytest.approx(0.2)
    assert presets_pumps.pump("linear-crayfish").P == 0.05


@pytest.mark.parametrize(
    "law",
    [
        md.LinearPump(0.2),
        md.HillPump(0.4, K=0.3, n=3),
        md.SurfacePump(180, k_on=0.15, k_off=0.015, k_cat=0.012, k_leak=0.0043),
    ],
)
def test_the_leak_balances_the_pump_at_rest(law):
    assert law.outflow(0.1, rest=0.1) == pytest.approx(0, abs=1e-18)
    assert law.outflow(0.2, rest=0.1) > 0 > law.outflow(0.05, rest=0.1)


def test_a_leak_can_be_switched_off_or_given():
    assert md.LinearPump(0.2, leak=0).outflow(0.1, rest=0.1) == pytest.approx(0.02)
    assert md.HillPump(0.4, K=0.1, leak=0.05).outflow(0.1, rest=0.1) == pytest.approx(0.15)
    assert md.ConstantFlux(0.3).outflow(7.0, rest=0.1) == -0.3


@pytest.mark.parametrize("n", range(1, 9))
def test_the_steepest_slope(n):
    terms = md.HillPump(0.7, K=0.3, n=n).terms
    c = np.linspace(0, 1.5, 20001)
    assert terms.steepest == pytest.approx(np.diff(terms.flux(c)).max() / (c[1] - c[0]), rel=1e-3)


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: md.LinearPump(-0.1), r"LinearPump: P = -0\.1 um/ms must not be below 0 um/ms"),
        (lambda: md.HillPump(-1, K=1), r"HillPump: Vmax = -1 uM um/ms must not be below 0"),
        (lambda: md.HillPump(1, K=0), r"HillPump: K = 0 uM must be more than 0"),
        (lambda: md.HillPump(1, K=1, n=9), r"n = 9 is more than 8; no pump is that cooperative"),
        (lambda: md.HillPump(1, K=1, leak=None), r"HillPump: leak = None; a pump needs a rest\. Give 'rest'"),
        (lambda: md.LinearPump(1, leak="off"), r"leak = 'off'; a pump needs a rest\..*0 \(no leak"),
        (lambda: md.SurfacePump(1, k_on=0, k_off=1, k_cat=1), r"k_on = 0 .* it never binds an ion"),
        (lambda: md.SurfacePump(1, k_on=1, k_off=0, k_cat=0), r"both 0 /ms; a bound ion never leaves"),
        (lambda: md.SurfacePump(-1, k_on=1, k_off=0, k_cat=1), r"density = -1 /um\^2 must not be below 0"),
        (lambda: md.Circle((0, 0), 0), r"Circle: radius = 0 um must be more than 0"),
        (lambda: md.Rectangle((0, 0), 1), r"Rectangle: size = 1; expected two lengths in um"),
        (lambda: md.Pump(0.2), r"Pump 'pump': law = 0\.2; expected LinearPump\(P\)"),
        (lambda: md.Pump(md.LinearPump(1), face="top"), r"no face 'top'; the faces are x-, x\+"),
        (lambda: md.Pump(md.LinearPump(1), patch=(0, 1)), r"patch = \(0, 1\); expected Rectangle"),
        (lambda: model(md.Pump(md.LinearPump(1), ion="Mg")), r"Pump 'pump' carries 'Mg', which is not among"),
        (lambda: model(md.Pump(md.LinearPump(1)), md.Pump(md.LinearPump(2))), r"two pumps are called 'pump'"),
        (lambda: model(md.Pump(md.LinearPump(1)), walls=md.Walls(z=md.Held())),
         r"Pump 'pump' is on the held wall 'z-', which keeps every ion at rest by itself. Close that wall"),
        (lambda: model(md.Pump(md.LinearPump(1), patch=md.Circle((0, 0.3), 0.3))),
         r"patch reaches from 0 to 0\.6 um along y, beyond its face 'z-' \(-0\.5 to 0\.5 um\)"),
        (lambda: presets_pumps.pump("PMCA"), r"No pump preset 'PMCA'\..*There are: PMCA-Bartol"),
        (lambda: presets_pumps.pump("NCX-Keller"), r"'NCX-Keller' has rates and no density; give density="),
    ],
)  # fmt: skip
def test_refused(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


def test_members_share_the_places_of_their_pumps():
    first, other = (model(md.Pump(md.LinearPump(0.2), face=face)) for face in ("z-", "z+"))
    with pytest.raises(ValueError, match=r"differs from member 0 in its pumps \(names, places, Hill coeff"):
        md.simulate(first, until=0.1, members=[first, other], device="numpy")


def test_too_few_cells_across():
    grid = md.Grid(np.linspace(-1, 1, 5), np.linspace(-0.5, 0.5, 5), np.linspace(0, 1, 3))
    with pytest.raises(ValueError, match=r"on face 'z-', and the grid has 2 cells along z; give at least 3"):
        md.simulate(model(md.Pump(md.LinearPump(0.2))), grid, until=0.1)


# -- grids ---------------------------------------------------------------------------------------------


def test_a_grid_too_coarse_for_its_pumps_warns(caplog):
    channel = md.Cluster([(0, 0)], current=md.Fixed(0.01))
    asked = model(md.Pump(md.LinearPump(2.0), name="strong"), channels=channel)
    grid = md.Grid.graded(asked, near=0.06, growth=1.5, far=0.3)
    md.simulate(asked, grid, until=1e-3, device="numpy")
    assert "have P h/D = 0.55" in caplog.text
    assert "about 14 % off" in caplog.text


def test_the_default_grid_follows_the_pumps():
    from microdomain.grid_spacing import near_spacing

    channel = md.Cluster([(0, 0)], current=md.Fixed(0.1))
    near = [near_spacing([model(md.Pump(md.LinearPump(P)), channels=channel)]) for P in (0.2, 0.5, 2.0)]
    assert near == pytest.approx([0.02, 0.02 * 0.22 / 0.5, 0.005])
    away = model(md.Pump(md.LinearPump(2.0), face="z+"), channels=channel)
    assert near_spacing([away]) == 0.02


@pytest.mark.parametrize(
    ("patch", "near"),
    [
        (md.Circle((0.2, 0), 0.17), 0.005),
        (md.Circle((0.2, 0), 0.15), 0.02),
        (md.Rectangle((0, -0.2), (1.0, 0.33)), 0.005),
        (md.Rectangle((0.3, -0.2), (0.5, 0.34)), 0.02),
    ],
)
def test_the_default_grid_follows_the_patches_of_pumps(patch, near):
    """At channels within 40 nm of a patch; further off coarse cells are no reason to warn."""
    from microdomain.grid_spacing import coarse_beside_pumps, near_spacing

    channel = md.Cluster([(0, 0)], current=md.Fixed(0.1))
    asked = model(md.Pump(md.LinearPump(2.0), patch=patch), channels=channel)
    assert asked.pull(asked.resolved_channels[0]) == (2.0 if near == 0.005 else 0.0)
    assert near_spacing([asked]) == near
    said = coarse_beside_pumps([asked], md.Grid.graded(asked, near=0.03))
    assert said.startswith("The pumps on the membrane") == (near == 0.005)


# -- texts ---------------------------------------------------------------------------------------------

MANY = model(
    md.Pump(md.LinearPump(0.2, leak=0), name="a"),
    md.Pump(md.HillPump(0.4, K=0.3, n=2), face="z+", name="b", patch=md.Circle((0.1, 0), 0.3)),
    md.Pump(presets_pumps.pump("PMCA-Bartol"), face="x-", name="c", patch=md.Rectangle((0, 0.5), (0.2, 0.4))),
    md.Pump(md.ConstantFlux(-0.01), face="y+", name="d"),
)


def test_round_trips():
    assert Model.from_dict(MANY.to_dict()) == MANY
    assert loads(MANY.to_toml()).model == MANY
    assert loads(MANY.to_toml()).model.hash == MANY.hash
    assert model().hash != MANY.hash
    assert "pumps" not in model().to_dict()


def test_a_model_shows_its_pumps():
    assert "b  HillPump on z+, Vmax = 0.4, K = 0.3, n = 2, on a circle" in repr(MANY)


@pytest.mark.parametrize("name", presets_pumps.pump_names())
def test_every_preset_serves_in_a_scenario(name):
    entry = presets_pumps.pump_entry(name)
    assert len(entry["source"]) > 20
    more = {} if entry["kind"] != "surface" or "density" in entry else {"density": 180}
    law = f'preset = "{name}"' + "".join(f", {k} = {v}" for k, v in more.items())
    (pump,) = loads(SCENARIO.format(law=law, more="")).model.pumps
    assert pump == md.Pump(presets_pumps.pump(name, **more))


def test_units_and_keys_of_a_scenario():
    law = 'kind = "hill", Vmax = "40 nM um/ms", K = "300 nM", n = 2, leak = "1 nM um/ms"'
    more = 'patch = { kind = "rectangle", centre = ["0 nm", "100 nm"], size = ["200 nm", "0.1 um"] }'
    (pump,) = loads(SCENARIO.format(law=law, more=more)).model.pumps
    assert pump.law == md.HillPump(0.04, K=0.3, n=2, leak=1e-3)
    assert pump.patch == md.Rectangle((0, 0.1), (0.2, 0.1))
    (pump,) = loads(SCENARIO.format(law='kind = "linear", P = "200 um/s"', more='face = "z+"')).model.pumps
    assert pump == md.Pump(md.LinearPump(0.2), face="z+")


@pytest.mark.parametrize(
    ("law", "words"),
    [
        ('preset = "PMCA"', r"No pump preset 'PMCA'"),
        ('kind = "hill", Vmax = "0.4 um/ms", K = 1', r"'0\.4 um/ms'.*expected .*flux"),
        ('kind = "hill", Vmax = 0.4, K = 1, leak = "no"', r"leak"),
        ('kind = "linear", p = 0.2', r"unknown key 'p'"),
        ('kind = "hill", Vmax = -0.4, K = 1', r"HillPump: Vmax = -0\.4"),
        ('preset = "NCX-Keller"', r"density"),
    ],
)
def test_a_scenario_says_what_is_wrong(law, words):
    with pytest.raises(ValueError, match=words):
        loads(SCENARIO.format(law=law, more=""))


def test_the_command_line_lists_them():
    from click.testing import CliRunner

    from microdomain.cli_library import presets_command

    listed = CliRunner().invoke(presets_command, [])
    assert "PMCA-Bartol" in listed.output
    shown = CliRunner().invoke(presets_command, ["NCX-Keller"])
    assert "600 /s" in shown.output
