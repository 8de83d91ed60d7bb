"""The shape of a loss in a configuration; `nn.losses` checks its names and numbers.

`loss: absolute` is short for `loss: {error: absolute}`, and `weight: tanh` for
`weight: {name: tanh}`.
"""

from collections.abc import Mapping
from typing import Any

from diffkeras.config.validation_messages import short

KEY = "training.loss"
# key → the key of its mapping that holds the name of an error or a weight
NAMES = {"loss": "error", "weight": "name", "first": "name", "second": "name"}


def check_loss(value: Any, part: str = "loss", key: str = KEY) -> None:
    """Raise a ValueError that begins with the key if a loss names no error or a weight no map."""
    name = NAMES[part]
    if isinstance(value, str):
        return
    kind = {"error": "an error, e.g. absolute", "name": "a weight, e.g. tanh"}[name]
    if not isinstance(value, Mapping) or not isinstance(value.get(name), str):
        raise ValueError(f"{key}: name {kind}, or a mapping with `{name}`, not {short(value)}")
    for nested, content in value.items():
        # null means no weight
        if nested in NAMES and content is not None:
            check_loss(content, nested, f"{key}.{nested}")


def long_form(value: Any, part: str = "loss") -> Any:
    """A loss without shorthands, so that two spellings of one loss are equal."""
    if isinstance(value, str):
        value = {NAMES[part]: value}
    if not isinstance(value, Mapping):
        return value
    return {key: long_form(v, key) if key in NAMES else v for key, v in value.items()}
