"""Rates, Hodgkin-Huxley gates, Markov schemes and their random numbers; currents that ask; every refusal."""

import math

import numpy as np
import pytest

from microdomain.fluxes import FluxRows, fluxes_of, product
from microdomain.gates import Stream, open_fraction
from microdomain.gates_walk import intervals
from microdomain.history import Pieces
from microdomain.laws import piece_values
from microdomain.model import (
    GHK,
    HH,
    ActionPotential,
    Cluster,
    Fixed,
    Hold,
    Ion,
    Markov,
    Model,
    Ohmic,
    Particle,
    Pulses,
    Transition,
)
from microdomain.model.rates import (
    Bell,
    Calcium,
    Constant,
    Exp,
    Inverse,
    Linoid,
    Lookup,
    Sigmoid,
    Split,
    Sum,
    feels_calcium,
    feels_voltage,
)
from microdomain.scenario import ScenarioError, loads
from microdomain.units import flux_per_pA

CALCIUM = Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
TWO = Markov(("C", "O"), ("O",), [("C", "O", 0.5), ("O", "C", 1.5)], start="C")
CALYX = HH(Particle(2, inf=Sigmoid(V_half=-23.2, k=9.1), tau=Inverse((Exp(1.78, 23.3), Exp(0.140, -15)))))


def model(gate, current=None, voltage=None):
    return Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=[CALCIUM],
        channels=Cluster([(0, 0), (0.1, 0)], current=current or Fixed(0.1), gate=gate),
        voltage=voltage or Hold(0),
    )


def gate_in(text):
    """The gate of a scenario with this line."""
    scenario = model(TWO).to_toml()
    lines = [f"gate = {text}" if line.startswith("gate =") else line for line in scenario.splitlines()]
    return loads("\n".join(lines)).model.channels[0].gate


# -- forms ---------------------------------------------------------------------------------------


