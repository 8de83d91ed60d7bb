"""Several problems, without datasets, and their fields."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.physics import Problem, solve_many


def drawn_problems(config: Config, count: int, number: int) -> list[Problem]:
    """The problems of the first test images of one source count."""
    recipe = config.recipe(count)
    return [recipe.problem_of(recipe.drawn("test", k)) for k in range(number)]


def problems_of(**given: Any) -> list[Problem]:
    """A problem for each image of stacks (images, rows, columns); what is no stack is for all."""
    stacks = {name: part for name, part in given.items() if np.ndim(part) == 3}
    shared = {name: part for name, part in given.items() if name not in stacks}
    each = zip(*stacks.values(), strict=True)
    return [Problem(**shared, **dict(zip(stacks, parts, strict=True))) for parts in each]


def exact_fields(problems: Sequence[Problem]) -> NDArray:
    """(problems, rows, columns)."""
    return np.stack([solution.field for solution in solve_many(problems)])
