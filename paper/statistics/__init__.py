"""What several analyses compute: comparisons of runs, analyses of variance, fits of laws."""