def test_forms():
    V = np.array([-40.0, 0.0])
    assert Linoid(0.1, V_half=-40, k=10).value(V, 0)[1] == pytest.approx(0.1 * 4 / (1 - math.exp(-4)))
    assert Sigmoid(0, 5, a=2).value(V, 0)[0] == pytest.approx(2 / (1 + math.exp(8)))
    assert Bell(1, 0, 100).value(V, 0)[0] == pytest.approx(math.exp(-16))
    assert Split(-20, Constant(1), Exp(2, 10)).value(V, 0).tolist() == [1, 2]
    assert Lookup((-80, 0), (0, 1)).value(V, 0).tolist() == [0.5, 1]
    assert Sum((Constant(1), Calcium(0.5))).value(V, 4.0).tolist() == [3, 3]
    assert feels_calcium(Split(0, Constant(1), Calcium(1)))
    assert not feels_calcium(Exp(1, 1))
    assert feels_voltage(Sum((Constant(1), Exp(1, 1))))
    assert not feels_voltage(Sum((Constant(1), Calcium(1))))


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Constant(-1), ValueError, r"Constant: a = -1 must not be below 0"),
        (lambda: Exp(1, 0), ValueError, r"Exp: v = 0 mV has no slope"),
        (lambda: Sigmoid(0, math.nan), ValueError, r"Sigmoid: k = nan is not a finite number"),
        (lambda: Lookup((0, 0), (1, 1)), ValueError, r"Lookup: V must increase; V 1 \(0 mV\) follows 0 mV"),
        (lambda: Lookup((0, 1), (1,)), ValueError, r"Lookup: 2 voltages and 1 values"),
        (lambda: Lookup((0, 1), (1, -1)), ValueError, r"Lookup: value 1 = -1 must not be below 0"),
        (lambda: Sum((1,)), TypeError, r"Sum: parts = \(1,\); expected at least one form"),
        (lambda: Split(0, 1, Constant(1)), TypeError, r"Split: below = 1; expected a form"),
    ],
)
def test_form_refusals(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


# -- Hodgkin and Huxley --------------------------------------------------------------------------


def test_calyx_step_is_the_published_one():
    """Borst & Sakmann's m^2 gate, -80 to 0 mV: 48.9 nS about 43.9 mV, nA (closed form)."""
    opened = open_fraction(CALYX, Pulses(-80, 0, start=0, width=5), 4.0)
    t = [0.1, 0.2, 0.5, 1, 2]
    current = 48.9e-3 * piece_values(opened, t) * (0 - 43.9)
    # m_inf(-80) = 0.00195 is where it starts, not 0.
    assert current == pytest.approx([-0.05748299, -0.1894681, -0.705155, -1.346003, -1.768491], rel=2e-6)
    assert CALYX.particles[0].settles(0.0)[1] == pytest.approx(0.5208333, rel=1e-6)
    for V, steady in ((0, -1.846866), (-20, -1.076741), (20, -1.148693)):
        m = CALYX.particles[0].settles(float(V))[0]
        assert 48.9e-3 * m**2 * (V - 43.9) == pytest.approx(steady, rel=1e-6)


def test_an_action_potential_opens_as_the_equation_says():
    from scipy.integrate import solve_ivp

    wave, particle = ActionPotential(-80, 40, 0.2, 0.15, 0.25), CALYX.particles[0]

    def slope(t, x):
        inf, tau = particle.settles(float(wave.value(t)))
        return (inf - x) / tau

    t = np.linspace(0, 2, 41)
    start = [particle.settles(-80.0)[0]]
    want = solve_ivp(slope, (0, 2), start, t_eval=t, rtol=1e-10, atol=1e-13, max_step=0.01).y[0] ** 2
    assert np.abs(piece_values(open_fraction(CALYX, wave, 2.0), t) - want).max() < 2e-8


def test_binomial_occupancies_of_the_p_type_channel():
    """Anwar et al. 2013 print these as initial values at -60 mV (three independent particles)."""
    m = gate_in('{ preset = "P-type" }').particles[0].settles(-60.0)[0]
    found = [math.comb(3, k) * m**k * (1 - m) ** (3 - k) for k in range(4)]
    assert found == pytest.approx([0.92402, 0.073988, 0.0019748, 1.7569e-05], rel=5e-5)


def test_a_prescribed_current_times_an_open_fraction():
    flows = fluxes_of([model(CALYX, Fixed(0.2), Pulses(-80, 0, 0.5, 5))], 2.0)
    t = np.array([0.2, 0.6, 1.0, 1.9])
    opened = open_fraction(CALYX, Pulses(-80, 0, 0.5, 5), 2.0)
    assert piece_values(flows.pieces[0], t) == pytest.approx(0.2 * flux_per_pA(2) * piece_values(opened, t))
    assert len(flows.pieces) == 1  # both channels share it
    assert flows.pieces[0].coefficients[0].tolist() == [0, 0, 0, 0]  # nothing flows before the run


def test_an_ohmic_current_about_a_fixed_potential_is_prescribed():
    voltage = ActionPotential(-80, 40, 0.2, 0.15, 0.25)
    flows = fluxes_of([model(CALYX, Ohmic(2.0, E=43.9), voltage)], 2.0)
    t = np.linspace(0.01, 1.9, 57)
    opened = piece_values(open_fraction(CALYX, voltage, 2.0), t)
    want = flux_per_pA(2) * opened * 2e-3 * (43.9 - voltage.value(t))
    assert np.abs(piece_values(flows.pieces[0], t) - want).max() < 1e-6 * want.max()
    assert flows.live == [[]]


def test_product_of_pieces():
    none = np.empty(0)
    line = Pieces(np.array([-np.inf, 0.0]), np.array([[0, 0, 0, 0], [0, 1.0, 0, 0]]), none, none)
    late = Pieces(np.array([-np.inf, 1.0]), np.array([[0, 0, 0, 0], [2.0, 0, 0, 0]]), none, none)
    assert piece_values(product(line, late, 3.0), [0.5, 1.0, 2.0]).tolist() == [0, 6, 12]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (
            lambda: Particle(1, inf=Constant(1)),
            ValueError,
            r"Particle 'm': give inf and tau, or alpha and beta; found inf",
        ),
        (lambda: Particle(1), ValueError, r"Particle 'm': .* found none of them"),
        (lambda: Particle(0, alpha=Constant(1), beta=Constant(1)), ValueError, r"Particle 'm': power = 0"),
        (
            lambda: Particle(1, alpha=1, beta=Constant(1)),
            TypeError,
            r"Particle 'm': alpha = 1; expected a form",
        ),
        (
            lambda: Particle(1, alpha=Calcium(1), beta=Constant(1)),
            ValueError,
            r"alpha follows the local concentration",
        ),
        (lambda: HH(()), TypeError, r"HH: particles = \(\); expected at least one Particle"),
        (
            lambda: Particle(1, inf=Constant(2), tau=Constant(1)).settles(0.0),
            ValueError,
            r"Particle 'm': inf is 2 at 0 mV; it must be from 0 to 1",
        ),
        (
            lambda: Particle(1, inf=Constant(1), tau=Constant(0)).settles(-20.0),
            ValueError,
            r"Particle 'm': tau is 0 at -20 mV; it must be above 0",
        ),
        (
            lambda: Particle(1, alpha=Constant(0), beta=Constant(0)).settles(0.0),
            ValueError,
            r"Particle 'm': alpha \+ beta is 0 at 0 mV; it must be above 0",
        ),
    ],
)
def test_particle_refusals(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


# -- Markov --------------------------------------------------------------------------------------


def test_random_numbers_are_keyed_by_seed_trial_and_channel():
    def some(*key, draws=0):
        stream = Stream(*key, draws=draws)
        return [stream.uniform() for _ in range(6)]

    first = some(7, 17, 3)
    assert some(7, 17, 3) == first
    assert some(7, 17, 3, draws=3)[:3] == first[3:]
    assert len({first[0], some(8, 17, 3)[0], some(7, 18, 3)[0], some(7, 17, 4)[0]}) == 4
    assert all(0 < u <= 1 for u in first)


def test_a_matrix_says_the_same_as_transitions():
    same = Markov.from_matrix(("C", "O"), [[-0.5, 1.5], [0.5, -1.5]], open=("O",), start="C")
    assert same.matrix(0.0, 0.0).tolist() == TWO.matrix(0.0, 0.0).tolist() == [[-0.5, 1.5], [0.5, -1.5]]
    assert TWO.occupancies(0.0, 0.0) == pytest.approx([0.75, 0.25])
    assert same.matrix(np.zeros(4), 0.0).shape == (4, 2, 2)


def test_open_intervals():
    assert intervals([0, 1, 2, 3], [True, True, False, True]) == ((0, 2), (3, math.inf))
    assert intervals([0], [False]) == ()


def test_a_walk_becomes_a_prescribed_flux_of_its_own():
    flows = fluxes_of([model(TWO)] * 2, 5.0, seed=3, trials=[0, 7])
    assert len(flows.pieces) == 4  # a row for each channel of each trial
    alone = fluxes_of([model(TWO)], 5.0, seed=3, trials=[7])
    for a, b in zip(alone.pieces, flows.pieces[2:], strict=True):
        assert a.starts.tolist() == b.starts.tolist()
        assert a.coefficients.tolist() == b.coefficients.tolist()
    assert flows.pieces[0].starts.tolist() != flows.pieces[1].starts.tolist()
    kept = FluxRows.stored(flows.history().starts, flows.history().coefficients, flows.rows)
    assert [p.starts.tolist() for p in kept.pieces] == [p.starts.tolist() for p in flows.pieces]


def test_what_asks_for_the_field_is_live():
    follows = Markov(("C", "O"), ("O",), [("C", "O", Calcium(0.1)), ("O", "C", 1.5)])
    for gate, current in ((TWO, GHK(2.6e-4)), (CALYX, Ohmic(2.0)), (follows, Fixed(0.1))):
        flows = fluxes_of([model(gate, current)], 1.0)
        assert [one.row for one in flows.live[0]] == [0, 1]
        assert [one.stream is not None for one in flows.live[0]] == [gate is follows] * 2


def test_a_gate_needs_the_end_of_the_run():
    with pytest.raises(ValueError, match=r"'channels\[0\]' has a current or gate that moves in time"):
        fluxes_of([model(TWO)], None)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (
            lambda: Markov.from_matrix(("C", "O"), [[-0.5, 1.5], [0.4, -1.5]], ("O",)),
            ValueError,
            r"Markov: the column of 'C' sums to -0\.1 /ms, not to zero, so probability would",
        ),
        (
            lambda: Markov.from_matrix(("C", "O"), [[0.5, 1.5], [-0.5, -1.5]], ("O",)),
            ValueError,
            r"Markov: the rate from 'C' to 'O' is -0\.5 /ms; it is negative",
        ),
        (
            lambda: Markov.from_matrix(("C", "O"), [[-math.nan, 1.5], [0.5, -1.5]], ("O",)),
            ValueError,
            r"Markov: the column of 'C' sums to nan /ms",
        ),
        (lambda: Markov.from_matrix(("C", "O"), [[1]], ("O",)), ValueError, r"shape \(1, 1\) for 2 states"),
        (lambda: Markov(("C", "O"), ("P",), []), ValueError, r"Markov: open 'P', which is no state"),
        (
            lambda: Markov(("C", "O"), ("O",), [("C", "X", 1)]),
            ValueError,
            r"Markov: rate to 'X', which is no state",
        ),
        (
            lambda: Markov(("C", "O"), ("O",), [], start="Open"),
            ValueError,
            r"Markov: start 'Open', which is no state",
        ),
        (lambda: Markov(("C", "C"), ("C",), []), ValueError, r"expected at least two, each once"),
        (lambda: Markov(("C", "O"), (), []), ValueError, r"no state is open"),
        (lambda: Markov(("C", "O"), ("O",), [("C", "C", 1)]), ValueError, r"from 'C' to 'C' goes nowhere"),
        (
            lambda: Markov(("C", "O"), ("O",), [("C", "O", 1)] * 2),
            ValueError,
            r"from 'C' to 'O' is given twice",
        ),
        (
            lambda: Transition("C", "O", "fast"),
            TypeError,
            r"Transition 'C' to 'O': rate = 'fast'; expected a number",
        ),
        (
            lambda: Markov(("C", "O"), ("O",), [("C", "O", Exp(1, 0.01))]).matrix(40.0, 0.0),
            ValueError,
            r"Markov: the rate from 'C' to 'O' is inf /ms at 40 mV",
        ),
        (
            lambda: Markov(("C", "O"), ("O",), [("C", "O", Calcium(1))]).matrix(40.0, -1.0),
            ValueError,
            r"Markov: the rate from 'C' to 'O' is -1 /ms at 40 mV; a rate must be a number, 0 or more",
        ),
    ],
)
def test_markov_refusals(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


# -- currents ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: GHK(2.6e-13),
            r"GHK: P = 2\.6e-13 um\^3/ms .* a value in cm\^3/s is to be multiplied by 1e9",
        ),
        (lambda: GHK(20), r"GHK: P = 20 um\^3/ms is no single channel's"),
        (lambda: GHK(-1), r"GHK: P = -1 um\^3/ms must not be below 0"),
        (lambda: Ohmic(math.inf), r"Ohmic: g = inf is not a finite number"),
        (lambda: Cluster([(0, 0)], pore=0), r"Cluster 'channels': pore = 0 um must be more than 0 um"),
    ],
)
def test_current_refusals(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_law_needs_an_outside():
    bare = Ion("Ca", z=2, D=0.22, rest=0.1)
    for law in (GHK(2.6e-4), Ohmic(2)):
        with pytest.raises(ValueError, match=r"Cluster 'channels' has a current .* no outside concentration"):
            Model(box=((-1, 1), (-1, 1), (0, 1)), ions=[bare], channels=Cluster([(0, 0)], current=law))


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gate", [TWO, CALYX, Markov(("C", "O"), ("O",), [("C", "O", Calcium(0.1)), ("O", "C", Exp(1, -15))])]
)
@pytest.mark.parametrize("current", [GHK(2.6e-4), Ohmic(2), Ohmic(2, E=40)])
def test_goes_into_a_dictionary_and_a_file_and_back(gate, current):
    asked = model(gate, current)
    assert Model.from_dict(asked.to_dict()) == asked
    assert loads(asked.to_toml()).model == asked
    assert "um^3/ms" in repr(asked) if isinstance(current, GHK) else "ohmic 2 pS" in repr(asked)


