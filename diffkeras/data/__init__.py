"""TFRecord datasets and the tf.data pipelines that feed Keras."""

from diffkeras.data.datasets import DatasetStatus, dataset_status, generate_dataset, open_dataset
from diffkeras.data.pipeline import mixed_dataset, raw_dataset, reading

__all__ = [
    "DatasetStatus",
    "dataset_status",
    "generate_dataset",
    "mixed_dataset",
    "open_dataset",
    "raw_dataset",
    "reading",
]
