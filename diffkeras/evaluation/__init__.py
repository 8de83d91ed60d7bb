"""Errors, bounds and times of the methods of a subject on test images, and their report."""
