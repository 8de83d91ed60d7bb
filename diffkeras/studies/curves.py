"""The runs of a study for TensorBoard: one entry per run, named after its factors."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from diffkeras.reporting.text import value_text
from diffkeras.studies.study import PlannedRun
from diffkeras.studies.study_data import name_of
from diffkeras.surrogates.run_directory import Run

FOLDER = "tensorboard"
# column of the history → tag
CURVES = {"val_mae": "validation/lattice MAE", "loss": "training/loss"}
LONGEST = 120  # characters of a folder's name


def write_curves(target: Path, earlier: Path, runs: Sequence[PlannedRun]) -> None:
    """Write the curves and the factors (HParams) of runs into a folder.

    Args:
        target: the folder, in which each run gets one of its own.
        earlier: the folder of an earlier report, whose files are copied for the runs that it has.
        runs: finished ones.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    for run in runs:
        name = folder_of(run)
        if (earlier / name).is_dir():
            shutil.copytree(earlier / name, target / name)
            continue
        writer = tf.summary.create_file_writer(str(target / name))
        with writer.as_default():
            factors = {
                name: value if isinstance(value, int | float) else value_text(value)
                for name, value in run.values.items()
            }
            hparams.hparams(factors, trial_id=run.identity)
            for row in Run(run.run_dir).history():
                for column, tag in CURVES.items():
                    if column in row:
                        tf.summary.scalar(tag, row[column], step=int(row["epoch"]))
        writer.close()


def folder_of(run: PlannedRun) -> str:
    """Such as "train fraction=0.5, seed=0, 0123abcd": the last part tells equal labels apart."""
    words = ", ".join(f"{name_of(name)}={value_text(value)}" for name, value in run.values.items())
    safe = "".join(letter if letter.isalnum() or letter in " =,.+-_()" else "_" for letter in words)
    return f"{safe[:LONGEST].strip()}, {run.identity[:4]}"
