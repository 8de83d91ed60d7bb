"""
Uptake of each cell from a noisy field
======================================

30 cells take up oxygen at rates that we want to know from a noisy field.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import diffkeras as dk

CELLS, NOISE, USUAL, SPREAD = 30, 0.5, 15.0, 0.5  # mmHg, mmHg/s; spread of logarithms of rates
rng = np.random.default_rng(1)
nodes, centres = np.indices((64, 64))[:, None], rng.uniform(0, 64, (2, CELLS, 1, 1))
cell_of = np.hypot(*(nodes - centres)).argmin(axis=0)  # a node belongs to the nearest centre
cells = cell_of == np.arange(CELLS)[:, None, None]
offsets = nodes - np.reshape([8, 20, 54, 12, 52, 30], (2, 3, 1, 1))  # from the vessels' centres
vessels = np.where(np.hypot(*offsets).min(axis=0) < 4, 40.0, 0.0)  # fixed nodes at 40 mmHg
medium = dk.Medium(diffusivity=2000.0, step=2.0, decay=0.0, boundary="reflecting")  # µm²/s, µm


# %%
# We minimise the squared misfit and a penalty on unusual rates, with one adjoint solution (`vjp`)
# for each gradient.
def solve(logs):  # of the rates, relative to the usual one
    uptake = dk.MichaelisMenten(USUAL * np.exp(logs)[cell_of], constant=2.0)
    return dk.solve(vessels, uptake=uptake, medium=medium, tolerance=1e-8)


def loss(logs):  # and its gradient
    solution = solve(logs)
    misfit = (solution.field - measured) / NOISE
    by_node = solution.vjp(misfit / NOISE)["uptake.maximum"]
    gradient = USUAL * np.exp(logs) * (cells * by_node).sum(axis=(1, 2)) + logs / SPREAD**2
    return ((misfit**2).sum() + (logs**2).sum() / SPREAD**2) / 2, gradient


# %%
# Error bars follow from `jvp` (Laplace's approximation). They are wide for cells that lie in a
# vessel.
true = rng.normal(0, SPREAD, CELLS)
measured = solve(true).field + rng.normal(0, NOISE, (64, 64))
fit = minimize(loss, np.zeros(CELLS), jac=True, method="L-BFGS-B", options={"ftol": 1e-6})
best, rates, found = solve(fit.x), USUAL * np.exp(true), USUAL * np.exp(fit.x)
changes = found[:, None, None] * cells / NOISE
slopes = [best.jvp({"uptake.maximum": change}).ravel() for change in changes]
covariance = np.linalg.inv(np.inner(slopes, slopes) + np.eye(CELLS) / SPREAD**2)
bars = 2 * np.sqrt(covariance.diagonal())
hits = np.sum(np.abs(fit.x - true) < bars)
print(f"{hits} of {CELLS} rates lie within two standard errors; 28 or 29 are expected")
print(f"misfit {(best.field - measured).std():.2f} mmHg, noise {NOISE} mmHg")
assert hits >= 26

# %%
# The measured field, and the fitted rates.
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
plt.colorbar(axis.imshow(measured), label="oxygen [mmHg]")
for cell in cells:
    axis.contour(cell, [0.5], colors="w", linewidths=0.8)
axis.set(title="Measured oxygen, and the cells", xlabel="column, 2 µm each", ylabel="row")
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
axis.errorbar(rates, found, found * np.abs(np.exp([-bars, bars]) - 1), fmt=".")
axis.axline((15, 15), slope=1, color="0.6", zorder=0)
axis.set(title="Uptake [mmHg/s], ±2 standard errors", xlabel="true rate", ylabel="fitted rate")
plt.show()
