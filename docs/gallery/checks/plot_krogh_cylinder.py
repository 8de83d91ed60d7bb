"""
Krogh's cylinder
================

A capillary supplies the cylinder of tissue around it. The tissue takes up oxygen at a constant
rate. No oxygen crosses the outer wall. The field has a formula (August Krogh, 1919), which is the
first check of a program for oxygen.
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

CAPILLARY, WALL, HELD = 6.0, 40.0, 40.0  # radii [µm], oxygen in the capillary [mmHg]
DIFFUSIVITY, RATE = 2000.0, 15.0  # µm²/s, mmHg/s


def krogh(radius):  # mmHg
    fall = WALL**2 / 2 * np.log(radius / CAPILLARY) - (radius**2 - CAPILLARY**2) / 4
    return HELD - RATE / DIFFUSIVITY * fall


# %%
# On the lattice, a diffusivity of a millionth outside of the cylinder closes its wall.
def solve(step):  # and the distance of each node from the axis
    places = np.arange(-45 + step / 2, 45, step)
    radius = np.hypot(places[:, None], places)
    tissue = radius <= WALL
    solution = dk.solve(
        np.where(radius <= CAPILLARY, HELD, 0.0),
        production=np.where(tissue, -RATE, 0.0),
        diffusivity=np.where(tissue, DIFFUSIVITY, DIFFUSIVITY / 1e6),
        decay=0.0,
        step=step,
        boundary="reflecting",
    )
    return radius, solution


# %%
# The capillary is a staircase, so the error falls about in proportion to the step. `dk.solve` is
# exact on the lattice, and the lattice is what has to be refined.
steps, errors = (4.0, 2.0, 1.0, 0.5), []
for step in steps:
    radius, solution = solve(step)
    between = (radius > CAPILLARY) & (radius <= WALL)
    errors.append(np.abs(solution.field[between] - krogh(radius[between])).max())
    print(f"step {step} µm: within {errors[-1]:.2f} mmHg of Krogh's formula,")
    print(f"  within {solution.error_bound:.0e} mmHg of the lattice's solution, proven")
assert errors[-1] < errors[0] / 4

# %%
# The field on the finest lattice.
shown = np.where(radius <= WALL, solution.field, np.nan)
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
plt.colorbar(axis.imshow(shown, extent=(-45, 45, -45, 45)), label="oxygen [mmHg]")
axis.set(title="Step 0.5 µm", xlabel="µm", ylabel="µm")

# %%
# The field beside the formula, and the largest error at each step.
upper, lower = plt.subplots(2, 1, figsize=(5.25, 6), layout="constrained")[1]
upper.plot(radius[between], solution.field[between], ".", ms=2, label="lattice, step 0.5 µm")
upper.plot(line := np.linspace(CAPILLARY, WALL), krogh(line), "k", label="Krogh's formula")
upper.set(title="Over the distance", xlabel="distance from the axis [µm]", ylabel="mmHg")
upper.legend()
lower.plot(steps, errors, "o-")
lower.set(title="Largest error", xlabel="step [µm]", ylabel="mmHg", xlim=0, ylim=0)
plt.show()
