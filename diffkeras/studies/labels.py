"""Names of the runs of a study, for people."""

from collections.abc import Mapping
from typing import Any

from diffkeras.reporting.text import value_text
from diffkeras.representation.regions import REGIONS
from diffkeras.studies.study_data import LOSS, VARIANT

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


def name_of(factor: str) -> str:
    """The last part of a key, in words."""
    return factor.split(".")[-1].replace("_", " ")
