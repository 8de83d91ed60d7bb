"""Derivatives of fields, and quantities with proven bounds, by the adjoint equation."""
