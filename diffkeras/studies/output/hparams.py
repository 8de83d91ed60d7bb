"""Sessions of TensorBoard's HParams: the factors and the errors of each run."""

from pathlib import Path

import pandas as pd
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.study_data import SIZE, StudyData

FILES = ("tensorboard/*.tfevents.*", "tensorboard/*/*.tfevents.*")


def write_hparams(directory: Path, data: StudyData) -> None:
    """Write a session for each run: factors and size as hyperparameters, final errors as metrics.

    The errors are those over all images of the main test set; see them with
    `tensorboard --logdir DIRECTORY`.
    """
    names = [*data.factors, SIZE]
    with tf.summary.create_file_writer(str(directory)).as_default():
        hparams.hparams_config(
            [hparams.HParam(name) for name in names],
            [hparams.Metric(f"test/{error}", display_name=error) for error in ERRORS],
        )
    for row in data.overall.to_dict("records"):
        with tf.summary.create_file_writer(str(directory / row["run"])).as_default():
            hparams.hparams({name: _as_number(row[name]) for name in names}, trial_id=row["run"])
            for error in ERRORS:
                if not pd.isna(row[error]):
                    tf.summary.scalar(f"test/{error}", row[error], step=0)


def _as_number(value: object) -> float | str:
    """Numbers as numbers, which HParams can order."""
    try:
        return float(str(value))
    except ValueError:
        return str(value)
