"""
Certify a wrong field
=====================

A field may come from anywhere: a network, another program, a colleague. `dk.certify` bounds its
error at each node, without the exact solution.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import diffkeras as dk

rng = np.random.default_rng(4)
sources = dk.sample_sources(6, (96, 96), radius=4, rng=rng).image()
problem = dk.Problem(sources, decay=1 / 400, boundary="reflecting")
exact = dk.solve(problem).field
# %%
# Three wrong fields: noisy, too smooth, and one whose rate of decay is 3 % off, which no picture
# shows.
wrong = {
    "noise": exact + rng.normal(0, 0.01, exact.shape),
    "smoothed": np.where(sources > 0, sources, gaussian_filter(exact, 2)),
    "decay 3 % off": dk.solve(sources, decay=1.03 / 400, boundary="reflecting").field,
}

# %%
# The proven bounds, and the true errors.
certificates = {name: dk.certify(field, problem) for name, field in wrong.items()}
for name, certificate in certificates.items():
    true = np.abs(wrong[name] - exact)
    print(f"{name}: up to {true.max():.4f} wrong, proven at most {certificate.error_bound:.4f}")
    assert (true <= certificate.node_bound + 1e-12).all()
    assert certificate.error_bound < 3 * true.max()

# %%
# The bound of the smoothed field.
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
plt.colorbar(axis.imshow(certificates["smoothed"].node_bound, cmap="magma"), label="|error| ≤")
axis.set(title="Proven bound, smoothed", xlabel="column", ylabel="row")

# %%
# All fields, their errors and their bounds.
figure, axes = plt.subplots(6, 2, figsize=(5.25, 13), layout="constrained")
for row, (name, field) in zip(axes.reshape(3, 4), wrong.items(), strict=True):
    true, bound = np.abs(field - exact), certificates[name].node_bound
    row[0].imshow(field, vmin=0, vmax=1)
    for axis, values in zip(row[1:3], (true, bound), strict=True):
        picture = axis.imshow(values, vmin=0, vmax=bound.max(), cmap="magma")
    figure.colorbar(picture, ax=row[2])
    row[3].loglog(true.ravel() + 1e-9, bound.ravel() + 1e-9, ".", ms=1)
    row[3].axline((1e-3, 1e-3), (1e-2, 1e-2), color="k", linewidth=0.8)
    row[3].set(xlabel="true error", ylabel="bound", xlim=(1e-6, None), ylim=(1e-6, None))
    for axis, title in zip(row, ("Field", "True error", "Proven bound", "Each node"), strict=True):
        axis.set_title(f"{title},\n{name}")
plt.show()
