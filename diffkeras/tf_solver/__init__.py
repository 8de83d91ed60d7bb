"""The exact solver in a TensorFlow graph: batched, differentiable, for CPU and GPU."""

from diffkeras.tf_solver.bounds.certificate import TensorCertificate
from diffkeras.tf_solver.bounds.refinement import TensorRefinement
from diffkeras.tf_solver.layers import CertifiedField, RefinedField
from diffkeras.tf_solver.solver import TensorSolver

__all__ = [
    "CertifiedField",
    "RefinedField",
    "TensorCertificate",
    "TensorRefinement",
    "TensorSolver",
]
