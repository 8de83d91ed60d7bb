"""
Media that vary
===============

A drug diffuses from two vessels into a tumour with a dense capsule and a necrotic core. In the
capsule it diffuses at a fiftieth of its usual rate, and in the core nothing takes it up. How wrong
is a model that gives the whole tissue its mean diffusivity and mean uptake?
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

STEP = 10.0  # µm
y, x = np.indices((100, 120)) * STEP  # µm
distance = np.hypot(y - 500, (x - 600) / 1.2)
tumour, core = distance < 300, distance < 130
capsule = tumour & (distance > 260)
vessels = np.zeros(y.shape)
for centre in ((200, 120), (850, 1050)):
    vessels[np.hypot(y - centre[0], x - centre[1]) < 40] = 1.0  # of the concentration in blood

# %%
# Maps of diffusivity and uptake make the problem. The other model has their means.
diffusivity = np.where(capsule, 2.0, 100.0)  # µm²/s
uptake = np.where(core, 0.0, np.where(tumour, 2e-3, 2e-4))  # 1/s
medium = {"decay": 1e-5, "step": STEP, "boundary": "reflecting"}
tissue = dk.Problem(vessels, uptake=uptake, diffusivity=diffusivity, **medium)
solution = dk.solve(tissue)
average = dk.solve(vessels, uptake=uptake.mean(), diffusivity=diffusivity.mean(), **medium)

# %%
# `dk.certify` proves how wrong it is at each node, without the exact field.
certificate = dk.certify(average.field, tissue)
true = np.abs(average.field - solution.field)
where = tumour & ~core
weights = where / where.sum()
exact = solution.quantity(weights)
print(f"the solver: no node is more than {solution.error_bound:.0e} off, proven")
print(f"mean medium: up to {true.max():.3f} off, proven at most {certificate.error_bound:.3f}")
print(f"living tumour: {exact.value:.5f}, and {(weights * average.field).sum():.5f} by the means")
assert (true <= certificate.node_bound + solution.node_bound).all()
assert 0.1 < certificate.error_bound < 1.5 * true.max()


# %%
# The exact field.
def show(axis, title, values, **style):
    picture = axis.imshow(values, extent=(0, 1200, 0, 1000), origin="lower", **style)
    axis.figure.colorbar(picture, ax=axis, shrink=0.8)
    axis.contour(x, y, tumour, [0.5], colors="w", linewidths=0.8)
    axis.set(title=title, xlabel="µm")


show(plt.subplots(figsize=(5.25, 3.8), layout="constrained")[1], "Drug", solution.field, vmax=1)

# %%
# The medium, the field of its means, and the proven bound of that field's error.
axes = plt.subplots(3, 1, figsize=(4.4, 9), layout="constrained")[1]
shown = {
    "Diffusivity [µm²/s]": (diffusivity, {"cmap": "Greys_r"}),
    "Drug, mean medium": (average.field, {"vmin": 0, "vmax": 1}),
    "Proven bound of its error": (certificate.node_bound, {"cmap": "magma"}),
}
for axis, (title, (values, style)) in zip(axes, shown.items(), strict=True):
    show(axis, title, values, **style)
plt.show()
