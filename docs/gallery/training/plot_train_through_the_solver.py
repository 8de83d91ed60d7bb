"""
A network trained through the solver
====================================

How much does tissue take up if its cells lie more or less densely? We see images of density and
noisy fields, no uptake. The error of the *field* trains a small Keras network that maps density to
uptake.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_filter

import diffkeras as dk

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)
vessels = np.zeros((6, 24, 24))
vessels[:, 4::8, 4::8] = 1.0  # fixed nodes; the noise is 1 % of their concentration
problems = [dk.Problem(image, boundary="reflecting") for image in vessels]


# %%
# Random densities, and a law of uptake that the network has to find.
def draw_densities():
    smooth = gaussian_filter(rng.normal(size=vessels.shape), (0, 2, 2), mode="wrap")
    return np.float32(1 / (1 + np.exp(-2 * smooth / smooth.std())))


def true_uptake(density):  # 1/s; the network is not told this
    return 0.3 * density**2 * (1.6 - density)


# %%
# The network makes a map of uptake from a density, and the solver a field from the map.
# `dk.tensorflow.solve` passes gradients on.
class ThroughSolver(keras.Sequential):
    def train_step(self, data):
        with tf.GradientTape() as tape:
            field = dk.tensorflow.solve(problems, {"decay": self(data[0])[..., 0]})
            error = tf.reduce_mean((field - data[1]) ** 2)
        gradients = tape.gradient(error, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"error": error}


dense, scale = keras.layers.Dense, keras.layers.Rescaling
network = ThroughSolver([scale(4, -2), dense(8, "tanh"), dense(8, "tanh"), dense(1, "softplus")])

# %%
# The training, on fields with noise.
density, new = draw_densities(), draw_densities()
clean = np.array(dk.tensorflow.solve(problems, {"decay": true_uptake(density)}))
measured = np.float32(clean + rng.normal(0, 0.01, clean.shape))
network.compile(keras.optimizers.Adam(0.1), jit_compile=False)
errors = network.fit(density[..., None], measured, epochs=150, verbose=0).history["error"]
found, true = network.predict(new[..., None], verbose=0)[..., 0], true_uptake(new)
error = 100 * np.abs(found - true).mean() / true.mean()
print(f"error of fields {errors[-1] ** 0.5:.3f}, noise 0.01; of uptake in new images {error:.0f} %")
assert error < 10

# %%
# The law that the network has found, in new images.
plt.figure(figsize=(5.25, 4))
plt.plot(np.linspace(0, 1), true_uptake(np.linspace(0, 1)), label="true")
plt.plot(new.ravel(), found.ravel(), ".", markersize=2, label="learned from fields")
plt.gca().set(xlabel="density of cells", ylabel="uptake [1/s]", title="The law, in new images")
plt.legend(), plt.show()
