"""Spellings of a loss: names for mappings."""

from collections.abc import Mapping
from typing import Any

# Parts of a loss that may be a name alone → the key of the mapping that the name stands for:
# `loss: absolute` is short for `loss: {error: absolute}`.
NAMES = {"loss": "error", "weight": "name", "first": "error", "second": "error"}


def long_form(value: Any, part: str = "loss") -> Any:
    """A loss without names that stand for mappings, so that two spellings of one loss are equal."""
    if isinstance(value, str):
        value = {NAMES[part]: value}
    if not isinstance(value, Mapping):
        return value
    return {key: long_form(v, key) if key in NAMES else v for key, v in value.items()}
