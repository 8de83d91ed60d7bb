"""The paper's hard examples: those on which a first network is worst join its training set.

    python -m paper.hard_examples    # two quiet cores: about 20 minutes

With each seed, 2,000 examples are drawn, and a first network is trained on a quarter of them. Then
training goes on from its weights for half as many steps, three times: with the hundred others on
which the first network has the largest mean error, with a hundred random others, and with none.
docs/study_design.md has the recipe and the rule of the verdict. Seeds that are in the table aren't
run again.
"""

import docs.quiet_tensorflow  # noqa: F401

import platform
from pathlib import Path
from typing import Literal

import click
import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras import __version__, load_config
from diffkeras.config import Config
from diffkeras.evaluation.errors import image_errors, summarise
from diffkeras.evaluation.images import ImageBatch, draw_images, joined
from diffkeras.surrogates.build import build_model
from paper.study_data import SEED, SIZE, VARIANT, read_table, write_table
from paper.verdicts.comparisons import HARD, HARDEST, RANDOM

RESULTS = Path(__file__).parent / "results"
RECIPE = {
    "data.train_examples": 400,  # per source count
    "model.initial_weights": "pytorch",
    "training.optimizer": "adam",
    "training.learning_rate": 1e-4,
    "training.batch_size": 25,
}
SHARE, ADDED = 0.25, 100  # of all examples in the first training set; that join it
STEPS, MORE_STEPS = 2400, 1200
HARD_SHARE = 0.05  # of the test images, those on which the first network is worst
NONE = "none"


def drawn_images(config: Config, split: Literal["train", "test"] = "test") -> ImageBatch:
    """The images of a split with their fields, in the order of the source counts."""
    numbers = range(config.data.examples(split))
    drawn = [draw_images(config, count, numbers, split) for count in config.data.sources]
    return joined(drawn).solve(divide_by_maximum=True)


def inputs(batch: ImageBatch) -> NDArray[np.float32]:
    """The inputs of a network."""
    images = batch.images[..., None]
    return (images / images.max(axis=(1, 2, 3), keepdims=True)).astype(np.float32)


def train(model: keras.Model, batch: ImageBatch, config: Config, steps: int, seed: int) -> None:
    """Some steps over the examples, in passes of another order each."""
    training, order = config.training, np.random.default_rng(seed)
    passes = -(-steps * training.batch_size // len(batch))
    chosen = np.concatenate([order.permutation(len(batch)) for _ in range(passes)])
    chosen = chosen[: steps * training.batch_size]
    model.compile(keras.optimizers.Adam(training.learning_rate), "mae")
    fields = batch.fields[..., None].astype(np.float32)
    model.fit(inputs(batch)[chosen], fields[chosen], training.batch_size, shuffle=False, verbose=0)


def errors(model: keras.Model, batch: ImageBatch) -> pd.DataFrame:
    """The errors of each image."""
    fields = model.predict(inputs(batch), batch_size=32, verbose=0)[..., 0]
    return image_errors(fields, batch.fields, batch.images)


def rows_of(config: Config, seed: int, test: ImageBatch) -> list[dict[str, object]]:
    """The three networks of a seed."""
    keras.utils.set_random_seed(seed)
    drawn = drawn_images(config.with_overrides({"data.seed": seed}), "train")
    place = np.arange(len(drawn)) % config.data.train_examples  # within its source count
    first = np.flatnonzero(place < SHARE * config.data.train_examples)
    others = np.flatnonzero(place >= SHARE * config.data.train_examples)
    model = build_model(config)
    train(model, drawn.part(first), config, STEPS, seed)
    worst = errors(model, drawn.part(others))["mae"].to_numpy().argsort()[-ADDED:]
    chance = np.random.default_rng(seed).choice(len(others), ADDED, replace=False)
    hard_images = errors(model, test)["mae"].to_numpy().argsort()[-int(HARD_SHARE * len(test)) :]
    weights, rows = model.get_weights(), []
    for variant, added in ((NONE, []), (RANDOM, others[chance]), (HARD, others[worst])):
        model.set_weights(weights)
        chosen = np.concatenate([first, np.array(added, int)])
        train(model, drawn.part(chosen), config, MORE_STEPS, seed)
        found = errors(model, test)
        rows.append(
            {
                **{VARIANT: variant, SEED: str(seed), SIZE: len(chosen)},
                **summarise(found),
                HARDEST: float(found["mae"][hard_images].mean()),
            }
        )
        print(f"seed {seed}, {variant}: {rows[-1]['mae']:.4g}", flush=True)
    return rows


@click.command(help=str(__doc__).partition("\n")[0])
@click.option("--seeds", default=5, show_default=True)
@click.option("--output", default=RESULTS / "hard_examples.csv", type=click.Path(path_type=Path))
def main(seeds: int, output: Path) -> None:
    config = load_config("reduced_production", RECIPE)
    table = read_table(output, (SEED, VARIANT)) if output.exists() else pd.DataFrame({SEED: []})
    test = drawn_images(config)
    for seed in range(seeds):
        if str(seed) not in set(table[SEED]):
            rows = pd.DataFrame(rows_of(config, seed, test))
            rows["measured on"] = f"{platform.platform()}, diffkeras {__version__}"
            table = pd.concat([table, rows] if len(table) else [rows])
            write_table(output, table)


if __name__ == "__main__":
    main()
