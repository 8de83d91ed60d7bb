"""
A map of diffusivity from noisy fields
======================================

In a region of a tissue, a drug diffuses 5 times more slowly. Where? We let the drug enter from the
left, then from above, and measure both fields. Every node has its own diffusivity, so there are
2304 unknowns.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import diffkeras as dk

NOISE, SMOOTHNESS = 0.003, 30.0  # the drug enters with concentration 1
slow = np.hypot(*(np.indices((48, 48)) - [[[20]], [[26]]])) < 10
true = np.where(slow, 0.2, 1.0)
entries = np.zeros((2, 48, 48))
entries[0, :, 0] = entries[1, 0, :] = 1.0  # fixed nodes
medium = {"decay": 0.001, "boundary": "reflecting"}


# %%
# One adjoint solution for each field (`vjp`) gives all derivatives. A penalty on differences
# between neighbours, weighted so that the misfit equals the noise, makes the map smooth.
def solve(logs):  # of the diffusivity
    problems = [dk.Problem(each, diffusivity=np.exp(logs), **medium) for each in entries]
    return dk.solve_many(problems, tolerance=1e-8)


def loss(flat):  # and its gradient
    logs = flat.reshape(48, 48)
    gradient, squares = np.zeros((48, 48)), 0.0
    for solution, seen in zip(solve(logs), measured, strict=True):
        misfit = (solution.field - seen) / NOISE
        gradient += solution.vjp(misfit / NOISE)["diffusivity"] * np.exp(logs)
        squares += (misfit**2).sum()
    for axis in 0, 1:
        jumps = np.diff(logs, axis=axis)
        squares += SMOOTHNESS * (jumps**2).sum()
        gradient -= SMOOTHNESS * np.diff(jumps, axis=axis, prepend=0, append=0)
    return squares / 2, gradient.ravel()


# %%
# The fit.
clean = np.stack([solution.field for solution in solve(np.log(true))])
measured = clean + np.random.default_rng(3).normal(0, NOISE, clean.shape)
fit = minimize(loss, np.zeros(48 * 48), jac=True, method="L-BFGS-B")
found = np.exp(fit.x).reshape(48, 48)
fitted = np.stack([solution.field for solution in solve(np.log(found))])
print(f"misfit {(fitted - measured).std():.4f}, noise {NOISE}")
inside, outside = (np.exp(np.log(found[where]).mean()) for where in (slow, ~slow))
print(f"diffusivity in the slow region {inside:.2f} (true 0.2), elsewhere {outside:.2f} (true 1)")
agreement = np.mean((found < 0.45) == slow)
print(f"{100 * agreement:.1f} % of nodes are recognised as slow or not")
assert np.allclose([inside, outside, agreement], [0.2, 1.0, 1.0], atol=0.06)


# %%
# The map that was found, the true one, and a measured field.
def show(axis, title, values, label, **style):
    axis.figure.colorbar(axis.imshow(values, **style), ax=axis, label=label)
    axis.set(title=title, xlabel="column", ylabel="row")


map_of = {"label": "diffusivity [nodes²/s]", "cmap": "cividis", "vmin": 0, "vmax": 1.2}
show(plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1], "Found", found, **map_of)
axes = plt.subplots(2, 1, figsize=(5.25, 7.6), layout="constrained")[1]
show(axes[0], "True", true, **map_of)
show(axes[1], "Measured, from the left", measured[0], "drug [concentration]")
plt.show()
