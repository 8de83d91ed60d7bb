"""
Positions and strengths of sources
==================================

Three cells release a signal. We see its field, with noise, and don't know where the cells are and
how much each releases. We start from guesses that are 14 to 18 nodes off.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import diffkeras as dk

WIDTH, NOISE = 2.0, 0.2  # of a spot [nodes]; the field's largest value is about 10
rows, columns = np.indices((64, 64))


# %%
# A source is a small Gaussian spot of production.
def spots(sources):  # and their derivatives by row, column and strength
    y, x, strength = sources.reshape(3, 3).T[:, :, None, None]
    shapes = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * WIDTH**2))
    released = strength * shapes
    moved = [released * (rows - y) / WIDTH**2, released * (columns - x) / WIDTH**2, shapes]
    return released.sum(axis=0), np.stack(moved, axis=1).reshape(9, 64, 64)


def solve(sources):
    return dk.solve(production=spots(sources)[0], decay=0.01, boundary="reflecting")


# %%
# The adjoint solution (`vjp`) is the derivative of the misfit with respect to the production of
# each node. By the chain rule, it gives the derivatives with respect to position and strength.
def loss(sources):  # and its gradient
    solution = solve(sources)
    misfit = solution.field - measured
    by_production = solution.vjp(misfit)["production"]
    return (misfit**2).sum() / 2, np.tensordot(spots(sources)[1], by_production, 2)


# %%
# The fit. The standard errors follow from `jvp`.
true = np.array([14.0, 40.0, 1.0, 32.0, 12.0, 0.6, 50.0, 46.0, 1.4])  # row, column, strength
start = np.array([26.0, 30.0, 0.5, 34.0, 26.0, 0.5, 36.0, 34.0, 0.5])
measured = solve(true).field + np.random.default_rng(3).normal(0, NOISE, (64, 64))
path = [start]
fit = minimize(loss, start, jac=True, method="L-BFGS-B", callback=path.append)
steps = np.reshape(path, (-1, 3, 3))
slopes = [solve(fit.x).jvp({"production": change}).ravel() for change in spots(fit.x)[1]]
errors = NOISE * np.sqrt(np.diag(np.linalg.inv(np.inner(slopes, slopes))))
for name, at in ("row", 0), ("column", 1), ("strength", 2):
    print(f"{name}: wrong by {(fit.x - true)[at::3].round(3)}, expected ±{errors[at::3].round(3)}")
assert (np.abs(fit.x - true) < 4 * errors).all()

# %%
# The path of the three sources.
axes = plt.subplots(figsize=(5.25, 4.4), layout="constrained")[1]
plt.colorbar(axes.imshow(measured), label="signal [concentration]")
axes.set(title="From wrong guesses to the sources", xlabel="column", ylabel="row")
axes.plot(steps[..., 1], steps[..., 0], "w.-", linewidth=1)
axes.plot(*steps[0, :, 1::-1].T, "ws", label="start")
axes.plot(true[1::3], true[::3], "r+", markersize=12, label="true")
axes.legend(facecolor="0.4", labelcolor="w")
plt.show()
