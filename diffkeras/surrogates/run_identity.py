"""What tells training runs apart: an identity of what they compute, and differing keys."""

from collections.abc import Mapping
from typing import Any

from diffkeras.config import Config
from diffkeras.reporting.text import value_text
from diffkeras.system.plain_data import differences, fingerprint, in_words

DIGITS = 12
# keys, and sections with their dot, that don't change the trained weights
WITHOUT_EFFECT = (
    "name",
    "evaluation.",
    "data.cache",
    "data.test_examples",
    "training.checkpoint_minutes",
    "training.zero_field_epochs",
)
# keys that may change before an unfinished run goes on
FREE_KEYS = (*WITHOUT_EFFECT, "training.early_stopping")
# keys that are replaced by what follows from them
REPLACED = (
    "data.train_examples",
    "data.train_fraction",
    "data.train_part",
    "training.order_seed",
    "training.loss",
)


def run_identity(config: Config) -> str:
    """Twelve hexadecimal digits that are equal for configurations which train the same surrogate.

    Values that are defaults are left out, so that a new key changes no identity.
    """
    return fingerprint(what_it_computes(config), DIGITS)


def what_it_computes(config: Config) -> dict[str, Any]:
    """The values that determine the trained weights, by dotted key, without the defaults."""
    # only here: run directories are read before TensorFlow is loaded
    from diffkeras.surrogates.build import make_loss

    default = by_key(Config())
    values = {
        key: value
        for key, value in by_key(config).items()
        if value != default.get(key) and not _is_one_of(key, (*WITHOUT_EFFECT, *REPLACED))
    }
    loss = make_loss(config)
    numbers = config.data.train_numbers
    return {
        **values,
        "training examples": [numbers.start, numbers.stop],
        "order": config.training.seed_of_order,
        # Keras numbers the names of objects
        "loss": {**loss.get_config(), "name": type(loss).__name__},
    }


def differing_keys(old: Config, new: Config) -> list[str]:
    """The changed keys, with both values, that keep a run from going on.

    The number of epochs is one of them only if the learning rate depends on it.
    """
    free: tuple[str, ...] = FREE_KEYS
    if all(c.training.schedule == "constant" and not c.training.warmup for c in (old, new)):
        free += ("training.epochs",)
    return changed_keys(old, new, free)


def changed_keys(old: Config, new: Config, free: tuple[str, ...]) -> list[str]:
    """The changed keys that are not free, with both values."""
    pairs = differences(by_key(old), by_key(new))
    return in_words({k: p for k, p in pairs.items() if not _is_one_of(k, free)}, value_text)


def _is_one_of(key: str, names: tuple[str, ...]) -> bool:
    """Whether a key is among some keys, or in one of some sections, whose names end with a dot."""
    sections = tuple(name for name in names if name.endswith("."))
    return key in names or key.startswith(sections)


def by_key(config: Config) -> dict[str, Any]:
    """The values of a configuration by dotted key.

    The loss is one key, in its long form, and so are the arguments of an architecture of one's own.
    """
    sections = config.to_dict()
    del sections["training"]["loss"]
    whole = {
        "training.loss": config.training.loss_in_full,
        "model.arguments": sections["model"].pop("arguments"),
    }
    return {**flatten(sections), **whole}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
