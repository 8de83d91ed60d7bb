"""TFRecord datasets and the tf.data pipelines that feed Keras."""

from diffkeras.data.datasets import DatasetStatus, dataset_status, open_dataset
from diffkeras.data.making import Making, generate_dataset, making
from diffkeras.data.parts import Part
from diffkeras.data.pipeline import (
    mixed_dataset,
    raw_dataset,
    reading,
    steps_per_epoch,
    stream_batches,
    training_batches,
)
from diffkeras.data.tensor_solver import TensorSolver

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
