"""What several analyses compute: groups of runs, comparisons, fits of laws."""
