"""Donnan equilibrium at fixed and at free volume."""

import numpy as np
import pytest

from microdomain import electro
from microdomain.units import mM

# mM; cation, anion, ratio, mV at 37 C, osmolarity difference mM, kPa.
FIXED = [
    (150, 100, -1, 208.1139, 108.1139, 1.387426, -8.751649, 116.2278, 299.7201),
    (150, 10, -15, 242.7051, 92.70510, (1 + 5**0.5) / 2, -12.86118, 45.41020, 117.1007),
]


@pytest.mark.parametrize(("c", "X", "z", "cation", "anion", "ratio", "V", "excess", "kPa"), FIXED)
def test_fixed_volume(c, X, z, cation, anion, ratio, V, excess, kPa):
    found = electro.donnan(c * mM, X * mM, z)
    assert found.cation / mM == pytest.approx(cation, abs=1e-4)
    assert found.anion / mM == pytest.approx(anion, abs=1e-4)
    assert found.ratio == pytest.approx(ratio, abs=1e-6)
    assert found.voltage == pytest.approx(V, abs=1e-5)
    assert found.excess / mM == pytest.approx(excess, abs=1e-4)
    assert found.pressure == pytest.approx(kPa, abs=1e-3)


@pytest.mark.parametrize(
    ("S", "Y", "X0", "X", "swelling", "V"),
    [(140, 20, 100, 19.33333, 5.172414, -1.843949), (100, 100, 100, 83.33333, 1.2, -10.83673)],
)
def test_free_volume_with_impermeants_outside(S, Y, X0, X, swelling, V):
    found = electro.donnan_free(S * mM, X0 * mM, -1, Y * mM)
    assert found.impermeant / mM == pytest.approx(X, abs=1e-5)
    assert found.swelling == pytest.approx(swelling, abs=1e-6)
    assert found.voltage == pytest.approx(V, abs=1e-5)
    assert found.cation + found.anion + found.impermeant == pytest.approx((2 * S + Y) * mM)
    assert found.cation - found.anion - found.impermeant == pytest.approx(0.0, abs=1e-6)


def test_free_volume_of_the_first_cell():
    found = electro.donnan_free(140 * mM, 100 * mM, -1, 20 * mM)
    assert (found.cation / mM, found.anion / mM) == pytest.approx((150.0, 130.6667), abs=1e-4)


def test_without_impermeants_outside_the_cell_bursts():
    burst = electro.donnan_free(140 * mM, 100 * mM, -1)
    assert burst.swelling == float("inf")
    assert (burst.impermeant, burst.voltage, burst.ratio) == (0.0, 0.0, 1.0)
    nearly = electro.donnan_free(140 * mM, 100 * mM, -1, np.array([1.0, 0.1]))
    assert nearly.swelling[1] > 9 * nearly.swelling[0] > 1e5


@pytest.mark.parametrize("z", [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
def test_any_charge_balances(z):
    found = electro.donnan_free(140 * mM, 100 * mM, z, 20 * mM)
    assert found.impermeant > 0
    assert found.cation - found.anion + z * found.impermeant == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: electro.donnan(0.0, 1.0, -1), r"salt = 0: expected a finite, positive concentration"),
        (lambda: electro.donnan(1.0, -1.0, -1), r"impermeant = -1: expected a finite concentration"),
        (lambda: electro.donnan(1.0, 1.0, float("nan")), r"charge = nan: expected a finite number"),
        (lambda: electro.donnan(1.0, 1.0, -1, 0.0), r"temperature = 0: expected kelvin"),
        (lambda: electro.donnan_free(1.0, 0.0, -1), r"impermeant = 0: expected a finite, positive"),
        (lambda: electro.donnan_free(1.0, 1.0, -1, -2.0), r"outside_impermeant = -2: expected"),
    ],
)
def test_donnan_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
