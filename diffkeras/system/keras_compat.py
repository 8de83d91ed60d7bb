"""All undocumented methods of Keras that diffkeras uses.

A new version of Keras may rename one, and some would then be skipped without an error: gradients
would no longer be clipped. `tests/system/test_keras_compat.py` therefore checks that Keras calls
each of them, and `pyproject.toml` limits Keras to the tested versions. This module imports no
backend: `diffkeras.nn` uses it with all of them.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras


class SummedGradientsHook:
    """Mixin for an optimizer that changes the gradient of the global batch before it is applied.

    `keras.Optimizer` offers clipping, but of the gradient of each replica's share of the batch.
    Under TensorFlow, `change_gradients` gets the gradients once those of all replicas were added.
    """

    def change_gradients(self, gradients: Sequence[Any]) -> Sequence[Any]:
        """The gradients to apply, given those of the global batch; None where there is none."""
        raise NotImplementedError

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        pairs = list(super()._all_reduce_sum_gradients(grads_and_vars))  # type: ignore[misc]  # undocumented
        gradients = self.change_gradients([gradient for gradient, _ in pairs])
        return list(zip(gradients, (variable for _, variable in pairs), strict=True))


def adam_moments(optimizer: keras.optimizers.Adam, variable: Any) -> tuple[Any, Any]:
    """The first and the second moment that Adam keeps of a variable's gradient."""
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def moving_averages(optimizer: keras.optimizers.Optimizer) -> list[tuple[Any, Any]]:
    """Each trainable variable with its moving average; empty if the optimizer keeps none."""
    if not optimizer.use_ema:
        return []
    averages = optimizer._model_variables_moving_average
    return list(zip(optimizer._trainable_variables, averages, strict=True))


@keras.saving.register_keras_serializable(package="diffkeras")
class ConvolutionalMuon(keras.optimizers.Muon):
    """Muon that treats the kernel of a convolution as the matrix (inputs · window, outputs).

    The step of a matrix is its momentum, made orthogonal by Newton-Schulz iteration. Keras' Muon
    does this for dense layers only and would train a convolutional network by AdamW. All other
    weights, those of dense layers too, and those of the layers in `exclude_layers` get the step of
    AdamW: `orthogonalizes` tells which.

    Args:
        learning_rate: as for Adam, because steps are scaled to the size of Adam's (arXiv
            2502.16982).
        **options: those of `keras.optimizers.Muon`.

    Example:

    ```python
    optimizer = diffkeras.nn.ConvolutionalMuon(1e-3, exclude_layers=["field_conv"])
    model.compile(optimizer, diffkeras.nn.get_loss("mae"))
    ```

    Source: https://kellerjordan.github.io/posts/muon.
    """

    def orthogonalizes(self, variable: Any) -> bool:
        """Whether a weight gets the step of Muon, and not that of AdamW."""
        is_excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        return len(variable.shape) == 4 and not is_excluded

    def _should_use_adamw(self, variable: Any) -> bool:
        return not self.orthogonalizes(variable)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal matrix that is closest to `x`, in the shape of the kernel."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """The step, scaled so that its root mean square is about that of Adam's."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().lr_adjust(matrix), x.shape)


class BuiltFromOneReplica(keras.Model):
    """A functional model whose metrics are built from the batch of one replica.

    Keras builds them from the mean of all replicas' batches, which fails under
    MultiWorkerMirroredStrategy (Keras issue 20585).
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None:
            data_batch = next(next(iter(iterator))[-1])
        local = self.distribute_strategy.experimental_local_results
        with self.distribute_strategy.scope():
            self._symbolic_build(
                data_batch=keras.tree.map_structure(lambda v: local(v)[0], data_batch)
            )