def test_quantities_of_a_scenario():
    gate = gate_in(
        '{ kind = "markov", states = ["C", "O"], open = ["O"], rates = ['
        '{ from = "C", to = "O", kind = "exp", a = "1780 /s", v = "23.3 mV" },'
        '{ from = "O", to = "C", kind = "calcium", k = "2e6 /M/s" }] }'
    )
    assert gate == Markov(("C", "O"), ("O",), [("C", "O", Exp(1.78, 23.3)), ("O", "C", Calcium(0.002))])
    assert gate_in('{ preset = "calyx" }') == CALYX


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{ preset = "calix" }', r"No channel preset 'calix'\. Did you mean 'calyx'\?"),
        ('{ preset = "calyx", start = "C" }', r"a gate with a preset has no other key; found \['start'\]"),
        (
            '{ kind = "hh", particles = [{ inf = { kind = "sigmod" } }] }',
            r"no rate of kind 'sigmod'.*'sigmoid'",
        ),
        ('{ kind = "hh", particles = [{ tau = { kind = "exp", a = "1 /ms", v = 1 } }] }', r"expected a time"),
        (
            '{ kind = "markov", states = ["C", "O"], open = ["O"], rates = [{ from = "C", kind = "exp" }] }',
            r"rates\[0\]: .* is no transition",
        ),
        (
            '{ kind = "markov", states = ["C", "O"], open = ["O"],'
            ' rates = [{ from = "C", to = "O", kind = "constant", b = 1 }] }',
            r"unknown key 'b' of a rate of kind 'constant'",
        ),
        (
            '{ kind = "markov", states = ["C", "O"], open = ["O"],'
            ' rates = [{ from = "C", to = "O", kind = "exp", a = 1 }] }',
            r"rate of kind 'exp' lacks .*'v'",
        ),
    ],
)
def test_refusals_of_a_scenario(text, sentence):
    with pytest.raises(ScenarioError, match=sentence):
        gate_in(text)


def test_a_permeability_of_the_wrong_dimension():
    text = model(TWO, GHK(2.6e-4)).to_toml().replace("P = 0.00026", 'P = "2.6e-13 cm^2/s"')
    with pytest.raises(ScenarioError, match=r"current\.P: '2\.6e-13 cm\^2/s' is a diffusion coefficient"):
        loads(text)
