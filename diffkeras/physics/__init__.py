"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy, without TensorFlow or Keras.

threadpoolctl limits the threads of BLAS, and PyAMG is loaded where a medium needs it.
"""

from diffkeras.physics.baselines import effective_strengths, superpose
from diffkeras.physics.derivatives.adjoint import Derivatives, Quantity
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.reduced_basis import ReducedBasis
from diffkeras.physics.families.shipped import load_family
from diffkeras.physics.problem.given_sides import FixedFlux, FixedValue, Robin
from diffkeras.physics.problem.maps import from_labels, maps_of, problem_of_maps
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.parts import parts_of, with_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sources import Sources, production_of
from diffkeras.physics.problem.uptake import CappedUptake, MichaelisMenten
from diffkeras.physics.sampling.discs import Placement, sample_sources
from diffkeras.physics.sampling.examples import Example, ExampleRecipe
from diffkeras.physics.sampling.tissue import Tissue, TissueSampler
from diffkeras.physics.solution import Certificate, ProvenField, Solution, certify
from diffkeras.physics.steady.interface import SolveStatistics
from diffkeras.physics.steady_state import certify_many, solve, solve_many
