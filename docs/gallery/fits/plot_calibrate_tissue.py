"""
Six rates of a tissue by MCMC, with proven fields
=================================================

64 probes measured oxygen in a tissue whose map is known. Which rates explain it? emcee samples
their posterior by fields of a reduced basis of this tissue. For your tissue, change the masks, the
ranges and what was measured.
"""

import emcee
import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

NOISE, SLACK, WALKERS, STEPS = 1.0, 0.1, 24, 100  # mmHg; of log-likelihoods
rows, columns = np.indices((48, 48))  # nodes 10 µm apart
vessels = np.isin(columns // 4, [1, 6, 10]) & np.isin(rows // 4, [2, 9])
tumour = (np.hypot(rows - 22, columns - 25) < 13) & ~vessels
immune = (np.hypot(rows - 40, columns - 12) < 7) & ~vessels & ~tumour
medium = dk.Medium(diffusivity=2000.0, step=10.0, decay=0.01, boundary="reflecting")  # µm²/s, µm
problem = dk.Problem(40.0 * vessels, uptake=dk.MichaelisMenten(~vessels, 2.5), medium=medium)
# %%
# Ranges of the six rates make a family of problems, which a reduced basis learns.
ranges = {"uptake.maximum[tumour]": (2.0, 20.0), "uptake.maximum[immune]": (1.0, 10.0)}  # mmHg/s
ranges |= {"uptake.maximum": (0.3, 3.0), "uptake.constant": (1.0, 10.0)}  # elsewhere; mmHg
ranges |= {"decay": (0.003, 0.03), "values[vessels]": (25.0, 50.0)}  # 1/s, mmHg
family = dk.Family(problem, ranges, {"tumour": tumour, "immune": immune, "vessels": vessels})
basis = dk.ReducedBasis.train(family, 150, modes=60)
true, rng = np.array([8.0, 4.0, 1.2, 2.5, 0.01, 40.0]), np.random.default_rng(0)
measured = dk.solve(family.problem_at(true)).field[3::6, 3::6] + rng.normal(0, NOISE, (8, 8))


# %%
# Each field has a proven bound b. With misfits r, in units of the noise, its log-likelihood is
# wrong by at most ``Σ (|r| b + b²/2)``. If this exceeds 0.1, a better field follows. Within the
# ranges, all logarithms are equally likely before the measurement.
def log_posterior(logs):
    if not family.contains(np.exp(logs)):
        return -np.inf
    for tolerance in (1e-4, 1e-6):
        found = basis.predict(np.exp(logs), tolerance)
        bound, misfit = found.node_bound / NOISE, (found.field[3::6, 3::6] - measured) / NOISE
        if np.sum((np.abs(misfit) + bound[3::6, 3::6] / 2) * bound[3::6, 3::6]) <= SLACK:
            break
    return -0.5 * np.sum(misfit**2)


# %%
# The chain.
np.random.seed(0)  # noqa: NPY002 - emcee draws from this generator
sampler = emcee.EnsembleSampler(WALKERS, 6, log_posterior)
sampler.run_mcmc(np.log(true) + rng.uniform(-0.2, 0.2, (WALKERS, 6)), STEPS)
samples = np.exp(sampler.get_chain(discard=STEPS // 3, flat=True))
hits = np.sum(np.abs(np.mean(samples < true, axis=0) - 0.5) < 0.475)
print(f"{hits} of 6 rates lie in the middle 95 % of their samples")
assert hits >= 4
# %%
# The tissue, its probes (red), and the posteriors beside the true rates.
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
plt.colorbar(axis.imshow(basis.fields(true)), label="oxygen [mmHg]")
axis.contour(tumour | immune, [0.5], colors="w")
axis.plot(columns[3::6, 3::6], rows[3::6, 3::6], "r.")
axis.set(title="Tumour and immune cells", xlabel="column, 10 µm each", ylabel="row")
axes = plt.subplots(3, 2, figsize=(5.25, 5.6), layout="constrained")[1]
for axis, name, chain, value in zip(axes.flat, ranges, samples.T, true, strict=True):
    axis.hist(chain, 25, range=ranges[name], color="0.7")
    axis.axvline(value, color="r")
    axis.set(title=name, yticks=[], xlim=ranges[name])
plt.show()
