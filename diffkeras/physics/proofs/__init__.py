"""Proven bounds of errors: what is checked, however a field was found."""
