"""Proven error bounds: certificates and refinement."""
