import numpy as np
import pytest

from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.proven_bounds import measure_bounds
from diffkeras.physics import Problem, Sources
from tests.helpers.known_networks import produced, surrogate_of


def test_errors_of_production_are_divided_as_the_dataset_is(tiny):
    config = tiny.with_overrides({"physics.sources": "production", "data.divide_by_maximum": True})
    image = Sources.from_lists([5], [9], [3], [1.0]).image((16, 16))
    exact = produced(image, config.physics.medium)
    shape = exact / exact.max() + np.random.default_rng(0).normal(0, 0.05, image.shape)
    surrogate = surrogate_of(shape[None], config)
    batch = ImageBatch(
        images=image[None],
        fields=(exact / exact.max())[None].astype(np.float32),
        problem=Problem.batch([surrogate.problem(image)]),
        maxima=np.float32([exact.max()]),
    )
    predicted = surrogate.predict(image).field
    found = measure_bounds(predicted[None], batch).iloc[0]
    error = abs(predicted - exact) / exact.max()
    assert error.max() > 0.05
    assert found["prediction_max_error"] == pytest.approx(error.max(), rel=1e-4)
    assert found["prediction_mae"] == pytest.approx(error.mean(), rel=1e-4)
    assert found["prediction_bound"] == pytest.approx(error.max(), rel=1e-4)
