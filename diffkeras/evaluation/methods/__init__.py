"""What computes fields: surrogates, baselines and classical solvers."""
