"""
The exact solver in another program
===================================

A program that has TensorFlow and not diffkeras can still have the exact solver: `TensorSolver`
exports it for a medium and a lattice, as a SavedModel of some hundred kilobytes. Its `certified`
returns each field with its proof. We load it as such a program would, and give it sources of any
shape.
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
proof = program.certified(tf.constant(images))
fields, bounds = proof["field"].numpy()[..., 0], proof["error_bound"].numpy()

axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")[1]
for axis, name, image, field, bound in zip(
    axes, ("ring", "letter", "spiral"), images, fields, bounds, strict=True
):
    true = np.abs(field - dk.solve(image[..., 0], decay=DECAY, boundary="reflecting").field).max()
    print(f"{name}: proven to {bound:.1e}, and {true:.1e} from `dk.solve`")
    assert true <= bound < 1e-4
    picture = axis.imshow(field, vmin=0, vmax=1)
    axis.set(title=f"{name}: within {bound:.0e}", xlabel="column")
plt.colorbar(picture, ax=axes, label="concentration")
plt.show()
