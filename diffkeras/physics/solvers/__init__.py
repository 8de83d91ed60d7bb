"""Solvers of equations, and the correction that proves bounds of any field."""
