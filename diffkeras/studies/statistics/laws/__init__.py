"""Laws for the error against the size of the training set."""
