"""What a training run computes, apart from where it lies and what it is called."""

from typing import Any

from diffkeras.config import Config, fingerprint
from diffkeras.surrogates.config_differences import by_key

DIGITS = 12
# keys that don't change the trained weights
WITHOUT_EFFECT = (
    "name",
    "evaluation.",
    "data.cache",
    "data.test_examples",
    "training.checkpoint_minutes",
    "training.zero_field_epochs",
)
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
    from diffkeras import nn  # only here: run directories are read before TensorFlow is loaded

    default = by_key(Config())
    values = {
        key: value
        for key, value in by_key(config).items()
        if value != default.get(key) and not key.startswith(WITHOUT_EFFECT) and key not in REPLACED
    }
    loss = nn.get_loss(config.training.loss)
    numbers = config.data.train_numbers
    return {
        **values,
        "training examples": [numbers.start, numbers.stop],
        "order": config.training.seed_of_order,
        # Keras numbers the names of objects
        "loss": {**loss.get_config(), "name": type(loss).__name__},
    }
