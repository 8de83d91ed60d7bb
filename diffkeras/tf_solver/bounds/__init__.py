"""Certificates and refinement in a TensorFlow graph."""
