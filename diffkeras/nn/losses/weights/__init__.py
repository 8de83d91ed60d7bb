"""Weight maps, which multiply the error of each node."""
