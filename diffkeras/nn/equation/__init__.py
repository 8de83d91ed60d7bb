"""Layers that know the lattice equation: transform pairs, ring densities, fixed values."""
