"""Methods, and predictions of other programs, which belong to their test images."""

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation import images as stored
from diffkeras.evaluation import methods
from diffkeras.evaluation.figures import STYLES
from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.methods import of_predictions
from diffkeras.evaluation.section import BASELINES


@pytest.mark.parametrize("divided", [False, True])
def test_predictions_are_found_by_their_numbers(tiny, tmp_path, divided, monkeypatch):
    changes = {"data.sources": "2", "data.test_examples": 3}
    if divided:
        changes |= {"physics.sources": "production", "data.divide_by_maximum": True}
    config = tiny.with_overrides(changes)
    batch = draw_images(config, 2, range(3)).solve(divide_by_maximum=divided)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields)
    images = stored.TestImages(config, tmp_path)
    parts = [batch.part([0, 1]), batch.part([2])]
    monkeypatch.setattr(stored.TestImages, "batches", lambda *_: parts)
    subject = of_predictions(tmp_path / "mine.npz", images)
    part = batch.part([2, 0])
    found = subject.methods[0].compute(part).fields
    np.testing.assert_allclose(found, batch.fields[[2, 0]], rtol=1e-6)
    exact = part.fields if part.maxima is None else part.fields * part.maxima[:, None, None]
    np.testing.assert_allclose(subject.predict(part), exact, atol=1e-6)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields[[0, 2, 1]])
    with pytest.raises(DataError, match=r"sources_02\[1\] matches sources_02\[2\]"):
        of_predictions(tmp_path / "mine.npz", images)


def test_predictions_of_a_set_need_its_file(tiny, tmp_path):
    file = tmp_path / "mine.npz"
    np.savez(file, name="tissue_64/test", sha256="0" * 64, sources_01=np.zeros((5, 16, 16)))
    with pytest.raises(DataError, match="tissue_64/test; give its images by --test-set"):
        of_predictions(file, stored.TestImages(tiny, tmp_path))


def test_every_baseline_has_a_method_that_can_be_drawn_and_told_apart():
    assert tuple(methods.BASELINES) == BASELINES
    names = {method.name for method in methods.BASELINES.values()}
    assert names | {methods.SURROGATE} == set(STYLES)
    assert len(set(STYLES.values())) == len({color for color, _ in STYLES.values()}) == len(STYLES)
