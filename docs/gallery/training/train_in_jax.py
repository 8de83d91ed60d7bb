"""
A network in JAX that knows the walls
=====================================

Here sources produce and walls absorb, so a field is a convolution of the sources and their negative
mirror images. One layer learns the kernel from 400 fields. JAX isn't installed where the
documentation is built: ``make test-frameworks`` runs this page.

.. image:: /images/train_in_jax.webp
"""

# sphinx_gallery_thumbnail_path = "images/train_in_jax.webp"
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax.example_libraries import optimizers

import diffkeras as dk
import diffkeras_benchmark

# %%
# To be quick, we take the split `validation`, in which source counts take turns. Train on `train`.
with tempfile.TemporaryDirectory() as folder:
    split = diffkeras_benchmark.load("production_64", "validation", data_dir=folder)
images, fields = split.inputs[..., 0], split.fields[..., 0] * split.maxima[:, None, None]
unit = fields.max()


# %%
# The mirror images make the walls, and a convolution by the learned kernel the field.
def network(kernel, images):
    walls = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))  # nodes that hold 0
    mirrored = jnp.pad(walls, ((0, 0), (0, 64), (0, 64)), "reflect", reflect_type="odd")
    product = jnp.fft.rfft2(mirrored) * jnp.fft.rfft2(kernel)
    return unit * jnp.fft.irfft2(product, mirrored.shape[1:])[:, 1:65, 1:65]


# %%
# The training.
rng = np.random.default_rng(0)
slope = jax.jit(jax.grad(lambda kernel, x, y: ((network(kernel, x) - y) ** 2).mean() / unit**2))
start, update, kernel_of = optimizers.adam(lambda number: 3e-4 * (1 - number / 400))
update, state = jax.jit(update), start(jnp.zeros((130, 130)))
for number in range(400):
    batch = rng.integers(0, 400, 10)
    state = update(number, slope(kernel_of(state), images[batch], fields[batch]), state)

# %%
# `dk.certify` proves how wrong the network is for another image.
predicted, exact = np.float64(network(kernel_of(state), images[-1:])[0]), fields[-1]
bound = dk.certify(predicted, split.problem(len(split) - 1)).node_bound
error = abs(predicted - exact)
print(f"of {exact.max():.3f}, {error.max():.6f} wrong, proven at most {bound.max():.6f}")
assert (error <= bound + split.bounds[-1] * unit).all()
panels = {"exact": exact, "predicted": predicted, "true error": error, "proven bound": bound}
figure = plt.figure(figsize=(5.25, 4.6), layout="constrained")
for place, (name, values) in enumerate(panels.items(), 1):
    axes = figure.add_subplot(2, 2, place, title=name)
    figure.colorbar(axes.imshow(values))
plt.show()
