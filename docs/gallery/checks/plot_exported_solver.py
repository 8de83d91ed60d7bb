"""
The exact solver in another program
===================================

A program that has TensorFlow and not diffkeras can still have the exact solver: `TensorSolver`
exports it for a medium and a lattice, as a SavedModel of some hundred kilobytes.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import diffkeras as dk
from diffkeras.graph import TensorSolver

SIDE, DECAY = 64, 1 / 100
with tempfile.TemporaryDirectory() as folder:
    TensorSolver(SIDE, decay=DECAY, boundary="reflecting").export(folder)
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    print(f"the SavedModel has {size / 1e3:.0f} kB")
    program = tf.saved_model.load(folder)  # from here on, nothing of diffkeras

# %%
# Sources of any shape.
rows, columns = np.indices((SIDE, SIDE))
ring = np.abs(np.hypot(rows - 32, columns - 32) - 20) < 2
letter = np.zeros((SIDE, SIDE), bool)
letter[12:52, 20:26] = letter[12:18, 20:46] = letter[29:35, 20:40] = True
spiral = np.zeros((SIDE, SIDE), bool)
turn = np.linspace(0, 5 * np.pi, 2000)
spiral[
    (32 + 1.6 * turn * np.sin(turn)).astype(int), (32 + 1.6 * turn * np.cos(turn)).astype(int)
] = 1
images = np.stack([ring, letter, spiral]).astype(np.float32)[..., None]

# %%
# The signature `certified` returns each field with its proven bound.
proof = program.certified(tf.constant(images))
fields, bounds = proof["field"].numpy()[..., 0], proof["error_bound"].numpy()
names = ("ring", "letter", "spiral")
for name, image, field, bound in zip(names, images, fields, bounds, strict=True):
    true = np.abs(field - dk.solve(image[..., 0], decay=DECAY, boundary="reflecting").field).max()
    print(f"{name}: proven to {bound:.1e}, and {true:.1e} from `dk.solve`")
    assert true <= bound < 1e-4


# %%
# The spiral, and the other two.
def show(axes, numbers):
    for axis, number in zip(axes, numbers, strict=True):
        picture = axis.imshow(fields[number], vmin=0, vmax=1)
        title = f"{names[number]}: within {bounds[number]:.0e}"
        axis.set(title=title, xlabel="column", ylabel="row")
    plt.colorbar(picture, ax=axes, label="concentration")


show([plt.subplots(figsize=(5.4, 4.4), layout="constrained")[1]], [2])
show(plt.subplots(1, 2, figsize=(9, 4), layout="constrained")[1], [0, 1])
plt.show()
