"""Independent references for tests and benchmarks."""
