"""The exact solver of uniform media in a TensorFlow graph: batched, differentiable, on GPUs too."""

from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.tf_solver"):
    from diffkeras.tf_solver.results import TensorCertificate, TensorSolution
    from diffkeras.tf_solver.solver import TensorSolver

__all__ = ["TensorCertificate", "TensorSolution", "TensorSolver"]
