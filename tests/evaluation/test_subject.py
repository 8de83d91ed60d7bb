"""Predictions of other programs belong to their test images."""

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation.benchmark_data.splits import public_split
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fixed_values_64/edges", None),
        ("fixed_values_64/clusters", "has predictions of fixed_values_64/clusters, which is not"),
        ("production_64/edges", "has predictions of production_64/edges, which is not"),
        ("fixed_values_64/nothing", "there is no split 'nothing'"),
    ],
)
def test_predictions_of_a_public_split_are_of_the_test_set(tmp_path, name, message):
    part = public_split("fixed_values_64", "edges").part({"data.test_examples": 2})
    fields = {f"sources_{n:02d}": np.full((40, 64, 64), n) for n in part.data.sources}
    np.savez(tmp_path / "mine.npz", name=name, sha256="0" * 64, **fields)
    if message is None:
        batch = draw_images(part, 3, range(2))
        subject = of_predictions(tmp_path / "mine.npz", part)
        assert (subject.methods[0].compute(batch).fields == 3).all()
    else:
        with pytest.raises(DataError, match=message):
            of_predictions(tmp_path / "mine.npz", part)
