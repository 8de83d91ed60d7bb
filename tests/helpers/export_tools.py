"""What tests of exports share."""

from importlib.util import find_spec

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate

PACKAGES = {"litert": "ai_edge_litert", "onnx": "onnxruntime", "saved_model": "tensorflow"}
INSTALLED = [name for name, package in PACKAGES.items() if find_spec(package)]
FILES = {"saved_model": "saved_model", "litert": "model.tflite", "onnx": "model.onnx"}
needs_extra = pytest.mark.skipif(len(INSTALLED) < 3, reason="needs the extra `export`")


def untrained(config: Config) -> Surrogate:
    model, rng = build_model(config), np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * rng.standard_normal(variable.shape))
    return Surrogate(model, config)
