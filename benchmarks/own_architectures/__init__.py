"""Architectures of one's own: networks of the literature that the package doesn't have.

A configuration names one by its function, such as
`model.architecture: benchmarks.own_architectures.transformer:build`.
"""
