"""Uptake by cells: in proportion to the concentration, or saturating."""
