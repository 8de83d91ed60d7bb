"""The exact solver of uniform media in a TensorFlow graph: batched, differentiable, on GPUs too."""

from diffkeras.system.packages import needs_packages

with needs_packages("diffkeras.graph"):
    from diffkeras.graph.proofs import TensorCertificate, TensorSolution
    from diffkeras.graph.solver import TensorSolver

__all__ = ["TensorCertificate", "TensorSolution", "TensorSolver"]
