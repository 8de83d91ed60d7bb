"""Settings as plain data: their fingerprint, and how two sets of them differ."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any


def fingerprint(values: Mapping[str, Any], digits: int = 8) -> str:
    """Hexadecimal digits that differ for different mappings of plain data."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:digits]


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys with different values, and the values there and here; None for a missing one."""
    pairs = {key: (there.get(key), here.get(key)) for key in {**here, **there}}
    return {key: (one, other) for key, (one, other) in pairs.items() if one != other}


def in_words(pairs: Mapping[str, tuple[Any, Any]], text: Callable[[Any], str] = str) -> list[str]:
    """Each difference for people, with values as `text` writes them."""
    return [f"{key} {text(there)} there, {text(here)} here" for key, (there, here) in pairs.items()]
