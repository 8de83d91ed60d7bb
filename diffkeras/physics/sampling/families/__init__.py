"""Families as data: which regions, numbers and ranges a dataset has, and its examples."""
