"""Which changes of a configuration keep an unfinished run from going on."""

from collections.abc import Mapping
from typing import Any

from diffkeras.config import Config, long_form
from diffkeras.reporting.text import value_text

# keys that may change before training goes on, because they don't change what it computes
FREE_KEYS = (
    "name",
    "evaluation.",
    "data.cache",
    "data.test_examples",
    "training.checkpoint_minutes",
    "training.early_stopping",
    "training.zero_field_epochs",
)


def differences(old: Config, new: Config) -> list[str]:
    """The changed keys, with both values, that keep a run from going on.

    The number of epochs is one of them only if the learning rate depends on it.
    """
    free: tuple[str, ...] = FREE_KEYS
    if all(c.training.schedule == "constant" and not c.training.warmup for c in (old, new)):
        two_stages = old.first_stage or new.first_stage
        free += ("training.hard_examples.epochs" if two_stages else "training.epochs",)
    return changed_keys(old, new, free)


def changed_keys(old: Config, new: Config, free: tuple[str, ...]) -> list[str]:
    """The changed keys that begin with none of the free ones, with both values."""
    before, after = by_key(old), by_key(new)
    return [
        f"{key} {value_text(before.get(key))} there, {value_text(after.get(key))} here"
        for key in {**before, **after}
        if before.get(key) != after.get(key) and not key.startswith(free)
    ]


def by_key(config: Config) -> dict[str, Any]:
    """The values of a configuration by dotted key; the loss is one key, in its long form."""
    sections = config.model_dump(mode="json")
    loss = sections["training"].pop("loss")
    return {**flatten(sections), "training.loss": long_form(loss)}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
