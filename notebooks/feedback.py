# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does a calcium channel choke on its own calcium?
#
# An open channel raises [Ca2+] at its mouth a thousandfold within a microsecond, and so moves the
# reversal potential that it sees. Whether its current cares depends on the law. The current of Goldman,
# Hodgkin and Katz is a difference of two fluxes, and at 2 mM outside the one from within hardly counts;
# an ohmic current g (V - E) follows E itself.

# %%
from collections.abc import Sequence

import numpy as np

import microdomain as md
from microdomain import electro
from microdomain.model import Current, Gate, Voltage

calcium = md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2000)
buffers = [
    md.Buffer("endogenous", total=400, k_on=0.1, K_d=10),
    md.Buffer("BAPTA", total=100, k_on=0.4, K_d=0.22, D=0.2),
]
E_rest = electro.reversal(0.1, 2000, 2)
# Both 0.1 pA at 0 mV and rest.
laws: dict[str, Current] = {
    "GHK": md.GHK(2.591197e-4),
    "ohmic": md.Ohmic(1e3 * 0.1 / E_rest),
}

# %% [markdown]
# ## Imposed: 135 uM at the mouth
#
# E_Ca falls from +132 to +36 mV. That takes 7 % of the GHK current and 73 % of the ohmic one.

# %%
for V in (-60.0, 0.0):
    ghk = [electro.ghk_current(2.591197e-4, 2, c, 2000.0, V) for c in (0.1, 135.228)]
    ohmic = [V - electro.reversal(c, 2000, 2) for c in (0.1, 135.228)]
    taken = [100 * (1 - local / rest) for rest, local in (ghk, ohmic)]
    print(f"{V:+.0f} mV: GHK loses {taken[0]:.2f} %, ohmic {taken[1]:.0f} %")

# %% [markdown]
# ## Felt: what the channel lets in is what it sees
#
# With feedback the ohmic channel never reaches 135 uM: as E falls, less flows in. The loop closes within a
# microsecond, the time in which the field at 5 nm builds.


# %%
def single(
    law: Current,
    near: float = 0.02,
    gate: Gate | Sequence[Gate] = md.Open(),  # noqa: B008
    voltage: Voltage = md.Hold(0),  # noqa: B008
    times: Sequence[float] = (0.001, 0.01, 0.1, 0.5),
) -> md.Results:
    model = md.Model(
        box=((-1, 1), (-1, 1), (0, 1)),
        ions=[calcium],
        buffers=buffers,
        channels=md.Cluster([(0, 0)], current=law, gate=gate),
        voltage=voltage,
    )
    grid = md.Grid.graded(model, near=near)
    return md.simulate(model, grid, until=times[-1], record=md.Record(times=times))


felt = {name: single(law) for name, law in laws.items()}
for name, results in felt.items():
    mouth = results.mouths.isel(channel=0)
    print(
        f"{name:<6} i/i0",
        np.round(mouth.influx.values / 0.1, 4),
        " [Ca]",
        np.round(mouth.concentration.values, 1),
    )

# %% [markdown]
# ## Is it the grid?
#
# No: the last few microseconds of every current stay analytic, so the mouth is 5 nm away whatever the cells.

# %%
spread = {}
for name, law in laws.items():
    by_grid = [single(law, near).mouths.influx.values[-1, 0] for near in (0.04, 0.02)]
    spread[name] = abs(by_grid[0] / by_grid[1] - 1)
    print(f"{name:<6} 40 nm against 20 nm: {100 * spread[name]:.3f} %")

# %% [markdown]
# ## An action potential
#
# The gate of the calyx of Held opens at the peak, and the current flows while the voltage falls.

# %%
wave = md.ActionPotential(-80, 40, start=0.1, rise=0.15, fall=0.25)
gate = md.load("calyx-ap").model.channels[0].gate
times = np.linspace(0.02, 0.7, 35).tolist()
spikes = {name: single(law, gate=gate, voltage=wave, times=times) for name, law in laws.items()}
lost = {}
for name, results in spikes.items():
    mouth = results.mouths.isel(channel=0)
    charge = np.trapezoid(mouth.influx, mouth.time)
    lost[name] = 1 - charge / np.trapezoid(mouth.well_stirred, mouth.time)
    peak, share = mouth.influx.max().item(), 100 * lost[name]
    print(f"{name:<6} peak {peak:.3f} pA, feedback takes {share:.1f} % of the charge")

# %%
share = {name: float(r.mouths.influx.values[-1, 0] / 0.1) for name, r in felt.items()}
assert abs(share["GHK"] - 0.966) < 0.002
assert abs(share["ohmic"] - 0.425) < 0.003
assert max(spread.values()) < 0.005
assert lost["GHK"] < 0.03
assert lost["ohmic"] > 0.3
