"""The section `data.family`."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffkeras.config import Config, load_config, parse_config
from diffkeras.errors import ConfigurationError
from diffkeras.physics import TissueSampler

RANGES = {
    "values[vessels]": [0.5, 1],
    "uptake.maximum[cells_1]": [0.005, 0.05],
    "uptake.constant": [0.05, 0.5],
    "decay": [5e-4, 5e-3],
}
FAMILY = {"random": {"vessels": 2, "vessel_radius": 2, "cells": 8}, "parts": RANGES}
VESSELS = np.zeros((16, 16))
VESSELS[2:5, 3:6] = 1


def config_of(family: dict[str, Any], **sections: Any) -> Config:
    own: dict[str, Any] = {
        "physics": {"lattice": 16, "boundary": "reflecting"},
        "data": {"family": family, "train_examples": 20},
        "model": {"architecture": "reduced_basis", "modes": 5},
    }
    return parse_config({**own, **sections})


def test_a_family_is_one_dataset_of_one_geometry():
    config = config_of(FAMILY)
    assert config.data.sources == (1,)
    assert config.kind.family is not None
    assert config.kind.family.names == tuple(RANGES)
    assert config.kind.maps == ("decay", "uptake", "saturation")
    assert config.baselines() == ("exact_solver", "zero_field")
    assert parse_config(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png"])
def test_a_configuration_holds_the_masks_of_the_files_beside_it(suffix, tmp_path, monkeypatch):
    folder = tmp_path / "configs"
    folder.mkdir()
    mask = folder / f"vessels{suffix}"
    if suffix == ".png":
        Image.fromarray(VESSELS.astype(bool)).save(mask)
    else:
        (np.save if suffix == ".npy" else np.savez)(mask, VESSELS)
    file = folder / "own.yaml"
    file.write_text(
        "physics: {lattice: 16}\n"
        "data:\n"
        "  family:\n"
        f"    regions: {{vessels: vessels{suffix}}}\n"
        "    parts: {'values[vessels]': 1, decay: [0.01, 0.1]}\n"
        "model: {architecture: reduced_basis}\n"
    )
    monkeypatch.chdir(tmp_path)
    config = load_config(file, {"data.seed": 4})
    mask.unlink()
    copy = tmp_path / "copy.yaml"
    copy.write_text(config.to_yaml())
    again = load_config(copy)
    assert again == config
    assert again.kind.family is not None
    np.testing.assert_array_equal(again.kind.family.problem.fixed, VESSELS != 0)
    with pytest.raises(ConfigurationError, match=r"regions\.vessels: .* is no file"):
        load_config(file)


def with_part(name: str, value: Any) -> dict[str, Any]:
    return {"parts": {**RANGES, name: value}}


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (with_part("decay", [5e-3, 5e-4]), r"'decay' is \(0\.005, 0\.0005\): swap its ends"),
        (with_part("decay", [-1, 0.1]), r"middles of the ranges, .* decay -0.45: decay must be"),
        (with_part("decay", "fast"), r"family\.parts\.decay: must be a number, not 'fast'"),
        (with_part("values", 1), r"needs a region, whose nodes it fixes: 'values\[vessels\]'"),
        ({"parts": {"values[vessels]": 1}}, r"parts: must have at least one range"),
        (
            {"parts": {"values[vessels]": 1, "uptake.maximum": [1, 2]}},
            r"uptake\.maximum, and no uptake\.constant: give both",
        ),
        ({"linear": ["decy"]}, "linear: names 'decy'; the ranges are values"),
        ({"linear": 3}, "linear: must be a list of parameters, not 3"),
        ({"random": {"vessels": True}}, r"random\.vessels: must be a whole number"),
        ({"draws": "halton"}, "draws: 'halton' is unknown; choose one of sobol, latin"),
        ({"beyond": -1}, "beyond: must be 0 to 10, not -1"),
        ({"random": {"vesels": 1}}, "random: must have the keys .*vesels"),
        ({"random": {"vessels": 500}}, "500 discs .* don't fit on"),
        ({"random": None}, "regions: must be given, or random, and not both"),
        ({"seeds": 1}, "unknown key 'seeds'"),
        (
            {"random": None, "regions": {"vessels": "a.jpg"}},
            "'a.jpg' is of an unknown kind; choose",
        ),
        (
            {"random": None, "regions": {"vessels": np.eye(8)}},
            r"'vessels' has shape \(8, 8\), and the lattice \(16, 16\)",
        ),
    ],
)
def test_families_that_are_refused(family, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        config_of({**FAMILY, **family})
    assert str(caught.value).startswith("data.family")
    assert "\n" not in str(caught.value)


KERNEL = {"model.regression": "kernel"}
SIDE = {"left": {"value": 0.5}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.radius": 3}, r"data\.radius: a family has the geometry"),
        ({"data.tissue": {}}, r"data\.tissue: a family has the geometry"),
        ({"data.sources": "1-2"}, r"data\.sources: a family is one dataset"),
        ({"data.sources": 2}, r"data\.sources: a family is one dataset"),
        ({"data.family": None}, r"model\.architecture: reduced_basis .* give data\.family"),
        ({"physics.sources": "production"}, "choose physics.sources: fixed_value"),
        ({"model.modes": 21}, r"model\.modes: .* 21 modes is larger than 20 training examples"),
        ({"data.train_fraction": 0.1}, r"model\.modes: .* larger than 2 training examples"),
        ({"model.transform": "log"}, r"model\.transform: .* not log; choose linear"),
        ({"model.corrections": 1}, r"model\.corrections: a reduced basis"),
        ({"model.fixed_values": True}, r"model\.fixed_values: a reduced basis has"),
        ({"training.symmetries": True}, r"training\.symmetries: a reduced basis"),
        ({"data.stream": True}, r"data\.stream: a reduced basis is made of stored"),
        (KERNEL, r"training\.epochs: a reduced basis with a kernel is fitted once"),
        ({"evaluation.baselines": ["mean_medium"]}, "mean_medium doesn't apply to families"),
        (
            {
                "physics.boundary": SIDE,
                "data.family.parts": {**RANGES, "boundary.left.value": [0.1, 1]},
                "model.architecture": "u_net",
                "model.depth": 2,
            },
            r"u_net takes maps of the lattice, which don't show boundary\.left\.value",
        ),
        (
            {
                "data.family.parts": {"decay": [0.1, 1], "values[vessels]": 0},
                "model.architecture": "u_net",
                "model.depth": 2,
            },
            "takes those nodes as fixed whose value is not 0",
        ),
    ],
)
def test_what_a_family_cannot_be_combined_with(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        config_of(FAMILY).with_overrides(changes)


TISSUE = {"cells": [5, 20], "uptake": [0.01, 0.1], "regions": 3, "diffusivity": 0.5}


def test_the_section_is_a_sampler():
    expected = TissueSampler(
        cells=(5, 20), uptake=(0.01, 0.1), regions=(3, 3), diffusivity=(0.5, 0.5)
    )
    assert parse_config({"data": {"tissue": TISSUE}}).data.tissue == expected
    assert parse_config({"data": {"tissue": {}}}).data.tissue == TissueSampler()


def test_keys_of_the_section_can_be_set():
    config = load_config("tissue", {"data.tissue.cells": [0, 7]})
    assert config.data.tissue is not None
    assert config.data.tissue.cells == (0, 7)
    again = parse_config(config.model_dump(mode="json"))
    assert again == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.tissue.uptake": [-0.1, 0.5]}, r"data\.tissue\.uptake: .* not -0\.1"),
        ({"data.tissue.cell": 3}, r"data\.tissue: unknown key 'cell'; do you mean cells"),
        ({"physics.sources": "production"}, r"data\.tissue: needs .*\(physics\.sources"),
        ({"data.diffusion_length": [4, 40]}, r"data\.tissue: diffusion_length and"),
        ({"physics.decay": 0, "data.tissue.cells": [0, 9]}, r"data\.tissue: .*at least 1 cell"),
    ],
)
def test_what_has_no_tissue(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        load_config("tissue", changes)
