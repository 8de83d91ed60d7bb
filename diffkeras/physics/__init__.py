"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy only."""

from diffkeras.physics.baselines import effective_strengths, superpose
from diffkeras.physics.boundaries import FixedFlux, FixedValue
from diffkeras.physics.bounds.certificate import certify
from diffkeras.physics.bounds.refinement import refine
from diffkeras.physics.bounds.results import (
    BatchCertificate,
    BatchRefinement,
    Certificate,
    Refinement,
)
from diffkeras.physics.densities import ring_densities
from diffkeras.physics.examples import CompactExample, Example, ExampleRecipe
from diffkeras.physics.medium import Medium, production_of
from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics
from diffkeras.physics.sources.discs import Sources
from diffkeras.physics.sources.placement import Placement
from diffkeras.physics.sources.sampling import check_radius, sample_sources
from diffkeras.physics.sources.tissue import Surroundings, Tissue, TissueMaps
from diffkeras.physics.sources.tissue_sampler import TissueSampler
from diffkeras.physics.steady_state import solve
from diffkeras.physics.uptake.saturating import CappedUptake, MichaelisMenten

__all__ = [
    "BatchCertificate",
    "BatchRefinement",
    "BatchSolution",
    "CappedUptake",
    "Certificate",
    "CompactExample",
    "Example",
    "ExampleRecipe",
    "FixedFlux",
    "FixedValue",
    "Medium",
    "MichaelisMenten",
    "Placement",
    "Refinement",
    "Solution",
    "SolveStatistics",
    "Sources",
    "Surroundings",
    "Tissue",
    "TissueMaps",
    "TissueSampler",
    "certify",
    "check_radius",
    "effective_strengths",
    "production_of",
    "refine",
    "ring_densities",
    "sample_sources",
    "solve",
    "superpose",
]
