"""
A spheroid with a hypoxic core, in three dimensions
===================================================

A ball of tumour cells, 400 µm across, hangs in a drop of medium whose surface holds the oxygen of
air. Cells take up by Michaelis and Menten, and the middle has too little oxygen. Everything is in
µm, s and mmHg, so the step is a choice of accuracy.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

BOX, RADIUS, LIMIT = 600.0, 200.0, 8.0  # µm, µm, mmHg
AIR = 150.0  # mmHg, at the surface of the drop


def oxygen(step):  # and which nodes are tumour
    places = np.arange(-BOX / 2 + step / 2, BOX / 2, step)
    z, y, x = np.meshgrid(places, places, places, indexing="ij")
    tumour = x**2 + y**2 + z**2 <= RADIUS**2
    boundary = (dk.Robin(1e9, AIR),) * 3  # AIR on the faces; `FixedValue` is a step from the nodes
    solution = dk.solve(
        np.zeros(tumour.shape),
        uptake=dk.MichaelisMenten(np.where(tumour, 30.0, 0.0), 2.0),  # mmHg/s, mmHg
        medium=dk.Medium(2000.0, 0.0, step, boundary),  # µm²/s
        tolerance=1e-4,
    )
    return tumour, solution


# %%
# What each step costs, and how much of the tumour is hypoxic. The times are from the machine
# that built this page.
oxygen(50.0)  # so that what is loaded once is not timed
shares = []
print(" step     nodes   CPU time   hypoxic    proven")
for step in (50.0, 25.0, 15.0, 10.0):
    start = time.process_time()
    tumour, solution = oxygen(step)
    seconds = time.process_time() - start
    shares.append(100 * (solution.field[tumour] < LIMIT).mean())
    cost, proven = f"{tumour.size:8,}  {seconds:6.2f} s", f"± {solution.error_bound:.4f} mmHg"
    print(f"{step:2.0f} µm  {cost}    {shares[-1]:4.1f} %   {proven}")
assert abs(shares[-1] - shares[-2]) < abs(shares[-1] - shares[0])
assert solution.error_bound < 0.02

# %%
# The middle plane on the finest lattice.
middle = len(tumour) // 2
places, field = (np.arange(len(tumour)) + 0.5) * step - BOX / 2, solution.field[middle]
axis = plt.subplots(figsize=(5.25, 4.2), layout="constrained")[1]
plt.colorbar(axis.pcolormesh(places, places, field, vmin=0), label="oxygen [mmHg]")
axis.contour(places, places, tumour[middle], [0.5], colors="w")
axis.contour(places, places, field, [LIMIT], colors="r")
axis.set(title="Tumour (white), 8 mmHg (red)", xlabel="µm", ylabel="µm", aspect="equal")

# %%
# The same along a line through the centre.
axis = plt.subplots(figsize=(5.25, 3.4), layout="constrained")[1]
axis.plot(places, field[middle])
axis.axvspan(-RADIUS, RADIUS, color="0.9")
axis.axhline(LIMIT, color="r", linewidth=1)
axis.set(title="Oxygen in the tumour (grey)", xlabel="µm", ylabel="oxygen [mmHg]")
plt.show()
