"""The exact solver in a TensorFlow graph: batched, differentiable, for CPU and GPU."""

from diffkeras.tf_solver.layers import CertifiedField
from diffkeras.tf_solver.results import TensorCertificate, TensorSolution
from diffkeras.tf_solver.solver import TensorSolver

__all__ = ["CertifiedField", "TensorCertificate", "TensorSolution", "TensorSolver"]
