"""A second stage of training, in which hard examples join."""
