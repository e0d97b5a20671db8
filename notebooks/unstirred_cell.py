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
# # What reversal potential does a channel see in a cell that is not stirred?
#
# Nernst's formula asks for the concentration at the membrane. Beside an open calcium channel that is not
# the concentration of the cell: it is a thousand times higher within nanometres. This page uses the
# closed form of a point source on a membrane, c = c0 + J/(2 pi D r), so it needs no solver; the solver
# adds buffers, walls, neighbours and time to the same picture.

# %%
import numpy as np

from microdomain import electro
from microdomain.units import flux_per_pA, mM

D, rest, outside = 0.22, 0.1, 2 * mM  # um^2/ms, uM, uM


def calcium(r: float | np.ndarray, current: float) -> float | np.ndarray:
    """Steady calcium (uM) at r (um) from an open channel of `current` pA, no buffers."""
    return rest + flux_per_pA(2) * current / (2 * np.pi * D * r)


r = np.array([5, 10, 20, 50, 100]) * 1e-3
for current in (0.1, 0.3):
    E = electro.reversal(calcium(r, current), outside, 2)
    print(f"{current} pA:", "  ".join(f"{1e3 * d:.0f} nm {e:+.1f} mV" for d, e in zip(r, E, strict=True)))

# %% [markdown]
# ## How far does +36 mV reach?

# %%
local = electro.inside_at(36.0, outside, 2)
reach = {i: 1e3 * flux_per_pA(2) * i / (2 * np.pi * D * (local - rest)) for i in (0.1, 0.3, 1.0)}
print(f"+36 mV is {local:.1f} uM, {local / rest:.0f} times rest")
print({current: f"{nm:.2f} nm" for current, nm in reach.items()})

# %% [markdown]
# ## A map
#
# A plane through four channels, 100 nm apart, 10 nm above the membrane. Maps broadcast: one call for all
# points. A bad point becomes NaN and is counted, it never becomes a number.

# %%
x = np.linspace(-0.3, 0.3, 121)
channels = [(-0.05, -0.05), (0.05, -0.05), (-0.05, 0.05), (0.05, 0.05)]
X, Y = np.meshgrid(x, x)
field = rest + sum(calcium(np.sqrt((X - a) ** 2 + (Y - b) ** 2 + 0.01**2), 0.1) - rest for a, b in channels)
E_Ca = electro.reversal(field, outside, 2)
print(f"E_Ca from {E_Ca.min():.1f} mV above a channel to {E_Ca.max():.1f} mV in the corner")

drive = electro.driving_force(0.0, E_Ca)
NCX = electro.exchanger_reversal(electro.nernst(12, 145, 1), E_Ca)
mixed = electro.ghk_reversal([1, 1000], [1, 2], [140 * mM, field], [5 * mM, outside])
print(f"driving force at 0 mV: {drive.min():.1f} to {drive.max():.1f} mV")
print(f"the Na/Ca exchanger reverses between {NCX.min():+.0f} and {NCX.max():+.0f} mV")
print(f"a channel with P_Ca/P_K = 1000 reverses between {mixed.min():+.1f} and {mixed.max():+.1f} mV")

# %% [markdown]
# ## Which law does the channel follow?
#
# The same local calcium takes 73 % of an ohmic channel's drive at 0 mV, and 7 % of a GHK channel's
# current. A result that does not say which law ran says little.

# %%
P = 2.591197e-4  # um^3/ms: -0.1 pA at 0 mV
ohmic = 1 - 36.0 / electro.nernst(rest, outside, 2)
loss = {
    V: 1 - electro.ghk_current(P, 2, local, outside, V) / electro.ghk_current(P, 2, rest, outside, V)
    for V in (-60.0, 0.0)
}
print(f"ohmic at 0 mV: {ohmic:.1%};  GHK at -60 mV: {loss[-60.0]:.2%}, at 0 mV: {loss[0.0]:.1%}")

# %% [markdown]
# ## The numbers to remember

# %%
near = electro.reversal(calcium(r, 0.1), outside, 2)
assert np.allclose(near, [43.863, 53.108, 62.336, 74.474, 83.562], atol=1e-3)
assert abs(local - 135.228) < 1e-3
assert abs(reach[0.3] - 8.32) < 0.01
assert abs(reach[1.0] - 27.7) < 0.05
assert abs(ohmic - 0.73) < 0.005
assert abs(loss[-60.0] - 0.0008) < 1e-4
assert abs(loss[0.0] - 0.068) < 5e-4
assert abs(electro.ghk_current(P, 2, rest, outside, 0.0) + 0.1) < 1e-6
