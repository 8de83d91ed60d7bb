"""What the figures of several analyses have in common."""
