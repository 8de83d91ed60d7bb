"""Losses, an error per node multiplied by a weight map, and their names in configurations."""

from collections.abc import Mapping
from typing import Any

from diffkeras.nn.losses.alternating import PARTS, AlternateLosses, AlternatingLoss
from diffkeras.nn.losses.errors import (
    AbsoluteError,
    HuberError,
    InverseHuberError,
    NodeLoss,
    PowerError,
    RelativeError,
    SquaredError,
    WeightedError,
)
from diffkeras.nn.losses.weights import (
    WEIGHTS,
    ExponentialWeight,
    StepWeight,
    TanhWeight,
    WeightMap,
    build,
    get_weight,
)

ALTERNATING = "alternating"
LOSSES: dict[str, type[NodeLoss]] = {
    "absolute": AbsoluteError,
    "mae": AbsoluteError,
    "squared": SquaredError,
    "mse": SquaredError,
    "power": PowerError,
    "huber": HuberError,
    "inverse_huber": InverseHuberError,
    "relative": RelativeError,
    ALTERNATING: AlternatingLoss,
}


def get_loss(config: Mapping[str, Any] | str) -> NodeLoss:
    """The loss that a configuration describes.

    Args:
        config: a key of `LOSSES`, or a mapping with that key as "error" and the arguments of the
            class, such as "weight" (see `get_weight`), or "first" and "second", configurations too.

    Raises:
        ValueError: unknown error, weight or parameter, or a parameter that is missing or out of
            range.

    Example:
        >>> get_loss({"error": "huber", "delta": 0.1, "weight": {"name": "tanh", "rate": 2}}).delta
        0.1
        >>> get_loss({"error": "alternating", "first": "mae", "second": "mse", "every": 5}).every
        5
    """
    if isinstance(config, Mapping) and config.get("error") == ALTERNATING:
        losses = {key: _part(key, config[key]) for key in PARTS if key in config}
        config = {**config, **losses}
    return build("error", "error", LOSSES, config)


def _part(key: str, config: Any) -> Any:
    """One of the two losses of an alternating one, named after its key; Keras would number it."""
    try:
        loss = get_loss(config)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    loss.name = key
    return loss
