"""Layers of Fourier neural operators."""
