"""Predictions of other programs belong to their test images."""

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation.benchmark_data.splits import public_split
from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.methods.subject import of_predictions


@pytest.mark.parametrize("divided", [False, True])
def test_predictions_are_found_by_their_numbers(tiny, tmp_path, divided):
    changes = {"data.sources": "2", "data.test_examples": 3}
    if divided:
        changes |= {"physics.sources": "production", "data.divide_by_maximum": True}
    config = tiny.with_overrides(changes)
    batch = draw_images(config, 2, range(3)).solve(divide_by_maximum=divided)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields)
    subject = of_predictions(tmp_path / "mine.npz", config, [batch.fields[:2], batch.fields[2:]])
    part = batch.part([2, 0])
    found = subject.methods[0].compute(part).fields
    np.testing.assert_allclose(found, batch.fields[[2, 0]], rtol=1e-6)
    exact = part.fields if part.maxima is None else part.fields * part.maxima[:, None, None]
    np.testing.assert_allclose(subject.predict(part), exact, atol=1e-6)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields[[0, 2, 1]])
    with pytest.raises(DataError, match=r"sources_02\[1\] is that of sources_02\[2\]"):
        of_predictions(tmp_path / "mine.npz", config, [batch.fields])


EDGES = public_split("fixed_values_64", "edges")


@pytest.mark.parametrize(
    ("name", "sha256", "message"),
    [
        (EDGES.name, EDGES.sha256, None),
        (EDGES.name, "0" * 64, "with the hash '000000000000', not of fixed_values_64/edges with"),
        ("fixed_values_64/clusters", "0" * 64, "predictions of fixed_values_64/clusters, which is"),
        ("production_64/edges", "0" * 64, "has predictions of production_64/edges, which is not"),
        ("fixed_values_64/nothing", "0" * 64, "there is no split 'nothing'"),
    ],
)
def test_predictions_of_a_public_split_are_of_the_test_set(tmp_path, name, sha256, message):
    part = EDGES.part({"data.test_examples": 2})
    fields = {f"sources_{n:02d}": np.full((40, 64, 64), n) for n in part.data.sources}
    exact = [np.zeros((2, 64, 64))] * len(fields)
    np.savez(tmp_path / "mine.npz", name=name, sha256=sha256, **fields)
    if message is None:
        batch = draw_images(part, 3, range(2))
        subject = of_predictions(tmp_path / "mine.npz", part, exact)
        assert (subject.methods[0].compute(batch).fields == 3).all()
    else:
        with pytest.raises(DataError, match=message):
            of_predictions(tmp_path / "mine.npz", part, exact)
