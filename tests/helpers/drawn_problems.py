"""Problems of a configuration's test split, without datasets."""

from diffkeras.config import Config
from diffkeras.physics import Problem


def drawn_problems(config: Config, count: int, number: int) -> Problem:
    """The batch of the first test images of one source count."""
    recipe = config.recipe(count)
    return Problem.batch(
        [
            recipe.problem(
                recipe.sources("test", k).image(recipe.lattice),
                recipe.length_of("test", k),
                recipe.maps_of("test", k),
            )
            for k in range(number)
        ]
    )
