"""The problems of the benchmark, and the public splits of their images."""
