"""When two datasets, runs or test sets are the same.

An identity is plain data that are equal for the same thing. Values that are defaults are left out,
so that a new key changes no identity.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from diffkeras.config import Config
from diffkeras.data.section import DataConfig, PhysicsConfig
from diffkeras.reporting.text import value_text

DIGITS = 12
VERSION = "3.0.0"  # of the datasets
# what the examples of a dataset may depend on besides physics, radius and seed
OF_DATASETS = ("placement", "values", "divide_by_maximum", "diffusion_length", "tissue")
# keys, and sections with their dot, that don't change the trained weights
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


def dataset_identity(count: int, physics: PhysicsConfig, data: DataConfig) -> dict[str, Any]:
    """Everything that an example of `count` sources depends on besides its split and number."""
    values, defaults = data.to_dict(), _defaults()
    identity = {
        "sources": count,
        **{key: value for key, value in physics.to_dict().items() if key != "sources"},
        "radius": values["radius"],
        "seed": values["seed"],
        **{key: values[key] for key in OF_DATASETS if values[key] != defaults[key]},
        **({"production": True} if physics.produces else {}),
    }
    if data.diffusion_length is not None:
        del identity["decay"]
    if data.tissue is not None:
        if not data.tissue.saturation:
            del identity["tissue"]["saturation"]
        if not data.tissue.secretes:
            del identity["tissue"]["secreting_cells"], identity["tissue"]["secretion"]
    if "placement" in identity and not data.placement.overlap:
        del identity["placement"]["overlap"]
    return identity


def differing_datasets(
    found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The keys in which two identities of datasets differ, with the values found and wanted."""
    return differences({**_defaults(), **found}, {**_defaults(), **wanted})


@functools.cache
def _defaults() -> dict[str, Any]:
    values = DataConfig().to_dict()
    return {"production": False, **{key: values[key] for key in OF_DATASETS}}


def identity_of_tests(test: Config) -> str:
    """Hexadecimal digits that are equal for configurations of the same test set.

    The baselines are not part of it: they are measured apart from the runs.
    """
    content = {
        "datasets": [
            [VERSION, dataset_identity(count, test.physics, test.data)]
            for count in test.data.sources
        ],
        "test_examples": test.data.test_examples,
        "bounds": test.evaluation.bounds,
    }
    return fingerprint(content, DIGITS)


def run_identity(config: Config) -> str:
    """Hexadecimal digits that are equal for configurations which train the same surrogate."""
    default = by_key(Config())
    values = {
        key: value
        for key, value in by_key(config).items()
        if value != default.get(key) and not _is_one_of(key, (*WITHOUT_EFFECT, *REPLACED))
    }
    loss, numbers = config.training.get_loss(), config.data.train_numbers
    content = {
        **values,
        "training examples": [numbers.start, numbers.stop],
        "order": config.training.seed_of_order,
        # Keras numbers the names of objects
        "loss": {**loss.get_config(), "name": type(loss).__name__},
    }
    return fingerprint(content, DIGITS)


def keys_that_stop(old: Config, new: Config) -> list[str]:
    """The changed keys, with both values, that keep an unfinished run from going on.

    The number of epochs is one of them only if the learning rate depends on it.
    """
    free: tuple[str, ...] = (*WITHOUT_EFFECT, "training.early_stopping")
    if all(c.training.schedule == "constant" and not c.training.warmup for c in (old, new)):
        free += ("training.epochs",)
    return changed_keys(old, new, free)


def changed_keys(old: Config, new: Config, free: tuple[str, ...] = WITHOUT_EFFECT) -> list[str]:
    """The changed keys that are not free, with both values."""
    pairs = differences(by_key(old), by_key(new))
    return in_words({k: p for k, p in pairs.items() if not _is_one_of(k, free)})


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
    whole = {"model.arguments": sections["model"].pop("arguments")}
    return {**_flat(sections), **whole, "training.loss": config.training.loss_in_full}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def fingerprint(values: Mapping[str, Any], digits: int = 8) -> str:
    """Hexadecimal digits that differ for different mappings of plain data."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:digits]


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys with different values, and the values there and here; None for a missing one."""
    pairs = {key: (there.get(key), here.get(key)) for key in {**here, **there}}
    return {key: (one, other) for key, (one, other) in pairs.items() if one != other}


def in_words(pairs: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Each difference for people."""
    texts = ((key, value_text(there), value_text(here)) for key, (there, here) in pairs.items())
    return [f"{key} {there} there, {here} here" for key, there, here in texts]
