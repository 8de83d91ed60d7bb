"""Reduced bases of a family: snapshots, training, prediction, corrections and proofs, files."""
