"""The exact solver in a TensorFlow graph: batched, differentiable, for CPU and GPU."""

from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.tf_solver"):
    from diffkeras.tf_solver.families import CertifiedFamily
    from diffkeras.tf_solver.layers import CertifiedField
    from diffkeras.tf_solver.results import TensorCertificate, TensorSolution
    from diffkeras.tf_solver.solver import TensorSolver

__all__ = [
    "CertifiedFamily",
    "CertifiedField",
    "TensorCertificate",
    "TensorSolution",
    "TensorSolver",
]
