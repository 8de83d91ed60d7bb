"""
Places of vessels against hypoxia
=================================

Six vessels supply a tumour and the tissue around it. Where should they lie, so that as little of
the tumour as possible has less than 5 mmHg of oxygen?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import diffkeras as dk

LIMIT, DECAY, RADIUS, RATE = 5.0, 1e-3, 15.0, 25.0  # mmHg, 1/s; µm and 1/s of a vessel
places = np.indices((64, 64)) * 10.0  # µm
tumour = np.hypot(places[0] - 320, (places[1] - 320) / 1.3) < 200
uptake = dk.MichaelisMenten(np.where(tumour, 12.0, 2.0), constant=2.0)  # mmHg/s, mmHg
medium = {"diffusivity": 2000.0, "step": 10.0, "boundary": "reflecting"}  # µm²/s, µm


# %%
# A vessel exchanges oxygen with the tissue in proportion to the difference from its own 40 mmHg.
def vessels(centres):  # and their derivatives by row and column
    offsets = places - centres.reshape(6, 2, 1, 1)
    exchange = RATE * np.exp(-(offsets**2).sum(axis=1, keepdims=True) / (2 * RADIUS**2))
    return exchange.sum(axis=(0, 1)), exchange * offsets / RADIUS**2


def solve(centres):
    exchange, _ = vessels(centres)
    return dk.solve(production=40 * exchange, decay=exchange + DECAY, uptake=uptake, **medium)


# %%
# A smooth step counts hypoxic nodes. Its gradient with respect to the vessels' positions needs one
# adjoint solution (`vjp`).
def loss(centres):  # the smooth hypoxic percentage of the tumour, and its gradient
    solution = solve(centres)
    hypoxic = 100 * tumour / tumour.sum() / (1 + np.exp((solution.field - LIMIT) / 2))
    slopes = solution.vjp(-hypoxic * (1 - hypoxic * tumour.sum() / 100) / 2)
    by_exchange = 40 * slopes["production"] + slopes["decay"]
    return hypoxic.sum(), (by_exchange * vessels(centres)[1]).sum(axis=(2, 3)).ravel()


# %%
# The best places. `quantity` gives the mean oxygen with a proven bound.
start = np.array([100, 100, 120, 500, 320, 330, 360, 290, 540, 200, 560, 420])  # µm
fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 630)] * 12)
solutions, shares = {"Before": solve(start), "After": solve(fit.x)}, []
for name, solution in solutions.items():
    mean = solution.quantity(tumour / tumour.sum())
    shares.append(100 * (solution.field[tumour] < LIMIT).mean())
    print(f"{name}: {shares[-1]:.1f} % of the tumour is hypoxic")
    print(f"its mean is {mean.value:.9f} mmHg, proven to {mean.error_bound:.0e}")
assert shares[1] < shares[0] / 5

# %%
# After and before: the tumour (white), and 5 mmHg of oxygen (red).
for name in ("After", "Before"):
    figure, axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")
    field = solutions[name].field
    picture = axis.imshow(field, vmin=0, vmax=40, extent=(-5, 635, 635, -5))
    figure.colorbar(picture, label="oxygen [mmHg]")
    axis.contour(*places[::-1], tumour, [0.5], colors="w")
    axis.contour(*places[::-1], field, [LIMIT], colors="r", linewidths=1)
    axis.set(title=name, xlabel="µm", ylabel="µm")
plt.show()
