"""Surrogates and classical methods at equal error and at equal time."""
