"""Pictures of round mouths show what the result says at the same points."""

import numpy as np

import microdomain as md
from microdomain.view.fields import field_of
from microdomain.view.lattice import Lattice
from microdomain.view.readings import Readings


def test_a_round_mouth_is_drawn_as_the_result_says():
    """On the disc, beside it and beyond its window's reach, as readings and as a lattice."""
    calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1)
    channels = md.Cluster([(0, 0)], current=1.0, gate=md.Pulse(0, 1), mouth=md.Disc(0.05))
    model = md.Model(box=((-0.5, 0.5), (-0.5, 0.5), (0.0, 0.5)), ions=[calcium], channels=channels)
    grid = md.Grid.uniform(model, 0.1)
    results = md.simulate(model, grid, until=0.02, record=md.Record(times=[0.02]), rtol=1e-1)
    axes = [np.array([0.0, 0.0005, 0.03, 0.12, 0.4]), np.array([0.0, 0.02]), np.array([0.0, 0.01, 0.3])]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    field = field_of(model, "Ca")
    expected = np.asarray(results.at(points, times=[0.02]).values).ravel()
    np.testing.assert_allclose(Lattice(results, axes).of(field, 0.02).ravel(), expected, rtol=1e-9)
    np.testing.assert_allclose(Readings(results, points).of(field, [0.02])[0], expected, rtol=1e-9)
