"""Keras layers with which a model's fields leave it corrected, with a proof.

They run on Keras's TensorFlow backend only, as the solver does.
"""

from dataclasses import asdict
from typing import Any

import keras
import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.tf_solver.operator import Precision
from diffkeras.tf_solver.proofs import Sources, check_sources, posed
from diffkeras.tf_solver.solver import TensorSolver


class ProvenField(keras.layers.Layer):
    """Base of the layers; `CertifiedField` has the arguments."""

    def __init__(
        self,
        lattice: int | tuple[int, int],
        medium: Medium | dict[str, Any] | None = None,
        sources: Sources = "fixed_value",
        precision: Precision | None = None,
        **kwargs: Any,
    ) -> None:
        # source values in half precision would be those of another problem
        super().__init__(autocast=False, **kwargs)
        self.sources, self.precision = sources, precision
        medium = Medium(**medium) if isinstance(medium, dict) else medium
        self.solver = TensorSolver(lattice, medium, precision)
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

    def _problem(self, source_images: tf.Tensor) -> dict[str, tf.Tensor]:
        return posed(tf.convert_to_tensor(source_images), self.sources, self.solver.medium)


@keras.saving.register_keras_serializable(package="diffkeras")
class CertifiedField(ProvenField):
    """Corrects predicted fields and bounds the errors of both; see `TensorSolver.certify`.

    Called with predictions and source images, both (batch, rows, columns, 1), it returns a
    dictionary: `field` (the corrected one) and `node_bound` (of the prediction) of the same shape,
    and `error_bound` (batch,). All are differentiable, so a bound can be a loss. Keras compiles
    models with XLA by default, which drops the checks of values: an image with values that can't be
    used, such as NaN, then has a field of NaN and infinite bounds.

    Args:
        lattice: (rows, columns), or one number for a square lattice.
        medium: a uniform medium; by default `Medium()`.
        sources: "fixed_value", or "production": a source image x has the production γx.
        precision: as for `TensorSolver`.
        **kwargs: as for every Keras layer.

    Raises:
        PhysicsError: as for `TensorSolver`, and for sources of another name.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from diffkeras.tf_solver import CertifiedField
        >>> images = keras.Input((16, 16, 1))
        >>> network = keras.layers.Conv2D(1, 5, padding="same")  # stands for yours
        >>> model = keras.Model(images, CertifiedField(16)(network(images), images))
        >>> proof = model(np.eye(16, dtype="float32")[None, ..., None])
        >>> proof["field"].shape, proof["error_bound"].shape
        (TensorShape([1, 16, 16, 1]), TensorShape([1]))
    """

    def call(self, prediction: tf.Tensor, source_images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Field and bounds of a batch."""
        field, error_bound, node_bound = self.solver.certify(
            prediction[..., 0], **self._problem(source_images)
        )
        return {
            "field": field[..., None],
            "error_bound": error_bound,
            "node_bound": node_bound[..., None],
        }


@keras.saving.register_keras_serializable(package="diffkeras")
class RefinedField(ProvenField):
    """Corrects predicted fields until their errors are proven small; see `TensorSolver.refine`.

    Called as a `CertifiedField`, it returns a dictionary of `field`, `error_bound` and `rounds`.
    XLA can't compile it.

    Args:
        lattice, medium, sources, precision: as for `CertifiedField`.
        tolerance: the largest error to be allowed, relative to the largest |value| of the field.
        **kwargs: as for every Keras layer.

    Raises:
        PhysicsError: as for `CertifiedField`.
    """

    def __init__(
        self,
        lattice: int | tuple[int, int],
        medium: Medium | dict[str, Any] | None = None,
        sources: Sources = "fixed_value",
        precision: Precision | None = None,
        *,
        tolerance: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(lattice, medium, sources, precision, **kwargs)
        self.tolerance = tolerance
        self.supports_jit = False

    def get_config(self) -> dict[str, Any]:
        """The arguments, as JSON can hold them."""
        return {**super().get_config(), "tolerance": self.tolerance}

    def call(self, prediction: tf.Tensor, source_images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Field, bound and rounds of a batch."""
        field, error_bound, rounds = self.solver.refine(
            prediction[..., 0], **self._problem(source_images), tolerance=self.tolerance
        )
        return {"field": field[..., None], "error_bound": error_bound, "rounds": rounds}
