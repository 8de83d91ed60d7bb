"""Files, locks, processes, progress and the environment."""
