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
# # EGTA against BAPTA at 20 and 100 nm
#
# Two synapses release equally well. In one the vesicle's sensor stands 20 nm from a single channel, in the
# other 100 nm from each of a ring of them. Which pipette tells them apart? Slow EGTA catches an ion only
# after some hundred nanometres, fast BAPTA within tens: EGTA spares the first synapse and not the second.

# %%
import dataclasses

import numpy as np

import microdomain as md
from microdomain import presets
from microdomain.release import release_times
from microdomain.units import mM, nm

sensor = presets.sensor("Felmy-2003")
print(presets.sensor_entry("Felmy-2003")["source"])

current = md.Fixed(md.Gaussian(peak=0.4, at=0.5, fwhm=0.4))  # an action potential's worth, pA
couplings = {
    "one channel, 20 nm": md.Cluster([(20 * nm, 0)], current=current),
    "eight channels, 100 nm": md.Cluster.ring(8, radius=100 * nm, current=current),
}
pipettes = {
    "control": (),
    "EGTA 10 mM": (presets.buffer("EGTA", total=10 * mM),),
    "BAPTA 1 mM": (presets.buffer("BAPTA", total=1 * mM),),
}

# %% [markdown]
# ## The sensor in the field
#
# The sensor is part of the record: its place is sampled at every step of the run, and finer.

# %%
runs = {}
for coupling, cluster in couplings.items():
    model = md.Model(
        box=((-0.8, 0.8), (-0.8, 0.8), (0, 0.8)),
        ions=[md.Ion("Ca", z=2, D=0.22, rest=0.1, outside=2 * mM)],
        buffers=[md.Buffer("endogenous", total=400, k_on=0.1, K_d=10)],
        channels=cluster,
    )
    for pipette, added in pipettes.items():
        run = md.simulate(
            dataclasses.replace(model, buffers=model.buffers + added),
            until=3.0,
            record=md.Record(sensors={"vesicle": (sensor, (0, 0, 0))}),
        )
        runs[coupling, pipette] = run
        found = run.release("vesicle").isel(sensor=0)
        print(
            f"{coupling:<23} {pipette:<11} peak {found.concentration.max().item():6.2f} uM   "
            f"p {found.released.item():.4f}   half of it by {found.latency.item():.2f} ms"
        )

# %% [markdown]
# ## What is left of release
#
# The block by each buffer, and the distances, which the result knows.

# %%
left = {}
for coupling in couplings:
    p = {pipette: runs[coupling, pipette].release("vesicle").released.item() for pipette in pipettes}
    left[coupling] = {pipette: p[pipette] / p["control"] for pipette in ("EGTA 10 mM", "BAPTA 1 mM")}
    apart = runs[coupling, "control"].coupling()
    print(
        f"{coupling:<23} nearest channel at {1e3 * apart.nearest.item():.0f} nm  ",
        {pipette: f"{100 * share:.1f} % left" for pipette, share in left[coupling].items()},
    )

# %% [markdown]
# ## One vesicle at a time
#
# The same chain by chance: a histogram of release times has the rate as its envelope.

# %%
control = runs["one channel, 20 nm", "control"]
times = release_times(control, "vesicle", trials=100_000).values
found = control.release("vesicle", times=np.linspace(0, 3, 61)).isel(sensor=0)
share = np.array([(times <= t).mean() for t in found.time.values])
worst = np.abs(share - found.probability.values).max()
print(f"of 100000 vesicles {np.isfinite(times).sum()} fused; largest difference of p {worst:.1e}")

# %%
one, ring = couplings
p = {coupling: runs[coupling, "control"].release("vesicle").released.item() for coupling in couplings}
assert abs(p[one] - p[ring]) < 0.02  # the same release without a buffer
assert left[one]["EGTA 10 mM"] > 0.85  # EGTA is too slow for 20 nm
assert left[ring]["EGTA 10 mM"] < 0.6  # and not for 100 nm
assert left[one]["BAPTA 1 mM"] < 0.5  # BAPTA is fast enough for both
assert left[ring]["BAPTA 1 mM"] < 0.01
assert worst < 6e-3  # Dvoretzky, Kiefer & Wolfowitz: 100000 trials miss this once in a thousand
