"""Errors, bounds and statistics of predictions."""
