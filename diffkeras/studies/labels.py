"""Names of the runs of a study, for people."""

import textwrap
from collections.abc import Mapping
from typing import Any

from diffkeras.reporting.text import value_text
from diffkeras.representation.regions import REGIONS
from diffkeras.studies.study_data import LOSS, VARIANT

WIDTH = 32  # characters of a line

# of the panels of figures
REGION_TITLES = {
    region: label.replace(" (x = 0, ", ": ").rstrip(")") for region, label in REGIONS.items()
} | {"sources": "sources", "field": "field outside sources"}


def label_of(values: Mapping[str, Any]) -> str:
    """Factors and their values, such as "train fraction 0.5, absolute"."""
    return ", ".join(
        value_text(value) if name in (LOSS, VARIANT) else f"{name_of(name)} {value_text(value)}"
        for name, value in values.items()
    )


def in_lines(label: str) -> str:
    """A label in short lines, which break between words: of a loss the error, then the weight."""
    parts = label.replace(" × ", " ×\n").split("\n")
    return "\n".join(textwrap.fill(part, WIDTH, break_long_words=False) for part in parts)


def name_of(factor: str) -> str:
    """The last part of a key, in words."""
    return factor.split(".")[-1].replace("_", " ")
