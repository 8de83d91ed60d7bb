"""Families of problems, one tissue with many parameters, and their surrogates."""
