"""Pairs of members and fluxes: masses, deposits, blobs, influx."""

import numpy as np
import pytest

import microdomain as md
from microdomain.plan import lay
from microdomain.weights import Fluxes

FLUX = 1e6 / (2 * 96485.33212)
ION = md.Ion("Ca", z=2, D=0.22, rest=0.1)
BAPTA = md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2)
BOX = ((-0.2, 0.2), (-0.2, 0.2), (0.0, 0.2))


def laid(*clusters, buffers=(BAPTA,), **more):
    models = [md.Model(box=BOX, ions=[ION], buffers=list(buffers), channels=c, **more) for c in clusters]
    return lay(models, md.Grid.graded(models, near=0.04))


def test_equal_fluxes_are_folded_once():
    """Three channels of one current and gate are one pair; another gate is another."""
    same = md.Cluster([(0, 0), (0.1, 0), (0, 0.1)], current=md.Fixed(0.1), gate=md.Pulse(0, 1))
    mixed = md.Cluster([(0, 0), (0.1, 0)], current=md.Fixed(0.1), gate=[md.Pulse(0, 1), md.Pulse(0, 2)])
    plan = laid(same, mixed)
    np.testing.assert_array_equal(plan.pair_member, [0, 1, 1])
    np.testing.assert_array_equal(plan.pair_count, [3, 1, 1])
    assert plan.channel_rows == ((0, 0, 0), (0, 1))


def test_the_balance_of_the_window():
    """dM/dt = J - deposit - loss, long after opening: the deposit is the influx, by screening and by blob."""
    plan = laid(md.Cluster([(0, 0)], current=md.Fixed(0.1)))
    fluxes = Fluxes(plan)
    t = np.array([1.0])
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, np.array([0.01]))
    kappa = 0.4 * 100 * 0.22 / 0.32
    assert plan.kappa[0, 0] == pytest.approx(kappa)
    tau = plan.windows[0].tau
    assert fluxes.mass(weights)[0] == pytest.approx(0.1 * FLUX * (1 - np.exp(-kappa * tau)) / kappa, rel=1e-7)
    assert fluxes.deposit(weights, blob)[0] == pytest.approx(0.1 * FLUX, rel=1e-7)
    assert fluxes.loss(weights)[0] == 0


def test_the_balance_beside_a_held_wall():
    """Deposit and loss together are the influx."""
    walls = md.Walls(x=(md.Closed(), md.Held()))
    plan = laid(md.Cluster([(0.15, 0)], current=md.Fixed(0.1)), walls=walls)
    fluxes = Fluxes(plan)
    t = np.array([1.0])
    weights, blob = fluxes.weights(t), fluxes.blob(t, t, np.array([0.01]))
    assert fluxes.loss(weights)[0] > 0.01 * FLUX * 0.1
    total = fluxes.deposit(weights, blob)[0] + fluxes.loss(weights)[0]
    assert total == pytest.approx(0.1 * FLUX, rel=1e-6)


def test_influx_is_exact():
    plan = laid(md.Cluster([(0, 0), (0.1, 0)], current=md.Fixed(0.1), gate=md.Pulse(0.2, 0.7)))
    fluxes = Fluxes(plan)
    for a, b, open_for in ((0.0, 1.0, 0.5), (0.3, 0.4, 0.1), (0.8, 0.9, 0.0)):
        found = fluxes.influx(np.array([a]), np.array([b]))
        assert found[0] == pytest.approx(2 * 0.1 * FLUX * open_for, rel=1e-12, abs=1e-15)
    assert fluxes.per_ion(np.array([3.0])).tolist() == [[3.0]]


def test_a_blob_follows_the_flux_a_window_later():
    plan = laid(md.Cluster([(0, 0)], current=md.Fixed(0.1), gate=md.Pulse(0.2, 0.7)), buffers=())
    fluxes, tau = Fluxes(plan), plan.windows[0].tau
    for t, exact in (
        (0.2 + 0.5 * tau, 0.0),
        (0.2 + 1.5 * tau, 0.1),
        (0.7 + 0.5 * tau, 0.1),
        (0.7 + 1.5 * tau, 0.0),
    ):
        now = np.array([t])
        assert fluxes.blob(now, now, np.array([0.1 * tau]))[0] == pytest.approx(exact * FLUX)
    # Over a step that holds the jump: its mean.
    start, dt = np.array([0.2 + 0.5 * tau]), np.array([tau])
    assert fluxes.blob(start, start, dt)[0] == pytest.approx(0.5 * 0.1 * FLUX)


def test_members_have_their_own_times():
    cluster = md.Cluster([(0, 0)], current=md.Fixed(0.1), gate=md.Pulse(0.2, 0.7))
    plan = laid(cluster, cluster)
    fluxes = Fluxes(plan)
    both = fluxes.mass(fluxes.weights(np.array([0.1, 0.5])))
    assert both[0] == 0
    assert both[1] > 0
    alone = Fluxes(plan.take([1]))
    assert alone.mass(alone.weights(np.array([0.5])))[0] == both[1]


def test_all_stages_of_a_step_at_once_are_each_stage_alone():
    """To the bit: in steps that hold a jump, its delayed blob, or nothing; where one member is steady."""
    early = md.Cluster(
        [(0, 0), (0.1, 0)], current=md.Fixed(0.1), gate=[md.Pulse(0.2, 0.7), md.Pulse(0.3, 0.4)]
    )
    plan = laid(early, md.Cluster([(0, 0)], current=md.Fixed(0.1), gate=md.Pulse(0, 9)))
    tau, together = plan.windows[0].tau, Fluxes(plan)
    for begin, length in (
        (0.19, 0.02),
        (0.2, 0.5 * tau),
        (0.2 + 0.9 * tau, 0.3 * tau),
        (0.5, 0.1),
        (0.6, 0.1),
    ):
        start, dt = np.array([begin, 3.0]), np.array([length, 0.1])
        times = [start + part * dt for part in (0.3, 0.2, 1.0)]
        weights, blobs = together.weights_at(times), together.blobs_at(times, start, dt)
        for n, t in enumerate(times):
            np.testing.assert_array_equal(weights[n], Fluxes(plan).weights(t))
            np.testing.assert_array_equal(blobs[n], Fluxes(plan).blob(t, start, dt))


def test_while_fluxes_are_steady_stages_share_one_array():
    """So that the near field need not be laid again; it cannot be written to."""
    plan = laid(md.Cluster([(0, 0)], current=md.Fixed(0.1)))
    fluxes = Fluxes(plan)
    fluxes.weights(np.array([1.0]))
    first, second = fluxes.weights_at([np.array([1.1]), np.array([1.2])])
    assert first is second
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0


def test_tables_of_a_position_serve_the_next_plan():
    channel = md.Cluster([(0.013, -0.02)], current=md.Fixed(0.1))
    one, other = laid(channel), laid(channel)
    assert one.sites[0].patch is other.sites[0].patch
    with pytest.raises(ValueError, match="read-only"):
        one.sites[0].patch.zy[0] = 0.0
