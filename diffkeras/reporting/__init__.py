"""Figures, HTML reports and text for people."""
