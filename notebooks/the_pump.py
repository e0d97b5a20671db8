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
# # What does the sodium pump buy, and what happens without it?
#
# Gradients leak away. The Na/K pump spends one ATP to take 3 Na out and 2 K in. This page asks what a
# turn costs, what the cell would do without it, and what stroke and epilepsy do to its voltages.

# %%
from dataclasses import replace

import numpy as np

from microdomain import electro
from microdomain.units import mM, s

work = electro.sodium_pump_work(12, 145, 140, 5, V=-70)
energy = electro.atp_energy(ATP=8 * mM, ADP=1 * mM, Pi=4 * mM)
turn = electro.sodium_pump_reversal(12, 145, 140, 5, energy)
print(f"work {work:.2f} of {-energy:.2f} kJ/mol: {100 * electro.efficiency(work, energy):.1f} %")
print(f"the pump would run backwards below {turn:.1f} mV")

# %% [markdown]
# What a cell pays: at rest for its leaks, and for every action potential.

# %%
rest_cost = 1e3 * electro.resting_atp(V=-70, E_Na=50, E_K=-100, resistance=200)
spike_cost = electro.spike_atp(100, area=1e4, overlap=1.3)
print(f"{rest_cost:.3g} ATP per second at rest, {spike_cost:.3g} per action potential of a 100 pF cell")

# %% [markdown]
# ## The cell that bursts
#
# Molecules that cannot leave draw in salt and water (Donnan). In a box the wall would bear three
# atmospheres; without a wall the cell swells for ever, unless something outside cannot enter either.

# %%
boxed = electro.donnan(150 * mM, 100 * mM, -1)
free = electro.donnan_free(140 * mM, 100 * mM, -1, outside_impermeant=20 * mM)
burst = electro.donnan_free(140 * mM, 100 * mM, -1)
print(
    f"boxed: {boxed.voltage:.2f} mV, {boxed.pressure:.0f} kPa; helped from outside: {free.swelling:.2f} times"
)
print(f"alone: {burst.swelling} times")

# %% [markdown]
# Pumping keeps sodium out, and sodium outside holds the water. The steady state is a closed form.

# %%
cell = electro.PumpLeak()
for pump in (5e-3, 2e-3, 5e-4, 1e-4):
    state = electro.steady_state(replace(cell, pump=pump))
    print(f"pump {pump:.0e} pA/um^2: V {state.V:7.2f} mV, volume {state.swelling:6.3f}")

# %% [markdown]
# ## Stroke
#
# No oxygen, no ATP, no pump: for ten minutes here. Potassium leaves, the voltage fails, the cell swells;
# when the pump returns it recovers. The pump of this cell turns at a constant rate; `law="cubic"` makes it
# follow sodium.

# %%
stroke = electro.Episode(60 * s, 660 * s, {"pump": 0.0})
course = electro.evolve(cell, 3000 * s, [stroke], times=np.array([0, 60, 300, 660, 1000, 2000, 3000]) * s)
for line in range(course.time.size):
    print(
        f"{course.time[line] / s:6.0f} s   V {course.V[line]:7.2f} mV   K {course.K[line] / mM:6.1f} mM   "
        f"volume {course.swelling[line]:.3f}"
    )

# %% [markdown]
# With no chloride channel the same failure hardly swells the cell: cations cannot enter without an anion.

# %%
closed = replace(
    cell, Na_out=135 * mM, K_out=5 * mM, impermeant_out=20 * mM, impermeant=100 * mM, bath_volume=500.0
)
ends = {}
for g_Cl in (2e-3, 0.0):
    failing = [electro.Episode(1000 * s, 1e6 * s, {"pump": 0.0})]
    ends[g_Cl] = electro.evolve(replace(closed, g_Cl=g_Cl), 1e6 * s, failing, Na=15 * mM)
    last = ends[g_Cl]
    print(f"g_Cl {g_Cl}: volume {last.swelling[-1]:.3f}, E_K {last.E_K[-1]:.2f}, E_Na {last.E_Na[-1]:.2f} mV")

# %% [markdown]
# ## Epilepsy, and the switch of GABA
#
# A seizure raises potassium outside to 12 mM and takes the cell towards threshold. Chloride decides what
# GABA does: NKCC1 loads it (young neurons, GABA excites), KCC2 takes it out (adult, GABA inhibits).

# %%
seizure = electro.Episode(100 * s, 160 * s, {"K_out": 12 * mM, "Na_out": 138 * mM})
fit = electro.evolve(cell, 160 * s, [seizure])
young = electro.steady_state(replace(cell, nkcc1=1e-4))
adult = electro.steady_state(replace(cell, kcc2=1e-3))
print(f"seizure: V from {fit.V[0]:.1f} to {fit.V[-1]:.1f} mV")
print(f"E_Cl - V: young {young.E_Cl - young.V:+.2f} mV, adult {adult.E_Cl - adult.V:+.2f} mV")

# %% [markdown]
# ## The numbers to remember

# %%
assert abs(work - 43.21694) < 1e-4
assert abs(energy + 50.10068) < 1e-4
assert abs(boxed.pressure - 299.7201) < 1e-3
assert abs(free.swelling - 5.172414) < 1e-6
assert burst.swelling == float("inf")
assert course.V[3] > course.V[0] + 30
assert course.swelling[3] > 1.02 * course.swelling[0]
assert abs(course.V[-1] - course.V[0]) < 5
assert abs(ends[2e-3].E_K[-1] - ends[2e-3].E_Na[-1]) < 1e-6
assert ends[2e-3].swelling[-1] > 1.5
assert abs(ends[0.0].swelling[-1] - 1) < 1e-3
assert fit.V[-1] > fit.V[0] + 20
assert young.E_Cl > young.V + 5
assert adult.E_Cl < adult.V - 0.5
