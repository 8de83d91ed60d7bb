"""Layers that know the lattice equation."""
