"""The settings of a search for worst cases, which a study file may hold."""

from diffkeras.config import Section
from diffkeras.config.types import Count, Seed


class WorstCasesConfig(Section):
    """A search for the images on which a surrogate's error is largest."""

    starts: Count = 3
    """Number of searches, each from another one of the worst test images."""
    evaluations: Count = 2000
    """Number of images that each search tries."""
    seed: Seed = 0
    """Seed of the search."""
