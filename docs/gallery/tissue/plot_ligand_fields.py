"""
Ligand fields of a tissue section
=================================

Spatial transcriptomics measures where cells express a ligand. Where does the ligand arrive? Each
spot produces in proportion to its counts, and the ligand diffuses and decays: D∇²c − λc + s = 0.
"""

import matplotlib.pyplot as plt
import numpy as np

import diffkeras as dk

STEP, LIGANDS = 20.0, ("CXCL12", "TGFB1", "WNT5A")  # µm
LENGTHS = (20.0, 50.0, 100.0, 200.0)  # µm
rng = np.random.default_rng(7)
places = rng.uniform(60, 1140, (900, 2))  # (y, x) of the spots [µm], made up
niches = np.array([[350, 350], [800, 700], [400, 900]])
away = np.hypot(*(places[:, None] - niches).T).T
counts = rng.poisson(30 * np.exp(-((away / 150) ** 2)))  # (spots, ligands)
receivers = away[:, 1] > 300  # far from the niche of the second ligand

# %%
# The spots on a lattice. Outside of the section nearly nothing decays.
nodes = tuple((places // STEP).astype(int).T)
lattice = (60, 60)
tissue = np.hypot(*(np.indices(lattice) * STEP - 590)) < 620  # the section; outside nothing decays
sources = np.zeros((len(LIGANDS), *lattice))
for source, expressed in zip(sources, counts.T, strict=True):
    np.add.at(source, nodes, expressed)


def fields(length):  # (ligands, rows, columns), in counts, with D = 1 and λ = 1/length²
    decay = np.where(tissue, length**-2, 1e-4 * length**-2)
    medium = dk.Medium(1.0, decay, STEP, "reflecting")
    problems = [dk.Problem(production=each * length**-2, medium=medium) for each in sources]
    return dk.solve_many(problems)


# %%
# How far a ligand reaches, √(D/λ), is rarely known, so we scan it, and look at which receivers are
# reached over the whole range.
scan = {length: fields(length) for length in LENGTHS}
reached = []
for length, solutions in scan.items():
    at_spots = solutions[1].field[nodes][receivers]
    reached.append((at_spots > 0.5).mean())
    print(f"{length:3.0f} µm: {LIGANDS[1]} above 0.5 at {reached[-1]:.0%} of the receivers,")
    print(f"  every field proven to {max(each.error_bound for each in solutions):.0e}")
always = np.all([scan[length][1].field[nodes] > 0.5 for length in LENGTHS], axis=0)
print(f"{always.sum()} of {len(places)} spots are reached at every length")
assert reached[0] < reached[-1]

# %%
# The spots, with the counts of all ligands.
axis = plt.subplots(figsize=(5.25, 4.6), layout="constrained")[1]
plt.colorbar(axis.scatter(*places.T[::-1], c=counts.sum(axis=1), s=6), label="counts")
axis.set(title="Spots", xlabel="µm", ylabel="µm", aspect="equal", ylim=(1200, 0))

# %%
# The fields of all ligands at 100 µm, and the field of one at each length (0.5 in white).
axes = plt.subplots(2, 2, figsize=(5.25, 5.4), layout="constrained")[1].flat
for axis, name, solution in zip(axes, LIGANDS, scan[100.0], strict=False):
    axis.imshow(solution.field, extent=(0, 1200, 1200, 0))
    axis.set(title=f"{name}, 100 µm", xlabel="µm")
axes[-1].axis("off")
axes = plt.subplots(2, 2, figsize=(5.25, 5.4), layout="constrained")[1].flat
for axis, (length, solutions) in zip(axes, scan.items(), strict=True):
    axis.imshow(solutions[1].field, vmin=0, vmax=8, extent=(0, 1200, 1200, 0))
    axis.contour(solutions[1].field, [0.5], colors="w", extent=(0, 1200, 0, 1200))
    axis.set(title=f"{LIGANDS[1]}, {length:.0f} µm", xlabel="µm")
plt.show()
