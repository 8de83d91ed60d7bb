"""The section `data.tissue`."""

from typing import Any

import pytest

from diffkeras.config import load_config, parse_config
from diffkeras.errors import ConfigurationError
from diffkeras.physics import TissueSampler

TISSUE = {"cells": [5, 20], "uptake": [0.01, 0.1], "regions": 3, "diffusivity": 0.5}


def test_the_section_is_a_sampler() -> None:
    expected = TissueSampler(
        cells=(5, 20), uptake=(0.01, 0.1), regions=(3, 3), diffusivity=(0.5, 0.5)
    )
    assert parse_config({"data": {"tissue": TISSUE}}).data.tissue == expected
    assert parse_config({"data": {"tissue": {}}}).data.tissue == TissueSampler()


def test_keys_of_the_section_can_be_set() -> None:
    config = load_config("tissue", {"data.tissue.cells": [0, 7]})
    assert config.data.tissue is not None
    assert config.data.tissue.cells == (0, 7)
    again = parse_config(config.model_dump(mode="json"))
    assert again == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.tissue.uptake": [-0.1, 0.5]}, r"data\.tissue\.uptake: .* not -0\.1"),
        ({"data.tissue.cells": [1.5, 2]}, r"data\.tissue\.cells: .* not 1\.5"),
        ({"data.tissue.diffusivity": 0}, r"data\.tissue\.diffusivity: .* not 0"),
        ({"data.tissue.uptake": [0.1, 1e30]}, r"data\.tissue: uptake 1e\+30 "),
        (
            {"data.tissue.saturation": [1e-30, 1]},
            r"data\.tissue: .* over saturation 1e-30",
        ),
        ({"data.tissue.cell": 3}, r"data\.tissue: unknown key 'cell'; do you mean cells"),
        ({"physics.sources": "production"}, r"data\.tissue: .*choose physics\.sources"),
        ({"data.diffusion_length": [4, 40]}, r"data\.tissue: .*diffusion_length: null"),
        ({"physics.decay": 0, "data.tissue.cells": [0, 9]}, r"data\.tissue: .*at least 1 cell"),
        ({"data.tissue.regions": 5000}, r"data\.tissue: regions must be at most 4096"),
    ],
)
def test_what_has_no_tissue(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config("tissue", changes)
