"""The activation of Fourier operators, in operations that every exported format has."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="diffkeras")
def gelu(features: Any) -> Any:
    """GELU(x) ≈ x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, nowhere more than 0.0005 wrong.

    The exact one needs the error function: LiteRT has no erf, and ONNX no erfc.

    Source: arXiv 1606.08415.
    """
    return ops.gelu(features, approximate=True)
