"""TFRecord datasets and the tf.data pipelines that feed Keras."""

from diffkeras.data.reading.data_shares import Part
from diffkeras.data.reading.pipeline import (
    mixed_dataset,
    raw_dataset,
    reading,
    steps_per_epoch,
    stream_batches,
    training_batches,
)
from diffkeras.data.storage import DatasetStatus, dataset_status, open_dataset
from diffkeras.data.writing.generation import Making, generate_dataset, making
from diffkeras.tf_solver.solver import TensorSolver

__all__ = [
    "DatasetStatus",
    "Making",
    "Part",
    "TensorSolver",
    "dataset_status",
    "generate_dataset",
    "making",
    "mixed_dataset",
    "open_dataset",
    "raw_dataset",
    "reading",
    "steps_per_epoch",
    "stream_batches",
    "training_batches",
]
