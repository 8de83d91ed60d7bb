"""The exact solver in a TensorFlow graph: batched, differentiable, for CPU and GPU."""

from diffkeras.tf_solver.solver import TensorSolver

__all__ = ["TensorSolver"]
