"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy only."""

from diffkeras.physics.baselines import effective_strengths, superpose
from diffkeras.physics.boundaries import FixedFlux, FixedValue, Robin
from diffkeras.physics.bounds.certificate import certify
from diffkeras.physics.bounds.results import BatchCertificate, Certificate
from diffkeras.physics.examples import Example, ExampleRecipe
from diffkeras.physics.medium import Medium, production_of
from diffkeras.physics.problem import Problem
from diffkeras.physics.problem_maps import MAPS, maps_of, problem_of_maps
from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics
from diffkeras.physics.sources.discs import Sources
from diffkeras.physics.sources.placement import Placement
from diffkeras.physics.sources.sampling import check_radius, sample_sources
from diffkeras.physics.sources.tissue import Tissue
from diffkeras.physics.sources.tissue_sampler import TissueSampler
from diffkeras.physics.steady_state import solve
from diffkeras.physics.uptake.saturating import CappedUptake, MichaelisMenten

__all__ = [
    "MAPS",
    "BatchCertificate",
    "BatchSolution",
    "CappedUptake",
    "Certificate",
    "Example",
    "ExampleRecipe",
    "FixedFlux",
    "FixedValue",
    "Medium",
    "MichaelisMenten",
    "Placement",
    "Problem",
    "Robin",
    "Solution",
    "SolveStatistics",
    "Sources",
    "Tissue",
    "TissueSampler",
    "certify",
    "check_radius",
    "effective_strengths",
    "maps_of",
    "problem_of_maps",
    "production_of",
    "sample_sources",
    "solve",
    "superpose",
]
