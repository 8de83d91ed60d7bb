"""
Ten parameters by gradients, and by ABC
=======================================

Three types of cells lie in a gel. Ten parameters are known to a factor of 4 only: each type's
maximal uptake and its constant, decay, what some cells release, diffusivity in cells and in gel.
Which needs fewer solutions of the model: an optimizer that follows gradients (`vjp`), or
approximate Bayesian computation (ABC)?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import diffkeras as dk

TRUE = np.log([0.02, 0.03, 0.04, 0.1, 0.2, 0.4, 0.01, 0.3, 0.3, 0.6])
NOISE, rng = 0.02, np.random.default_rng(0)  # 1 % of the largest concentration
low, high = TRUE + np.log(4) * (rng.uniform(-0.7, 0.7, 10) + np.array([[-1], [1]]))
kind = np.add.outer(np.arange(24) // 4, np.arange(24) // 4 * 2) % 4  # types 0 to 2, and gel 3
inflow, cells = np.zeros((2, 24, 24))
inflow[:, 0], cells[4::8, 4::8] = 0.2, 1.0  # the inflow is known
masks = [(f"uptake.{of}", kind == each) for of in ("maximum", "constant") for each in range(3)]
masks += [("decay", 1), ("production", cells), ("diffusivity", kind < 3), ("diffusivity", kind > 2)]


# %%
# The model, for logarithms of the parameters.
def solve(logs):
    maxima, constants, (decay, release, slow, fast) = np.split(np.exp(logs), [3, 6])
    uptake = dk.MichaelisMenten(np.append(maxima, 0)[kind], np.append(constants, 1)[kind])
    medium = dk.Medium(np.where(kind < 3, slow, fast), decay, boundary="reflecting")
    return dk.solve(production=inflow + release * cells, uptake=uptake, medium=medium)


# %%
# The misfit and its gradient, which needs one adjoint solution.
def loss(logs):  # and its gradient
    tried.append(logs)
    misfit = ((solution := solve(logs)).field - measured) / NOISE
    slopes = solution.vjp(misfit / NOISE)
    gradient = [np.sum(slopes[name] * mask) for name, mask in masks] * np.exp(logs)
    return (misfit**2).sum() / 2, gradient


# %%
# The fit by gradients, in two solutions per step.
measured, tried = solve(TRUE).field + rng.normal(0, NOISE, (24, 24)), []
minimize(loss, (low + high) / 2, jac=True, method="L-BFGS-B", bounds=np.c_[low, high])

# %%
# ABC takes the mean of the 50 random draws whose fields are nearest to the measured one.
draws = rng.uniform(low, high, (2000, 10))
gaps = np.array([np.linalg.norm(solve(draw).field - measured) for draw in draws])
sizes = np.arange(100, 2001, 100)
means = np.array([draws[np.argsort(gaps[:size])[:50]].mean(axis=0) for size in sizes])
by_abc, errors = (np.sqrt(((each - TRUE) ** 2).mean(axis=1)) for each in (means, np.array(tried)))
work = 2 * np.arange(1, len(errors) + 1)  # a field and its adjoint for each gradient
equal = work[np.flatnonzero(errors > by_abc.min())[-1] + 1]  # from here on they are better
print(f"ABC: error {by_abc.min():.2f} at best, with {sizes[by_abc.argmin()]} solutions")
print(f"gradients: as good with {equal}, error {errors[-1]:.2f} in the end, with {work[-1]}")
assert max(10 * equal / sizes[by_abc.argmin()], 3 * errors[-1] / by_abc.min()) < 1

# %%
# Errors against the number of solutions.
plt.figure(figsize=(5.25, 4))
plt.loglog(sizes, by_abc, ".-", label="ABC")
plt.loglog(work, errors, ".-", label="gradients")
plt.axhline(errors[0], color="0.6", zorder=0, label="middle of the ranges")
plt.title("Error of ten parameters"), plt.legend()
plt.xlabel("solutions of the model"), plt.ylabel("error of the logarithms (0.1: about 10 %)")
plt.show()
