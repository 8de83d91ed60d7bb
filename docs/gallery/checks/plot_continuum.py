"""
From the lattice to the continuum
=================================

`dk.solve` is exact on its lattice. How far is that from the equation without a lattice? Three
shapes have known formulas.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import i0, i1, k0, k1

import diffkeras as dk

RADIUS, SIDE = 1.0, 24.0  # of the discs and of the box, in diffusion lengths


def grid(step):  # distance of each node from the centre, and from the left
    places = np.arange(-SIDE / 2 + step / 2, SIDE / 2, step)
    return np.hypot(places[:, None], places), places + SIDE / 2


# %%
# A straight wall.
def wall(step):  # the left face holds 1
    _, x = grid(step)
    sides = ("reflecting", (dk.Robin(1e9, 1.0), "reflecting"))
    field = dk.solve(np.zeros((8, len(x))), decay=1.0, step=step, boundary=sides).field
    return (field[4] - np.cosh(SIDE - x) / np.cosh(SIDE))[x < 3]


# %%
# A disc that produces.
def producing(step):  # nodes at the rim produce for the share of their cell in the disc
    radius, places = grid(step)
    points = (places - SIDE / 2)[:, None] + (np.arange(-7.5, 8) / 16) * step
    share = (np.hypot(points[:, None, :, None], points[:, None]) <= RADIUS).mean(axis=(2, 3))
    field = dk.solve(production=share, decay=1.0, step=step).field
    inside = 1 - RADIUS * k1(RADIUS) * i0(np.minimum(radius, RADIUS))
    formula = np.where(radius < RADIUS, inside, RADIUS * i1(RADIUS) * k0(radius))
    return (field - formula)[radius < 3]


# %%
# A disc that holds a value. On the lattice it is a staircase.
def holding(step):
    radius, _ = grid(step)
    field = dk.solve(np.where(radius <= RADIUS, 1.0, 0.0), decay=1.0, step=step).field
    return (field - np.where(radius <= RADIUS, 1.0, k0(radius) / k0(RADIUS)))[radius < 3]


# %%
# Where the lattice follows the shape, it converges with the second order of the step.
steps = np.array([0.4, 0.2, 0.1, 0.05])
axis = plt.subplots(figsize=(5.25, 3.8), layout="constrained")[1]
for case, order in ((wall, 1.8), (producing, 1.8), (holding, 0.6)):
    errors = [np.abs(case(step)).mean() for step in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    print(f"{case.__name__}: mean errors {np.array(errors)}, order {slope:.1f}")
    assert slope > order
    axis.loglog(steps, errors, "o-", label=f"{case.__name__}: order {slope:.1f}")
axis.set(title="Mean distance from the formula", xlabel="step [diffusion lengths]")
axis.legend(), axis.set_xticks(steps, steps), axis.minorticks_off()
plt.show()
