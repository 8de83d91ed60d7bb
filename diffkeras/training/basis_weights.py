"""Weights that follow from the training examples without gradients: those of a reduced basis."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.nn.families import set_weights
from diffkeras.physics import Family, ReducedBasis
from diffkeras.physics.families.fitting import fitted
from diffkeras.physics.families.snapshots import Snapshots

TOGETHER = 64  # examples that are read at once
MOST = 1000  # examples that the basis of a network is fitted to; a kernel has all


def set_basis_weights(config: Config, data_dir: Path, model: keras.Model) -> None:
    """Fit a `ReducedBasis` to the training examples, and give its weights to a network."""
    family = config.family
    assert family is not None  # the configuration was checked
    numbers = config.data.train_numbers
    if config.model.regression == "network":
        numbers = numbers[:MOST]
    fit = fitted(family, _snapshots(config, data_dir, family, numbers), config.model.modes)
    set_weights(model, ReducedBasis(family, fit))


def _snapshots(config: Config, data_dir: Path, family: Family, numbers: range) -> Snapshots:
    """Training examples as snapshots of the family."""
    (count,) = config.data.sources
    dataset = raw_dataset(config, count, "train", data_dir, numbers=numbers)
    dataset = dataset.map(lambda example: (example["parameters"], example["field"]))
    batches = dataset.batch(TOGETHER).prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
    return Snapshots.joined(
        Snapshots.scaled(family, points.astype(np.float64), fields) for points, fields in batches
    )
