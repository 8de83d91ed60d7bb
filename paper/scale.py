"""Is a small lattice a proxy of the paper's? One network, four lattices, equal nodes.

    python -m paper.scale                              # 64, 128 and 256 nodes a side, three draws
    python -m paper.scale --lattice 512                # after the prediction is written
    python -m paper.scale --lattice 64 --width 4,16    # the capacity axis
    python -m paper.scale --lattice 64 --step-patches 10  # as few sources per step as at 512²
    python -m paper.scale --lattice 512 --sources 64  # as dense as at 64²
    python -m paper.scale --split validation --rate 3e-4,1e-3,3e-3 --lattice 64 --seeds 1

Lengths and density are the paper's: discs of radius 5, a diffusion length of 20 lattice steps, and
1 source per 64×64 nodes at most. Sizes and batches have equally many nodes on all lattices. Each
draw of the examples has initial weights and an order of its own. The learning rate is constant, so
a run is recorded at several steps, and a call with more seeds, sizes or steps trains what is new.
An interrupted call repeats the steps since the last record; `--jobs 2` trains two runs at a time,
as do two calls. Networks of other numbers of sources are tested on the paper's too.
docs/study_design.md has the rules.
"""

import docs.quiet_tensorflow  # noqa: F401

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from filelock import FileLock
from numpy.typing import NDArray

from diffkeras import load_config
from diffkeras.config import Config
from diffkeras.evaluation.errors import image_errors, summarise
from diffkeras.evaluation.images import draw_images
from diffkeras.nn import encoder_decoder
from paper.prediction import SOURCES

PATCH = 64**2  # nodes that sizes and batches are counted in
BATCH = 64  # patches
SIZES = (1280, 5120, 20480)  # patches: 20 to 320 examples on the paper's lattice
TEST_PATCHES = 1600
RECORDS = (250, 500, 1000, 2000, 4000, 5000, 6000, 7000, 8000)  # steps
RATE, WIDTH, DEPTH = 1e-3, 8, 5
AVERAGING = 8  # the averaged weights reach back over about a ninth of all steps
TRAINED, AVERAGED = "last", "averaged"
ZEROS = "zeros"  # in place of the weights: a field of zeros on the same images
OF_SOURCES = ("sources", "tested")  # numbers of sources of the training and test images

Pairs = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class ScaleRun:
    """A run: `patches` is its number of examples times that of 64×64 patches in each.

    `step_patches` is the same of the examples of a step; `sources` their numbers, "" for `SOURCES`.
    """

    lattice: int
    patches: int
    seed: int
    width: int = WIDTH
    rate: float = RATE
    step_patches: int = BATCH
    sources: str = ""

    @property
    def name(self) -> str:
        """Of the file with its state."""
        values = asdict(self)
        own = {"step_patches": BATCH, "sources": ""}  # named where they are others
        return "_".join(f"{key}{value}" for key, value in values.items() if own.get(key) != value)

    @property
    def examples(self) -> int:
        """Number of training examples."""
        return self.patches * PATCH // self.lattice**2

    @property
    def batch(self) -> int:
        """Number of examples of a step."""
        return self.step_patches * PATCH // self.lattice**2


def configuration(lattice: int, seed: int, sources: str = "") -> Config:
    """The paper's problem on a lattice; the seed is of the examples."""
    chosen = {"physics.lattice": lattice, "data.sources": sources or SOURCES[lattice]}
    return load_config("paper_production", chosen | {"data.seed": seed})


