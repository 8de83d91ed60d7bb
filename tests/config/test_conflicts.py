"""What takes which sides of the lattice."""

from typing import Any

import pytest

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError

MIXED = [["absorbing", "reflecting"], "periodic"]
GIVEN = [{"value": 0.5}, "reflecting"]
TISSUE = {"cells": [1, 3]}
CORRECTED = {"model.transform": "linear", "model.corrections": 1}


@pytest.mark.parametrize(
    ("boundary", "changes", "key"),
    [
        (MIXED, {**CORRECTED, "model.architecture": "unrolled_cg"}, "model.corrections"),
        (MIXED, CORRECTED, "model.corrections"),
        (GIVEN, CORRECTED, "model.corrections"),
        (MIXED, {"training.symmetries": True}, "training.symmetries"),
        (
            GIVEN,
            {"physics.sources": "production", "data.divide_by_maximum": True},
            "data.divide_by_maximum",
        ),
        ({"flux": -0.5}, {"model.transform": "log"}, "model.transform"),
    ],
)
def test_sides_that_something_does_not_take(
    tiny: Config, boundary: Any, changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^physics\.boundary: {key}: .*{key}$") as caught:
        tiny.with_overrides({"physics.boundary": boundary, **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("boundary", "changes"),
    [
        (MIXED, {"data.stream": True}),
        (GIVEN, {"data.stream": True, "model.transform": "log"}),
        (GIVEN, {"training.symmetries": True}),
        (MIXED, {"data.tissue": TISSUE, **CORRECTED}),
        (GIVEN, {"data.tissue": TISSUE, **CORRECTED, "model.architecture": "unrolled_cg"}),
        (GIVEN, {"physics.sources": "production"}),
    ],
)
def test_sides_that_are_taken(tiny: Config, boundary: Any, changes: dict[str, Any]) -> None:
    tiny.with_overrides({"physics.boundary": boundary, **changes})
