"""Sources and their placement."""
