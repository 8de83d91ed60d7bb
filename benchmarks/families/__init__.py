"""Surrogates of one tissue with many parameters, against `solve`."""
