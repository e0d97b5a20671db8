"""Clusters against a converged solution of our own (make_cluster_reference.py tells how it was made)."""

import csv

import numpy as np
import pytest

import microdomain as md

from .make_cluster_reference import POINTS, TABLE, TIMES, lattice, scattered
from .problems import run, worst


def known(name):
    """Reference (times, points) and the points."""
    with TABLE.open() as file:
        rows = [r for r in csv.DictReader(file) if r["case"] == name]
    values = np.array([float(r["ca_uM"]) for r in rows]).reshape(len(TIMES), -1)
    spread = np.array([float(r["spread"]) for r in rows]).reshape(values.shape)
    points = np.array([[float(r[f"{a}_um"]) for a in "xyz"] for r in rows])[: values.shape[1]]
    np.testing.assert_array_equal(points, POINTS[name])
    return values, spread, points


@pytest.mark.parametrize("name", ["lattice", "random"])
def test_the_reference_has_converged(name):
    values, spread, _ = known(name)
    assert spread[values > 0.2].max() < 0.003


@pytest.mark.parametrize(("name", "model"), [("lattice", lattice()), ("random", scattered())])
def test_clusters_by_default(name, model):
    values, _, points = known(name)
    found = run(model, TIMES).at(points).values
    strong = values > 0.2
    assert worst(found[strong], values[strong]) < 0.015


def test_the_quarter_is_the_whole():
    """Closed walls through the planes of symmetry change nothing but the grid."""
    values, _, points = known("lattice")
    found = run(lattice(quarter=True), TIMES).at(points).values
    strong = values > 0.2
    assert worst(found[strong], values[strong]) < 0.015


def test_the_reversal_potential_sinks_in_a_cluster():
    """Every mouth sees more calcium than a channel alone, whose 70.571 uM at 5 nm are 44.7 mV."""
    mouths = run(lattice(), (1.0,)).mouths
    assert mouths.concentration.shape == (1, 16)
    assert mouths.concentration.values.min() > 70.571
    assert float(mouths.reversal.max()) < 44.7 - 4
    inner = mouths.concentration.values[0].reshape(4, 4)[1:3, 1:3]
    assert inner.min() > np.delete(mouths.concentration.values[0], [5, 6, 9, 10]).max()
    np.testing.assert_allclose(inner, inner[0, 0], rtol=1e-9)


def test_the_families_agree_on_a_random_cluster():
    """Linearly implicit and stabilised explicit steps, while open and 5, 10, 20 ms after."""
    times = (0.1, 1.0, 6.0, 11.0, 21.0)
    model = scattered()
    grid = md.Grid.graded(model, near=0.025)
    points = POINTS["random"]
    w = run(model, times, grid=grid).at(points).values
    rkc = run(model, times, grid=grid, scheme="rkc2").at(points).values
    exact = run(model, times, grid=grid, rtol=1e-4).at(points).values
    assert worst(w[:2], exact[:2]) < 0.01
    assert worst(rkc[:2], exact[:2]) < 0.01
    assert worst(w[2:], exact[2:]) < 0.005
    assert worst(rkc[2:], exact[2:]) < 0.005
