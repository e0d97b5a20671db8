"""A result beside EBA, RBA, LIN and images."""

import numpy as np
import pytest

import microdomain as md
from microdomain import oracles

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
BOX = ((-0.25, 0.25), (-0.25, 0.25), (0, 0.25))
GRID = md.Grid.graded(
    md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)])), near=0.04, growth=1.4, far=0.1
)


def run(buffers=(), current=0.1, until=0.5, times=(0.0, 0.2, 0.5), points=None, off=0.2, **more):
    channels = md.Cluster([(0, 0)], current=md.Fixed(current), gate=md.Pulse(0, off))
    walls = md.Walls(x=md.Held(), y=md.Held(), z=(md.Closed(), md.Held()))
    model = md.Model(box=BOX, ions=[CALCIUM], buffers=buffers, channels=channels, walls=walls)
    record = md.Record(times=times, points=points)
    return md.simulate(model, GRID, until=until, record=record, device="numpy", **more)


@pytest.fixture(scope="module")
def unbuffered():
    return run(points={"sensor": (0, 0, 0.02), "far": (0.1, 0.1, 0.1)})


def test_unbuffered_images_are_the_field(unbuffered):
    comparison = unbuffered.compare()
    assert comparison.time == 0.2  # open at its end; closed at 0.5
    assert list(comparison.approximations) == ["EBA", "RBA", "LIN", "images"]
    assert comparison.distance[0] == 0.005
    assert comparison.distance[-1] == 0.25
    inner = comparison.distance < 0.2  # at the held wall both are at rest
    assert np.abs(comparison.difference("images")[inner]).max() < 0.02
    ((first, last),) = comparison.ranges("images")
    assert (first, last) == (0.005, 0.25)
    # The steady forms know no walls and no time: J/(2 pi D r) is right only near the channel.
    ((first, last),) = comparison.ranges("EBA")
    assert first == 0.005
    assert last < 0.1
    steady = oracles.point_steady(comparison.distance, 0.1, 0.22) + 0.1
    np.testing.assert_allclose(comparison.approximations["RBA"], steady, rtol=1e-9)


def test_warnings_of_cheaper_ways_and_of_few_ions(unbuffered):
    cheap, close, few = unbuffered.compare().warnings
    assert cheap.startswith("images would have done, without a run: within 5 % of the field from 5 to 250 nm")
    assert "'sensor' at 20 nm" in close
    assert "'far'" not in close
    assert "Modchang et al. 2010" in close
    assert few.startswith(
        "Fewer than about one free Ca ion is closer to the channel than the probe: 'sensor' 0.2"
    )


def test_free_ions_are_counted_in_the_half_space(unbuffered):
    """c = A/r: 2 pi A r^2/2 * 602.2 ions in a half-sphere; 0.1 pA gives A = 0.3749 uM um."""
    comparison = unbuffered.compare()
    k = int(np.argmin(np.abs(comparison.distance - 0.02)))
    assert comparison.free_ions[k] == pytest.approx(np.pi * 0.374892 * 0.02**2 * 602.214, rel=0.05)


def test_free_ions_are_those_in_the_free_volume():
    """The same field in a fifth of the volume is a fifth of the ions; Tissue(0.2, 1.6) has c 12.8 times."""
    model = md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)]), tissue=md.Tissue(0.2, 1.6))
    results = md.simulate(model, GRID, until=0.02, record=md.Record(times=[0.02]), device="numpy")
    comparison = results.compare()
    d, c = comparison.distance, comparison.field
    k = int(np.argmin(np.abs(d - 0.05)))
    within = np.linspace(1e-6, d[k], 4001)
    # c r is smooth down to the channel.
    content = within * np.interp(within, d, c * d)
    ions = 2 * np.pi * 602.214 * np.trapezoid(content, within)
    assert comparison.free_ions[k] == pytest.approx(0.2 * ions, rel=0.01)


