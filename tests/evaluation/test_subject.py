"""Predictions of other programs belong to their test images."""

import numpy as np
import pytest

from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.subject import of_predictions


@pytest.mark.parametrize("divided", [False, True])
def test_predictions_are_found_by_their_numbers(tiny, tmp_path, divided):
    changes = {"data.sources": "2", "data.test_examples": 3}
    if divided:
        changes |= {"physics.sources": "production", "data.divide_by_maximum": True}
    config = tiny.with_overrides(changes)
    batch = draw_images(config, 2, range(3)).solve(divide_by_maximum=divided)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields)
    subject = of_predictions(tmp_path / "mine.npz", config)
    part = batch.part([2, 0])
    found = subject.methods[0].compute(part).fields
    np.testing.assert_allclose(found, batch.fields[[2, 0]], rtol=1e-6)
    exact = part.fields if part.maxima is None else part.fields * part.maxima[:, None, None]
    np.testing.assert_allclose(subject.predict(part), exact, atol=1e-6)
