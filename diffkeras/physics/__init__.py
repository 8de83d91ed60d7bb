"""Steady-state diffusion on a rectangular lattice: NumPy and SciPy only."""
