"""What several rules compute: ratios of errors, shares of variance, fits of laws, spreads."""
