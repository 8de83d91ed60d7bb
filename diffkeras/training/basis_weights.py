"""Weights that follow from the training examples without gradients: those of a reduced basis.

The basis are the principal modes of the training fields (`physics.families.snapshots`).
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.nn.families import kernel_weights
from diffkeras.physics import Family
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.families.regression import KernelRegression
from diffkeras.physics.families.snapshots import Modes, Snapshots

TOGETHER = 64  # examples that are read at once


def set_basis_weights(config: Config, data_dir: Path, model: keras.Model) -> None:
    """Set the weights of a reduced basis that the training examples give.

    These are the basis with the rows of the fixed values, the mean and spread of the inputs, and
    the sizes of the coefficients; or the whole regression of a kernel.
    """
    family = config.family
    assert family is not None  # the configuration was checked
    solved = _snapshots(config, data_dir, family)
    with blas_threads():
        basis = _modes(solved, config.model.modes)
        rows = np.concatenate([basis.modes, basis.mean[None], family.rows_of_values()])
        model.get_layer("basis").set_weights([rows.astype(np.float32)])
        inputs = family.scaling.inputs(solved.points)
        if config.model.regression == "kernel":
            fitted = KernelRegression.fit(inputs, basis.coefficients)
            model.get_layer("coefficients").set_weights(kernel_weights(fitted))
            return
    spread = inputs.std(axis=0)
    model.get_layer("inputs").set_weights([inputs.mean(axis=0), np.where(spread > 0, spread, 1.0)])
    model.get_layer("factors").set_weights([basis.coefficients.std(axis=0)])


def _snapshots(config: Config, data_dir: Path, family: Family) -> Snapshots:
    """The training examples as snapshots of the family."""
    (count,) = config.data.sources
    dataset = raw_dataset(config, count, "train", data_dir, numbers=config.data.train_numbers)
    dataset = dataset.map(lambda example: (example["parameters"], example["field"]))
    points, fields = [], []
    free: NDArray[np.bool_] = ~family.problem.fixed.ravel()
    for part, values in dataset.batch(TOGETHER).prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
        point = part.astype(np.float64)
        scales = family.scaling.scales(point)[:, None]
        points.append(point)
        fields.append((values.reshape(len(point), -1) / scales * free).astype(np.float32))
    return Snapshots(np.concatenate(points), np.concatenate(fields))


def _modes(solved: Snapshots, number: int) -> Modes:
    """The first modes; those of which only rounding is left are 0."""
    basis = Modes.of(solved.fields, number)
    lacking = number - len(basis.modes)
    return basis._replace(
        modes=np.pad(basis.modes, ((0, lacking), (0, 0))),
        coefficients=np.pad(basis.coefficients, ((0, 0), (0, lacking))),
    )
