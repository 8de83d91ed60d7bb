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
from diffkeras.representation.network_input import Range, network_input
from diffkeras.representation.transforms import Transform
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_json


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

    @property
    def diffusion_lengths(self) -> Range | None:
        """The range of diffusion lengths it was trained on [length], None if it was one medium."""
        return self.config.data.diffusion_length

    def predict(
        self,
        source_images: ArrayLike,
        diffusion_length: ArrayLike | None = None,
        batch_size: int | None = None,
    ) -> NDArray:
        """Fields of source images, both on the linear scale.

        Args:
            source_images: (batch, rows, columns) or (rows, columns).
            diffusion_length: ℓ [length] of all images or (batch,) of each, within
                `diffusion_lengths`; for a surrogate of one medium none.
            batch_size: images at once; by default that of the evaluation.

        Returns:
            float32 fields of the same shape.

        Raises:
            PhysicsError: an image of another rank, or with sides that the network doesn't divide; a
                diffusion length that is missing, that the surrogate can't take, or outside of what
                it was trained on.
        """
        images = _as_numbers(source_images, "source_images", "biuf")
        size = self.config.evaluation.batch_size if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise PhysicsError(f"batch_size must be a number from 1 on, not {batch_size!r}")
        if not np.isfinite(images).all():
            raise PhysicsError("source images must be finite")
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
        stack = images.reshape(-1, *images.shape[-2:], 1)
        lengths = self._check_lengths(diffusion_length, images)
        x = network_input(stack, self.transform, lengths, self.diffusion_lengths)
        fields = [self._forward(x[i : i + size]).numpy() for i in range(0, len(x), size)]
        return self.transform.inverse(np.concatenate(fields or [stack])).reshape(images.shape)

    def _check_lengths(self, given: ArrayLike | None, images: NDArray) -> NDArray | None:
        """(batch,) float32, or None for a surrogate of one medium."""
        limits = self.diffusion_lengths
        if limits is None:
            if given is None:
                return None
            length = self.config.physics.medium.diffusion_length
            raise PhysicsError(
                f"this surrogate stands for one medium, of diffusion length {length:g}, and takes "
                f"no diffusion_length, not {given}"
            )
        span = f"{limits[0]:g} to {limits[1]:g}"
        if given is None:
            raise PhysicsError(
                f"this surrogate stands for diffusion lengths of {span}: give that of each image "
                "as diffusion_length"
            )
        batch = images.shape[:-2]
        lengths = _as_numbers(given, "diffusion_length")
        if lengths.shape not in ((), batch):
            raise PhysicsError(
                f"diffusion_length has shape {lengths.shape}; give one number, or one for each "
                f"image{f', {batch}' if batch else ''}"
            )
        # as datasets hold them: float32, whose rounding may lead beyond the ends
        shortest, longest = np.array(limits, np.float32)
        outside = ~((lengths >= shortest) & (lengths <= longest))
        if outside.any():
            raise PhysicsError(
                f"this surrogate was trained on diffusion lengths of {span}, and "
                f"{lengths[outside].ravel()[0]:g} lies outside"
            )
        return np.broadcast_to(lengths, batch or (1,))

    @cached_property
    def _forward(self) -> Any:
        # not predict_on_batch: under MirroredStrategy it gives the batch once for each replica
        return tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)


def _as_numbers(values: ArrayLike, name: str, kinds: str = "iuf") -> NDArray[np.float32]:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in kinds:
            raise TypeError(f"it is of type {array.dtype}")
        return array.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise PhysicsError(f"{name} must be an array of real numbers: {error}") from None


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights."""
    section = config.model
    model = nn.get_model(
        {
            "architecture": section.architecture,
            "width": section.width,
            "depth": section.depth,
            "channels": 1 if config.data.diffusion_length is None else 2,
        }
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
        # Keras checks no sums: a flipped bit would be a wrong weight
        with zipfile.ZipFile(run.model_file) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"the checksum of {damaged} in it is another")
        model = keras.saving.load_model(run.model_file, compile=False)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        RuntimeError,  # HDF5's, and of an archive that seems to be encrypted
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise RunError(f"{run.model_file} is damaged: {error}") from None
    return Surrogate(model, config)


def export_saved_model(surrogate: Surrogate, path: Path) -> None:
    """Write a SavedModel: source images in, fields out, both on the linear scale.

    Its `serve` function, which is the default signature too, takes float32 (batch, height, width,
    1) and returns the same shape; it needs TensorFlow and nothing else. A surrogate of a range of
    diffusion lengths takes them as well, float32 (batch,), and refuses what lies outside.
    `diffkeras.json` beside it says for which physics it holds.
    """
    model = surrogate.model
    serve = _serve(surrogate)
    # not keras.export.ExportArchive: as of Keras 3.15 it writes every weight twice
    servable = tf.Module()
    servable.weights = [variable.value for variable in model.variables]
    servable.serve = serve
    tf.saved_model.save(servable, str(path), signatures=serve.get_concrete_function())
    config, limits = surrogate.config, surrogate.diffusion_lengths
    physics, second_input = config.physics.model_dump(mode="json"), ""
    if limits is not None:
        del physics["decay"]  # each image has its own, D/ℓ²
        physics["diffusion_length"] = list(limits)
        second_input = (
            "; diffusion_length, float32 (batch,), in the unit of step, within the range in physics"
        )
    images = "float32 (batch, height, width, 1), linear scale"
    write_json(
        path / "diffkeras.json",
        {
            "physics": physics,
            "model": config.model.model_dump(mode="json"),
            "sources": list(config.data.sources),
            "input": f"source images, {images}{second_input}",
            "output": f"fields, {images}",
        },
    )


def _serve(surrogate: Surrogate) -> Any:
    transform, limits = surrogate.transform, surrogate.diffusion_lengths
    images = tf.TensorSpec((None, None, None, 1), tf.float32, name="source_images")

    def fields(source_images: tf.Tensor, diffusion_length: tf.Tensor | None) -> tf.Tensor:
        x = network_input(source_images, transform, diffusion_length, limits, keras.ops)
        return transform.inverse(surrogate.model(x, training=False), keras.ops)

    if limits is None:
        return tf.function(lambda source_images: fields(source_images, None), [images])
    shortest, longest = np.array(limits, np.float32)

    @tf.function(
        input_signature=[images, tf.TensorSpec((None,), tf.float32, name="diffusion_length")]
    )
    def serve(source_images: tf.Tensor, diffusion_length: tf.Tensor) -> tf.Tensor:
        images, lengths = tf.shape(source_images)[0], tf.shape(diffusion_length)[0]
        wanted = ["give one diffusion length, or one for each source image, not"]
        tf.debugging.Assert(
            (lengths == images) | (lengths == 1), [*wanted, lengths, "for", images, "images"]
        )
        inside = (diffusion_length >= shortest) & (diffusion_length <= longest)
        message = f"diffusion_length must lie within {limits[0]:g} to {limits[1]:g}, not"
        tf.debugging.Assert(tf.reduce_all(inside), [message, diffusion_length])
        return fields(source_images, diffusion_length)

    return serve
