"""With no option of training does an image of the validation or test split occur in training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.data import generate, raw_dataset
from diffkeras.data.batches import training_batches

EPOCHS = 8  # in which an example is seen in all symmetries

OPTIONS: dict[str, dict[str, Any]] = {
    "symmetries": {},
    "of_a_cache_in_steps": {
        "data.cache": True,
        "training.steps_per_epoch": 11,
        "training.order_seed": 5,
    },
    "of_shares_of_a_part": {"data.shares": 2, "data.train_fraction": 0.5, "data.train_part": 1},
    "stream": {"data.stream": True, "training.symmetries": False},
}


@pytest.fixture(scope="module")
def config(tiny):
    return tiny.with_overrides(
        {
            "data.sources": "1",  # of which there are 144 images
            "data.train_examples": 48,
            "data.validation_examples": 6,
            "data.test_examples": 12,
            "model.transform": "linear",
            "training.symmetries": True,
        }
    )


@pytest.fixture(scope="module")
def own_dir(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("held_out")
    generate(config, path)
    return path


def symmetries(image: np.ndarray) -> set[bytes]:
    turned = [np.rot90(image, turns) for turns in range(4)]
    return {view.tobytes() for turn in turned for view in (turn, turn[::-1])}


@pytest.fixture(scope="module")
def held_out(config, own_dir):
    images = [
        example["source_image"][..., 0]
        for split in ("validation", "test")
        for example in raw_dataset(config, 1, split, own_dir).as_numpy_iterator()
    ]
    return set().union(*map(symmetries, images))


def trained(config: Config, data_dir: Path, **options: Any) -> list[bytes]:
    batches = training_batches(config, data_dir, **options)
    passes = batches.take(EPOCHS * config.steps_per_epoch).as_numpy_iterator()
    return [image[..., 0].tobytes() for x, _ in passes for image in x]


@pytest.mark.parametrize("overrides", OPTIONS.values(), ids=OPTIONS)
def test_no_option_of_training_shows_a_test_image(overrides, config, own_dir, held_out):
    chosen = config.with_overrides(overrides)
    found = set(trained(chosen, own_dir))
    assert len(found) > 30
    assert not found & held_out
