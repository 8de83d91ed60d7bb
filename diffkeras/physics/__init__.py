"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy only."""

from diffkeras.physics.certificate import BatchCertificate, Certificate, certify, certify_in
from diffkeras.physics.densities import ring_densities
from diffkeras.physics.examples import CompactExample, Example, ExampleRecipe, available_cores
from diffkeras.physics.heterogeneous import solve_heterogeneous
from diffkeras.physics.medium import Medium
from diffkeras.physics.placement import Placement
from diffkeras.physics.reference import solve_reference
from diffkeras.physics.refine import BatchRefinement, Refinement, refine, refine_in
from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics
from diffkeras.physics.solve import solve, solve_in
from diffkeras.physics.sources import Sources, check_radius, sample_sources
from diffkeras.physics.superposition import superpose

__all__ = [
    "BatchCertificate",
    "BatchRefinement",
    "BatchSolution",
    "Certificate",
    "CompactExample",
    "Example",
    "ExampleRecipe",
    "Medium",
    "Placement",
    "Refinement",
    "Solution",
    "SolveStatistics",
    "Sources",
    "available_cores",
    "certify",
    "certify_in",
    "check_radius",
    "refine",
    "refine_in",
    "ring_densities",
    "sample_sources",
    "solve",
    "solve_heterogeneous",
    "solve_in",
    "solve_reference",
    "superpose",
]
