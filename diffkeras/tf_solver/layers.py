"""A Keras layer with which a model's fields leave it with a proof.

It runs on Keras's TensorFlow backend only, as the solver does.
"""

from dataclasses import asdict
from typing import Any

import keras
import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.tf_solver.operator import Precision
from diffkeras.tf_solver.saved_model import (
    SourceMeaning,
    certificate_outputs,
    check_sources,
    solver_arguments,
)
from diffkeras.tf_solver.solver import TensorSolver


@keras.saving.register_keras_serializable(package="diffkeras")
class CertifiedField(keras.layers.Layer):
    """Bounds the errors of predicted fields and corrects them; see `TensorSolver.certify`.

    Called with predictions and source images, both (batch, rows, columns, 1), it returns a
    dictionary: `field` (the prediction) with its `error_bound` (batch,) and `node_bound`, and
    `corrected` with its `corrected_error_bound`. All are differentiable, so a bound can be a loss.
    Keras compiles models with XLA by default, which drops the checks of values: an image with
    values that can't be used, such as NaN, then has a corrected field of NaN and infinite bounds.

    Args:
        lattice: (rows, columns), or one number for a square lattice.
        medium: a uniform medium with the same boundary at both sides of an axis; by default
            `Medium()`.
        sources: "fixed_value", or "production": a source image x has the production γx.
        precision: as for `TensorSolver`.
        **kwargs: as for every Keras layer.

    Raises:
        PhysicsError: as for `TensorSolver`, for sources of another name, and for another medium.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from diffkeras.tf_solver import CertifiedField
        >>> images = keras.Input((16, 16, 1))
        >>> network = keras.layers.Conv2D(1, 5, padding="same")  # stands for yours
        >>> model = keras.Model(images, CertifiedField(16)(network(images), images))
        >>> proof = model(np.eye(16, dtype="float32")[None, ..., None])
        >>> proof["corrected"].shape, proof["error_bound"].shape
        (TensorShape([1, 16, 16, 1]), TensorShape([1]))
    """

    def __init__(
        self,
        lattice: int | tuple[int, int],
        medium: Medium | dict[str, Any] | None = None,
        sources: SourceMeaning = "fixed_value",
        precision: Precision | None = None,
        **kwargs: Any,
    ) -> None:
        # source values in half precision would be those of another problem
        super().__init__(autocast=False, **kwargs)
        self.sources, self.precision = sources, precision
        medium = Medium(**medium) if isinstance(medium, dict) else medium
        self.solver = TensorSolver(lattice, medium, precision)
        # JSON holds such a medium, and in it all bounds are differentiable
        self.solver.medium.require_uniform("CertifiedField")
        self.solver.medium.boundary_names("CertifiedField")
        check_sources(sources, self.solver.medium)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON can hold them."""
        own = {
            "lattice": self.solver.lattice,
            "medium": asdict(self.solver.medium),
            "sources": self.sources,
            "precision": self.precision,
        }
        return {**super().get_config(), **own}

    def call(self, prediction: tf.Tensor, source_images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Bounds and corrected fields of a batch."""
        images = tf.convert_to_tensor(source_images)
        problem = solver_arguments(images, self.sources, self.solver.medium)
        return certificate_outputs(self.solver.certify(prediction[..., 0], **problem))
