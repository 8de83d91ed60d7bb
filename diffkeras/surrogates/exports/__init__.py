"""Files of other runtimes that compute the fields of a surrogate."""
