"""A surrogate: a trained Keras model, the transform it works on, and the physics it stands for."""

import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.transforms import Transform
from diffkeras.workflows.files import write_json
from diffkeras.workflows.runs import Run


@dataclass(frozen=True)
class Surrogate:
    """A trained surrogate.

    Attributes:
        model: the Keras model, on the network's scale.
        config: the configuration it was trained with.
    """

    model: keras.Model
    config: Config

    @property
    def transform(self) -> Transform:
        """The pointwise transform between the linear and the network's scale."""
        return self.config.model.get_transform()

    def predict(self, source_images: ArrayLike, batch_size: int | None = None) -> NDArray:
        """Fields of source images, both on the linear scale.

        Args:
            source_images: (batch, rows, columns) or (rows, columns).
            batch_size: images at once; by default that of the evaluation.

        Returns:
            float32 fields of the same shape.

        Raises:
            PhysicsError: an image of another rank, or with sides that the network doesn't divide.
        """
        images = np.asarray(source_images, dtype=np.float32)
        if images.ndim not in (2, 3):
            raise PhysicsError(
                f"source images have shape (batch, rows, columns) or (rows, columns), not "
                f"{images.shape}"
            )
        if not self.config.model.pad:
            try:
                nn.check_lattice(images.shape[-2:], self.config.model.depth)
            except ValueError as error:
                raise PhysicsError(str(error)) from None
        x = self.transform.forward(images.reshape(-1, *images.shape[-2:], 1))
        size = batch_size or self.config.evaluation.batch_size
        fields = [self._forward(x[i : i + size]).numpy() for i in range(0, len(x), size)]
        return self.transform.inverse(np.concatenate(fields or [x])).reshape(images.shape)

    @cached_property
    def _forward(self) -> Any:
        # not predict_on_batch: under MirroredStrategy it gives the batch once for each replica
        return tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights."""
    section = config.model
    model = nn.get_model(
        {"architecture": section.architecture, "width": section.width, "depth": section.depth}
    )
    return nn.padded(model, 2**section.depth) if section.pad else model


def load_surrogate(run_dir: str | Path) -> Surrogate:
    """The surrogate that a run directory holds.

    Raises:
        RunError: missing, unfinished, foreign or damaged.
    """
    run = Run.open(Path(run_dir))
    config = run.config()
    if not zipfile.is_zipfile(run.model_file):
        raise RunError(f"{run.model_file} is damaged: it is cut off, or no Keras model")
    try:
        model = keras.saving.load_model(run.model_file, compile=False)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise RunError(f"{run.model_file} is damaged: {error}") from None
    return Surrogate(model, config)


def export_saved_model(surrogate: Surrogate, path: Path) -> None:
    """Write a SavedModel: source images in, fields out, both on the linear scale.

    Its `serve` function, which is the default signature too, takes float32 (batch, height, width,
    1) and returns the same shape; it needs TensorFlow and nothing else. `diffkeras.json` beside it
    says for which physics it holds.
    """
    model, transform = surrogate.model, surrogate.transform

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32, name="source_images")]
    )
    def serve(source_images: tf.Tensor) -> tf.Tensor:
        on_network_scale = transform.forward(source_images, keras.ops)
        return transform.inverse(model(on_network_scale, training=False), keras.ops)

    # not keras.export.ExportArchive: as of Keras 3.15 it writes every weight twice
    servable = tf.Module()
    servable.weights = [variable.value for variable in model.variables]
    servable.serve = serve
    tf.saved_model.save(servable, str(path), signatures=serve.get_concrete_function())
    config = surrogate.config
    write_json(
        path / "diffkeras.json",
        {
            "physics": config.physics.model_dump(mode="json"),
            "model": config.model.model_dump(mode="json"),
            "sources": list(config.data.sources),
            "input": "source images, float32 (batch, height, width, 1), linear scale",
            "output": "fields, float32 (batch, height, width, 1), linear scale",
        },
    )
