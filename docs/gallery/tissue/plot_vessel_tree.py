"""
A tree of vessels
=================

A vessel enters 1 mm² of tissue and branches. Each generation has branches of seven tenths of the
length, and a thinner wall lets more oxygen through. How many generations does the tissue need?
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

SIDE, STEP, LIMIT, HELD = 200, 5.0, 5.0, 60.0  # nodes, µm, mmHg, mmHg
medium = {"diffusivity": 2000.0, "step": STEP, "boundary": "reflecting"}  # µm²/s
uptake = dk.MichaelisMenten(8.0, 2.0)  # mmHg/s, mmHg


# %%
# The tree: each branch is its start (y, x), its angle and its length.
def grow(branches):  # two branches from the end of each: (y, x, angle, length) in µm
    ends = branches[:, :2] + branches[:, 3:] * directions(branches)
    turned = [branches[:, 2:3] + turn for turn in (-0.62, 0.55)]
    return np.concatenate([np.hstack([ends, angle, 0.7 * branches[:, 3:]]) for angle in turned])


def directions(branches):
    return np.stack([np.sin(branches[:, 2]), np.cos(branches[:, 2])], axis=1)


def draw(exchange, branches, rate):  # 1/s on the nodes of these branches
    along = np.linspace(0, 1, 200)[:, None, None]
    points = branches[:, :2] + along * branches[:, 3:] * directions(branches)
    nodes = (points // STEP).astype(int).reshape(-1, 2).clip(0, SIDE - 1)
    exchange[tuple(nodes.T)] = rate


# %%
# A vessel exchanges oxygen in proportion to the difference from its own 60 mmHg, so it is a
# production and a decay on its nodes. The mean of the tissue comes with a proof (`quantity`).
branches, exchange = np.array([[500.0, 0.0, 0.0, 300.0]]), np.zeros((SIDE, SIDE))
shares, solutions = [], []
for generation in range(7):
    draw(exchange, branches, rate=2.0 + generation)
    decay = exchange + 1e-3
    solution = dk.solve(production=HELD * exchange, decay=decay, uptake=uptake, **medium)
    shares.append(100 * (solution.field < LIMIT).mean())
    mean = solution.quantity(np.full((SIDE, SIDE), SIDE**-2.0))
    print(f"{len(branches):2} new branches: {shares[-1]:.1f} % below 5 mmHg,")
    print(f"  mean {mean.value:.6f} mmHg, proven to {mean.error_bound:.0e}")
    solutions.append((generation, solution.field))
    branches = grow(branches)
assert all(np.diff(shares) < 0)


# %%
# The tree of seven generations. Tissue below 5 mmHg is outlined in red.
def show(axis, generation, field):
    extent = (0, 1000, 0, 1000)
    picture = axis.imshow(field, extent=extent, origin="lower", vmin=0, vmax=HELD)
    axis.contour(field, [LIMIT], extent=extent, colors="r", linewidths=1)
    axis.set(title=f"{generation + 1} generations: {shares[generation]:.0f} %", xlabel="µm")
    return picture


figure, axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")
figure.colorbar(show(axis, *solutions[-1]), label="oxygen [mmHg]")

# %%
# Smaller trees, and the share of the tissue below 5 mmHg.
figure, axes = plt.subplots(3, 1, figsize=(4.4, 9), layout="constrained")
for axis, solved in zip(axes, solutions[:6:2], strict=True):
    picture = show(axis, *solved)
figure.colorbar(picture, ax=axes, label="oxygen [mmHg]")
plt.show()
