"""Losses by the names that configurations use."""

from collections.abc import Mapping
from typing import Any

from diffkeras.nn.losses.absolute import AbsoluteError
from diffkeras.nn.losses.huber import HuberError
from diffkeras.nn.losses.inverse_huber import InverseHuberError
from diffkeras.nn.losses.power import PowerError
from diffkeras.nn.losses.relative import RelativeError
from diffkeras.nn.losses.squared import SquaredError
from diffkeras.nn.losses.weighted_error import WeightedError
from diffkeras.nn.registry import build

ERRORS: dict[str, type[WeightedError]] = {
    "absolute": AbsoluteError,
    "squared": SquaredError,
    "power": PowerError,
    "huber": HuberError,
    "inverse_huber": InverseHuberError,
    "relative": RelativeError,
}
ALIASES: dict[str, type[WeightedError]] = {"mae": AbsoluteError, "mse": SquaredError}


def get_loss(config: Mapping[str, Any] | str) -> WeightedError:
    """The loss that a configuration describes.

    Args:
        config: a key of `ERRORS` or `ALIASES`, or a mapping with that key as "error", the error's
            parameters, and arguments of `WeightedError` such as "weight" (see `get_weight`).

    Raises:
        ValueError: unknown error, weight or parameter, or a parameter that is missing or out of
            range.

    Example:

    ```python
    get_loss("mae")
    get_loss({"error": "huber", "delta": 0.1, "weight": {"name": "exponential", "scale": 0.5}})
    ```
    """
    return build("error", "error", ERRORS | ALIASES, config)
