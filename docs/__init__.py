"""Programs that draw the documentation's pictures, and what benchmarks share with them."""
