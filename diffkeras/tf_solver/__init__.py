"""The exact solver in a TensorFlow graph: batched, differentiable, for CPU and GPU."""

from diffkeras.tf_solver.ring import OwnMedia
from diffkeras.tf_solver.solver import TensorSolver

__all__ = ["OwnMedia", "TensorSolver"]
