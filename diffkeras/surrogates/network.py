"""The network of a surrogate in use: from its inputs to fields, batch by batch."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.surrogates.predicted_fields import predicted_fields


class Network:
    """A trained network, whose graph is traced when it first runs.

    Args:
        model: on the network's scale.
        config: the configuration that it was trained with.
    """

    def __init__(self, model: keras.Model, config: Config) -> None:
        self._config = config
        # not predict_on_batch: under MirroredStrategy it gives the batch once for each replica
        self._forward = tf.function(
            lambda x: model(x, training=False), autograph=False, reduce_retracing=True
        )

    def fields(
        self,
        images: NDArray[np.float32],
        media: Mapping[str, NDArray[np.float32]],
        batch_size: int | None,
        *,
        divided: bool = False,
        may_be_infinite: bool = False,
    ) -> NDArray[np.float32]:
        """The fields of `inputs.network_inputs`, (images, rows, columns, 1) on the linear scale.

        Args:
            images: source images, (images, rows, columns, 1).
            media: the other inputs by name.
            batch_size: images that go through the network at once; None for that of the evaluation.
            divided: as of `predicted_fields`.
            may_be_infinite: whether fields that are not finite are returned, too.

        Raises:
            PhysicsError: a batch size that is none.
            RunError: fields that are not finite, unless they may be.
        """
        size = self._config.evaluation.batch_size if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise PhysicsError(f"batch_size must be a whole number from 1 on, not {size!r}")

        def network(x: NDArray) -> NDArray:
            parts = [self._forward(x[i : i + size]).numpy() for i in range(0, len(x), size)]
            return np.concatenate(parts)

        fields = predicted_fields(self._config, network, images, media, divided=divided)
        if may_be_infinite:
            return fields
        finite = np.isfinite(fields).all(axis=(1, 2, 3))
        if not finite.all() and self._config.family is not None:
            numbers = media["parameters"][int(np.argmin(finite))]
            pairs = zip(self._config.family.names, numbers, strict=True)
            point = ", ".join(f"{name} {number:g}" for name, number in pairs)
            raise RunError(
                f"the surrogate predicts values that are not finite at the parameters {point}: "
                "choose ones within the ranges, or train it again if these are"
            )
        if not finite.all():
            raise RunError(
                "the surrogate predicts values that are not finite: its training diverged, or the "
                f"images, with values up to {images.max():.3g}, and the medium leave the range of "
                "float32; train it again, or choose units in which sources have values of about 1"
            )
        return fields
