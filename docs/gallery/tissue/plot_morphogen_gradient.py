"""
A morphogen gradient
====================

Cells at the left edge release a morphogen, and the others switch genes where it exceeds a
threshold. Far from the sides the gradient is an exponential with the diffusion length √(D/γ). So if
the source releases twice as much, every border moves to the right by ln 2 diffusion lengths.
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

DIFFUSIVITY, DECAY, STEP = 10.0, 1e-3, 5.0  # µm²/s, 1/s, µm
LENGTH = np.sqrt(DIFFUSIVITY / DECAY)  # 100 µm
THRESHOLDS = (0.25, 0.05)
source = np.zeros((60, 200))
source[:, :6] = 1.0  # 30 µm
rng = np.random.default_rng(2)
cells = np.kron(rng.lognormal(-0.5, 1.0, (15, 50)), np.ones((4, 4)))  # of 20 µm, mean 1


def gradient(release, decay=DECAY):
    medium = dk.Medium(DIFFUSIVITY, decay, STEP, "reflecting")
    return dk.solve(production=release * source * 3e-3, medium=medium).field


# %%
# A border is where each row crosses the threshold, between nodes by the logarithm of the field.
def border(field, threshold):  # µm, where each row crosses the threshold
    logs = np.log(field)
    last = (field >= threshold).sum(axis=1) - 1
    rows = np.arange(len(field))
    part = (logs[rows, last] - np.log(threshold)) / (logs[rows, last] - logs[rows, last + 1])
    return (last + 0.5 + part) * STEP


# %%
# If each cell degrades the morphogen at its own rate, borders become rough.
once, twice, rough = gradient(1.0), gradient(2.0), gradient(1.0, DECAY * cells)
for threshold in THRESHOLDS:
    shift = (border(twice, threshold) - border(once, threshold)).mean()
    print(f"threshold {threshold}: {border(once, threshold).mean():.0f} µm from the edge,")
    print(f"  moves by {shift:.1f} µm, and ln 2 diffusion lengths are {np.log(2) * LENGTH:.1f} µm;")
    print(f"  if cells differ, it varies by ±{border(rough, threshold).std():.1f} µm")
    assert abs(shift - np.log(2) * LENGTH) < 0.01 * LENGTH

# %%
# Three fates of cells, where these differ.
shown = {"Release 1": once, "Release 2": twice, "Release 1, cells that differ": rough}


def show(axis, title):
    flag = np.digitize(shown[title], THRESHOLDS[::-1])
    axis.imshow(flag, cmap="Blues", vmax=2.5, extent=(0, 1000, 300, 0))
    axis.set(title=title, xlabel="µm", ylabel="µm")


show(plt.subplots(figsize=(5.25, 2.3), layout="constrained")[1], [*shown][-1])

# %%
# The fates of equal cells, for both releases, and the gradients.
axes = plt.subplots(3, 1, figsize=(5.25, 6.4), layout="constrained")[1]
show(axes[0], "Release 1"), show(axes[1], "Release 2")
for title, field in shown.items():
    axes[2].semilogy(np.arange(200) * STEP + STEP / 2, field[30], label=title)
for threshold in THRESHOLDS:
    axes[2].axhline(threshold, color="0.6", linewidth=1, zorder=0)
axes[2].set(xlabel="distance from the edge [µm]", ylabel="morphogen", xlim=(0, 1000))
axes[2].legend()
plt.show()
