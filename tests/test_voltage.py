"""Voltage protocols: what they say at any time, where they break, and every refusal by its sentence."""

import numpy as np
import pytest

from microdomain.model import ActionPotential, Cluster, Fixed, Hold, Ion, Model, Pulses, Ramp, Steps, Trace
from microdomain.scenario import ScenarioError, loads

PROTOCOLS = [
    Hold(-70),
    Steps([1, 2], [0, -80], before=-80),
    Ramp(-80, 40, start=0.5, stop=1.5),
    Pulses(-80, 0, start=1, width=0.5, period=2, count=3),
    ActionPotential(),
    Trace([0, 1, 2], [-80, 0, -80]),
]


def model(voltage):
    calcium = Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
    return Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=[calcium],
        channels=Cluster([(0, 0)], current=Fixed(0.1)),
        voltage=voltage,
    )


def test_values():
    assert Hold(-70).value(np.zeros(3)).tolist() == [-70] * 3
    assert PROTOCOLS[1].value([0.5, 1.0, 1.5, 2.0]).tolist() == [-80, 0, 0, -80]
    assert PROTOCOLS[2].value([0.0, 1.0, 2.0]).tolist() == [-80, -20, 40]
    assert PROTOCOLS[3].value([0.5, 1.0, 1.25, 1.5, 3.2, 5.4, 7.2]).tolist() == [-80, 0, 0, -80, 0, 0, -80]
    assert PROTOCOLS[5].value([-1, 0.5, 9]).tolist() == [-80, -40, -80]


def test_action_potential_is_smooth_and_as_wide_as_it_says():
    wave = ActionPotential(-80, 40, start=0.2, rise=0.15, fall=0.25)
    t = np.linspace(0, 1, 100_001)
    V = wave.value(t)
    assert (V.min(), V.max()) == (-80, pytest.approx(40))
    above = t[V >= -20]
    assert above[-1] - above[0] == pytest.approx((0.15 + 0.25) / 2, abs=2e-5)
    assert (
        np.abs(np.diff(V)).max() < 120 * np.pi / 2 / 0.15 * 1.01e-5
    )  # no jump: the steepest slope of the rise
    assert wave.kinks() == pytest.approx((0.2, 0.35, 0.6))
    assert wave.jumps() == ()


def test_jumps_and_kinks():
    assert PROTOCOLS[1].jumps() == (1.0, 2.0)
    assert PROTOCOLS[3].jumps() == (1.0, 1.5, 3.0, 3.5, 5.0, 5.5)
    assert PROTOCOLS[2].kinks() == (0.5, 1.5)
    assert PROTOCOLS[5].kinks() == (0.0, 1.0, 2.0)
    assert Trace(np.arange(100), np.zeros(100)).kinks() == ()
    for p in (Hold(0), PROTOCOLS[1], PROTOCOLS[3]):
        assert p.kinks() == ()
    for p in (Hold(0), PROTOCOLS[2], PROTOCOLS[5]):
        assert p.jumps() == ()


@pytest.mark.parametrize("voltage", PROTOCOLS, ids=lambda v: type(v).__name__)
def test_goes_into_a_dictionary_and_a_file_and_back(voltage):
    asked = model(voltage)
    assert Model.from_dict(asked.to_dict()) == asked
    assert loads(asked.to_toml()).model == asked
    assert ("-70 mV" if isinstance(voltage, Hold) else type(voltage).__name__) in repr(asked)


@pytest.mark.parametrize(
    ("text", "times", "values"),
    [
        ("0,-80\n1,0\n", (0, 1), (-80, 0)),
        ("t_us, V_mV\n0, -80\n1000, 0\n", (0, 1), (-80, 0)),
        ("# recorded\ntime (s), voltage [V]\n0, -0.08\n0.001, 0\n", (0, 1), (-80, 0)),
    ],
)
def test_a_trace_from_a_file(tmp_path, text, times, values):
    (tmp_path / "v.csv").write_text(text)
    trace = Trace.from_csv(tmp_path / "v.csv")
    assert trace.times == pytest.approx(times)
    assert trace.values == pytest.approx(values)
    scenario = model(Hold(0)).to_toml().replace('kind = "hold"\nV = 0.0', 'kind = "table"\nfile = "v.csv"')
    assert loads(scenario, folder=tmp_path).model == model(trace)


def test_a_file_with_unsorted_times_is_named(tmp_path):
    path = tmp_path / "ap.csv"
    path.write_text("t,V\n0,-80\n0.2,0\n0.1,40\n")
    with pytest.raises(
        ValueError, match=r"ap\.csv: Trace: times must increase; point 2 \(0\.1 ms\) follows 0\.2 ms"
    ):
        Trace.from_csv(path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Hold(2000), r"Hold: V = 2000 mV would break any membrane"),
        (lambda: Steps([2, 1], [0, 0]), r"Steps: times must increase; time 1 \(1 ms\) follows 2 ms"),
        (lambda: Steps([1], [0, 0]), r"Steps: 1 times and 2 values; give as many of both"),
        (lambda: Ramp(0, 1, start=2, stop=1), r"Ramp: stop = 1 ms must be later than start = 2 ms"),
        (
            lambda: Pulses(-80, 0, 0, width=2, period=1),
            r"Pulses: width = 2 ms must be shorter than period = 1 ms",
        ),
        (lambda: Pulses(-80, 0, 0, 1, 2, count=0), r"Pulses: count = 0 must be a whole number of at least 1"),
        (lambda: ActionPotential(rise=0), r"ActionPotential: rise = 0 ms must be more than 0 ms"),
        (lambda: ActionPotential(start=-1), r"ActionPotential: start = -1 ms must not be below 0 ms"),
        (lambda: Trace([0, float("nan")], [0, 0]), r"Trace: time = nan is not a finite number"),
    ],
)
def test_refusals(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_model_refuses_what_is_no_protocol():
    with pytest.raises(
        TypeError, match=r"Model: voltage = -70; expected Hold\(-70\.0\), in mV, or another protocol"
    ):
        model(-70)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('kind = "ramped"', r"model\.voltage: no kind 'ramped'; there are hold, steps, ramp, pulses"),
        ('kind = "table"', r"A voltage of kind 'table' needs a file, or times and values"),
        ('kind = "table"\nfile = "a.csv"\ntimes = [0]', r"either a file or times and values, not both"),
        (
            'kind = "ramp"\nlow = "1 ms"\nhigh = 0\nstart = 0\nstop = 1',
            r"'1 ms' is a time; expected a voltage",
        ),
    ],
)
def test_refusals_of_a_scenario(lines, sentence):
    text = model(Hold(0)).to_toml().replace('kind = "hold"\nV = 0.0', lines)
    with pytest.raises(ScenarioError, match=sentence):
        loads(text)
