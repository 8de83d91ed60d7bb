"""What several benchmarks import; nothing here is run."""
