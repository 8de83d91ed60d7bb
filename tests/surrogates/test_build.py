import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model


@pytest.mark.parametrize(("initial_weights", "biased"), [("keras", False), ("pytorch", True)])
def test_initial_weights(tiny: Config, initial_weights: str, biased: bool) -> None:
    model = build_model(tiny.with_overrides({"model.initial_weights": initial_weights}))
    biases = [w.numpy() for w in model.trainable_weights if w.path.endswith("conv_1/bias")]
    assert biases
    assert np.any(biases[0] != 0) == biased
