"""Proven bounds of errors."""
