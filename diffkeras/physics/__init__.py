"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy only."""

from diffkeras.physics.medium import Medium
from diffkeras.physics.reference import solve_reference
from diffkeras.physics.solve import Solution, SolveStatistics, solve, solve_in
from diffkeras.physics.sources import Sources, check_radius, sample_sources
from diffkeras.physics.superposition import superpose

__all__ = [
    "Medium",
    "Solution",
    "SolveStatistics",
    "Sources",
    "check_radius",
    "sample_sources",
    "solve",
    "solve_in",
    "solve_reference",
    "superpose",
]