def drawn(config: Config, split: str, examples: int) -> Iterator[tuple[NDArray, NDArray]]:
    """The first examples of a split, images and fields, in parts; source counts alternate.

    Of fewer examples than source counts, the counts are spread evenly over their range.
    """
    counts = np.array(config.data.sources)
    if examples < len(counts):
        counts = counts[np.linspace(0, len(counts) - 1, examples).round().astype(int)]
    for start in range(0, each := -(-examples // len(counts)), 512):
        numbers = range(start, min(start + 512, each))
        parts = [draw_images(config, count, numbers, split) for count in counts.tolist()]
        solved = [part.solve(divide_by_maximum=True) for part in parts]
        images = np.stack([part.images for part in solved], axis=1)
        fields = np.stack([part.fields for part in solved], axis=1)
        shape = (-1, *images.shape[2:])
        yield images.reshape(shape), fields.reshape(shape)


@lru_cache(maxsize=1)
def training_pairs(lattice: int, seed: int, examples: int, sources: str = "") -> Pairs:
    """Inputs and targets of a draw; a smaller size of it is its beginning."""
    parts = [
        [array[..., None].astype(np.float32) for array in part]
        for part in drawn(configuration(lattice, seed, sources), "train", examples)
    ]
    images, fields = (np.concatenate(arrays)[:examples] for arrays in zip(*parts, strict=True))
    return images, fields


def network(width: int) -> keras.Model:
    """The paper's network, narrower, whose normalisation is an affine map.

    The statistics of a batch would make a step depend on how many images share its nodes. Call it
    without `training`, which would win over the False here.
    """
    image = keras.Input((None, None, 1))
    inner = encoder_decoder(width, DEPTH, kernel_initializer="pytorch")
    return keras.Model(image, inner(image, training=False))


class Trainer:
    """A network on its way: weights, their average, the optimizer, and the number of steps."""

    def __init__(self, run: ScaleRun) -> None:
        keras.utils.set_random_seed(run.seed)
        self.run, self.step = run, 0
        self.model, self.average = network(run.width), network(run.width)
        self.average.set_weights(self.model.get_weights())
        self.optimizer = keras.optimizers.Adam(run.rate)
        self.optimizer.build(self.model.trainable_variables)
        self._advance = tf.function(self._one_step, reduce_retracing=True)

    def _one_step(self, images: tf.Tensor, fields: tf.Tensor, share: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(self.model(images) - fields))
        weights = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for mean, weight in zip(self.average.trainable_variables, weights, strict=True):
            mean.assign(mean + share * (weight - mean))

    def advance(self, pairs: Pairs, step: int) -> None:
        """Train to a step. Each pass over the examples has an order of its own."""
        images, fields = pairs
        size, batch = self.run.examples, self.run.batch
        for k in range(self.step, step):
            places = np.arange(k * batch, (k + 1) * batch)
            orders = {
                number: np.random.default_rng([self.run.seed, number]).permutation(size)
                for number in np.unique(places // size)
            }
            chosen = [orders[place // size][place % size] for place in places]
            share = np.float32((AVERAGING + 1) / (k + 1 + AVERAGING))
            self._advance(images[chosen], fields[chosen], share)
        self.step = step

    @property
    def variables(self) -> list[Any]:
        """What a state consists of, but for the step."""
        return [*self.model.variables, *self.average.variables, *self.optimizer.variables]

    def save(self, file: Path) -> None:
        """Write the state, beside and then in place of an older one."""
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new.npz")
        np.savez(beside, self.step, *[variable.numpy() for variable in self.variables])
        beside.replace(file)

    def load(self, file: Path) -> None:
        """Read a state."""
        with np.load(file) as saved:
            step, *values = (saved[name] for name in saved.files)
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        self.step = int(step)


@cache
def test_images(lattice: int, split: str, tested: str) -> list[tuple[NDArray, NDArray]]:
    """Images and fields on which all runs of a lattice are measured, three of a count at least."""
    config = configuration(lattice, 0, tested)
    least = 3 * len(config.data.sources)
    return list(drawn(config, split, max(TEST_PATCHES * PATCH // lattice**2, least)))


def errors(model: keras.Model | None, tests: Sequence[tuple[NDArray, NDArray]]) -> dict[str, Any]:
    """The errors of a network, or of zeros, and the standard error of the relative lattice MAE.

    The latter is that of the quotient of two means over images, network and zeros.
    """
    found, zeros = [], []
    for images, fields in tests:
        values = np.zeros_like(fields)
        if model is not None:
            batch = max(1, 32 * PATCH // images[0].size)
            values = model.predict(images[..., None], batch_size=batch, verbose=0)[..., 0]
        found.append(image_errors(values, fields, images))
        zeros.append(fields.mean(axis=(1, 2)))
    rows, zero = pd.concat(found), np.concatenate(zeros)
    mae = rows["mae"].to_numpy()
    ratio = mae.mean() / zero.mean()
    spread = (mae - ratio * zero).std(ddof=1) / zero.mean() / np.sqrt(len(zero))
    return {**summarise(rows), "relative_mae": ratio, "relative_mae_se": spread}


class Records:
    """The rows of all runs in a CSV file, to which several processes may add."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def rows(self) -> list[dict[Any, Any]]:
        """The rows so far."""
        if not self.file.exists():
            return []
        rows = pd.read_csv(self.file, dtype=dict.fromkeys(OF_SOURCES, "str"))
        return rows.fillna(dict.fromkeys(OF_SOURCES, "")).to_dict("records")

    def has(self, **key: Any) -> bool:
        """Whether there is a row with these values."""
        return any(all(row[name] == value for name, value in key.items()) for row in self.rows())

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add rows that another process hasn't added, beside and then in place of the file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        keys = ["split", "lattice", "width", "rate", "step_patches", *OF_SOURCES]
        keys += ["patches", "seed", "step", "weights"]
        with FileLock(f"{self.file}.lock"):
            table = pd.DataFrame([*self.rows(), *rows], columns=list(rows[0]))
            beside = self.file.with_suffix(".new.csv")
            table = table.drop_duplicates(keys).sort_values(keys)
            table.to_csv(beside, index=False, float_format="%.6g")
            beside.replace(self.file)


def record_zeros(lattice: int, tested: str, split: str, records: Records) -> None:
    """Add the row of a field of zeros on a lattice, if it isn't there."""
    key = {"lattice": lattice, "tested": tested, "split": split, "weights": ZEROS}
    if not records.has(**key):
        of_none = {**asdict(ScaleRun(lattice, 0, 0, 0, 0)), "split": split, "examples": 0}
        own = {"step": 0, "step_cpu_seconds": 0.0, "tested": tested, "weights": ZEROS}
        records.add([{**of_none, **own, **errors(None, test_images(lattice, split, tested))}])


def train(run: ScaleRun, steps: int, split: str, drawn: int, output: Path, runs_dir: Path) -> None:
    """Train a run to some steps, with rows at each record that isn't in `output`.

    `drawn` examples are drawn, of which the run takes the first.
    """
    key, records = {**asdict(run), "split": split}, Records(output)
    missing = [step for step in RECORDS if step <= steps and not records.has(**key, step=step)]
    if not missing:
        return
    trainer, file = Trainer(run), runs_dir / f"{split}_{run.name}.npz"
    if file.exists():
        trainer.load(file)
        if trainer.step > missing[0]:
            raise click.ClickException(f"{file} is of step {trainer.step}, past a missing record")
    pairs = training_pairs(run.lattice, run.seed, drawn, run.sources)
    tests = {tested: test_images(run.lattice, split, tested) for tested in {"", run.sources}}
    for tested in tests:
        record_zeros(run.lattice, tested, split, records)
    for step in missing:
        began, taken = time.process_time(), step - trainer.step
        trainer.advance(pairs, step)
        seconds = (time.process_time() - began) / max(taken, 1)
        own = {"examples": run.examples, "step": step, "step_cpu_seconds": seconds}
        models = {TRAINED: trainer.model, AVERAGED: trainer.average}
        found = {
            (tested, kind): errors(model, images)
            for tested, images in tests.items()
            for kind, model in models.items()
        }
        rows = ({**key, **own, "tested": of[0], "weights": of[1], **e} for of, e in found.items())
        records.add(list(rows))
        trainer.save(file)
        error = found["", AVERAGED]["relative_mae"]
        click.echo(f"{run.name} step {step}: {error:.4g}, {1000 * seconds:.0f} ms per step")


def train_draw(runs: Sequence[ScaleRun], *arguments: Any) -> None:
    """Train the runs of a draw, one after another, in a process."""
    for run in runs:
        train(run, *arguments)


def share_threads(jobs: int) -> None:
    """Use this process's share of the processors; before TensorFlow is used."""
    tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // jobs))


def numbers(kind: type) -> Any:
    """The callback of an option that takes a list."""
    return lambda _context, _parameter, text: [kind(part) for part in text.split(",")]


@click.command(help=(__doc__ or "").splitlines()[0])
@click.option("--lattice", default="64,128,256", callback=numbers(int), show_default=True)
@click.option("--patches", default=",".join(map(str, SIZES)), callback=numbers(int))
@click.option("--width", default=str(WIDTH), callback=numbers(int), show_default=True)
@click.option("--rate", default=str(RATE), callback=numbers(float), show_default=True)
@click.option("--step-patches", default=str(BATCH), callback=numbers(int), show_default=True)
@click.option("--sources", default="", help="Numbers of sources, other than the paper's.")
@click.option("--seeds", default=3, show_default=True, help="Number of draws.")
@click.option("--steps", default=2000, show_default=True)
@click.option("--jobs", default=1, show_default=True, help="Runs at a time, of different draws.")
@click.option("--split", default="test", type=click.Choice(["test", "validation"]))
@click.option(
    "--output",
    default=Path(__file__).parent / "results" / "scale.csv",
    type=click.Path(path_type=Path),
)
@click.option("--runs-dir", default="saved_models/scale", type=click.Path(path_type=Path))
def main(
    lattice: list[int],
    patches: list[int],
    width: list[int],
    rate: list[float],
    step_patches: list[int],
    sources: str,
    seeds: int,
    steps: int,
    jobs: int,
    split: str,
    output: Path,
    runs_dir: Path,
) -> None:
    draws: list[tuple[Any, ...]] = []
    for seed, side in product(range(1, seeds + 1), lattice):
        kinds = product(patches, width, rate, step_patches)
        runs = [ScaleRun(side, n, seed, w, r, batch, sources) for n, w, r, batch in kinds]
        draws += [(runs, steps, split, max(run.examples for run in runs), output, runs_dir)]
    if jobs == 1:
        for draw in draws:
            train_draw(*draw)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), share_threads, (jobs,)) as pool:
        for done in as_completed([pool.submit(train_draw, *draw) for draw in draws]):
            done.result()


if __name__ == "__main__":
    main()
