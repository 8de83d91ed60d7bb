"""What several analyses compute: groups of runs, fits of laws, panels for regions."""
