"""Rows of the validation table that need no run: the code of the formulas, against numbers from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import microdomain as md
from microdomain import electro


@dataclass(frozen=True)
class Case:
    """One row: what was asked, against what, the largest error (relative, or in `unit`) and its bound."""

    part: str
    question: str
    known: str
    points: int
    error: float
    bound: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the error is within its bound."""
        return self.error <= self.bound

    def row(self) -> str:
        """A row of a Markdown table."""
        cells = (self.question, self.known, str(self.points), self._said(self.error), self._said(self.bound))
        return f"| {' | '.join(cells)} |"

    def _said(self, value: float) -> str:
        if self.unit:
            return f"{value:.1g} {self.unit}"
        return f"{100 * value:.2g} %" if value >= 1e-5 else f"{value:.0e}"


def worst(found: Any, known: Any, rest: float = 0.0) -> float:
    """Largest relative difference; with `rest`, of the excess over it plus it."""
    return float(np.max(np.abs(np.asarray(found) / (np.asarray(known) + rest) - 1.0)))


def closed_forms() -> list[Case]:
    """The approximations and exact fields that can stand beside a result: the code of the formulas."""
    r = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
    bapta: dict[str, Any] = {"total": [1000], "k_on": [0.4], "K_d": [0.22], "D_b": [0.2]}
    weak: dict[str, Any] = {"total": [500], "k_on": [0.1], "K_d": [10], "D_b": [0.1]}
    around: dict[str, Any] = {"r": r, "influx": 0.1, "D": 0.22, "rest": 0.1}
    heights = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2])
    rho = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.15])
    walls = np.array([0.0, 0.02, 0.1, 0.5, 0.0]), np.array([0.01, 0.0, 0.0, 0.0, 0.5])
    rows: list[tuple[str, str, Any, Sequence[float]]] = [
        (
            "`eba`: BAPTA 1 mM, 0.1 pA",
            "Neher 1986",
            md.oracles.eba(**around, **bapta),
            (26.42448, 9.342375, 4.426593, 1.379985, 0.2092555, 0.1015920),
        ),
        (
            "`rba`: 500 uM, K_d 10 uM, 0.1 pA",
            "Wagner and Keizer 1994",
            md.oracles.rba(**around, **weak),
            (1.997655, 0.9714431, 0.6654946, 0.4322040, 0.2635336, 0.1811388),
        ),
        (
            "`disc_axis`: 0.1 pA through a disc of 50 nm",
            "Crank 1975",
            md.oracles.disc_axis(heights, 0.1, 0.05, 0.22),
            (14.99568, 12.29352, 10.15257, 6.211414, 3.540000, 1.846053),
        ),
        (
            "`cleft_steady`: a cleft of 15 nm, radius 200 nm",
            "Bessel series",
            md.oracles.cleft_steady(rho, 0.0, 0.1, 0.22, 0.015, 0.2),
            (119.0854, 80.44717, 58.00486, 34.64792, 17.32369, 7.189980),
        ),
        (
            "`pumped_wall_steady`: channel and pump on one membrane",
            "Carslaw and Jaeger 1959",
            md.oracles.pumped_wall_steady(*walls, 0.1, 0.22, 0.2),
            (36.06799, 17.33329, 2.863699, 0.3231530, 0.4174561),
        ),
    ]
    return [
        Case("oracle", what, who, len(k), worst(np.ravel(found), k), 1e-6) for what, who, found, k in rows
    ]


def potentials() -> list[Case]:
    """Electrochemistry: formulas with the constants of the SI."""
    rows: list[tuple[str, str, Sequence[float], Sequence[float], float, str]] = []
    pairs = [(1, 12, 145), (1, 140, 5), (-1, 10, 110), (2, 1e-4, 2)]
    found = [float(electro.nernst(inside, outside, z)) for z, inside, outside in pairs]
    known = [66.59821, -89.05869, -64.08773, 132.3436]
    rows.append(
        ("E of Na, K, Cl, Ca in a resting neuron, 37 C", "Nernst's formula", found, known, 1e-4, "mV")
    )
    local = [0.1, 1, 10, 100, 1000]
    found = [float(v) for v in electro.reversal(np.array(local), 2000, 2)]
    known = [132.3436, 101.5734, 70.80316, 40.03296, 9.262754]
    rows.append(("E_Ca at 0.1 uM to 1 mM, 2 mM outside", "Nernst's formula", found, known, 1e-4, "mV"))
    P = 2.591197e-4  # um^3/ms, chosen so that i = -0.1 pA at 0 mV
    V = np.array([-80.0, -40.0, 0.0, 40.0, 100.0])
    found = [float(i) for i in electro.ghk_current(P, 2, 0.1, 2000, V)]
    known = [-0.600191, -0.3151366, -0.1, -0.01578002, -3.83728e-4]
    rows.append(("GHK current of one channel, -80 to +100 mV", "GHK", found, known, 1e-6, "pA"))
    found = [
        float(electro.sodium_pump_work(12, 145, 140, 5, V=-70)),
        float(electro.atp_energy(8e3, 1e3, 4e3)),
    ]
    rows.append(
        (
            "Work of the Na/K pump; energy of ATP",
            "thermodynamics",
            found,
            [43.21694, -50.10068],
            1e-4,
            "kJ/mol",
        )
    )
    donnan = electro.donnan(150e3, 100e3, -1)
    rows.append(
        (
            "Donnan potential, 100 mM of charge -1 in 150 mM KCl",
            "closed form",
            [float(donnan.voltage)],
            [-8.751649],
            1e-5,
            "mV",
        )
    )
    return [
        Case("electro", what, source, len(k), float(np.max(np.abs(np.subtract(f, k)))), bound, unit)
        for what, source, f, k, bound, unit in rows
    ]
