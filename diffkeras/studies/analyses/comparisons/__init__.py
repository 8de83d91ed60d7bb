"""Comparisons of losses, of source counts trained on, and of other variants."""
