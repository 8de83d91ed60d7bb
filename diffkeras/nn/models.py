"""Models by the names that configurations use."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from diffkeras.nn.encoder_decoder import encoder_decoder
from diffkeras.nn.registry import build

MODELS: dict[str, Callable[..., keras.Model]] = {"encoder_decoder": encoder_decoder}


def get_model(config: Mapping[str, Any] | str) -> keras.Model:
    """The model that a configuration describes, with new weights.

    Args:
        config: a key of `MODELS`, or a mapping with that key as "architecture" and the parameters
            of the function.

    Returns:
        The model.

    Raises:
        ValueError: unknown architecture or parameter, or a parameter out of range.

    Example:

    ```python
    get_model({"architecture": "encoder_decoder", "width": 16, "depth": 3})
    ```
    """
    if isinstance(config, str):
        config = {"architecture": config}
    if not isinstance(config, Mapping):
        raise ValueError(
            f"a model must be the name of an architecture or a mapping, got {config!r}"
        )
    parameters = dict(config)
    return build("architecture", MODELS, parameters.pop("architecture", None), parameters)
