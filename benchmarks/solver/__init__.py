"""The exact solver against other solvers of the same equations."""
