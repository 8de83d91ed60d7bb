"""A search for the images on which a surrogate is worst."""