def test_the_table_says_where_each_serves(unbuffered):
    text = str(unbuffered.compare())
    assert text.splitlines()[0] == "[Ca] along the normal of channels[0] at 0.2 ms, uM"
    for name in ("EBA", "RBA", "LIN", "images"):
        assert f"{name} within 5 % of the field: 5 to " in text
    assert text.count("WARNING: ") == 3
    assert max(len(line.split(":")[0]) for line in text.splitlines()) < 120


def test_a_buffer_takes_images_away_and_tells_the_approximations_apart():
    bapta = md.Buffer("BAPTA", total=1000, k_on=0.4, K_d=0.22, D=0.2)
    comparison = run(buffers=[bapta]).compare()
    assert comparison.omitted == {"images": "buffers bind Ca"}
    assert "images left out: buffers bind Ca" in str(comparison)
    # Excess buffer, slow rebinding: EBA and LIN serve next to the channel, RBA nowhere near it.
    assert comparison.ranges("EBA")[0][0] == 0.005
    assert comparison.difference("RBA")[0] < -0.5
    wide = run(buffers=[bapta]).compare(within=0.9)
    assert wide.within == 0.9
    assert len(wide.ranges("EBA")) == 1


def test_the_busiest_open_channel_is_the_one_compared():
    clusters = [
        md.Cluster([(-0.1, 0)], name="early", current=md.Fixed(0.5), gate=md.Pulse(0, 0.01)),
        md.Cluster([(0.1, 0), (0.1, 0.1)], name="late", current=[md.Fixed(0.1), md.Fixed(0.2)]),
    ]
    model = md.Model(box=BOX, ions=[CALCIUM], channels=clusters)
    results = md.simulate(model, GRID, until=0.05, members=2, device="numpy")
    comparison = results.compare("Ca", member=1, reach=0.1)
    assert comparison.channel == "late[1]"
    assert comparison.distance[-1] == 0.1
    points = np.array([(0.1, 0.1, d) for d in comparison.distance])
    expected = oracles.eba_at(model, points, [0.0, 0.1, 0.2])
    np.testing.assert_allclose(comparison.approximations["EBA"], expected, rtol=1e-12)
    with pytest.raises(ValueError, match="member = 2: this result has 2, counted from 0"):
        results.compare(member=2)
    with pytest.raises(ValueError, match=r"reach = 0\.001 um ends before the pore distance of channel 'late"):
        results.compare(reach=0.001)


def test_what_cannot_be_compared_says_why():
    with pytest.raises(ValueError, match="No recorded frame has an open channel of 'Ca'"):
        run(times=(0.0, 0.5)).compare()
    wave = md.Gaussian(peak=0.1, at=0.1, fwhm=0.1)
    comparison = run(current=wave, times=(0.0, 0.1)).compare()
    assert "is not one number" in comparison.omitted["images"]
    assert list(comparison.approximations) == ["EBA", "RBA", "LIN"]
    thirsty = run(current=-0.0005, off=1.0).compare()
    assert "more than diffusion from rest can bring" in thirsty.omitted["RBA"]


def test_a_line_ends_before_an_obstacle_and_images_say_that_they_know_none():
    vesicle = md.Ball((0, 0, 0.12), 0.05, name="vesicle")
    model = md.Model(box=BOX, ions=[CALCIUM], channels=md.Cluster([(0, 0)]), obstacles=[vesicle])
    results = md.simulate(model, GRID, until=0.02, record=md.Record(times=[0, 0.02]), device="numpy")
    comparison = results.compare()
    assert 0.06 < comparison.distance[-1] <= 0.07
    assert np.isfinite(comparison.field).all()
    assert "nan" not in str(comparison)
    assert "images left out: Images know closed and held walls and point channels only" in str(comparison)


def test_reactions_are_told_once_without_advice():
    two = md.TwoSite("N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05)
    comparison = run(buffers=[two]).compare()
    assert comparison.omitted["EBA"] == (
        "EBA, RBA and LIN know plain 1:1 buffers only, and this model has the species 'N.free' of a "
        "reaction network."
    )
    assert comparison.omitted["images"] == "buffers bind Ca"
