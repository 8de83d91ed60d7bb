"""Spellings of a loss: names for mappings, and the alternating weight of earlier versions."""

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

# Parts of a loss that may be a name alone → the key of the mapping that the name stands for:
# `loss: absolute` is short for `loss: {error: absolute}`.
NAMES = {"loss": "error", "weight": "name", "first": "error", "second": "error"}
PAIR = ("first", "second")
OF_WHOLE = ("reduction", "name", "dtype")  # arguments that belong to the alternating loss itself


def long_form(value: Any, part: str = "loss") -> Any:
    """A loss without names that stand for mappings, so that two spellings of one loss are equal."""
    if isinstance(value, str):
        value = {NAMES[part]: value}
    if not isinstance(value, Mapping):
        return value
    return {key: long_form(v, key) if key in NAMES else v for key, v in value.items()}


def with_alternating_losses(loss: Any) -> Any:
    """A loss whose weight alternates, as earlier versions had it, as a loss that alternates."""
    weight = loss.get("weight") if isinstance(loss, Mapping) else None
    if not isinstance(weight, Mapping) or weight.get("name") != "alternating":
        return loss
    logger.warning(
        "training.loss: a weight can't alternate any more, so this is read as a loss with error: "
        "alternating, whose first and second have the two weights"
    )
    error = {key: value for key, value in loss.items() if key not in ("weight", *OF_WHOLE)}
    options = {key: value for key, value in weight.items() if key not in ("name", *PAIR)}
    options = {"schedule": "random", "every": "batch", **options}
    if options["every"] == "epoch":
        options["every"] = 1
    return {
        "error": "alternating",
        **{key: {**error, "weight": weight[key]} for key in PAIR if key in weight},
        **options,
        **{key: loss[key] for key in OF_WHOLE if key in loss},
    }
