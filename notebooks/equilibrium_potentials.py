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
# # Where does a membrane's voltage come from?
#
# Two forces act on an ion: diffusion carries it down its concentration, electricity carries it down its
# voltage. Where they balance lies its equilibrium potential. This page goes from one ion to the action
# potential. No solver is needed; every number follows from concentrations.

# %%
import numpy as np

from microdomain import electro
from microdomain.units import celsius, mM

for name, ion in electro.NEURON.items():
    E = electro.nernst(ion.inside, ion.outside, ion.z)
    print(f"{name:>2}  {ion.inside / mM:8.4g} mM inside  {ion.outside / mM:6.4g} outside   E = {E:+8.2f} mV")

# %% [markdown]
# ## How many ions does that take?
#
# The membrane is a capacitor of 0.01 pF/um^2. Charging a cell of 10 um radius to -90 mV takes away
# two thousandths of a percent of its potassium: concentrations may be held while the voltage moves.

# %%
area, volume = 4 * np.pi * 10**2, 4 / 3 * np.pi * 10**3
change = electro.concentration_change(-90.0, area, volume)
print(f"{-electro.ions_to_charge(-90.0, area):.3g} potassium ions leave: {change:.2f} uM of 140 mM")

# %% [markdown]
# A membrane that passes potassium alone finds E_K by itself, with the time constant C/g.

# %%
E_K = electro.nernst(140 * mM, 5 * mM, 1)
times = np.array([0.0, 2.0, 4.0, 10.0])
print(electro.relaxation(times, start=0.0, E=E_K, g=0.005).round(2), "mV towards", round(E_K, 2))

# %% [markdown]
# ## Rest and peak of an action potential
#
# A membrane that several ions pass lies between their potentials. Opening sodium channels changes one
# number, the permeability ratio, and the voltage follows.

# %%
sides = ([1, 1, -1], [140, 12, 10], [5, 145, 110])  # z, inside, outside
rest = electro.ghk_voltage([1, 0.04, 0.45], *sides)
peak = electro.ghk_voltage([1, 20, 0.45], *sides)
print(f"rest {rest:+.2f} mV, peak {peak:+.2f} mV")

ratio = np.geomspace(0.01, 100, 9)
print(np.c_[ratio, electro.ghk_voltage([1, ratio, 0.45], *sides)].round(2))

# %% [markdown]
# A calcium channel reverses near +50 mV and not at E_Ca: a thousandth of potassium permeability is enough.

# %%
channel = electro.ghk_voltage([1, 1000], [1, 2], [140, 1e-4], [5, 2])
print(f"E_Ca {electro.nernst(1e-4, 2, 2):+.1f} mV, the channel reverses at {channel:+.1f} mV")

# %% [markdown]
# ## Cold, and salt
#
# Every battery weakens with the temperature. Activities matter where ionic strengths differ: a few
# millivolts for a diluted bath, nothing to speak of in saline.

# %%
cold = electro.nernst(140, 5, 1, celsius(27))
dilute = electro.Davies(inside=150 * mM, outside=10 * mM)
saline = electro.Davies(inside=153.5 * mM, outside=159 * mM)
shifts = [electro.nernst(1e-4, 2, 2, activity=rule) - electro.nernst(1e-4, 2, 2) for rule in (dilute, saline)]
print(f"E_K at 27 C {cold:+.2f} mV; E_Ca moves by {shifts[0]:+.2f} mV diluted, {shifts[1]:+.2f} mV in saline")

# %% [markdown]
# ## The numbers to remember

# %%
assert abs(electro.nernst(12, 145, 1) - 66.59821) < 1e-4
assert abs(E_K + 89.05869) < 1e-4
assert abs(electro.driving_force(-70, electro.nernst(12, 145, 1)) + 136.598) < 1e-3
assert abs(rest + 67.32622) < 1e-4
assert abs(peak - 51.13117) < 1e-4
assert abs(channel - 52.33174) < 1e-4
assert abs(shifts[0] - 9.388) < 4e-3
assert abs(shifts[1] + 0.123) < 1e-3
assert abs(cold / E_K - 300.15 / 310.15) < 1e-12
