"""
Walls of each kind
==================

The same four cells secrete into the same dish. What lies beyond its walls decides the rest: nothing
that holds the substance (absorbing), glass (reflecting), the same dish again (periodic), a
reservoir that holds a value, a pump with a given flux, or a membrane (Robin).
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

STEP, DIFFUSIVITY, DECAY = 5.0, 100.0, 0.01  # µm, µm²/s, 1/s
cells = np.zeros((60, 80))
for row, column in ((8, 12), (30, 70), (45, 35), (52, 8)):
    cells[row - 2 : row + 3, column - 2 : column + 3] = 8.0  # per s
medium = {"diffusivity": DIFFUSIVITY, "decay": DECAY, "step": STEP}
walls = {
    "absorbing": "absorbing",
    "reflecting": "reflecting",
    "periodic": "periodic",
    "the top holds 30": ((dk.FixedValue(30.0), "reflecting"), "reflecting"),
    "a flux of 20 µm/s into the left": ("reflecting", (dk.FixedFlux(20.0), "reflecting")),
    "a membrane on the right, α = 1 µm/s": ("reflecting", ("reflecting", dk.Robin(1.0, 0.0))),
}


# %%
# What leaves through the walls, per µm of depth.
def leaves(name, field):  # through the walls, per µm of depth and s
    edges = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
    if name == "absorbing":  # the value 0 is held one step outside
        return DIFFUSIVITY * edges.sum()
    if "top" in name:
        return DIFFUSIVITY * (field[0] - 30.0).sum()
    if "flux" in name:
        return -20.0 * STEP * len(field)
    if "membrane" in name:  # the membrane lies half a step beyond the nodes
        return 1.0 / (1 + STEP / (2 * DIFFUSIVITY)) * STEP * field[:, -1].sum()
    return 0.0


# %%
# What is released must decay or leave, so the balance checks each field.
released = cells.sum() * STEP**2
fields = {}
for name, boundary in walls.items():
    fields[name] = dk.solve(production=cells, boundary=boundary, **medium).field
    decays = DECAY * fields[name].sum() * STEP**2
    out = leaves(name, fields[name])
    print(f"{name}: {released:.0f} released, {decays:.1f} decay, {out:.1f} leave")
    assert abs(released - decays - out) < 1e-6 * released


# %%
# A membrane on the right lets some of the substance through.
def show(axis, name):
    axis.set(title=name, xlabel="µm", ylabel="µm")
    return axis.imshow(fields[name], vmin=0, vmax=40, extent=(0, 400, 300, 0))


figure, axis = plt.subplots(figsize=(5.25, 3.8), layout="constrained")
figure.colorbar(show(axis, [*walls][-1]), label="concentration", extend="max")

# %%
# All walls.
figure, axes = plt.subplots(3, 2, figsize=(5.25, 6.4), layout="constrained")
for axis, name in zip(axes.flat, walls, strict=True):
    picture = show(axis, name)
figure.colorbar(picture, ax=axes, label="concentration", extend="max")
plt.show()
