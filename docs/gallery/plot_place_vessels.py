"""
Places of vessels against hypoxia
=================================

Six vessels supply a tumour and the tissue around it. Where should they lie, so that as little of
the tumour as possible has less than 5 mmHg of oxygen? A vessel exchanges oxygen with the tissue in
proportion to the difference from its own 40 mmHg. We count hypoxic nodes by a smooth step, whose
gradient by the vessels' positions needs one adjoint solution (`vjp`). `quantity` gives the mean
oxygen with a proven bound.
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


def vessels(centres):  # and their derivatives by row and column
    offsets = places - centres.reshape(6, 2, 1, 1)
    exchange = RATE * np.exp(-(offsets**2).sum(axis=1, keepdims=True) / (2 * RADIUS**2))
    return exchange.sum(axis=(0, 1)), exchange * offsets / RADIUS**2


def solve(centres):
    exchange, _ = vessels(centres)
    return dk.solve(production=40 * exchange, decay=exchange + DECAY, uptake=uptake, **medium)


def loss(centres):  # the smooth hypoxic percentage of the tumour, and its gradient
    solution = solve(centres)
    hypoxic = 100 * tumour / tumour.sum() / (1 + np.exp((solution.field - LIMIT) / 2))
    slopes = solution.vjp(-hypoxic * (1 - hypoxic * tumour.sum() / 100) / 2)
    by_exchange = 40 * slopes["production"] + slopes["decay"]
    return hypoxic.sum(), (by_exchange * vessels(centres)[1]).sum(axis=(2, 3)).ravel()


start = np.array([100, 100, 120, 500, 320, 330, 360, 290, 540, 200, 560, 420])  # µm
fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 630)] * 12)
axes, shares = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")[1], []
for axis, name, centres in zip(axes, ("Before", "After"), (start, fit.x), strict=True):
    solution = solve(centres)
    mean = solution.quantity(tumour / tumour.sum())
    shares.append(100 * (solution.field[tumour] < LIMIT).mean())
    print(f"{name}: {shares[-1]:.1f} % of the tumour is hypoxic")
    print(f"its mean is {mean.value:.9f} mmHg, proven to {mean.error_bound:.0e}")
    picture = axis.imshow(solution.field, vmin=0, vmax=40, extent=(-5, 635, 635, -5))
    axis.contour(*places[::-1], tumour, [0.5], colors="w")
    axis.contour(*places[::-1], solution.field, [LIMIT], colors="r", linewidths=1)
    axis.set(title=f"{name}: {shares[-1]:.1f} % hypoxic", xlabel="µm", ylabel="µm")
plt.suptitle("Tumour (white), and 5 mmHg of oxygen (red)")
plt.colorbar(picture, ax=axes, label="oxygen [mmHg]")
assert shares[1] < shares[0] / 5
plt.show()
