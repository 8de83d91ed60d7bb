"""A problem in one line of words, and units that a picture can show."""

from typing import Any

import numpy as np

from diffkeras.physics import Problem
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.system.messages import low_to_high


def problem_in_words(problem: Problem) -> str:
    """Medium, sides and uptake in one line, for a picture."""
    medium, uptake = problem.medium, problem.uptake
    parts = {"D": medium.diffusivity, "γ": medium.decay, "h": medium.step}
    numbers = [f"{symbol} = {_range(part)}" for symbol, part in parts.items()]
    words = [*numbers, sides_in_words(medium.sides)]
    if uptake is not None:
        law = (f"{name.replace('_', ' ')} {_range(part)}" for name, part in uptake.parts.items())
        words.append(f"uptake with {' and '.join(law)}")
    return ", ".join(words)


def _range(part: Any) -> str:
    """A number, or the smallest and the largest of an array."""
    if isinstance(part, tuple):
        return f"({', '.join(map(_range, part))})"
    return low_to_high(np.min(part), np.max(part))
